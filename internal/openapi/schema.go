package openapi

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Schema is a JSON Schema on its way into a document, where its references have to point elsewhere:
// "#" is the document there. Its definitions become schemas of the document.
type Schema struct {
	doc     *Document
	name    string
	source  string            // as it came
	members members           // without what only a schema that stands alone has
	root    string            // its name in the document, when it refers to itself
	defs    map[string]string // from the names of definitions to those in the document
}

// Schema begins to take a schema into the document. The name is that of the schema as a whole where
// it refers to itself.
func (d *Document) Schema(name string, schema []byte) (*Schema, error) {
	m, err := split(schema)
	if err != nil {
		return nil, err
	}
	raw, _ := m.get("$defs")
	defs, err := split(raw)
	if err != nil {
		return nil, err
	}
	m = slices.DeleteFunc(m, func(kw member) bool { return slices.Contains(alone, kw.name) })
	s := &Schema{doc: d, name: name, source: string(schema), members: m, defs: map[string]string{}}
	fresh := map[string]jsontext.Value{}
	for _, def := range defs {
		shared, known := d.claim(def.name, string(raw)+"\x00"+def.name)
		if s.defs[def.name] = shared; !known {
			fresh[shared] = def.value
		}
	}
	for shared, def := range fresh {
		if d.schemas[shared], err = s.rewrite(def); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Share makes a schema without references one of the document, which stands under its name wherever
// it occurs in another.
func (d *Document) Share(name string, schema []byte) {
	if bytes.Contains(schema, []byte(`"$ref"`)) {
		return
	}
	if shared, known := d.claim(name, string(schema)); !known {
		d.schemas[shared] = schema
	}
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// claim finds a name for a schema of the document, or the one that it has already.
func (d *Document) claim(name, source string) (shared string, known bool) {
	if shared, known = d.sources[source]; known {
		return shared, true
	}
	base := strings.Trim(notInName.ReplaceAllString(name, "_"), "_")
	if base == "" {
		base = "schema"
	}
	shared = base
	for i := 2; d.schemas[shared] != nil; i++ {
		shared = fmt.Sprintf("%s%d", base, i)
	}
	d.sources[source], d.schemas[shared] = shared, jsontext.Value("{}") // until it is written
	return shared, false
}

// Whole is the schema as it stands in the document.
func (s *Schema) Whole() (jsontext.Value, error) {
	if shared, ok := s.doc.sources[s.source]; ok {
		return refer(shared), nil
	}
	whole, err := s.copy(s.members)
	if err == nil && s.root != "" {
		whole = refer(s.root) // it refers to itself
	}
	return whole, err
}

// Names are those of the members that the schema describes, in its order.
func (s *Schema) Names() (names []string) {
	raw, _ := s.members.get("properties")
	properties, _ := split(raw)
	for _, p := range properties {
		names = append(names, p.name)
	}
	return names
}

// Required are the names of the members that must be there.
func (s *Schema) Required() (names []string) {
	raw, _ := s.members.get("required")
	_ = json.Unmarshal(raw, &names)
	return names
}

// Open says whether there may be members that the schema does not describe.
func (s *Schema) Open() bool {
	raw, _ := s.members.get("additionalProperties")
	return string(raw) != "false"
}

// Property is the schema of a member as it stands in the document; false when there is none of that
// name.
func (s *Schema) Property(name string) (jsontext.Value, bool, error) {
	raw, _ := s.members.get("properties")
	properties, err := split(raw)
	if err != nil {
		return nil, false, err
	}
	property, ok := properties.get(name)
	if !ok {
		return nil, false, nil
	}
	property, err = s.rewrite(property)
	return property, err == nil, err
}

// Except is the schema without some of its members, as it stands in the document.
func (s *Schema) Except(names []string) (jsontext.Value, error) {
	if len(names) == 0 {
		return s.Whole()
	}
	rest := slices.Clone(s.members)
	for i, m := range rest {
		switch m.name {
		case "properties":
			properties, err := split(m.value)
			if err != nil {
				return nil, err
			}
			rest[i].value = slices.DeleteFunc(properties, func(p member) bool { return slices.Contains(names, p.name) }).join()
		case "required":
			var required []string
			if err := json.Unmarshal(m.value, &required); err != nil {
				return nil, err
			}
			required = slices.DeleteFunc(required, func(name string) bool { return slices.Contains(names, name) })
			rest[i].value = mustMarshal(required)
		}
	}
	return s.copy(rest)
}

// Keywords whose values are schemas, lists of them, and objects of them.
var (
	one  = []string{"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
	list = []string{"allOf", "anyOf", "oneOf", "prefixItems", "items"}
	each = []string{"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)

// alone are the keywords of a schema that stands alone.
var alone = []string{"$schema", "$id", "$defs"}

// rewrite is a part of the schema as it stands in the document.
func (s *Schema) rewrite(raw jsontext.Value) (jsontext.Value, error) {
	if shared, ok := s.doc.sources[string(raw)]; ok {
		return refer(shared), nil
	}
	if raw.Kind() != '{' {
		return raw, nil
	}
	m, err := split(raw)
	if err != nil {
		return nil, err
	}
	if _, is := m.get("$id"); is {
		return raw, nil // a document of its own, in which its references are resolved
	}
	return s.copy(m)
}

func (s *Schema) copy(m members) (_ jsontext.Value, err error) {
	out := make(members, 0, len(m))
	for _, kw := range m {
		switch {
		case kw.name == "$ref":
			kw.value, err = s.reference(kw.value)
		case slices.Contains(each, kw.name) && kw.value.Kind() == '{':
			kw.value, err = s.rewriteEach(kw.value)
		case slices.Contains(list, kw.name) && kw.value.Kind() == '[':
			kw.value, err = s.rewriteList(kw.value)
		case slices.Contains(one, kw.name):
			kw.value, err = s.rewrite(kw.value)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, kw)
	}
	return out.join(), nil
}

func (s *Schema) rewriteEach(raw jsontext.Value) (jsontext.Value, error) {
	m, err := split(raw)
	for i := range m {
		if err == nil {
			m[i].value, err = s.rewrite(m[i].value)
		}
	}
	return m.join(), err
}

func (s *Schema) rewriteList(raw jsontext.Value) (jsontext.Value, error) {
	var items []jsontext.Value
	err := json.Unmarshal(raw, &items)
	for i := range items {
		if err == nil {
			items[i], err = s.rewrite(items[i])
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(items)
}

// reference is where a reference of the schema points to in the document.
func (s *Schema) reference(raw jsontext.Value) (jsontext.Value, error) {
	var ref string
	if err := json.Unmarshal(raw, &ref); err != nil {
		return nil, err
	}
	pointer, inside := strings.CutPrefix(ref, "#")
	if !inside || pointer != "" && pointer[0] != '/' { // of another document, or an anchor
		return raw, nil
	}
	if rest, ok := strings.CutPrefix(pointer, "/$defs/"); ok {
		token, deeper, below := strings.Cut(rest, "/")
		if shared, ok := s.defs[unescape(token)]; ok {
			if below {
				deeper = "/" + deeper
			}
			return mustMarshal(place(shared) + deeper), nil
		}
	}
	if s.root == "" {
		var known bool
		if s.root, known = s.doc.claim(s.name, s.source); !known {
			whole, err := s.copy(s.members)
			if err != nil {
				return nil, err
			}
			s.doc.schemas[s.root] = whole
		}
	}
	return mustMarshal(place(s.root) + pointer), nil
}

// unescape reads one token of a JSON pointer in a URI.
func unescape(token string) string {
	if plain, err := url.PathUnescape(token); err == nil {
		token = plain
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}

func place(shared string) string { return "#/components/schemas/" + shared }

func refer(shared string) jsontext.Value {
	return mustMarshal(map[string]string{"$ref": place(shared)})
}

// members are those of a JSON object, in their order.
type members []member

type member struct {
	name  string
	value jsontext.Value
}

func split(raw jsontext.Value) (m members, err error) {
	if raw.Kind() != '{' {
		return nil, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		m = append(m, member{key, value.Clone()})
	}
	return m, nil
}

func (m members) get(name string) (jsontext.Value, bool) {
	for _, member := range m {
		if member.name == name {
			return member.value, true
		}
	}
	return nil, false
}

func (m members) join() jsontext.Value {
	b := []byte{'{'}
	for i, member := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, mustMarshal(member.name)...), ':')
		b = append(b, member.value...)
	}
	return append(b, '}')
}

// mustMarshal encodes strings, which cannot fail.
func mustMarshal(v any) jsontext.Value {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err)
	}
	return b
}
