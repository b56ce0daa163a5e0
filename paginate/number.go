package paginate

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

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

// errWrap ends the simple count of a query that has to be counted as a subquery.
var errWrap = errors.New("paginate: count from outside")

// count returns the number of rows of db. Whether its rows are grouped is known only after the
// scopes of the query have run. The Count of gorm looks before that, and it also counts a DISTINCT
// over one column only.
func count(db *gorm.DB) (total int64, err error) {
	tx := narrow.Last(db, func(stmt *gorm.Statement) {
		countable(stmt)
		if narrow.OneForOne(stmt) {
			stmt.AddClause(clause.Select{Expression: clause.Expr{SQL: "count(*)"}})
		} else {
			_ = stmt.AddError(errWrap)
		}
	}).Session(&gorm.Session{SkipHooks: true}).Find(&total)
	if errors.Is(tx.Error, errWrap) {
		return countOutside(db)
	}
	return total, tx.Error
}

// countable takes away what a count has no use for.
func countable(stmt *gorm.Statement) {
	refuseLimit(stmt)
	delete(stmt.Clauses, "ORDER BY")
	delete(stmt.Clauses, "FOR") // a locked row cannot be counted
	stmt.Preloads = nil
}

// countOutside counts the rows of db as a subquery, which is built in a dry run that no log shows.
func countOutside(db *gorm.DB) (total int64, err error) {
	dry := &gorm.Session{DryRun: true, SkipHooks: true, Logger: logger.Discard}
	built := narrow.Last(db, countable).Session(dry).Find(&[]map[string]any{})
	if built.Error != nil {
		return 0, built.Error
	}
	tx := db.Session(&gorm.Session{NewDB: true}).Raw("")
	// Raw would look for placeholders of its own in this text.
	tx.Statement.SQL.WriteString("SELECT count(*) FROM (" + built.Statement.SQL.String() + ") AS counted")
	tx.Statement.Vars = built.Statement.Vars
	return total, tx.Scan(&total).Error
}
