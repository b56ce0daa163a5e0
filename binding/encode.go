package binding

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// inputOptions encode arguments as results are encoded, except that secret fields are allowed.
var inputOptions = json.JoinOptions(encodeOptions, json.WithMarshalers(json.MarshalToFunc(encodeNumber)))

// Encode turns v into arguments for Decode: JSON is taken as it is, a map or a struct is encoded. A
// zero field of a struct is left out, at every depth. It is written when the field is required, or
// when it has a default, which would replace the zero, and its rules allow the zero. A nil pointer
// and an absent [Opt] are always left out, a nil list or map unless it is required. The struct need
// not be of the type of a part; its fields are matched by their JSON names.
func (a *Args) Encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return []byte("{}"), nil
	case []byte:
		return v, nil
	case jsontext.Value:
		return v, nil
	}
	if slices.Contains(rawTypes, reflect.TypeOf(v)) {
		return reflect.ValueOf(v).Bytes(), nil
	}
	e := inputEncoder{hand: a.hand}
	root := at{object: a.object}
	if a.hand != nil {
		root.schema = a.hand.root
	}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	switch {
	case value.Kind() == reflect.Pointer:
		return []byte("{}"), nil
	case value.Kind() != reflect.Struct && value.Kind() != reflect.Map:
		return nil, fmt.Errorf("binding: arguments cannot be made of a %T; "+
			"give a struct, a map with string keys, or JSON", v)
	}
	return e.value(nil, value, root, 0)
}

// at is what is declared about the place where a value stands in the arguments. Each field is nil
// when nothing is known.
type at struct {
	node   *node
	object *object
	schema *jsonschema.Schema // of a hand-written schema
}

type inputEncoder struct{ hand *handwritten }

// of returns the place that n and s describe.
func (e *inputEncoder) of(n *node, s *jsonschema.Schema) at {
	place := at{}
	if n != nil {
		place.node = n.base()
		place.object = place.node.object
	}
	if s != nil && e.hand != nil {
		place.schema = e.hand.target(s)
	}
	return place
}

// field is the place of a field, and whether its zero value is an argument.
func (e *inputEncoder) field(place at, name string) (inner at, required, defaulted bool) {
	var n *node
	var s *jsonschema.Schema
	if place.object != nil {
		if i, ok := place.object.byName[name]; ok {
			f := &place.object.fields[i]
			n, required, defaulted = f.node, f.required, f.def != nil && f.def.zero
		}
	}
	if place.schema != nil {
		s = place.schema.Properties[name]
		required = required || slices.Contains(place.schema.Required, name)
		defaulted = defaulted || s != nil && s.Default != nil
	}
	return e.of(n, s), required, defaulted
}

// elem is the place of what a list or map holds.
func (e *inputEncoder) elem(place at, list bool) at {
	var n *node
	var s *jsonschema.Schema
	if place.node != nil {
		n = place.node.elem
	}
	if place.schema != nil && list {
		s = place.schema.Items
	} else if place.schema != nil {
		s = place.schema.AdditionalProperties
	}
	return e.of(n, s)
}

func (e *inputEncoder) value(b []byte, v reflect.Value, place at, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("binding: arguments are nested over %d levels, or contain themselves", maxDepth)
	}
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		v = v.Elem()
	}
	if v.Type().PkgPath() == "" { // it has no methods that change its form
		switch {
		case v.Kind() == reflect.String:
			return jsontext.AppendQuote(b, v.String())
		case v.Kind() == reflect.Bool:
			return strconv.AppendBool(b, v.Bool()), nil
		case v.CanInt():
			return strconv.AppendInt(b, v.Int(), 10), nil
		case v.CanUint():
			return strconv.AppendUint(b, v.Uint(), 10), nil
		}
	}
	if reflect.PointerTo(v.Type()).Implements(optionType) {
		held := reflect.New(v.Type())
		held.Elem().Set(v)
		p := held.Interface().(option).valuePtr()
		if p == nil {
			return append(b, "null"...), nil
		}
		return e.value(b, reflect.ValueOf(p), place, depth)
	}
	switch {
	case customJSON(v.Type()), place.node != nil && place.node.kind == kindAny: // nothing in it is an argument
	case v.Kind() == reflect.Struct:
		return e.structure(b, v, place, depth)
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && v.Type().Elem().Kind() != reflect.Uint8:
		if !scalar(v.Type().Elem()) {
			return e.list(b, v, e.elem(place, true), depth)
		}
	case v.Kind() == reflect.Map:
		return e.entries(b, v, place, depth)
	}
	raw, err := json.Marshal(v.Interface(), inputOptions)
	return append(b, raw...), err
}

