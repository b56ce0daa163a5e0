package binding

import (
	"encoding"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// node is the compiled form of a Go type: how to decode it and what its schema is.
type node struct {
	kind      kind
	typ       reflect.Type
	elem      *node              // of a slice, array, map, pointer or Opt
	key       *node              // of a map
	object    *object            // of a struct
	leaf      leaf               // of kindCustom
	schema    *jsonschema.Schema // what the type itself says of its form, nil for most
	tag       jsonTag            // of kindFormatted: the options string and format
	recursive bool               // a struct that contains itself
}

type kind uint8

const (
	kindText kind = iota + 1
	kindBool
	kindInt
	kindUint
	kindFloat
	kindCustom    // decoded by its own methods, or by the json package
	kindFormatted // changed by the json options string or format
	kindAny
	kindStruct
	kindSlice
	kindArray
	kindMap
	kindPointer
	kindOpt
)

// leaf tells custom types apart.
type leaf uint8

const (
	leafTime leaf = iota + 1
	leafBytes
	leafText     // has text methods
	leafNumber   // json.Number
	leafNullTime // a sql.NullTime that writes a time or null
	leafJSON     // has JSON methods: any shape
)

// object is the compiled form of a struct, or of all parts of an Args together.
type object struct {
	fields   []field
	names    []string
	byName   map[string]int
	fallback *node // output only: embedded map or raw value
}

type field struct {
	name     string
	goName   string
	part     int
	index    []int
	node     *node
	required bool
	optional bool // output only: may be left out
	doc      string
	header   string
	secret   bool
	nul      bool // texts in it may hold U+0000
	example  jsontext.Value
	def      *defaultValue
	rules    *ruleSet
	checks   *checks
}

// builder compiles types, each once.
type builder struct {
	output bool
	engine engine
	nodes  map[reflect.Type]*node
	open   []*node // being built, outermost first
}

func newBuilder(output bool) *builder {
	return &builder{output: output, engine: ours, nodes: map[reflect.Type]*node{}}
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	rawTypes     = []reflect.Type{reflect.TypeFor[jsontext.Value](), reflect.TypeFor[stdjson.RawMessage]()}

	jsonMethods = []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.MarshalerTo](),
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](),
	}
	textMethods = []reflect.Type{
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextAppender](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
	}
)

func implementsAny(t reflect.Type, methods []reflect.Type) bool {
	for _, m := range methods {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return true
		}
	}
	return false
}

func customJSON(t reflect.Type) bool {
	return implementsAny(t, jsonMethods) || implementsAny(t, textMethods)
}

// customLeaf reports how t decodes itself (encodes itself, for output), or 0.
func (b *builder) customLeaf(t reflect.Type) leaf {
	jm, tm := jsonMethods[2:], textMethods[2:]
	if b.output {
		jm, tm = jsonMethods[:2], textMethods[:2]
	}
	switch {
	case t == timeType:
		return leafTime
	case t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer:
		return 0
	case t == numberType:
		return leafNumber
	case implementsAny(t, jm):
		return selfEncoded(t, implementsAny(t, tm))
	case implementsAny(t, tm):
		return leafText
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8 && !customJSON(t.Elem()):
		return leafBytes
	}
	return 0
}

// build compiles t; where names the field for errors.
func (b *builder) build(t reflect.Type, where string) (*node, error) {
	if n := b.nodes[t]; n != nil {
		return n, b.closeCycle(n, where)
	}
	n := &node{typ: t}
	b.nodes[t] = n
	b.open = append(b.open, n)
	defer func() { b.open = b.open[:len(b.open)-1] }()
	var err error
	if n.schema, err = schemaOf(t); err != nil {
		return nil, fmt.Errorf("binding: %s: %w", where, err)
	}
	if slices.Contains(rawTypes, t) {
		n.kind = kindAny
		return n, nil
	}
	if t == durationType {
		return nil, fmt.Errorf("binding: %s is a time.Duration, which has no JSON form of its own; "+
			"use an integer field (for instance seconds), or a json tag such as `json:\"timeout,format:sec\"`",
			where)
	}
	if reflect.PointerTo(t).Implements(optionType) {
		n.kind = kindOpt
		return n, b.buildElem(n, reflect.New(t).Interface().(option).elem(), where)
	}
	if n.leaf = b.customLeaf(t); n.leaf != 0 {
		n.kind = kindCustom
		return n, nil
	}
	switch t.Kind() {
	case reflect.String:
		n.kind = kindText
	case reflect.Bool:
		n.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.kind = kindInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n.kind = kindUint
	case reflect.Float32, reflect.Float64:
		n.kind = kindFloat
	case reflect.Interface:
		if !b.output && t.NumMethod() > 0 {
			return nil, fmt.Errorf("binding: %s is the interface %s, which cannot be decoded into; "+
				"use a struct, or any", where, t)
		}
		n.kind = kindAny
	case reflect.Struct:
		n.kind = kindStruct
		n.object = &object{byName: map[string]int{}} // fields that contain t again point at it
		return n, b.buildObject(t, n.object)
	case reflect.Slice:
		n.kind = kindSlice
		return n, b.buildElem(n, t.Elem(), where)
	case reflect.Array:
		n.kind = kindArray
		return n, b.buildElem(n, t.Elem(), where)
	case reflect.Pointer:
		n.kind = kindPointer
		return n, b.buildElem(n, t.Elem(), where)
	case reflect.Map:
		n.kind = kindMap
		return n, b.buildMap(n, t, where)
	default:
		return nil, fmt.Errorf("binding: %s has type %s, which JSON cannot hold; "+
			"change its type or leave it out with `json:\"-\"`", where, t)
	}
	return n, nil
}

