package binding

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const maxDepth = 64

var (
	// The walker finds duplicate names itself, so that it can go on after one.
	walkOptions   = json.JoinOptions(jsontext.AllowDuplicateNames(true))
	decodeOptions = json.JoinOptions(json.RejectUnknownMembers(true), json.ExperimentalSupportFormatTag(true))
)

// walker decodes one document. It goes on after an error, and so finds them all; only broken JSON stops it.
type walker struct {
	dec  *jsontext.Decoder
	next func() error
	path []step
	seen []int64 // per open object one entry per field: 0 absent, else its position, negative when it had an error
	errs []placedError
	// failures counts all errors; errs holds the first maxErrors of them.
	failures int
	stop     error // broken JSON
	// For a document of arguments: what to decode into.
	top   *object
	roots []reflect.Value
	rest  int // the part that names no part declares belong to
	root  [8]reflect.Value
}

// step is one element of the path to the value being decoded.
type step struct {
	name  string
	index int // -1: name counts
	key   bool
}

type placedError struct {
	FieldError
	at   int64 // position in the document
	part int   // the part it concerns
}

const (
	noPart    = -1
	everyPart = -2
)

// maxErrors bounds the work and the answer that one hostile document can cause.
const maxErrors = 100

// atEnd is the position of errors about what is not there.
const atEnd = math.MaxInt64

var walkers = sync.Pool{New: func() any { return new(walker) }}

func newWalker() *walker {
	w := walkers.Get().(*walker)
	w.rest = noPart
	return w
}

func (w *walker) release() {
	clear(w.path[:cap(w.path)])
	w.path, w.seen, w.errs = w.path[:0], w.seen[:0], nil
	w.dec, w.next, w.stop, w.top, w.roots, w.failures = nil, nil, nil, nil, nil, 0
	clear(w.root[:])
	walkers.Put(w)
}

// read runs next on data, or reads arguments when next is nil; the json package lends its pooled decoder.
func (w *walker) read(data []byte, next func() error) {
	w.next = next
	if err := json.Unmarshal(data, w, walkOptions); err != nil {
		w.stop = err
	}
}

// UnmarshalJSONFrom makes walker a json.UnmarshalerFrom.
func (w *walker) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	w.dec = dec
	if w.next == nil {
		return w.readArguments()
	}
	return w.next()
}

// result turns what was found into an *Error, or nil.
func (w *walker) result() error {
	if w.stop != nil {
		return &Error{Fields: []FieldError{syntaxError(w.stop)}}
	}
	if len(w.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(w.errs, func(a, b placedError) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	e := &Error{Fields: make([]FieldError, len(w.errs))}
	for i, p := range w.errs {
		e.Fields[i] = p.FieldError
	}
	if w.failures > len(w.errs) {
		e.Fields = append(e.Fields, FieldError{Rule: "more", Message: "there are more errors; correct these first"})
	}
	return e
}

func syntaxError(err error) FieldError {
	message := "the arguments are not valid JSON"
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		message += " (byte " + strconv.FormatInt(s.ByteOffset, 10) + ")"
	}
	return FieldError{Rule: "json", Message: message}
}

// fail records an error of the value at the current path, found here.
func (w *walker) fail(rule, message string) {
	w.failAt(w.dec.InputOffset(), w.pathText(), rule, message)
}

func (w *walker) failAt(at int64, path, rule, message string) {
	w.add(placedError{FieldError{Path: path, Rule: rule, Message: message}, at, w.part()})
}

func (w *walker) add(e placedError) {
	if w.failures++; len(w.errs) < maxErrors {
		w.errs = append(w.errs, e)
	}
}

// part finds which part the current path belongs to.
func (w *walker) part() int {
	if len(w.path) == 0 || w.top == nil {
		return everyPart
	}
	if i, ok := w.top.byName[w.path[0].name]; ok {
		return w.top.fields[i].part
	}
	return w.rest
}

func (w *walker) pathText() string {
	var b []byte
	for _, s := range w.path {
		switch {
		case s.index >= 0:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		case s.key && len(b) > 0:
			b = append(append(append(b, '['), clip(s.name)...), ']')
		default:
			if len(b) > 0 {
				b = append(b, '.')
			}
			b = append(b, clip(s.name)...)
		}
	}
	return string(b)
}

// clip bounds a name that came from the caller.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == maxHintLength {
			return s[:i]
		}
		n++
	}
	return s
}

// wrongType skips a value of the wrong type and says so.
func (w *walker) wrongType(want string) error {
	rest := ""
	if w.dec.PeekKind() == 'n' {
		rest = ", not null; leave it out instead"
	}
	at := w.dec.InputOffset()
	if err := w.dec.SkipValue(); err != nil {
		return err
	}
	w.failAt(at+1, w.pathText(), "type", "must be "+want+rest)
	return nil
}

// tooDeep skips a value below the depth limit.
func (w *walker) tooDeep() error {
	w.fail("depth", "is nested too deep; "+strconv.Itoa(maxDepth)+" levels are allowed")
	return w.dec.SkipValue()
}

