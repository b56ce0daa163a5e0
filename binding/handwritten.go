package binding

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
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
	resolved   *jsonschema.Resolved
	tree       any                             // the schema as plain JSON, to quote a broken rule
	properties map[string]*jsonschema.Resolved // each declared property alone, to find all errors
	names      []string                        // of properties, in order
	required   []string
	closed     bool  // additionalProperties is false
	whole      *node // the first part, when it is no struct
}

// CompileWithSchema is Compile with a hand-written JSON Schema 2020-12 for the arguments of the first part. Schema keeps
// it as it was written, and gains the properties of the other parts. It is enforced in addition to decoding into the
// first part, whose type may then also be a map with string keys or jsontext.Value. The root must have type object.
// References to other documents are refused, and so are schemas nested over 64 levels or with over 1000 subschemas.
func CompileWithSchema(schema []byte, parts ...Part) (*Args, error) {
	if len(parts) == 0 {
		return nil, errors.New("binding: CompileWithSchema needs a part to decode into; use map[string]any for plain data")
	}
	h, err := parseHandwritten(schema)
	if err != nil {
		return nil, fmt.Errorf("binding: the schema for %s is refused: %w", parts[0].Type, err)
	}
	a := &Args{parts: parts, hand: h, object: &object{byName: map[string]int{}}}
	rest := parts[1:]
	switch t := parts[0].Type; {
	case t == nil:
		return nil, errors.New("binding: part 0 has no type; use a struct, map[string]any or jsontext.Value")
	case t.Kind() == reflect.Struct:
		if err := a.joinFirst(h); err != nil {
			return nil, err
		}
	case t == rawType, t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		if h.whole, err = newBuilder(false).build(t, t.String()); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("binding: part 0 has type %s; with a schema it must be a struct, a map with string keys, or jsontext.Value", t)
	}
	g, extra, err := a.join(rest)
	if err != nil {
		return nil, err
	}
	for _, name := range extra.PropertyOrder {
		if slices.Contains(h.names, name) {
			return nil, fmt.Errorf("binding: the argument %q is claimed by the schema and by a later part; rename one of them", name)
		}
	}
	a.schema, err = mergeSchema(schema, extra, g.defs)
	return a, err
}

