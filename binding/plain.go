package binding

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// RootSchema makes s, which may have been put around the schema of [OutputSchema], a schema that
// can stand alone: the definitions of its parts move to its root, where references look for them,
// and a list of types at the root, which several clients cannot read, becomes anyOf. s itself may
// be changed.
func RootSchema(s *jsonschema.Schema) *jsonschema.Schema {
	if len(s.Types) == 2 && s.Types[1] == "null" {
		alone := s.CloneSchemas()
		alone.Type, alone.Types = s.Types[0], nil
		s = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{alone, {Type: "null"}}}
	}
	for _, child := range subschemas(s) {
		hoist(s, child)
	}
	return s
}

// hoist moves the definitions of s and of what is in it to root.
func hoist(root, s *jsonschema.Schema) {
	if s.ID != "" {
		return // a document of its own, in which its references are resolved
	}
	for _, child := range subschemas(s) {
		hoist(root, child)
	}
	defs := s.Defs
	s.Defs = nil
	renamed := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		free := name
		for i := 2; root.Defs[free] != nil && !reflect.DeepEqual(root.Defs[free], defs[name]); i++ {
			free = fmt.Sprintf("%s%d", name, i)
		}
		if root.Defs == nil {
			root.Defs = map[string]*jsonschema.Schema{}
		}
		if root.Defs[free] = defs[name]; free != name {
			renamed["#/$defs/"+name] = "#/$defs/" + free
		}
	}
	if len(renamed) > 0 {
		rename(s, renamed)
		for _, def := range defs {
			rename(def, renamed)
		}
	}
}

func rename(s *jsonschema.Schema, names map[string]string) {
	if to, ok := names[s.Ref]; ok {
		s.Ref = to
	}
	for _, child := range subschemas(s) {
		rename(child, names)
	}
}

// subschemas are the schemas directly within s.
func subschemas(s *jsonschema.Schema) (children []*jsonschema.Schema) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		switch inner := v.Field(i).Interface().(type) {
		case *jsonschema.Schema:
			if inner != nil {
				children = append(children, inner)
			}
		case []*jsonschema.Schema:
			children = append(children, inner...)
		case map[string]*jsonschema.Schema:
			for _, name := range slices.Sorted(maps.Keys(inner)) {
				children = append(children, inner[name])
			}
		}
	}
	return children
}

// MarshalSchema writes s as compact JSON that clients of every kind can read: a schema that allows
// everything is {} and not true, which whole clients fail on, since the dated revisions of the
// protocol require properties to be objects (specification 2025-11-25, schema, Tool). Only
// additionalProperties may be false.
func MarshalSchema(s *jsonschema.Schema) ([]byte, error) {
	raw, err := s.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("binding: schema cannot be encoded: %w", err)
	}
	return plainSchema(raw)
}

// plainSchema rewrites the boolean schemas of raw, a schema in JSON, as objects.
func plainSchema(raw []byte) ([]byte, error) {
	p := plainer{dec: jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true)), out: make([]byte, 0, len(raw))}
	if err := p.schema(false); err != nil {
		return nil, fmt.Errorf("binding: schema cannot be encoded: %w", err)
	}
	return jsontext.AppendFormat(nil, p.out)
}

type plainer struct {
	dec *jsontext.Decoder
	out []byte
}

// schema copies one schema; closes says that it stands where false is common and understood.
func (p *plainer) schema(closes bool) error {
	switch p.dec.PeekKind() {
	case 't':
		p.out = append(p.out, "{}"...)
		return p.dec.SkipValue()
	case 'f':
		if closes {
			return p.copy()
		}
		p.out = append(p.out, `{"not":{}}`...)
		return p.dec.SkipValue()
	case '{':
		return p.members(p.keyword)
	}
	return p.copy()
}

// keyword copies the value of one keyword.
func (p *plainer) keyword(name string) error {
	single := func(string) error { return p.schema(false) }
	switch name {
	case "additionalProperties", "unevaluatedProperties":
		return p.schema(true)
	case "items", "contains", "propertyNames", "not", "if", "then", "else", "unevaluatedItems", "additionalItems", "contentSchema":
		return p.schema(false)
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return p.members(single)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return p.list()
	}
	return p.copy()
}

func (p *plainer) members(value func(name string) error) error {
	if p.dec.PeekKind() != '{' {
		return p.copy()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	p.out = append(p.out, '{')
	for first := true; p.dec.PeekKind() != '}'; first = false {
		if !first {
			p.out = append(p.out, ',')
		}
		quoted, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		p.out = append(append(p.out, quoted...), ':')
		if err := value(strings.Trim(string(quoted), `"`)); err != nil {
			return err
		}
	}
	p.out = append(p.out, '}')
	_, err := p.dec.ReadToken()
	return err
}

func (p *plainer) list() error {
	if p.dec.PeekKind() != '[' {
		return p.copy()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	p.out = append(p.out, '[')
	for first := true; p.dec.PeekKind() != ']'; first = false {
		if !first {
			p.out = append(p.out, ',')
		}
		if err := p.schema(false); err != nil {
			return err
		}
	}
	p.out = append(p.out, ']')
	_, err := p.dec.ReadToken()
	return err
}

func (p *plainer) copy() error {
	raw, err := p.dec.ReadValue()
	p.out = append(p.out, raw...)
	return err
}
