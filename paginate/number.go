package paginate

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/narrow"
)

// number runs a numbered page.
func (p *Paginator) number(db *gorm.DB, in Input) (*gorm.DB, *Page, error) {
	if bad := p.normalise(&in.Page, &in.Limit); bad != nil {
		return nil, nil, &binding.Error{Fields: bad}
	}
	total, err := count(db)
	if err != nil {
		return nil, nil, err
	}
	page := &Page{Page: *in.Page, Limit: *in.Limit, Total: total}
	if int64(page.Page) > page.TotalPages() { // the offset of a page past the end could overflow
		return limited(db, 0, 0, nil), page, nil
	}
	order := func(stmt *gorm.Statement) { narrow.Order(stmt, nil, p.key) }
	return limited(db, page.Limit, (page.Page-1)*page.Limit, order), page, nil
}

// count returns the number of rows of db. It is built in a dry run, because only after the scopes of the query have run
// is it known whether rows are grouped: the COUNT of gorm itself looks before, and also knows only one column of DISTINCT.
func count(db *gorm.DB) (total int64, err error) {
	wrap := false
	built := narrow.Last(db, func(stmt *gorm.Statement) {
		refuseLimit(stmt)
		delete(stmt.Clauses, "ORDER BY")
		delete(stmt.Clauses, "FOR") // a locked row cannot be counted
		stmt.Preloads = nil
		_, grouped := stmt.Clauses["GROUP BY"]
		_, selected := stmt.Clauses["SELECT"]
		wrap = grouped || selected || stmt.Distinct || len(stmt.Selects) > 0
		if !wrap {
			stmt.AddClause(clause.Select{Expression: clause.Expr{SQL: "count(*)"}})
		}
	}).Session(&gorm.Session{DryRun: true, SkipHooks: true}).Find(&[]map[string]any{})
	if built.Error != nil {
		return 0, built.Error
	}
	sql := built.Statement.SQL.String()
	if wrap {
		sql = "SELECT count(*) FROM (" + sql + ") AS counted"
	}
	tx := db.Session(&gorm.Session{NewDB: true}).Raw("")
	tx.Statement.SQL.WriteString(sql) // not through Raw, which would look for its own placeholders in it
	tx.Statement.Vars = built.Statement.Vars
	return total, tx.Scan(&total).Error
}
