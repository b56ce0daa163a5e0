package ordering

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/narrow"
)

// Config declares what a list can be ordered by.
type Config struct {
	// Fields are the names that a caller may use, each in both directions: "number" and "-number"
	// declare the same. A name is a column, or else "name=column" gives a column its public name.
	// Required.
	Fields []string
	// Default is the order when the caller gives none, for instance {"-created_at"}: terms of
	// Fields, or columns that a caller may not choose. Empty means the order of the query itself,
	// then the primary key.
	Default []string
}

// Order is a compiled Config. It is immutable and safe for concurrent use.
type Order struct {
	names    []string // "number", "-number", ...
	terms    map[string]clause.OrderByColumn
	fallback []clause.OrderByColumn
	key      []clause.OrderByColumn
	schema   *jsonschema.Schema
}

// Input is the struct that the argument is decoded into.
type Input struct {
	Ordering Names `json:"ordering,omitzero"`
}

// Names are the terms of an order as the caller wrote them.
type Names []string

// malformed stands for a value that is no name, so that it is refused where the names are known and
// can be listed.
const malformed = "\x00"

// UnmarshalJSONFrom reads an array of strings or a string; null is absence. Part refuses what it
// makes of anything else.
func (n *Names) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var v any
	if err := json.UnmarshalDecode(dec, &v); err != nil {
		return err
	}
	if v == nil {
		*n = nil
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	*n = make(Names, len(list))
	for i, v := range list {
		if (*n)[i], ok = v.(string); !ok {
			(*n)[i] = malformed
		}
	}
	return nil
}

// Compile checks a Config against the schema of the rows; see filters.SchemaOf. It returns an error
// that names the term and the fix when a column does not exist or a name comes twice.
func Compile(row *schema.Schema, cfg Config) (*Order, error) {
	if len(cfg.Fields) == 0 {
		return nil, errors.New("ordering: Config.Fields is empty; name the columns to order by")
	}
	o := &Order{terms: map[string]clause.OrderByColumn{}}
	for _, term := range cfg.Fields {
		public, column, renamed := strings.Cut(strings.TrimPrefix(term, "-"), "=")
		if !renamed {
			column = public
		}
		if public == "" || strings.ContainsAny(public, "-,") {
			return nil, fmt.Errorf("ordering: %q is no name; write \"column\" or \"name=column\"", term)
		}
		if _, ok := o.terms[public]; ok {
			return nil, fmt.Errorf("ordering: %q is declared twice; remove one, both directions are always allowed",
				public)
		}
		c, err := columnOf(row, column)
		if err != nil {
			return nil, err
		}
		o.names = append(o.names, public, "-"+public)
		o.terms[public] = clause.OrderByColumn{Column: c}
		o.terms["-"+public] = clause.OrderByColumn{Column: c, Desc: true}
	}
	for _, term := range cfg.Default {
		t, ok := o.terms[term]
		if !ok {
			name, desc := strings.CutPrefix(term, "-")
			c, err := columnOf(row, name)
			if err != nil {
				return nil, err
			}
			t = clause.OrderByColumn{Column: c, Desc: desc}
		}
		if has(o.fallback, t.Column) {
			return nil, fmt.Errorf("ordering: Config.Default has %q twice; remove one", t.Column.Name)
		}
		o.fallback = append(o.fallback, t)
	}
	for _, f := range row.PrimaryFields {
		o.key = append(o.key, clause.OrderByColumn{Column: clause.Column{Table: clause.CurrentTable, Name: f.DBName}})
	}
	o.schema = o.describe(cfg.Default)
	return o, nil
}

