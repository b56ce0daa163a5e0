package mcpecho

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
)

// Definition is what a step's Describe sees and may change while a spec is being added: the
// arguments and the output of the tool in the making.
type Definition struct {
	// Name is the full name, group prefixes included.
	Name string
	// Kind is the kind of the spec.
	Kind Kind
	// Row is the gorm schema of a selector's model, nil for other kinds.
	Row *schema.Schema
	// Result is the Go type that a service returns, the Row of other kinds.
	Result reflect.Type
	// Idempotent says whether the spec is annotated so.
	Idempotent bool
	// Func is the middleware of the step being described. Describe may set it to one built for this
	// spec alone.
	Func echo.MiddlewareFunc

	parts   []binding.Part
	output  *jsonschema.Schema
	shown   reflect.Type // that output describes
	refused error        // why the result cannot be described, unless a step replaces it
	wraps   []func(*jsonschema.Schema) *jsonschema.Schema
	shared  map[any]any
	server  *Server
	rules   []rowRule
	columns func(*Call) []string
	scopes  [][]string

	inherited bool // the step being described is one of the server or a group
	fetched   bool // it stands behind the one that fetches rows, or runs the function
}

// SelectColumns makes the fetch step of a selector or retrieve ask only for the columns that names
// returns, unless the query says itself what it selects, or a row permission needs whole rows.
func (d *Definition) SelectColumns(names func(*Call) []string) { d.columns = names }

// Set shares a value with the steps that are described after this one, in the order of the chain:
// paginate uses what order has compiled. Keys follow the rule of context.WithValue.
func (d *Definition) Set(key, value any) {
	if d.shared == nil {
		d.shared = map[any]any{}
	}
	d.shared[key] = value
}

// Get returns what an earlier step has shared under the key, nil when none has.
func (d *Definition) Get(key any) any { return d.shared[key] }

// Server is the server that the spec is being added to.
func (d *Definition) Server() *Server { return d.server }

// AddArguments adds the fields of a struct to the tool's arguments. A step reads the decoded struct
// with [Args]. A name that another part has claimed makes Add fail.
func (d *Definition) AddArguments(p binding.Part) error {
	for _, have := range d.parts {
		if have.Type == p.Type {
			return fmt.Errorf("arguments of type %s are added twice", p.Type)
		}
	}
	d.parts = append(d.parts, p)
	return nil
}

// RequireScopes tells those who read of the spec, as in [Server.OpenAPI], which scopes a caller
// needs: all of one of the alternatives. Enforcing them is the matter of the step.
func (d *Definition) RequireScopes(alternatives ...[]string) {
	if d.scopes == nil {
		d.scopes = [][]string{nil}
	}
	var all [][]string
	for _, have := range d.scopes {
		for _, more := range alternatives[:min(len(alternatives), max(1, maxAlternatives/len(d.scopes)))] {
			all = append(all, union(have, more))
		}
	}
	d.scopes = all
}

// maxAlternatives bounds the sets of scopes that are told of one spec, where several steps leave a
// choice.
const maxAlternatives = 32

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// SetOutput replaces the schema of the result, or of one item of a list, by that of another Go
// type. A pointer stands for what it points to, but for an item of a list, which may be null.
func (d *Definition) SetOutput(t reflect.Type) error {
	if t.Kind() == reflect.Pointer && d.Kind != KindSelector {
		t = t.Elem()
	}
	s, err := binding.OutputSchema(t)
	if err != nil {
		return err
	}
	d.output, d.shown, d.refused = s, t, nil
	return nil
}

// WrapOutput changes the whole output schema, for a step that puts the result into an envelope. It
// runs after every step has been described.
func (d *Definition) WrapOutput(wrap func(*jsonschema.Schema) *jsonschema.Schema) {
	d.wraps = append(d.wraps, wrap)
}
