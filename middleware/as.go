package middleware

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// As is a step of [mcpecho.StageSerialize] that shows the rows of a selector or retrieve as Out, a
// struct whose fields are some of the model's. Only their columns are fetched. Out becomes the
// tool's output schema.
//
// A field of Out is filled from the model's field whose column or JSON name is its JSON name, or
// else from the one of the same Go name; the types must be assignable. A row permission sees whole
// rows all the same. A field without a match, a nested struct and an embedded one make Add fail:
// map them with [Serialize]. A query with a SELECT, DISTINCT, OMIT or GROUP BY of its own keeps its
// columns. The hooks of the model see rows with only some fields set.
//
// A chain holds one serialize step: this one takes the place of the core's. What does not fit the
// model is found at Add.
func As[Out any]() mcpecho.Step {
	return mcpecho.Step{
		Name: "serialize", Stage: mcpecho.StageSerialize, Native: native.Step(), Single: true,
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
			d.SelectColumns(p.columns)
			d.Func = serializeWith(convert)
			return d.SetOutput(reflect.TypeFor[Out]())
		},
	}
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
		from, err := source(row, f.Name, name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("middleware: as: %s.%s %w", out.Name(), f.Name, err)
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

// source finds the field of a model, read from a column, for a field of Out: the one whose column
// or JSON name is its JSON name, or else the only one of its Go name. Embedded structs may bring a
// Go name twice.
func source(row *schema.Schema, goName, jsonName string) (*schema.Field, error) {
	find := func(matches func(*schema.Field) bool) (found []*schema.Field) {
		for _, f := range row.Fields {
			if f.DBName != "" && f.Readable && matches(f) {
				found = append(found, f)
			}
		}
		return found
	}
	if jsonName != "" {
		if found := find(func(f *schema.Field) bool { return f.DBName == jsonName }); len(found) > 0 {
			return found[0], nil
		}
		tagged := find(func(f *schema.Field) bool {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return name == jsonName
		})
		if len(tagged) == 1 {
			return tagged[0], nil
		}
	}
	switch found := find(func(f *schema.Field) bool { return f.Name == goName }); len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("is like the columns %s and %s: give it the JSON name of one", found[0].DBName, found[1].DBName)
	}
}

func nested(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

// columns are those that are shown.
func (p *projection) columns(*mcpecho.Call) []string {
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.from.DBName
	}
	return names
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