func columnOf(row *schema.Schema, name string) (clause.Column, error) {
	f, ok := row.FieldsByDBName[name]
	switch {
	case !ok:
		return clause.Column{}, fmt.Errorf("ordering: %s has no column %q; its columns are %s",
			row.Name, name, strings.Join(row.DBNames, ", "))
	case f.Serializer != nil:
		return clause.Column{}, fmt.Errorf("ordering: column %q is stored through a serializer and has no order; "+
			"remove it", name)
	case f.Tag.Get("secret") == "true":
		return clause.Column{}, fmt.Errorf("ordering: column %q is tagged secret, "+
			"and an order of the rows would tell its values; remove it", name)
	case f.IgnoreMigration:
		return clause.Column{}, fmt.Errorf("ordering: column %q is tagged -:migration, so it is computed and no column of the table; "+
			"order by it in the query itself, or give the table the column", name)
	}
	return clause.Column{Table: clause.CurrentTable, Name: f.DBName}, nil
}

func has(terms []clause.OrderByColumn, c clause.Column) bool {
	return slices.ContainsFunc(terms, func(t clause.OrderByColumn) bool { return t.Column == c })
}

func (o *Order) describe(fallback []string) *jsonschema.Schema {
	enum := make([]any, len(o.names))
	for i, name := range o.names {
		enum[i] = name
	}
	description := "Sort order: names in order of precedence. A leading - sorts descending."
	if len(fallback) > 0 {
		description += " Default: " + strings.Join(fallback, ", ") + "."
	}
	return &jsonschema.Schema{
		Description: description,
		Type:        "array",
		Items:       &jsonschema.Schema{Type: "string", Enum: enum},
		UniqueItems: true,
	}
}

// Part declares the argument "ordering", decoded into an [Input], to binding.Compile. Its schema
// says an array, because clients drop a schema with several types; a single string is taken for an
// array of one all the same.
func (o *Order) Part() binding.Part {
	return binding.Part{
		Type:   reflect.TypeFor[Input](),
		Schema: map[string]*jsonschema.Schema{"ordering": o.schema},
		Check:  o.check,
	}
}

func (o *Order) check(v any) []binding.FieldError {
	for i, name := range v.(*Input).Ordering {
		if name == malformed {
			return []binding.FieldError{{Path: "ordering", Rule: "type",
				Message: "must be a string or an array of strings; one of: " + strings.Join(o.names, ", ")}}
		}
		if _, ok := o.terms[name]; !ok {
			return []binding.FieldError{{Path: "ordering", Rule: "oneof",
				Message: "must be one of: " + strings.Join(o.names, ", ")}}
		}
		// A second term of the same column, such as the other direction, is not refused: it decides
		// nothing.
		if slices.Contains(v.(*Input).Ordering[:i], name) {
			return []binding.FieldError{{Path: "ordering", Rule: "unique", Message: "must name each field only once"}}
		}
	}
	return nil
}

// Terms returns the order that in asks for, or else the default, with the columns of the primary
// key that are not in it yet as the last terms, in the direction of the term before them. Names
// that Part would have refused are left out. A nil in means the default.
func (o *Order) Terms(in *Input) []clause.OrderByColumn {
	return narrow.WithKey(slices.Clip(o.chosen(in)), o.key)
}

func (o *Order) chosen(in *Input) (terms []clause.OrderByColumn) {
	if in != nil {
		for _, name := range in.Ordering {
			if t, ok := o.terms[name]; ok && !has(terms, t.Column) {
				terms = append(terms, t)
			}
		}
	}
	if len(terms) == 0 {
		return o.fallback
	}
	return terms
}

// Apply returns db ordered by what in asks for, or else by the default, then by what the query
// itself says, then by the primary key; db itself is not changed. The ORDER BY is put together when
// the query runs, so that one in a scope of the query counts too.
//
// The rows of a GROUP BY are told apart by its columns in place of the key, those of a DISTINCT
// over some columns by these. Such a query fails when it is to be ordered by a column that it does
// not select. A raw SQL query fails too.
func (o *Order) Apply(db *gorm.DB, in *Input) *gorm.DB {
	chosen := o.chosen(in)
	return narrow.Last(db, func(stmt *gorm.Statement) { narrow.Order(stmt, chosen, o.key) })
}
