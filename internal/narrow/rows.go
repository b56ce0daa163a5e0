package narrow

import (
	"errors"
	"reflect"
	"regexp"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

var (
	errNotConditions = errors.New("narrow: a narrowing may only add conditions with Where, Not and Or: " +
		"use a subquery in place of Joins, Table, Raw, Limit or Group")
	errNoCondition = errors.New("narrow: a narrowing added a condition without anything in it, " +
		"as Where with a struct of zero fields: name the columns, or return the query as it came for callers who see every row")
)

// Rows requires of a statement what narrowing adds to an empty query, in addition to everything that
// the statement has, as one condition in parentheses. A narrowing that returns the query as it came
// adds nothing; what cannot be read as conditions fails the statement.
func Rows(stmt *gorm.Statement, narrowing func(*gorm.DB) *gorm.DB) {
	// The last Session makes whatever narrowing calls on it a new query, so that one which comes back
	// the same is one that nothing was called on.
	model := stmt.Model
	if model == nil {
		model = stmt.Dest
	}
	empty := stmt.DB.Session(&gorm.Session{NewDB: true, Context: stmt.Context}).Model(model).Session(&gorm.Session{})
	narrowed := narrowing(empty)
	if narrowed == empty && empty.Error == nil {
		return
	}
	where, err := conditions(narrowed)
	if err != nil {
		_ = stmt.DB.AddError(err)
		return
	}
	And(stmt, where...)
}

// conditions are those that a query has and nothing else.
func conditions(query *gorm.DB) ([]clause.Expression, error) {
	if query == nil || query.Statement.SQL.Len() > 0 {
		return nil, errNotConditions
	}
	if query.Error != nil {
		return nil, query.Error
	}
	if hasScopes(query.Statement) {
		query = worked(query)
		if query.Error != nil {
			return nil, query.Error
		}
	}
	stmt := query.Statement
	if len(stmt.Joins) > 0 || len(stmt.Selects) > 0 || len(stmt.Omits) > 0 || stmt.Distinct || stmt.TableExpr != nil {
		return nil, errNotConditions
	}
	for name := range stmt.Clauses {
		if name != "WHERE" {
			return nil, errNotConditions
		}
	}
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	if len(where.Exprs) == 0 {
		return nil, errNoCondition
	}
	return where.Exprs, nil
}

// hasScopes says whether a statement has functions of db.Scopes, which gorm runs when the statement
// does. Only gorm can read them.
func hasScopes(stmt *gorm.Statement) bool {
	scopes := reflect.ValueOf(stmt).Elem().FieldByName("scopes")
	return !scopes.IsValid() || scopes.Len() > 0
}

// worked runs the scopes of a query as gorm does, without running the query, and takes away the
// clauses that gorm adds to every query.
func worked(query *gorm.DB) *gorm.DB {
	dry := query.Session(&gorm.Session{DryRun: true, Logger: logger.Discard}).Unscoped()
	rows := reflect.New(reflect.SliceOf(reflect.TypeFor[map[string]any]())).Interface()
	done := dry.Find(rows)
	for _, name := range [...]string{"SELECT", "FROM"} {
		delete(done.Statement.Clauses, name)
	}
	return done
}

// Tables are the names of the tables whose rows a statement gives: that of its model, and the one
// that it names itself. False when there is neither.
func Tables(stmt *gorm.Statement) (names []string, known bool) {
	model := stmt.Model
	if model == nil {
		model = stmt.Dest
	}
	if model != nil && stmt.Parse(model) == nil && stmt.Schema != nil {
		names = append(names, stmt.Schema.Table)
	}
	if stmt.TableExpr != nil {
		if found := plainTable.FindStringSubmatch(stmt.TableExpr.SQL); found != nil {
			names = append(names, found[1])
		}
	}
	return names, len(names) > 0
}

// plainTable is a table by its name, with or without the schema, quotes and an alias.
var plainTable = regexp.MustCompile(`(?i)^\s*(?:[\w"` + "`" + `\[\]]+\.)?["` + "`" + `\[]?(\w+)["` + "`" + `\]]?(?:\s+(?:AS\s+)?["` + "`" + `\[]?\w+["` + "`" + `\]]?)?\s*$`)
