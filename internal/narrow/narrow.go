// Package narrow edits a gorm query so late that it sees all of it, and in such a way that
// conditions only take rows away.
package narrow

import (
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var errRaw = errors.New("narrow: gorm drops conditions of a query that is raw SQL; " +
	`begin it with db.Model, or wrap it: db.Table("(?) AS name", raw)`)

// Last returns a copy of db on which change runs when the query runs, after what the query holds by
// then: its own conditions and those of its scopes. Change must edit the statement in place. The
// query db is not touched. A raw query fails, because gorm would silently ignore the change.
func Last(db *gorm.DB, change func(stmt *gorm.Statement)) *gorm.DB {
	return db.Session(&gorm.Session{}).Scopes(func(tx *gorm.DB) *gorm.DB {
		if tx.Statement.SQL.Len() > 0 {
			tx.AddError(errRaw)
			return tx
		}
		change(tx.Statement)
		return tx
	})
}

// And requires exprs in addition to the conditions that stmt has. The latter are put in parentheses
// first: gorm writes "a OR b AND c" for a query with Or that gets one more Where, which would let
// rows with a escape from c.
func And(stmt *gorm.Statement, exprs ...clause.Expression) {
	if len(exprs) == 0 {
		return
	}
	addModelClauses(stmt)
	if c, ok := stmt.Clauses["WHERE"]; ok {
		if w, ok := c.Expression.(clause.Where); ok && len(w.Exprs) > 0 {
			c.Expression = clause.Where{Exprs: []clause.Expression{group(w)}}
			stmt.Clauses["WHERE"] = c
		}
	}
	stmt.AddClause(clause.Where{Exprs: []clause.Expression{group{Exprs: exprs}}})
}

// addModelClauses adds the conditions of the model, such as that of a soft delete, earlier than
// gorm would. They too put what they find into parentheses, but they join Or("b").Where("a") by
// AND, where plain gorm joins it by OR. Adding them first keeps that meaning whether or not
// something is added here.
func addModelClauses(stmt *gorm.Statement) {
	model := stmt.Model
	if model == nil {
		model = stmt.Dest
	}
	if model == nil || stmt.Parse(model) != nil {
		return
	}
	for _, c := range stmt.Schema.QueryClauses {
		stmt.AddClause(c)
	}
}

// Group is conditions in parentheses.
func Group(exprs []clause.Expression) clause.Expression { return group{Exprs: exprs} }

// group writes a whole WHERE condition in parentheses, joined as it would be without them.
type group clause.Where

func (g group) Build(b clause.Builder) {
	b.WriteByte('(')
	clause.Where{Exprs: slices.Clone(g.Exprs)}.Build(b) // Build reorders the slice, which other statements share
	b.WriteByte(')')
}