// closeCycle marks the structures between n and here when n is still being built.
func (b *builder) closeCycle(n *node, where string) error {
	start := slices.Index(b.open, n)
	if start < 0 {
		return nil
	}
	found := false
	for _, open := range b.open[start:] {
		if open.kind == kindStruct {
			open.recursive, found = true, true
		}
	}
	if !found {
		return fmt.Errorf("binding: %s has type %s, which contains itself and nothing else; put a struct in between",
			where, n.typ)
	}
	return nil
}

func (b *builder) buildMap(n *node, t reflect.Type, where string) (err error) {
	if n.key, err = b.build(t.Key(), where); err != nil {
		return err
	}
	switch n.key.kind {
	case kindText, kindInt, kindUint, kindCustom:
		return b.buildElem(n, t.Elem(), where)
	}
	return fmt.Errorf("binding: %s is a map with keys of type %s, which JSON cannot name; use string keys",
		where, t.Key())
}

func (b *builder) buildElem(n *node, t reflect.Type, where string) (err error) {
	n.elem, err = b.build(t, where)
	return err
}

func (b *builder) buildObject(t reflect.Type, o *object) error {
	fields, fallback, err := flatten(t)
	if err != nil {
		return err
	}
	if fallback != nil {
		if !b.output {
			return fmt.Errorf("binding: %s embeds %s, but arguments must be declared; use a named map field",
				t, fallback)
		}
		if o.fallback, err = b.build(fallback, "the embedded field of "+t.String()); err != nil {
			return err
		}
	}
	for _, g := range fields {
		f, err := b.buildField(t, g)
		if err != nil {
			return err
		}
		o.add(f)
	}
	// The json package checks json tags itself; decoding an empty object makes it do so.
	if err := json.Unmarshal([]byte("{}"), reflect.New(t).Interface(), decodeOptions); err != nil && len(fields) > 0 {
		return fmt.Errorf("binding: %s has a bad json tag: %w", t, err)
	}
	if b.output {
		return nil
	}
	for i, g := range fields {
		if err := b.compileRules(o, t, i); err != nil {
			return err
		}
		if err := o.compileValues(&o.fields[i], g.Tag); err != nil {
			return fmt.Errorf("binding: field %s of %s: %w", g.Name, t, err)
		}
	}
	return nil
}

func (o *object) add(f field) {
	o.byName[f.name] = len(o.fields)
	o.names = append(o.names, f.name)
	o.fields = append(o.fields, f)
}

func (b *builder) buildField(t reflect.Type, g goField) (field, error) {
	where := fmt.Sprintf("field %s of %s", g.Name, t)
	f := field{
		name: g.tag.name, goName: g.Name, index: g.index,
		doc: g.Tag.Get("doc"), header: g.Tag.Get("mcpheader"), secret: isSecret(g.Tag), nul: g.Tag.Get("nul") == "true",
	}
	if f.secret && (b.output || f.header != "") {
		return f, fmt.Errorf("binding: %s is secret and must not leave the server; "+
			"leave it out with `json:\"-\"`, or return a type without it", where)
	}
	var err error
	if g.tag.asString || g.tag.format != "" {
		f.node, err = b.buildFormatted(g, where)
	} else {
		f.node, err = b.build(g.Type, where)
	}
	if err != nil {
		return f, err
	}
	if b.output {
		f.optional = g.tag.omit || g.optional
		return f, nil
	}
	if f.rules, err = parseRules(g.Tag.Get("validate")); err != nil {
		return f, fmt.Errorf("binding: %s: %w", where, err)
	}
	f.required = f.rules.required
	return f, nil
}

// base is the node behind pointers and Opt.
func (n *node) base() *node {
	for n.kind == kindPointer || n.kind == kindOpt {
		n = n.elem
	}
	return n
}

// nullable reports whether the value may be null.
func (n *node) nullable() bool {
	return n.kind == kindAny || n.kind == kindOpt || n.kind == kindPointer && n.elem.nullable()
}

// isString reports whether the JSON form is always a string.
func (n *node) isString() bool {
	switch n.kind {
	case kindText:
		return true
	case kindCustom:
		return n.leaf != leafJSON
	case kindFormatted:
		return n.shape(false).Type == "string"
	}
	return false
}
