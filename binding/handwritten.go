package binding

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

const (
	maxSubschemas = 1000
	draft         = "https://json-schema.org/draft/2020-12/schema"
)

// handwritten is a schema that was given, for the arguments of the first part.
type handwritten struct {
	root       *jsonschema.Schema
	resolved   *jsonschema.Resolved
	tree       any                             // the schema as plain JSON, to quote a broken rule
	properties map[string]*jsonschema.Resolved // each declared property alone, to find all errors
	names      []string                        // of properties, in order
	required   []string
	closed     bool  // additionalProperties is false
	whole      *node // the first part, when it is no struct
}

// CompileWithSchema is Compile with a hand-written JSON Schema 2020-12 for the arguments of the
// first part. Schema keeps it as it was written, and gains the properties of the other parts. It is
// enforced in addition to decoding into the first part, whose type may then also be a map with
// string keys or jsontext.Value. The root must have type object. References to other documents are
// refused, and so are schemas nested over 64 levels or with over 1000 subschemas.
func CompileWithSchema(schema []byte, parts ...Part) (*Args, error) {
	return Compiler{}.CompileWithSchema(schema, parts...)
}

// CompileWithSchema is the function CompileWithSchema with the rules of c.
func (c Compiler) CompileWithSchema(schema []byte, parts ...Part) (*Args, error) {
	if len(parts) == 0 {
		return nil, errors.New("binding: CompileWithSchema needs a part to decode into; " +
			"use map[string]any for plain data")
	}
	h, err := parseHandwritten(schema)
	if err != nil {
		return nil, fmt.Errorf("binding: the schema for %s is refused: %w", parts[0].Type, err)
	}
	a := &Args{parts: parts, engine: c.engine(), hand: h, object: &object{byName: map[string]int{}}}
	rest := parts[1:]
	switch t := parts[0].Type; {
	case t == nil:
		return nil, errors.New("binding: the input has no type; use a struct, map[string]any or jsontext.Value")
	case t.Kind() == reflect.Struct:
		if err := a.joinFirst(h); err != nil {
			return nil, err
		}
	case slices.Contains(rawTypes, t), t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		if h.whole, err = a.newBuilder().build(t, t.String()); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("binding: the input has type %s; "+
			"with a schema it must be a struct, a map with string keys, or jsontext.Value", t)
	}
	g, extra, err := a.join(rest)
	if err != nil {
		return nil, err
	}
	for _, name := range extra.PropertyOrder {
		if slices.Contains(h.names, name) {
			return nil, fmt.Errorf("binding: the argument %q is claimed by the schema and by a later part; "+
				"rename one of them", name)
		}
	}
	a.needed = slices.Concat(h.required, extra.Required)
	a.schema, err = mergeSchema(schema, extra, g.defs)
	return a, err
}

// joinFirst takes over the fields of the first part. It must have a field for each property of the
// schema.
func (a *Args) joinFirst(h *handwritten) error {
	first := a.parts[:1]
	if len(first[0].Schema) > 0 {
		return fmt.Errorf("binding: the input of type %s has both a hand-written schema and Part.Schema; "+
			"use one of them", first[0].Type)
	}
	n, err := a.newBuilder().build(first[0].Type, first[0].Type.String())
	if err != nil {
		return err
	}
	if n.kind != kindStruct {
		return fmt.Errorf("binding: %s decodes itself, so its arguments are not known; use a plain struct, or a map",
			first[0].Type)
	}
	for _, name := range h.names {
		if _, ok := n.object.byName[name]; !ok {
			return fmt.Errorf("binding: the schema has the property %q, but %s has no field for it; "+
				"add one with `json:%q`", name, first[0].Type, name)
		}
	}
	return a.addPart(0, n.object)
}

func parseHandwritten(raw []byte) (*handwritten, error) {
	h := &handwritten{properties: map[string]*jsonschema.Resolved{}}
	if !jsontext.Value(raw).IsValid() {
		return nil, errors.New("it is not valid JSON")
	}
	if nesting(raw) > maxDepth {
		return nil, fmt.Errorf("it is nested over %d levels; move parts of it to $defs", maxDepth)
	}
	if err := json.Unmarshal(raw, &h.tree); err != nil {
		return nil, err
	}
	root := new(jsonschema.Schema)
	if err := root.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	if root.Type != "object" {
		return nil, errors.New(`its root must have "type": "object", since arguments are an object`)
	}
	if err := checkSchemas(root, new(int)); err != nil {
		return nil, err
	}
	var err error
	if h.resolved, err = root.Resolve(nil); err != nil {
		return nil, err
	}
	h.root = root
	h.required = root.Required
	if not := root.AdditionalProperties; not != nil && not.Not != nil {
		h.closed = reflect.ValueOf(*not.Not).IsZero() && len(root.PatternProperties) == 0
	}
	if h.names, err = propertyNames(raw); err != nil {
		return nil, err
	}
	for _, name := range h.names {
		// Definitions stay, so that references resolve; one that points into another property
		// cannot, and is left to the whole schema.
		single := root.CloneSchemas()
		alone := &jsonschema.Schema{
			ID: single.ID, Schema: single.Schema, Anchor: single.Anchor, DynamicAnchor: single.DynamicAnchor,
			Defs: single.Defs, Definitions: single.Definitions,
			Properties: map[string]*jsonschema.Schema{name: single.Properties[name]},
		}
		if resolved, err := alone.Resolve(nil); err == nil {
			h.properties[name] = resolved
		}
	}
	return h, nil
}

