package mcpecho

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/narrow"
	"github.com/mcpecho/kit/internal/wire"
)

// maxCompletions is how many values one reply may hold. (specification 2026-07-28,
// server/utilities/completion, section Completion Results)
const maxCompletions = 100

// Completer suggests values for an argument whose text so far is value. chosen are the arguments
// that the user has filled in already. More than 100 suggestions are cut, and the client is told
// that there are more.
type Completer func(c *Call, value string, chosen map[string]string) ([]string, error)

// Complete adds suggestions for one argument of a prompt or one variable of a resource template.
// The steps that decide who may call the spec and how often run before fn, so that completion never
// reveals what a read would refuse.
func Complete(argument string, fn Completer) Option {
	return optionFunc(func(s *settings) {
		if s.completers == nil {
			s.completers = map[string]Completer{}
		}
		if s.completers[argument] != nil {
			s.errs = append(s.errs, fmt.Sprintf("argument %q has two completers", argument))
		}
		s.completers[argument] = fn
	})
}

// CompleteColumn is [Complete] with the values of a database column that begin with what was typed,
// in ascending order. visible returns the rows that the caller may see, usually the query of the
// spec itself: its conditions, joins and LIMIT hold, and so do the narrowings and row permissions
// of the call; with the latter, the first 1,000 rows are looked at. The column is that of the table
// which the query begins with.
func CompleteColumn(argument, column string, visible func(c *Call) *gorm.DB) Option {
	if visible == nil {
		return Complete(argument, nil)
	}
	return Complete(argument, func(c *Call, value string, _ map[string]string) ([]string, error) {
		rows := c.narrowed(visible(c))
		if err := rows.Error; err != nil {
			return nil, err
		}
		switch model := modelType(rows); {
		case c.permitsRows(model):
			return c.permittedSuggestions(rows, model, column, value)
		case c.permits(rows):
			return nil, errNoRowsToPermit
		}
		rows = narrow.Last(rows, func(stmt *gorm.Statement) { selectOnly(stmt, column) })
		// gorm does not tell the errors of a subquery, so it is tried first.
		if err := rows.Session(&gorm.Session{DryRun: true, Logger: logger.Discard}).Find(&[]map[string]any{}).Error; err != nil {
			return nil, err
		}
		col := clause.Column{Name: suggestion}
		query := rows.Session(&gorm.Session{NewDB: true}).Table("(?) AS suggestions", rows).Where(clause.Neq{Column: col})
		if value != "" {
			// The text form of any column, compared without wildcards.
			query = query.Where("SUBSTR(CAST(? AS "+textType(query)+"), 1, ?) = ?", col, len([]rune(value)), value)
		}
		var values []string
		err := query.Distinct(suggestion).Order(clause.OrderByColumn{Column: col}).Limit(maxCompletions+1).Pluck(suggestion, &values).Error
		return values, err
	})
}

var errNoRowsToPermit = errors.New("mcpecho: the row permissions of the spec cannot look at what is suggested: " +
	"begin the query of CompleteColumn with db.Model of the type that they are about")

// permits says whether row permissions of the call are about the rows of a query, or of the spec.
func (c *Call) permits(query *gorm.DB) bool {
	about := narrow.Read(query.Session(&gorm.Session{}).Where("").Statement)
	return c.permitsRows(c.entry.spec.row) ||
		slices.ContainsFunc(c.rules(), func(r rowRule) bool { return r.permit != nil && (r.is(about) || about.Unread) })
}

// maxPermitted is how many rows are asked of a row permission for one completion.
const maxPermitted = 1000

// permittedSuggestions are the values of a column of the rows that the row permissions let the
// caller see. They need whole rows.
func (c *Call) permittedSuggestions(query *gorm.DB, model reflect.Type, column, value string) ([]string, error) {
	schema, err := c.server.modelSchema(model)
	if err != nil {
		return nil, err
	}
	field := schema.LookUpField(column)
	if field == nil {
		return nil, fmt.Errorf("mcpecho: completion of %q: it is no column of %s", column, schema.Table)
	}
	col := clause.Column{Table: clause.CurrentTable, Name: field.DBName}
	limited := false
	query = narrow.Last(query, func(stmt *gorm.Statement) {
		if _, limited = stmt.Clauses["LIMIT"]; limited {
			return // which rows they are depends on the query's own order
		}
		narrow.And(stmt, clause.Expr{SQL: "SUBSTR(CAST(? AS " + textType(stmt.DB) + "), 1, ?) = ?", Vars: []any{col, len([]rune(value)), value}})
		delete(stmt.Clauses, "ORDER BY")
		stmt.AddClause(clause.OrderBy{Columns: []clause.OrderByColumn{{Column: col}}})
		most := maxPermitted
		stmt.AddClause(clause.Limit{Limit: &most})
	})
	rows := reflect.New(reflect.SliceOf(model))
	if err := query.Find(rows.Interface()).Error; err != nil {
		return nil, err
	}
	var values []string
	for i := range rows.Elem().Len() {
		row := rows.Elem().Index(i)
		v, _ := field.ValueOf(c.Ctx(), row)
		text, ok := suggestionText(v)
		if !ok || limited && !strings.HasPrefix(text, value) || slices.Contains(values, text) {
			continue
		}
		if err := c.CheckRow(row.Interface()); err != nil {
			if f := c.explain(err); f.ref != "" || f.typ == TypeTimeout {
				return nil, err // it could not be found out
			}
			continue
		}
		if values = append(values, text); len(values) > maxCompletions {
			break
		}
	}
	if limited {
		slices.Sort(values)
	}
	return values, nil
}