// value decodes the next value into v. The errors it returns are of JSON itself; all others are recorded.
func (w *walker) value(n *node, v reflect.Value) error {
	got := w.dec.PeekKind()
	switch n.kind {
	case text:
		if got != '"' {
			return w.wrongType("a string")
		}
		token, err := w.dec.ReadToken()
		if err == nil {
			v.SetString(token.String())
		}
		return err
	case boolean:
		if got != 't' && got != 'f' {
			return w.wrongType("true or false")
		}
		token, err := w.dec.ReadToken()
		if err == nil {
			v.SetBool(token.Bool())
		}
		return err
	case integer, unsigned, float:
		if got != '0' {
			return w.wrongType(n.want())
		}
		return w.number(n, v)
	case pointer:
		if got == 'n' && !n.elem.nullable() {
			return w.wrongType(n.want())
		}
		if v.IsNil() {
			v.Set(reflect.New(n.elem.typ))
		}
		return w.value(n.elem, v.Elem())
	case optional:
		o := v.Addr().Interface().(option)
		if got == 'n' {
			o.setNull()
			return w.dec.SkipValue()
		}
		return w.value(n.elem, reflect.ValueOf(o.setValue()).Elem())
	case structure:
		if got != '{' {
			return w.wrongType(n.want())
		}
		root := [1]reflect.Value{v}
		return w.object(n.object, root[:])
	case slice, array:
		if got != '[' {
			return w.wrongType(n.want())
		}
		return w.list(n, v)
	case mapping:
		if got != '{' {
			return w.wrongType(n.want())
		}
		return w.entries(n, v)
	default:
		return w.leaf(n, v, got)
	}
}

func (w *walker) number(n *node, v reflect.Value) error {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	bits := n.typ.Bits()
	switch n.kind {
	case integer:
		i, err := strconv.ParseInt(string(raw), 10, bits)
		if err != nil {
			w.badNumber(n, raw, err)
			return nil
		}
		v.SetInt(i)
	case unsigned:
		u, err := strconv.ParseUint(string(raw), 10, bits)
		if err != nil {
			if raw[0] == '-' {
				if _, ierr := strconv.ParseInt(string(raw), 10, 64); ierr == nil || errors.Is(ierr, strconv.ErrRange) {
					err = strconv.ErrRange
				}
			}
			w.badNumber(n, raw, err)
			return nil
		}
		v.SetUint(u)
	default:
		f, err := strconv.ParseFloat(string(raw), bits)
		if err != nil {
			w.badNumber(n, raw, err)
			return nil
		}
		v.SetFloat(f)
	}
	return nil
}

func (w *walker) badNumber(n *node, raw jsontext.Value, err error) {
	if errors.Is(err, strconv.ErrRange) {
		w.fail("range", "must be "+n.rangeText())
		return
	}
	hint := ""
	if bytes.ContainsAny(raw, ".eE") {
		hint = ", written without a fraction or exponent"
	}
	w.fail("type", "must be an integer"+hint)
}

func (w *walker) list(n *node, v reflect.Value) error {
	if w.dec.StackDepth() >= maxDepth {
		return w.tooDeep()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if n.kind == slice {
		v.Set(reflect.MakeSlice(n.typ, 0, 0))
	}
	w.path = append(w.path, step{})
	last := len(w.path) - 1
	count := 0
	for ; w.dec.PeekKind() != ']'; count++ {
		w.path[last] = step{index: count}
		if n.kind == slice {
			if count == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(count + 1)
		} else if count >= v.Len() {
			if err := w.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if err := w.value(n.elem, v.Index(count)); err != nil {
			return err
		}
	}
	w.path = w.path[:last]
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if n.kind == array && count != v.Len() {
		w.fail("len", "must have "+plural(strconv.Itoa(v.Len()), "item"))
	}
	return nil
}

func (w *walker) entries(n *node, v reflect.Value) error {
	if w.dec.StackDepth() >= maxDepth {
		return w.tooDeep()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(n.typ))
	w.path = append(w.path, step{})
	last := len(w.path) - 1
	for w.dec.PeekKind() != '}' {
		token, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		w.path[last] = step{name: name, index: -1, key: true}
		key := reflect.New(n.key.typ).Elem()
		if n.key.kind == text {
			key.SetString(name)
		} else if quoted, err := jsontext.AppendQuote(nil, name); err != nil {
			return err
		} else if json.Unmarshal(quoted, key.Addr().Interface(), json.StringifyNumbers(true), decodeOptions) != nil {
			w.fail("keys", "must be a name that is "+n.key.want())
			if err := w.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if v.MapIndex(key).IsValid() {
			w.fail("duplicate", "is given more than once")
		}
		elem := reflect.New(n.elem.typ).Elem()
		if err := w.value(n.elem, elem); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
	}
	w.path = w.path[:last]
	_, err := w.dec.ReadToken()
	return err
}

// leaf decodes a value that the json package, or the type itself, knows best.
func (w *walker) leaf(n *node, v reflect.Value, got jsontext.Kind) error {
	if got == 'n' && n.kind != anything {
		return w.wrongType(n.want())
	}
	depth := w.dec.StackDepth()
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if (got == '{' || got == '[') && depth+nesting(raw) > maxDepth {
		w.fail("depth", "is nested too deep; "+strconv.Itoa(maxDepth)+" levels are allowed")
		return nil
	}
	if n.kind == formatted {
		err = n.decodeFormatted(raw, v)
	} else {
		err = json.Unmarshal(raw, v.Addr().Interface(), decodeOptions)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		w.fail("duplicate", "has a name that is given more than once")
	case err != nil:
		w.fail("type", "must be "+n.want())
	}
	return nil
}

// nesting is the depth of valid JSON.
func nesting(raw jsontext.Value) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
