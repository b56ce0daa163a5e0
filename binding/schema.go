package binding

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// OutputSchema describes what Marshal writes for values of type t: every field required unless its
// json tag has omitzero or omitempty, pointers as the type or null, slices and maps never null. A
// type with JSON methods of its own is what its method JSONSchema() *jsonschema.Schema says, else a
// string if it has text methods too and writes one, else anything. What is put around it is made
// whole by [RootSchema]. The tag doc gives descriptions. Rules of validate do not constrain it,
// since stored rows may be older than a rule. A type that JSON cannot hold is an error that names
// the field.
func OutputSchema(t reflect.Type) (*jsonschema.Schema, error) {
	n, err := newBuilder(true).build(t, t.String())
	if err != nil {
		return nil, err
	}
	g := &generator{output: true, names: map[reflect.Type]string{}}
	return g.root(n), nil
}

// generator writes schemas. Types that contain themselves go to $defs.
type generator struct {
	output bool
	defs   map[string]*jsonschema.Schema
	names  map[reflect.Type]string
}

// root is the schema of n with its definitions; a recursive n is written out here and once more as
// a definition.
func (g *generator) root(n *node) *jsonschema.Schema {
	var s *jsonschema.Schema
	if n.kind == kindStruct && n.schema == nil {
		s = g.object(n.object)
	} else {
		s = g.schema(n)
	}
	s.Defs = g.defs
	return s
}

func (g *generator) schema(n *node) *jsonschema.Schema {
	if n.schema != nil {
		return n.schema.CloneSchemas()
	}
	switch n.kind {
	case kindText:
		return &jsonschema.Schema{Type: "string"}
	case kindBool:
		return &jsonschema.Schema{Type: "boolean"}
	case kindInt, kindUint:
		return integerSchema(n)
	case kindFloat:
		return &jsonschema.Schema{Type: "number"}
	case kindCustom:
		return g.leaf(n)
	case kindFormatted:
		return n.shape(g.output)
	case kindStruct:
		if n.recursive {
			return g.reference(n)
		}
		return g.object(n.object)
	case kindSlice:
		return &jsonschema.Schema{Type: "array", Items: g.schema(n.elem)}
	case kindArray:
		size := n.typ.Len()
		return &jsonschema.Schema{Type: "array", Items: g.schema(n.elem), MinItems: &size, MaxItems: jsonschema.Ptr(size)}
	case kindMap:
		s := &jsonschema.Schema{Type: "object", AdditionalProperties: g.schema(n.elem)}
		if n.key.kind == kindInt || n.key.kind == kindUint {
			s.PropertyNames = &jsonschema.Schema{Pattern: integerPattern}
		}
		return s
	case kindOpt:
		return orNull(g.schema(n.elem))
	case kindPointer:
		if g.output {
			return orNull(g.schema(n.elem))
		}
		return g.schema(n.elem)
	}
	return &jsonschema.Schema{}
}

func (g *generator) leaf(n *node) *jsonschema.Schema {
	switch n.leaf {
	case leafTime:
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case leafNullTime:
		s := &jsonschema.Schema{Type: "string", Format: "date-time"}
		if g.output {
			s = orNull(s)
		}
		return s
	case leafNumber:
		return &jsonschema.Schema{Type: "number"}
	case leafBytes:
		return &jsonschema.Schema{Type: "string", ContentEncoding: "base64"}
	case leafText:
		f := formOf(n.typ)
		return &jsonschema.Schema{Type: "string", Format: f.format, Description: f.description}
	}
	return &jsonschema.Schema{}
}

// integerSchema gives small integers their range. Those of int64 and uint64 are left out, because a
// float64 cannot hold their limits exactly.
func integerSchema(n *node) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "integer"}
	bits := n.typ.Bits()
	if n.kind == kindUint {
		s.Minimum = jsonschema.Ptr(0.0)
		if bits < 64 {
			s.Maximum = jsonschema.Ptr(math.Ldexp(1, bits) - 1)
		}
	} else if bits < 64 {
		s.Minimum = jsonschema.Ptr(-math.Ldexp(1, bits-1))
		s.Maximum = jsonschema.Ptr(math.Ldexp(1, bits-1) - 1)
	}
	return s
}

func (g *generator) object(o *object) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for i := range o.fields {
		f := &o.fields[i]
		s.Properties[f.name] = g.property(f)
		s.PropertyOrder = append(s.PropertyOrder, f.name)
		if g.output && !f.optional || f.required {
			s.Required = append(s.Required, f.name)
		}
	}
	if o.fallback != nil {
		s.AdditionalProperties = nil
		if o.fallback.kind == kindMap {
			s.AdditionalProperties = g.schema(o.fallback.elem)
		}
	}
	return s
}

func (g *generator) property(f *field) *jsonschema.Schema {
	var s *jsonschema.Schema
	if g.output {
		s = g.schema(f.node)
	} else {
		s = g.schema(f.node.base())
		notes := applyRules(s, f.node.base(), f.rules)
		for _, r := range f.rules.cross {
			notes = append(notes, r.text)
		}
		describe(s, f.doc, notes)
		if f.node.nullable() && f.node.base().kind != kindAny {
			s = orNull(s)
		}
		if f.def != nil {
			s.Default = []byte(f.def.raw)
		}
		if f.example != nil {
			s.Examples = []any{f.example}
		}
		s.WriteOnly = f.secret
		if f.header != "" {
			s.Extra = map[string]any{"x-mcp-header": f.header}
		}
		return s
	}
	describe(s, f.doc, nil)
	return s
}

// describe sets the description: the doc tag, and the rules that a schema cannot say.
func describe(s *jsonschema.Schema, doc string, notes []string) {
	parts := make([]string, 0, 3)
	for _, p := range []string{doc, s.Description} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if len(notes) > 0 {
		parts = append(parts, "(rule: "+strings.Join(notes, ", ")+")")
	}
	s.Description = strings.Join(parts, " ")
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// reference points at the definition of a recursive struct, and writes it on first use.
func (g *generator) reference(n *node) *jsonschema.Schema {
	name, ok := g.names[n.typ]
	if !ok {
		base := strings.Trim(notInName.ReplaceAllString(n.typ.Name(), "_"), "_")
		if base == "" {
			base = "object"
		}
		name = base
		for i := 2; g.defs[name] != nil; i++ {
			name = fmt.Sprintf("%s%d", base, i)
		}
		if g.defs == nil {
			g.defs = map[string]*jsonschema.Schema{}
		}
		g.names[n.typ] = name
		def := &jsonschema.Schema{}
		g.defs[name] = def
		*def = *g.object(n.object)
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + name}
}

// orNull lets a schema accept null too.
func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s.Type != "":
		// Null matches every pattern, because a pattern is about strings only. So "not" with a
		// pattern would refuse null.
		for _, not := range append([]*jsonschema.Schema{s}, s.AllOf...) {
			if not.Not != nil && not.Not.Pattern != "" {
				not.Not.Type = s.Type
			}
		}
		s.Types, s.Type = []string{s.Type, "null"}, ""
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
		if s.Const != nil {
			s.Enum, s.Const = []any{*s.Const, nil}, nil
		}
		return s
	case s.Types != nil:
		if s.Types[len(s.Types)-1] != "null" {
			s.Types = append(s.Types, "null")
		}
		return s
	case s.Ref != "" || s.AnyOf != nil:
		out := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}, Description: s.Description}
		s.Description = ""
		return out
	}
	return s // anything
}