// joinFirst takes over the fields of the first part, all of which the schema must allow and the other way round.
func (a *Args) joinFirst(h *handwritten) error {
	first := a.parts[:1]
	if len(first[0].Schema) > 0 {
		return fmt.Errorf("binding: part 0 of type %s has both a hand-written schema and Part.Schema; use one of them", first[0].Type)
	}
	n, err := newBuilder(false).build(first[0].Type, first[0].Type.String())
	if err != nil {
		return err
	}
	if n.kind != structure {
		return fmt.Errorf("binding: %s decodes itself, so its arguments are not known; use a plain struct, or a map", first[0].Type)
	}
	for _, name := range h.names {
		if _, ok := n.object.byName[name]; !ok {
			return fmt.Errorf("binding: the schema has the property %q, but %s has no field for it; add one with `json:%q`", name, first[0].Type, name)
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
	h.required = root.Required
	if not := root.AdditionalProperties; not != nil && not.Not != nil {
		h.closed = reflect.ValueOf(*not.Not).IsZero() && len(root.PatternProperties) == 0
	}
	if h.names, err = propertyNames(raw); err != nil {
		return nil, err
	}
	for _, name := range h.names {
		// Definitions stay, so that references resolve; one that points into another property cannot, and is left to
		// the whole schema.
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

// checkSchemas visits s and its subschemas. It refuses what would not be enforced: another draft, a type that does not
// exist, a reference that leaves the document; and a schema too large to check on every call. count starts at 0.
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
			return fmt.Errorf("its $ref %q leaves the document; copy what it names to $defs and use #/$defs/...", ref)
		}
	}
	for _, name := range append([]string{cmp.Or(s.Type, "object")}, s.Types...) {
		if !slices.Contains(typeNames, name) {
			return fmt.Errorf("its type %q does not exist; types are %s", name, strings.Join(typeNames, ", "))
		}
	}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		switch inner := v.Field(i).Interface().(type) {
		case *jsonschema.Schema:
			if err := checkSchemas(inner, count); err != nil {
				return err
			}
		case []*jsonschema.Schema:
			for _, s := range inner {
				if err := checkSchemas(s, count); err != nil {
					return err
				}
			}
		case map[string]*jsonschema.Schema:
			for _, name := range slices.Sorted(maps.Keys(inner)) {
				if err := checkSchemas(inner[name], count); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// member is one name and value of an object, in the order of the document.
type member struct {
	name  string
	value jsontext.Value
}

func members(raw []byte) ([]member, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var out []member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
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

// mergeSchema adds the properties of extra to the hand-written schema and leaves the rest of it as it was written.
func mergeSchema(schema []byte, extra *jsonschema.Schema, defs map[string]*jsonschema.Schema) ([]byte, error) {
	out := jsontext.Value(bytes.Clone(schema))
	if len(extra.PropertyOrder) == 0 {
		return out, out.Compact()
	}
	if len(defs) > 0 {
		return nil, errors.New("binding: a part beside a hand-written schema has a type that contains itself; make it a plain type")
	}
	root, err := members(out)
	if err != nil {
		return nil, err
	}
	added, err := encodeSchema(extra)
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
		if b, err = jsontext.AppendQuote(b, m.name); err != nil {
			return nil, err
		}
		b = append(append(b, ':'), m.value...)
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

// decode splits data between the first part, which the schema rules, and the others.
func (h *handwritten) decode(a *Args, w *walker, data []byte, roots []reflect.Value) {
	w.top, w.roots = a.object, roots
	var own []member
	w.read(data, func() error {
		if w.dec.PeekKind() != '{' {
			return w.notObject()
		}
		return w.split(a, &own, roots)
	})
	if w.stop != nil || slices.ContainsFunc(w.errs, func(e placedError) bool { return e.part == everyPart }) {
		return
	}
	h.enforce(w, own)
}

// split reads the document twice: once for the fields that the parts declare, and once as plain members.
func (w *walker) split(a *Args, own *[]member, roots []reflect.Value) error {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if nesting(raw) > maxDepth {
		w.fail("depth", "the arguments are nested too deep; "+strconv.Itoa(maxDepth)+" levels are allowed")
		return nil
	}
	all, err := members(raw)
	if err != nil {
		return err
	}
	typed := []byte{'{'}
	for _, m := range all {
		i, known := a.object.byName[m.name]
		if !known || a.object.fields[i].part == 0 {
			*own = append(*own, m)
		}
		if known || a.hand.whole == nil {
			typed = appendMember(typed, m)
		}
	}
	if whole := a.hand.whole; whole != nil {
		doc := []byte{'{'}
		for _, m := range *own {
			doc = appendMember(doc, m)
		}
		if err := w.nested(append(doc, '}'), func() error { return w.value(whole, roots[0]) }); err != nil {
			return err
		}
	}
	return w.nested(append(typed, '}'), func() error { return w.object(a.object, roots) })
}

func appendMember(b []byte, m member) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b, _ = jsontext.AppendQuote(b, m.name)
	return append(append(b, ':'), m.value...)
}

// nested runs next on another document within the current one.
func (w *walker) nested(data []byte, next func() error) error {
	outer := w.dec
	defer func() { w.dec = outer }()
	w.dec = jsontext.NewDecoder(bytes.NewBuffer(data), walkOptions)
	return next()
}

// enforce checks the arguments of the first part against the schema.
func (h *handwritten) enforce(w *walker, own []member) {
	instance := make(map[string]any, len(own))
	for _, m := range own {
		var v any
		if json.Unmarshal(m.value, &v, exactNumbers) != nil {
			return // reported by the decoder
		}
		instance[m.name] = v
	}
	if h.resolved.Validate(instance) == nil {
		return
	}
	before := len(w.errs)
	add := func(at int64, head, path, rule, message string) {
		for _, e := range w.errs[:before] {
			if e.Path == path || e.Path == head {
				return // the decoder said it already
			}
		}
		w.errs = append(w.errs, placedError{FieldError{Path: path, Rule: rule, Message: message}, at, 0})
	}
	found := len(w.errs)
	for i, m := range own {
		if alone := h.properties[m.name]; alone != nil {
			if err := alone.Validate(map[string]any{m.name: instance[m.name]}); err != nil {
				path, rule, message := h.explain(err)
				add(int64(i), m.name, path, rule, message)
				found++
			}
		} else if h.closed && !slices.Contains(h.names, m.name) {
			message := "is not an argument"
			if near := Nearest(m.name, h.names); near != "" {
				message += `; did you mean "` + near + `"?`
			}
			add(int64(i), m.name, clip(m.name), "unknown", message)
			found++
		}
	}
	for _, name := range h.required {
		if _, ok := instance[name]; !ok {
			add(atEnd, name, name, "required", "is required")
			found++
		}
	}
	if found == before {
		path, rule, message := h.explain(h.resolved.Validate(instance))
		add(atEnd, path, path, rule, message)
	}
}

// exactNumbers keeps integers exact, which a float64 would not.
var exactNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if i, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		*v = i
	} else if u, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		*v = u
	} else {
		f, _ := strconv.ParseFloat(string(raw), 64)
		*v = f
	}
	return nil
}))

