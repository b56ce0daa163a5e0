package narrow

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var errNotConditions = errors.New("narrow: a row scope may only add conditions with Where, Not and Or: use a subquery in place of Joins, Limit or Group")

// Scope returns a copy of db that sees only the rows that scope allows. scope is called when the query runs, with an
// empty query, and what it adds is required in addition to everything that db holds, as one condition in parentheses.
func Scope(db *gorm.DB, scope func(*gorm.DB) *gorm.DB) *gorm.DB {
	return Last(db, func(stmt *gorm.Statement) {
		// Model also makes the statement a new one, which Session alone does not.
		sub := scope(stmt.DB.Session(&gorm.Session{NewDB: true, Context: stmt.Context}).Model(stmt.Model))
		if sub == nil {
			_ = stmt.DB.AddError(errNotConditions)
			return
		}
		if sub.Error != nil {
			_ = stmt.DB.AddError(sub.Error)
			return
		}
		for name := range sub.Statement.Clauses {
			if name != "WHERE" {
				_ = stmt.DB.AddError(errNotConditions)
				return
			}
		}
		if len(sub.Statement.Joins) > 0 || len(sub.Statement.Selects) > 0 || sub.Statement.Distinct {
			_ = stmt.DB.AddError(errNotConditions)
			return
		}
		if where, ok := sub.Statement.Clauses["WHERE"].Expression.(clause.Where); ok {
			And(stmt, where.Exprs...)
		}
	})
}
