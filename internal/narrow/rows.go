package narrow

import (
	"errors"
	"reflect"
	"regexp"
	"strings"

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

// quietRounds is after how many rounds without a change a narrowing is final. Scopes of a query may
// add scopes, which gorm runs in another round, after those that are there.
const quietRounds = 4

// Always returns a copy of db whose statements have the conditions that conditions returns for
// them, in addition to everything that the query holds by the time it runs: its own conditions and
// those of its scopes, of scopes that these add, and of whatever is called on it later. The copy
// can be used for any number of statements. Conditions of one key are added once, however often
// Always is called. A raw query fails, because gorm would ignore them.
func Always(db *gorm.DB, key any, conditions func(stmt *gorm.Statement) []clause.Expression) *gorm.DB {
	return db.Session(&gorm.Session{}).Scopes(func(tx *gorm.DB) *gorm.DB {
		a := &always{key: key, conditions: conditions}
		return a.round(tx)
	}).Session(&gorm.Session{})
}

// always is one run of a narrowed query.
type always struct {
	key        any
	conditions func(stmt *gorm.Statement) []clause.Expression
	about      string // what the statement was about in the last round
	table      *clause.Expr
	none       bool // there were no conditions
	quiet      int
}

func (a *always) round(tx *gorm.DB) *gorm.DB {
	stmt := tx.Statement
	if errors.Is(tx.Error, ErrLost) {
		tx.Error = nil
	}
	if stmt.SQL.Len() > 0 {
		_ = tx.AddError(errRaw)
		return tx
	}
	about := strings.Join(Read(stmt).Names, "\x00")
	same := a.about == about && (a.table == stmt.TableExpr || isNarrowed(stmt))
	if a.holds(stmt) && (a.about == "" && !a.none || same) {
		a.quiet++
	} else {
		exprs := a.conditions(stmt)
		if a.none = len(exprs) == 0; !a.none {
			And(stmt, ruled{group{Exprs: exprs}, a.key})
			refuseUpsert(stmt)
		}
		a.quiet = 0
	}
	a.about, a.table = about, stmt.TableExpr
	if tx.Error != nil || a.quiet >= quietRounds {
		return tx
	}
	return tx.Scopes(a.round)
}

// tableKey is where a statement keeps its table expression whose subquery is narrowed.
const tableKey = "mcpecho:narrowed"

// NarrowTable puts another query in the place of the one that a statement's rows come from.
func NarrowTable(stmt *gorm.Statement, narrowed func(*gorm.DB) *gorm.DB) {
	inner, ok := stmt.TableExpr.Vars[0].(*gorm.DB)
	if !ok || isNarrowed(stmt) {
		return
	}
	stmt.TableExpr = &clause.Expr{SQL: stmt.TableExpr.SQL, Vars: []any{narrowed(inner)}}
	stmt.Settings.Store(tableKey, stmt.TableExpr)
}

func isNarrowed(stmt *gorm.Statement) bool {
	table, ok := stmt.Settings.Load(tableKey)
	return ok && table == stmt.TableExpr
}

// holds says whether nothing can let rows escape from the conditions of the key.
func (a *always) holds(stmt *gorm.Statement) bool {
	if a.none {
		return true
	}
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	return dominates(where.Exprs, a.key)
}

// dominates says whether the conditions of a key are required in addition to all others. They are
// when, at every level, this package has put the conditions beside them into parentheses.
func dominates(exprs []clause.Expression, key any) (found bool) {
	for _, e := range exprs {
		switch e := e.(type) {
		case ruled:
			found = found || e.key == key
		case group:
			found = found || dominates(e.Exprs, key)
		default:
			return false
		}
	}
	return found
}

// ruled is the conditions of a narrowing.
type ruled struct {
	group
	key any
}

// ErrLost is the error of a handle that is meant to be narrowed, until its narrowing runs. Where
// gorm begins anew and drops the narrowing, the statement fails with it.
var ErrLost = errors.New("mcpecho: gorm has dropped what narrows the rows of this handle, as it does in Begin and Transaction, " +
	"in a Session with NewDB, and in its generics: begin with c.DB(), and narrow each query inside")

var errUpsert = errors.New("mcpecho: an upsert changes rows whoever's they are, and rows are narrowed: " +
	"look the row up through c.Narrowed and update it, or create it (Save of a row that is not found is an upsert too)")

// refuseUpsert fails an INSERT that changes a row which is already there (ON CONFLICT), because no
// condition limits which row that is.
func refuseUpsert(stmt *gorm.Statement) {
	if c, ok := stmt.Clauses["ON CONFLICT"]; ok {
		if on, ok := c.Expression.(clause.OnConflict); !ok || !on.DoNothing {
			_ = stmt.DB.AddError(errUpsert)
		}
	}
}

// Conditions runs narrowing on an empty query for the rows of a statement and returns the
// conditions that it adds. There are none when it returns the query unchanged. Anything else that
// it adds is an error.
func Conditions(stmt *gorm.Statement, narrowing func(*gorm.DB) *gorm.DB) ([]clause.Expression, error) {
	// After this Session every method that narrowing calls returns a new query, so a query that
	// comes back the same is one on which nothing was called.
	model := stmt.Model
	if model == nil {
		model = stmt.Dest
	}
	empty := stmt.DB.Session(&gorm.Session{NewDB: true, Context: stmt.Context}).Model(model).Session(&gorm.Session{})
	narrowed := narrowing(empty)
	if narrowed == empty && empty.Error == nil {
		return nil, nil
	}
	return conditions(narrowed)
}

// Try builds the subqueries in conditions without running them, and returns their errors, which
// gorm would drop.
func Try(exprs []clause.Expression) error {
	for _, e := range exprs {
		var vars []any
		var within []clause.Expression
		switch e := e.(type) {
		case clause.Expr:
			vars = e.Vars
		case clause.NamedExpr:
			vars = e.Vars
		case clause.IN:
			vars = e.Values
		case clause.Eq:
			vars = []any{e.Value}
		case clause.AndConditions:
			within = e.Exprs
		case clause.OrConditions:
			within = e.Exprs
		case clause.NotConditions:
			within = e.Exprs
		}
		if err := Try(within); err != nil {
			return err
		}
		for _, v := range vars {
			query, ok := v.(*gorm.DB)
			if !ok || query.Statement.SQL.Len() > 0 {
				continue
			}
			dry := query.Session(&gorm.Session{DryRun: true, Logger: logger.Discard})
			if err := dry.Find(&[]map[string]any{}).Error; err != nil {
				return err
			}
		}
	}
	return nil
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

// About is what can be told of the rows of a statement.
type About struct {
	Model    reflect.Type // the struct of its model, nil without one
	Names    []string     // of the tables that they may come from, without the schema
	Subquery bool         // they come from a query within, which is TableExpr.Vars[0]
	Unread   bool         // they come from something else that only the database can read
}

// Read tells what it can of a statement.
func Read(stmt *gorm.Statement) (a About) {
	model := stmt.Model
	if model == nil {
		model = stmt.Dest
	}
	if model != nil && stmt.Parse(model) == nil && stmt.Schema != nil {
		a.Model = stmt.Schema.ModelType
		a.add(stmt.Schema.Table)
	}
	if t := stmt.TableExpr; t != nil {
		_, query := first(t.Vars).(*gorm.DB)
		if a.Subquery = query && subquery.MatchString(t.SQL); !a.Subquery {
			a.read(t.SQL)
		}
	}
	if from, ok := stmt.Clauses["FROM"].Expression.(clause.From); ok {
		for _, t := range from.Tables {
			a.addTable(t)
		}
	}
	if update, ok := stmt.Clauses["UPDATE"].Expression.(clause.Update); ok {
		a.addTable(update.Table)
	}
	a.Unread = a.Unread || len(a.Names) == 0 && !a.Subquery
	return a
}

func first(vars []any) any {
	if len(vars) != 1 {
		return nil
	}
	return vars[0]
}

func (a *About) add(name string) {
	a.Names = append(a.Names, name[strings.LastIndexByte(name, '.')+1:])
}

// read reads a table expression that is the name of a table.
func (a *About) read(sql string) {
	found := plainTable.FindStringSubmatch(sql)
	if found == nil || keyword.MatchString(sql) {
		a.Unread = true
		return
	}
	a.add(found[1])
}

func (a *About) addTable(t clause.Table) {
	switch {
	case t.Raw:
		a.read(t.Name)
	case t.Name != "" && t.Name != clause.CurrentTable:
		a.add(t.Name)
	}
}

var (
	// plainTable is a table by its name, with or without the schema, quotes and an alias.
	plainTable = regexp.MustCompile(`(?i)^\s*(?:[\w"` + "`" + `\[\]]+\.)*["` + "`" + `\[]?(\w+)["` + "`" + `\]]?(?:\s+(?:AS\s+)?["` + "`" + `\[]?\w+["` + "`" + `\]]?)?\s*$`)
	// keyword matches SQL that looks like a table with an alias and is not one.
	keyword = regexp.MustCompile(`(?i)^\s*(?:ONLY|LATERAL|TABLE|UNNEST|ROWS|VALUES)\s`)
	// subquery is a query within, as db.Table("(?) AS name", query).
	subquery = regexp.MustCompile(`(?i)^\s*\(\s*\?\s*\)\s*(?:AS\s+)?["` + "`" + `\[]?\w+["` + "`" + `\]]?\s*$`)
)
