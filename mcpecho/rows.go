package mcpecho

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/internal/narrow"
)

// rowRule is what one step says about the rows of one type: which of them a call can see, or a
// check of each. It holds for the call and for every call inside it.
type rowRule struct {
	row    reflect.Type // nil: every type
	table  string       // of row
	narrow func(c *Call, db *gorm.DB) *gorm.DB
	permit func(c *Call, row any) error
	call   *Call // whose chain has the rule
}

// Narrow limits the rows of one type that calls of the spec can see, and calls inside them: the
// queries of selectors, their counts and pages, the suggestions of [CompleteColumn], and whatever
// is looked up through [Call.Narrowed]. It is the work of a narrowing step. narrow adds conditions
// with Where, Not and Or; they are required in addition to all others. row is a gorm model; nil
// means every table.
func (d *Definition) Narrow(row reflect.Type, narrow func(c *Call, db *gorm.DB) *gorm.DB) error {
	rule := rowRule{row: row, narrow: narrow}
	if row != nil {
		model, err := d.server.modelSchema(row)
		if err != nil {
			return fmt.Errorf("%s is not a gorm model: %w", row, err)
		}
		rule.table = model.Table[strings.LastIndexByte(model.Table, '.')+1:]
	}
	d.rules = append(d.rules, rule)
	d.Func = pass
	return nil
}

var errBeforeFetch = errors.New("it looks at rows, so its place is after the step that fetches them")

// PermitRows checks each row of one type: those that the spec and calls inside it fetch, and those
// that a service gives to [Call.CheckRow]. It is the work of a step of [StageRows], whose Func it
// sets. An error of permit refuses the whole call.
//
// A row that a spec of a sequence fetches is asked about twice when both inherit the step: permit
// may look at the call, whose name is that of the sequence once and that of the spec the other
// time.
//
// A step that is listed on the spec itself must do its work: rows of another type make Add fail,
// and a service that succeeds without a checked row fails. An inherited one checks the rows that
// come by.
func (d *Definition) PermitRows(row reflect.Type, permit func(c *Call, row any) error) error {
	if !d.fetched {
		return errBeforeFetch
	}
	if d.Row != nil && d.Result != row && !d.inherited {
		return fmt.Errorf("it checks rows of %s, the rows are %s", row, d.Result)
	}
	rule := rowRule{row: row, permit: permit}
	if model, err := d.server.modelSchema(row); err == nil {
		rule.table = model.Table[strings.LastIndexByte(model.Table, '.')+1:]
	}
	d.rules = append(d.rules, rule)
	must := d.Row == nil && !d.inherited
	d.Func = Func(func(c *Call, ec echo.Context, next echo.HandlerFunc) error {
		if c.answer.found {
			own := rule
			own.call = c
			if err := c.checkRows([]rowRule{own}, c.answer.fetched); err != nil {
				return err
			}
		}
		if must && !c.hasChecked(row) {
			return fmt.Errorf("mcpecho: %s has succeeded without a checked row: "+
				"give each %s that it changes to Call.CheckRow", c.entry.name, row)
		}
		return next(ec)
	})
	return nil
}

func pass(next echo.HandlerFunc) echo.HandlerFunc { return next }

// rules are the row rules that hold in the call and for calls inside it.
func (c *Call) rules() []rowRule {
	if c.entry == nil || len(c.entry.rules) == 0 {
		return c.inherited.rows
	}
	all := make([]rowRule, 0, len(c.inherited.rows)+len(c.entry.rules))
	all = append(all, c.inherited.rows...)
	for _, r := range c.entry.rules {
		r.call = c
		all = append(all, r)
	}
	return all
}

var errUnread = errors.New("mcpecho: it cannot be told which rows the query is about, and rows are narrowed: begin it with db.Model")