// explain turns an error of the schema package into a path, the keyword that broke, and a message that quotes the
// schema, never the value.
func (h *handwritten) explain(err error) (path, rule, message string) {
	at, pointer := "", ""
	for inner := err; inner != nil; {
		next := errors.Unwrap(inner)
		if next == nil {
			rule = leadingWord(inner.Error())
			break
		}
		location := strings.TrimSuffix(strings.TrimPrefix(inner.Error(), "validating "), ": "+next.Error())
		if location == "root" || !strings.HasPrefix(location, "/") {
			location = ""
		}
		if delta, below := strings.CutPrefix(location, pointer); below {
			at += instancePath(delta)
		}
		pointer, inner = location, next
	}
	path = strings.TrimPrefix(at, ".")
	if rule == "" || h.quote(pointer, rule) == "" {
		return path, "schema", "does not match the schema of the arguments"
	}
	return path, rule, fmt.Sprintf("breaks the rule %q: %s of the schema", rule, h.quote(pointer, rule))
}

func leadingWord(s string) string {
	word := s
	if end := strings.IndexAny(s, ":["); end >= 0 {
		word = s[:end]
	}
	if strings.HasPrefix(s, "unexpected additional properties") {
		return "additionalProperties"
	}
	if strings.ContainsAny(word, " \"") {
		return ""
	}
	return word
}

// instancePath translates a way through a schema into a way through the value.
func instancePath(pointer string) string {
	var b strings.Builder
	words := strings.Split(pointer, "/")
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "properties":
			if i++; i < len(words) {
				b.WriteString("." + strings.NewReplacer("~1", "/", "~0", "~").Replace(words[i]))
			}
		case "items", "additionalProperties", "contains":
			b.WriteString("[]")
		case "allOf", "anyOf", "oneOf", "prefixItems", "patternProperties", "dependentSchemas", "$defs", "definitions":
			i++ // an index or name of the schema, not of the value
		}
	}
	return b.String()
}

// quote returns the value of a keyword as it stands in the schema, cut to a sane length.
func (h *handwritten) quote(pointer, keyword string) string {
	at := h.tree
	for _, word := range strings.Split(strings.TrimPrefix(pointer+"/"+keyword, "/"), "/") {
		word = strings.NewReplacer("~1", "/", "~0", "~").Replace(word)
		switch v := at.(type) {
		case map[string]any:
			at = v[word]
		case []any:
			i, err := strconv.Atoi(word)
			if err != nil || i < 0 || i >= len(v) {
				return ""
			}
			at = v[i]
		default:
			return ""
		}
	}
	if at == nil {
		return ""
	}
	raw, err := Marshal(at)
	if err != nil || len(raw) > 200 {
		return ""
	}
	return string(raw)
}