// scalar reports whether values of t hold no struct whose zero fields would matter.
func scalar(t reflect.Type) bool {
	return t.Kind() < reflect.Array && t.Kind() != reflect.Invalid || t.Kind() == reflect.String
}

func (e *inputEncoder) list(b []byte, v reflect.Value, elem at, depth int) (_ []byte, err error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.value(b, v.Index(i), elem, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// entries encodes a map: one that the arguments declare as a map, or one in place of a struct.
func (e *inputEncoder) entries(b []byte, v reflect.Value, place at, depth int) ([]byte, error) {
	type entry struct {
		name  string
		value reflect.Value
	}
	var all []entry
	for key, value := range v.Seq2() {
		name, err := keyName(key)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{name, value})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	b = append(b, '{')
	for i, entry := range all {
		if i > 0 {
			b = append(b, ',')
		}
		inner := e.elem(place, false)
		if place.object != nil {
			inner, _, _ = e.field(place, entry.name)
		}
		var err error
		if b, err = jsontext.AppendQuote(b, entry.name); err != nil {
			return nil, err
		}
		if b, err = e.value(append(b, ':'), entry.value, inner, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// keyName is the name that a key of a map has in JSON.
func keyName(key reflect.Value) (string, error) {
	if key.Kind() == reflect.String && !customJSON(key.Type()) {
		return key.String(), nil
	}
	raw, err := json.Marshal(key.Interface(), inputOptions, json.StringifyNumbers(true))
	if err != nil {
		return "", err
	}
	name, err := jsontext.AppendUnquote(nil, raw)
	return string(name), err
}

func (e *inputEncoder) structure(b []byte, v reflect.Value, place at, depth int) ([]byte, error) {
	fields, err := inputFields(v.Type())
	if err != nil {
		return nil, err
	}
	b = append(b, '{')
	first := true
	for i := range fields {
		f := &fields[i]
		value, err := v.FieldByIndexErr(f.index)
		if err != nil {
			continue // behind a nil embedded pointer
		}
		inner, required, defaulted := e.field(place, f.tag.name)
		if isAbsent(value, required, defaulted) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if b, err = jsontext.AppendQuote(b, f.tag.name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if f.wrapper != nil {
			b, err = f.appendFormatted(b, value)
		} else {
			b, err = e.value(b, value, inner, depth+1)
		}
		if err != nil {
			return nil, fmt.Errorf("binding: argument %q: %w", f.tag.name, err)
		}
	}
	return append(b, '}'), nil
}

// isAbsent reports whether a field is left out.
func isAbsent(v reflect.Value, required, defaulted bool) bool {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.IsZero() && reflect.PointerTo(v.Type()).Implements(optionType):
		return true
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.IsNil():
		return !required
	case required || defaulted:
		return false
	}
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
		return z.IsZero()
	}
	return v.IsZero()
}

// inputField is a field of a struct that arguments are made of.
type inputField struct {
	goField
	wrapper reflect.Type // of a field whose json tag changes its form: a struct with this one field
}

func (f *inputField) appendFormatted(b []byte, v reflect.Value) ([]byte, error) {
	holder := reflect.New(f.wrapper)
	holder.Elem().Field(0).Set(v)
	raw, err := json.Marshal(holder.Interface(), inputOptions)
	if err != nil {
		return b, err
	}
	return append(b, raw[len(`{"f":`):len(raw)-1]...), nil
}

type knownInput struct {
	fields []inputField
	err    error
}

var knownInputs sync.Map // reflect.Type to *knownInput

func inputFields(t reflect.Type) ([]inputField, error) {
	if known, ok := knownInputs.Load(t); ok {
		return known.(*knownInput).fields, known.(*knownInput).err
	}
	found := &knownInput{}
	fields, fallback, err := flatten(t)
	if found.err = err; err == nil && fallback != nil {
		found.err = fmt.Errorf("binding: %s embeds %s, but arguments must be declared; use a named map field",
			t, fallback)
	}
	for _, g := range fields {
		f := inputField{goField: g}
		if g.tag.asString || g.tag.format != "" {
			f.wrapper = wrapperOf(g)
		}
		found.fields = append(found.fields, f)
	}
	known, _ := knownInputs.LoadOrStore(t, found)
	return known.(*knownInput).fields, known.(*knownInput).err
}