// Narrowed applies the narrowings of the call to a query of your own, for services that look up
// what they change. Which of them hold is decided when a statement runs, by its model and table;
// one of which that cannot be told fails, and so does an upsert. What is returned can be used for
// several statements, but gorm drops the narrowing where it begins anew (Begin and Transaction, a
// Session with NewDB, its generics): a statement fails then. Joined and preloaded tables are not
// covered.
func (c *Call) Narrowed(query *gorm.DB) *gorm.DB {
	narrowed := c.narrowed(query)
	if narrowed != query && narrowed.Error == nil {
		narrowed.Error = narrow.ErrLost // until the narrowing runs
	}
	return narrowed
}

// narrowed is Narrowed without the safeguard, for queries that only this package runs.
func (c *Call) narrowed(query *gorm.DB) *gorm.DB {
	if !slices.ContainsFunc(c.rules(), func(r rowRule) bool { return r.narrow != nil }) {
		return query
	}
	return narrow.Always(query, c, c.conditions)
}

// maxNarrowings bounds how many statements of one call are being narrowed at a time, one because of
// the other: a narrowing that asks for narrowed rows of its own table would never end.
const maxNarrowings = 8

var errNarrowings = errors.New("mcpecho: narrowings ask for each other's rows without end: query c.DB() in a narrowing, not c.Narrowed")

// conditions are those of all narrowings of the call that are about the rows of a statement.
func (c *Call) conditions(stmt *gorm.Statement) (all []clause.Expression) {
	defer c.narrowing.Add(-1)
	if c.narrowing.Add(1) > maxNarrowings {
		_ = stmt.DB.AddError(errNarrowings)
		return nil
	}
	about := narrow.Read(stmt)
	if about.Subquery {
		narrow.NarrowTable(stmt, c.narrowed)
	}
	for _, r := range c.rules() {
		switch {
		case r.narrow == nil:
			continue
		case r.is(about):
		case about.Unread && c.entry.unnarrowed == "":
			_ = stmt.DB.AddError(errUnread)
			continue
		default:
			continue
		}
		exprs, err := narrow.Conditions(stmt, func(db *gorm.DB) *gorm.DB { return r.narrow(r.call, db) })
		if err == nil {
			err = narrow.Try(exprs) // here, where one within another is counted
		}
		if err != nil {
			_ = stmt.DB.AddError(err)
			return nil
		}
		if len(exprs) > 0 {
			all = append(all, narrow.Group(exprs))
		}
	}
	return all
}

// is says whether the rule is about the rows of a statement.
func (r rowRule) is(about narrow.About) bool {
	return r.row == nil || r.row == about.Model ||
		r.table != "" && slices.ContainsFunc(about.Names, func(name string) bool { return strings.EqualFold(name, r.table) })
}

// CheckRow runs the row permissions of the call on what a service has looked up itself: a row, a
// pointer to one, or a list of them. Rows of a type that no step permits or refuses pass; what is
// no row is an error.
func (c *Call) CheckRow(row any) error { return c.checkRows(c.rules(), row) }

func (c *Call) checkRows(rules []rowRule, fetched any) error {
	v := reflect.ValueOf(fetched)
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Invalid:
		return nil // a nil pointer, or nothing
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := c.checkRows(rules, v.Index(i).Interface()); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
	default:
		return fmt.Errorf("mcpecho: CheckRow got a %s, which is no row: give it a struct, a pointer to one or a list", v.Type())
	}
	for _, r := range rules {
		if r.permit == nil || v.Type() != r.row {
			continue
		}
		if err := r.permit(r.call, v.Interface()); err != nil {
			return err
		}
		if !c.hasChecked(r.row) {
			c.answer.checked = append(c.answer.checked, r.row)
		}
	}
	return nil
}

// hasChecked says whether a row of the type was checked, in the call or in one inside it.
func (c *Call) hasChecked(row reflect.Type) bool { return slices.Contains(c.answer.checked, row) }

// permitsRows says whether somebody looks at whole rows of the type before they are serialized, who
// must not mistake a column that was not fetched for an empty one.
func (c *Call) permitsRows(row reflect.Type) bool {
	return row != nil && slices.ContainsFunc(c.rules(), func(r rowRule) bool { return r.permit != nil && r.row == row })
}
