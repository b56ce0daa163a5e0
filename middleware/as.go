package middleware

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/internal/narrow"
	"github.com/mcpecho/kit/mcpecho"
)

// AsConfig configures [AsWithConfig]. Out itself says everything there is to
// say, so it has no fields.
type AsConfig[Out any] struct{}

// As is a step of [mcpecho.StageSerialize] that shows the rows of a selector
// or retrieve as Out, a struct whose fields are some of the model's. Only
// their columns are fetched. Out
// becomes the tool's output schema.
//
// A field of Out is filled from the model's field of the same name, or else
// from the one whose column or JSON name is its JSON name; the types must be
// assignable. A field without a match, a nested struct and an embedded one
// make Add fail: map them with [Serialize]. A query with a SELECT, DISTINCT,
// OMIT or GROUP BY of its own keeps its columns. The hooks of the model see
// rows with only some fields set.
//
// A chain holds one serialize step: this one takes the place of the core's.
// What does not fit the model is found at Add.
func As[Out any]() mcpecho.Step { return AsWithConfig(AsConfig[Out]{}) }

// AsWithConfig is [As] with a configuration.
func AsWithConfig[Out any](cfg AsConfig[Out]) mcpecho.Step { return must(cfg.ToStep()) }

// ToStep makes the step. Its error is always nil: there is nothing to get wrong.
func (AsConfig[Out]) ToStep() (mcpecho.Step, error) {
	return mcpecho.Step{
		Name: "serialize", Stage: mcpecho.StageSerialize, Native: true, Single: true,
		Kinds: mcpecho.KindSelector | mcpecho.KindRetrieve,
		Describe: func(d *mcpecho.Definition) error {
			p, err := newProjection(d.Row, reflect.TypeFor[Out]())
			if err != nil {
				return err
			}
			convert := func(v any) (any, error) { return projectOne[Out](p, v) }
			if d.Kind == mcpecho.KindSelector {
				convert = func(v any) (any, error) { return projectList[Out](p, v) }
			}
			d.Func = p.middleware(convert)
			return d.SetOutput(reflect.TypeFor[Out]())
		},
	}, nil
}

// projection fills the fields of one struct type from some of a model.
type projection struct {
	row    *schema.Schema
	fields []projected
}

type projected struct {
	from *schema.Field
	to   int
}

func newProjection(row *schema.Schema, out reflect.Type) (*projection, error) {
	if out.Kind() != reflect.Struct {
		return nil, fmt.Errorf("middleware: as requires a struct, not %s", out)
	}
	p := &projection{row: row}
	for i := range out.NumField() {
		f := out.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if f.Anonymous {
			return nil, fmt.Errorf("middleware: as: %s.%s is embedded: list its fields, or use Serialize", out.Name(), f.Name)
		}
		from := source(row, f.Name, name)
		switch {
		case from == nil && nested(f.Type):
			return nil, fmt.Errorf("middleware: as: %s.%s is nested, which is not a column of %s: use Serialize", out.Name(), f.Name, row.Name)
		case from == nil:
			return nil, fmt.Errorf("middleware: as: %s.%s is like no column of %s (%s): rename it, or use Serialize",
				out.Name(), f.Name, row.Name, strings.Join(row.DBNames, ", "))
		case !from.FieldType.AssignableTo(f.Type):
			return nil, fmt.Errorf("middleware: as: %s.%s is %s, but %s.%s is %s: use the same type, or Serialize",
				out.Name(), f.Name, f.Type, row.Name, from.Name, from.FieldType)
		}
		p.fields = append(p.fields, projected{from, i})
	}
	if len(p.fields) == 0 {
		return nil, fmt.Errorf("middleware: as: %s has no fields: name the ones to show", out)
	}
	return p, nil
}

// source finds the field of a model for a field of Out: one that is read from
// a column.
func source(row *schema.Schema, goName, jsonName string) *schema.Field {
	find := func(matches func(*schema.Field) bool) *schema.Field {
		for _, f := range row.Fields {
			if f.DBName != "" && f.Readable && matches(f) {
				return f
			}
		}
		return nil
	}
	found := find(func(f *schema.Field) bool { return f.Name == goName })
	if found == nil && jsonName != "" {
		found = find(func(f *schema.Field) bool { return f.DBName == jsonName })
	}
	if found == nil && jsonName != "" {
		found = find(func(f *schema.Field) bool {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return name == jsonName
		})
	}
	return found
}

func nested(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

func (p *projection) middleware(convert func(any) (any, error)) echo.MiddlewareFunc {
	serialize := serializeWith(convert)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		serialized := serialize(next)
		return func(ec echo.Context) error {
			c := mcpecho.CallFrom(ec)
			if q := c.Query(); q != nil && q.Statement.SQL.Len() == 0 {
				c.SetQuery(narrow.Last(q, p.selectColumns))
			}
			return serialized(ec)
		}
	}
}

// selectColumns changes what a query fetches, once it is known whether the
// query says so itself.
func (p *projection) selectColumns(stmt *gorm.Statement) {
	selects := stmt.Clauses["SELECT"].Expression != nil
	_, groups := stmt.Clauses["GROUP BY"]
	if selects || groups || stmt.Distinct || len(stmt.Selects) > 0 || len(stmt.Omits) > 0 {
		return
	}
	var columns []clause.Column
	for _, f := range p.fields {
		column := clause.Column{Table: clause.CurrentTable, Name: f.from.DBName}
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	stmt.AddClause(clause.Select{Columns: columns})
}

// fill sets the fields of out, addressable, from a row, addressable too.
func (p *projection) fill(out, row reflect.Value) {
	for _, f := range p.fields {
		out.Field(f.to).Set(f.from.ReflectValueOf(context.Background(), row))
	}
}

func projectOne[Out any](p *projection, v any) (any, error) {
	row := reflect.New(p.row.ModelType).Elem()
	from := reflect.Indirect(reflect.ValueOf(v))
	if from.Type() != row.Type() {
		return nil, fmt.Errorf("middleware: as got %T instead of %s", v, row.Type())
	}
	row.Set(from)
	var out Out
	p.fill(reflect.ValueOf(&out).Elem(), row)
	return out, nil
}

func projectList[Out any](p *projection, v any) (any, error) {
	rows := reflect.ValueOf(v)
	if rows.Kind() != reflect.Slice || rows.Type().Elem() != p.row.ModelType {
		return nil, fmt.Errorf("middleware: as got %T instead of []%s", v, p.row.ModelType)
	}
	items := make([]Out, rows.Len())
	for i := range items {
		p.fill(reflect.ValueOf(&items[i]).Elem(), rows.Index(i))
	}
	return items, nil
}