var typeNames = []string{"null", "boolean", "object", "array", "number", "integer", "string"}

// checkSchemas visits s and its subschemas. It refuses what would not be enforced: another draft, a
// type that does not exist, a reference that leaves the document; and a schema too large to check
// on every call. count starts at 0.
func checkSchemas(s *jsonschema.Schema, count *int) error {
	if s == nil {
		return nil
	}
	if *count++; *count > maxSubschemas {
		return fmt.Errorf("it has over %d subschemas; make it simpler", maxSubschemas)
	}
	if s.Schema != "" && strings.TrimSuffix(s.Schema, "#") != draft {
		return fmt.Errorf("its $schema is %q; only %s is supported", s.Schema, draft)
	}
	for _, ref := range []string{s.Ref, s.DynamicRef} {
		if ref != "" && !strings.HasPrefix(ref, "#") {
			return fmt.Errorf("its $ref %q leaves the document; copy what it names to $defs and point there", ref)
		}
	}
	for _, name := range append([]string{cmp.Or(s.Type, "object")}, s.Types...) {
		if !slices.Contains(typeNames, name) {
			return fmt.Errorf("its type %q does not exist; types are %s", name, strings.Join(typeNames, ", "))
		}
	}
	for _, child := range subschemas(s) {
		if err := checkSchemas(child, count); err != nil {
			return err
		}
	}
	return nil
}

// member is one name and value of an object, in the order of the document.
type member struct {
	name   string
	quoted jsontext.Value
	value  jsontext.Value
	at     int64 // offset of the name
}

func members(raw []byte) ([]member, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var out []member
	for dec.PeekKind() != '}' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		m := member{quoted: quoted.Clone(), at: dec.InputOffset() - int64(len(quoted))}
		name, err := jsontext.AppendUnquote(nil, quoted)
		if err != nil {
			return nil, err
		}
		m.name = string(name)
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = value.Clone()
		out = append(out, m)
	}
	return out, nil
}

func propertyNames(raw []byte) (names []string, err error) {
	root, err := members(raw)
	if err != nil {
		return nil, err
	}
	for _, m := range root {
		if m.name != "properties" {
			continue
		}
		properties, err := members(m.value)
		if err != nil {
			return nil, err
		}
		for _, p := range properties {
			names = append(names, p.name)
		}
	}
	return names, nil
}

// mergeSchema adds the properties of extra to the hand-written schema and leaves the rest of it as
// it was written.
func mergeSchema(schema []byte, extra *jsonschema.Schema, defs map[string]*jsonschema.Schema) ([]byte, error) {
	plain, err := plainSchema(schema)
	if err != nil || len(extra.PropertyOrder) == 0 {
		return plain, err
	}
	out := jsontext.Value(plain)
	if len(defs) > 0 {
		return nil, errors.New("binding: a part beside a hand-written schema has a type that contains itself; " +
			"make it a plain type")
	}
	root, err := members(out)
	if err != nil {
		return nil, err
	}
	added, err := MarshalSchema(extra)
	if err != nil {
		return nil, err
	}
	more, err := members(added)
	if err != nil {
		return nil, err
	}
	for _, m := range more {
		if m.name != "properties" && m.name != "required" {
			continue
		}
		at := slices.IndexFunc(root, func(r member) bool { return r.name == m.name })
		if at < 0 {
			root = append(root, m)
			continue
		}
		root[at].value = join(root[at].value, m.value)
	}
	var b []byte
	b = append(b, '{')
	for i, m := range root {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, m.quoted...), ':'), m.value...)
	}
	out = append(b, '}')
	return out, out.Compact()
}

// join concatenates two objects, or two arrays.
func join(a, b jsontext.Value) jsontext.Value {
	head := bytes.TrimRight(a, " \t\r\n")
	head = bytes.TrimRight(head[:len(head)-1], " \t\r\n")
	if len(head) > 1 {
		head = append(slices.Clip(head), ',')
	}
	return append(slices.Clip(head), b[1:]...)
}
