package binding

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decode splits data between the first part, which the schema rules, and the others.
func (h *handwritten) decode(a *Args, w *walker, data []byte, roots []reflect.Value) {
	w.top, w.roots = a.object, roots
	if h.whole != nil {
		w.rest = 0
	}
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

// split reads the document twice: once for the fields that the parts declare, and once as plain
// members.
func (w *walker) split(a *Args, own *[]member, roots []reflect.Value) error {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if nesting(raw) > maxDepth {
		w.fail("depth", "the arguments are nested too deep; "+strconv.Itoa(maxDepth)+" levels are allowed")
		return nil
	}
	if bytes.Contains(raw, []byte("null")) {
		if raw, err = a.hand.withoutNulls(raw, a.hand.root); err != nil {
			return err
		}
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

// appendMember adds m to a document that leaves others out. It keeps m where it stood, so that
// errors stay in order.
func appendMember(doc []byte, m member) []byte {
	if len(doc) > 1 {
		doc = append(doc, ',')
	}
	for int64(len(doc)) < m.at {
		doc = append(doc, ' ')
	}
	return append(append(append(doc, m.quoted...), ':'), m.value...)
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
	decoded := w.errs
	found := false
	add := func(at int64, head, path, rule, message string) {
		found = true
		for _, e := range decoded {
			if e.Path == path || e.Path == head {
				return // the decoder said it already
			}
		}
		w.add(placedError{FieldError{Path: path, Rule: rule, Message: message}, at, 0})
	}
	for _, m := range own {
		if alone := h.properties[m.name]; alone != nil {
			if err := alone.Validate(map[string]any{m.name: instance[m.name]}); err != nil {
				path, rule, message := h.explain(err)
				add(m.at, m.name, path, rule, message)
			}
		} else if h.closed && !slices.Contains(h.names, m.name) {
			add(m.at, m.name, clip(m.name), "unknown", w.unknownMessage(m.name, h.names))
		}
	}
	for _, name := range h.required {
		if _, ok := instance[name]; !ok {
			add(atEnd, name, name, "required", "is required")
		}
	}
	if !found {
		path, rule, message := h.explain(h.resolved.Validate(instance))
		add(atEnd, path, path, rule, message)
	}
}

// exactNumbers keeps integers exact. A float64 would round those above 2^53.
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

// explain turns an error of the schema package into a path, the keyword that broke, and a message
// that quotes the schema, never the value.
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
