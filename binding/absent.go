package binding

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// withoutNulls drops the members of raw that are null though the schema s neither allows null there
// nor requires them: such an argument is absent, as that of a struct is. What stays keeps its place
// in the document.
func (h *handwritten) withoutNulls(raw jsontext.Value, s *jsonschema.Schema) (jsontext.Value, error) {
	if s = h.target(s); s == nil {
		return raw, nil
	}
	switch raw.Kind() {
	case '{':
		return h.objectWithoutNulls(raw, s)
	case '[':
		return h.listWithoutNulls(raw, s)
	}
	return raw, nil
}

func (h *handwritten) objectWithoutNulls(raw jsontext.Value, s *jsonschema.Schema) (jsontext.Value, error) {
	all, err := members(raw)
	if err != nil {
		return nil, err
	}
	given := make(map[string]int, len(all))
	for _, m := range all {
		given[m.name]++
	}
	doc := []byte{'{'}
	for _, m := range all {
		property := s.Properties[m.name]
		if property == nil {
			property = s.AdditionalProperties
		} else if m.value.Kind() == 'n' && given[m.name] == 1 && !slices.Contains(s.Required, m.name) && !h.allowsNull(property, 0) {
			continue
		}
		if m.value, err = h.withoutNulls(m.value, property); err != nil {
			return nil, err
		}
		doc = appendMember(doc, m)
	}
	return append(doc, '}'), nil
}

func (h *handwritten) listWithoutNulls(raw jsontext.Value, s *jsonschema.Schema) (jsontext.Value, error) {
	if s.Items == nil {
		return raw, nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	list := []byte{'['}
	for dec.PeekKind() != ']' {
		item, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if item, err = h.withoutNulls(item.Clone(), s.Items); err != nil {
			return nil, err
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(list, item...)
	}
	return append(list, ']'), nil
}

// target follows references within the document to the schema that is meant, nil when there is none
// that can be followed.
func (h *handwritten) target(s *jsonschema.Schema) *jsonschema.Schema {
	for hops := 0; s != nil && s.Ref != ""; hops++ {
		name, local := strings.CutPrefix(s.Ref, "#/$defs/")
		defs := h.root.Defs
		if !local {
			name, local = strings.CutPrefix(s.Ref, "#/definitions/")
			defs = h.root.Definitions
		}
		switch {
		case s.Ref == "#":
			s = h.root
		case local:
			s = defs[name]
		default:
			return nil
		}
		if hops == maxDepth {
			return nil
		}
	}
	return s
}

// allowsNull reports whether s may allow null. It is true when it cannot tell; then the null stays
// in the document, and the schema itself decides.
func (h *handwritten) allowsNull(s *jsonschema.Schema, depth int) bool {
	if s = h.target(s); s == nil || depth == maxDepth {
		return true
	}
	null := func(v any) bool { return v == nil }
	allows := func(s *jsonschema.Schema) bool { return h.allowsNull(s, depth+1) }
	switch {
	case s.Type != "" && s.Type != "null", s.Types != nil && !slices.Contains(s.Types, "null"):
		return false
	case s.Enum != nil && !slices.ContainsFunc(s.Enum, null), s.Const != nil && *s.Const != nil:
		return false
	case s.AnyOf != nil && !slices.ContainsFunc(s.AnyOf, allows), s.OneOf != nil && !slices.ContainsFunc(s.OneOf, allows):
		return false
	}
	return !slices.ContainsFunc(s.AllOf, func(s *jsonschema.Schema) bool { return !allows(s) })
}
