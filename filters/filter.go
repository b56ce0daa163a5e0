package filters

import (
	"fmt"
	"reflect"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/narrow"
)

// Filter is a compiled filter struct. It is immutable and safe for concurrent use.
type Filter struct {
	typ    reflect.Type
	fields []field
}

// Range is the argument of the operator between: an object with an inclusive min, max or both. A
// range without either does not filter; one whose min is above its max matches nothing.
type Range[T any] struct {
	Min *T `json:"min,omitzero" doc:"Lower bound, inclusive."`
	Max *T `json:"max,omitzero" doc:"Upper bound, inclusive."`
}

// SchemaOf returns the gorm schema of a model, given as a value or pointer of its type. Naming is
// the NamingStrategy of the gorm.Config in use; nil means gorm's default. It returns the error of
// gorm for a type that is no model.
func SchemaOf(model any, naming schema.Namer) (*schema.Schema, error) {
	if naming == nil {
		naming = schema.NamingStrategy{}
	}
	// The cache is not kept: its key is the type alone, while the result depends on naming too.
	s, err := schema.Parse(model, &sync.Map{}, naming)
	if err != nil {
		return nil, fmt.Errorf("filters: %T is not a gorm model: %w", model, err)
	}
	return s, nil
}

// Compile checks the filter struct F against the schema of the rows that it filters; see SchemaOf.
// It returns an error that names the field and the fix when a column does not exist, an operator
// does not fit its column, or a field could not tell an absent argument from a zero one.
func Compile[F any](row *schema.Schema) (*Filter, error) {
	return CompileType(reflect.TypeFor[F](), row)
}

// CompileType is Compile for a type known only at run time.
func CompileType(t reflect.Type, row *schema.Schema) (*Filter, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("filters: %s is not a struct; declare the arguments as its fields", t)
	}
	fields, err := compileFields(t, row, nil)
	if err != nil {
		return nil, err
	}
	return &Filter{typ: t, fields: fields}, nil
}

// Part declares the arguments to binding.Compile.
func (f *Filter) Part() binding.Part {
	return binding.Part{Type: f.typ, Check: f.check}
}

// Apply returns db restricted to the rows that v, an F or *F, describes; db itself is not changed.
// The conditions are added when the query runs, in addition to all that it has by then, an Or
// included: a filter only takes rows away. When v has another type, or the query is raw SQL,
// running the query returns an error.
func (f *Filter) Apply(db *gorm.DB, v any) *gorm.DB {
	rv := reflect.Indirect(reflect.ValueOf(v))
	if !rv.IsValid() || rv.Type() != f.typ {
		tx := db.Session(&gorm.Session{})
		tx.AddError(fmt.Errorf("filters: Apply got %T; give it the decoded *%s", v, f.typ))
		return tx
	}
	var exprs []clause.Expression
	for i := range f.fields {
		if p, ok := f.fields[i].read(rv); ok {
			exprs = append(exprs, p.expression(db.Dialector.Name()))
		}
	}
	if len(exprs) == 0 {
		return db
	}
	return narrow.Last(db, func(stmt *gorm.Statement) { narrow.And(stmt, exprs...) })
}