// suggestionText is the text form of a column's value, false for NULL.
func suggestionText(v any) (string, bool) {
	if valuer, ok := v.(driver.Valuer); ok {
		v, _ = valuer.Value()
	}
	p := reflect.ValueOf(v)
	for p.Kind() == reflect.Pointer && !p.IsNil() {
		p = p.Elem()
	}
	if !p.IsValid() || p.Kind() == reflect.Pointer {
		return "", false
	}
	if t, ok := p.Interface().(time.Time); ok {
		return t.Format(time.RFC3339Nano), true
	}
	return fmt.Sprint(p.Interface()), true
}

// modelType is the struct that a query has as its model, nil when it has none.
func modelType(query *gorm.DB) reflect.Type {
	t := reflect.TypeOf(query.Statement.Model)
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) {
		t = t.Elem()
	}
	return t
}

// suggestion is the name of the one column of a query for suggestions.
const suggestion = "suggestion"

// selectOnly makes a query select one column. Its order is kept only where a LIMIT needs it: the
// suggestions have an order of their own, and a DISTINCT of theirs that excludes other columns.
func selectOnly(stmt *gorm.Statement, column string) {
	stmt.Preloads = nil
	delete(stmt.Clauses, "FOR")
	if _, limited := stmt.Clauses["LIMIT"]; !limited {
		delete(stmt.Clauses, "ORDER BY")
		stmt.Distinct = false
	}
	stmt.AddClause(clause.Select{Distinct: stmt.Distinct, Columns: []clause.Column{{Table: clause.CurrentTable, Name: column, Alias: suggestion}}})
}

// textType is the type that CAST turns any value into text with.
func textType(db *gorm.DB) string {
	if db.Dialector != nil && db.Dialector.Name() == "mysql" {
		return "CHAR"
	}
	return "TEXT"
}

// completing is one completion/complete request.
type completing struct {
	Ref struct {
		Type string `json:"type"`
		Name string `json:"name"`
		URI  string `json:"uri"`
	} `json:"ref"`
	Argument struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"argument"`
	Context struct {
		Arguments map[string]string `json:"arguments"`
	} `json:"context"`
}

// hasNUL says whether a value holds the character that PostgreSQL has no place for.
func (p *completing) hasNUL() bool {
	for _, v := range p.Context.Arguments {
		if strings.IndexByte(v, 0) >= 0 {
			return true
		}
	}
	return strings.IndexByte(p.Argument.Value, 0) >= 0
}

// complete serves completion/complete. (specification 2026-07-28, server/utilities/completion)
func (s *Server) complete(x *wire.Exchange) error {
	registry := s.registry.Load()
	var params completing
	if err := json.Unmarshal(x.Message.Params, &params); err != nil {
		return &Error{Code: jsonrpc.InvalidParams, Message: "completion/complete needs params with ref {type, name or uri} and argument {name, value}, all strings"}
	}
	if params.hasNUL() {
		return &Error{Code: jsonrpc.InvalidParams, Message: "an argument must not contain the character U+0000"}
	}
	e, err := s.completable(registry, &params)
	if err != nil {
		return err
	}
	c := s.newCall(x, e, nil)
	completer, ok := e.completers[params.Argument.Name]
	if !ok {
		return c.unlessHidden(&Error{Code: jsonrpc.InvalidParams, Message: "this argument has no completion",
			Data: map[string]any{"completable": e.completable()}})
	}
	var values []string
	c.admitted = func(echo.Context) (err error) {
		values, err = completer(c, params.Argument.Value, params.Context.Arguments)
		return err
	}
	err = c.run(e.admission, nil)
	if err != nil {
		return c.failEntry(err)
	}
	more := len(values) > maxCompletions
	if more {
		values = values[:maxCompletions]
	}
	type completion struct {
		Values  []string `json:"values"`
		HasMore bool     `json:"hasMore"`
	}
	if c.answer.items, err = binding.Marshal(completion{values, more}); err != nil {
		return c.failEntry(err)
	}
	return c.reply("completion", registry.resultTail)
}

func errNoTemplate() error {
	return &Error{Code: jsonrpc.InvalidParams, Message: "params.ref.uri is not a resource template of this server"}
}

// completable finds the prompt or resource template that a ref names.
func (s *Server) completable(registry *registry, params *completing) (*entry, error) {
	switch params.Ref.Type {
	case "ref/prompt":
		if e, ok := registry.prompts[params.Ref.Name]; ok {
			return e, nil
		}
		return nil, s.unknown(prompts, params.Ref.Name)
	case "ref/resource":
		i := slices.IndexFunc(registry.lists[templates], func(e *entry) bool { return e.spec.uri == params.Ref.URI })
		if i >= 0 {
			return registry.lists[templates][i], nil
		}
		return nil, errNoTemplate()
	}
	return nil, &Error{Code: jsonrpc.InvalidParams, Message: "params.ref.type must be ref/prompt or ref/resource"}
}

// completable lists the arguments that have a completer.
func (e *entry) completable() []string {
	names := []string{}
	for _, name := range e.args.Names() {
		if e.completers[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

var errNoCompletion = errors.New("completion is for prompts and resource templates")

// checkCompleters makes sure that each completer is for an argument.
func (e *entry) checkCompleters() error {
	names := e.args.Names()
	for argument, fn := range e.completers {
		if !slices.Contains(names, argument) {
			return fmt.Errorf("completer for %q: not one of the arguments %s", argument, strings.Join(names, ", "))
		}
		if fn == nil {
			return fmt.Errorf("the completer for %q is nil", argument)
		}
	}
	return nil
}
