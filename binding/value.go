package binding

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// value decodes the next value into v. The errors it returns are of JSON itself; all others are
// recorded.
func (w *walker) value(n *node, v reflect.Value) error {
	got := w.dec.PeekKind()
	switch n.kind {
	case kindText:
		if got != '"' {
			return w.wrongType("a string")
		}
		token, err := w.dec.ReadToken()
		if err == nil {
			s := token.String()
			v.SetString(s)
			w.checkText(s)
		}
		return err
	case kindBool:
		if got != 't' && got != 'f' {
			return w.wrongType("true or false")
		}
		token, err := w.dec.ReadToken()
		if err == nil {
			v.SetBool(token.Bool())
		}
		return err
	case kindInt, kindUint, kindFloat:
		if got != '0' {
			return w.wrongType(n.want())
		}
		return w.number(n, v)
	case kindPointer:
		if got == 'n' && !n.elem.nullable() {
			return w.wrongType(n.want())
		}
		if v.IsNil() {
			v.Set(reflect.New(n.elem.typ))
		}
		return w.value(n.elem, v.Elem())
	case kindOpt:
		o := v.Addr().Interface().(option)
		if got == 'n' {
			o.setNull()
			return w.dec.SkipValue()
		}
		return w.value(n.elem, reflect.ValueOf(o.setValue()).Elem())
	case kindStruct:
		if got != '{' {
			return w.wrongType(n.want())
		}
		root := [1]reflect.Value{v}
		return w.object(n.object, root[:])
	case kindSlice, kindArray:
		if got != '[' {
			return w.wrongType(n.want())
		}
		return w.list(n, v)
	case kindMap:
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
	case kindInt:
		i, err := strconv.ParseInt(string(raw), 10, bits)
		if err != nil {
			w.badNumber(n, raw, err)
			return nil
		}
		v.SetInt(i)
	case kindUint:
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
	if n.kind == kindSlice {
		v.Set(reflect.MakeSlice(n.typ, 0, 0))
	}
	w.path = append(w.path, step{})
	last := len(w.path) - 1
	count := 0
	for ; w.dec.PeekKind() != ']'; count++ {
		w.path[last] = step{index: count}
		if n.kind == kindSlice {
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
	if n.kind == kindArray && count != v.Len() {
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
		w.checkText(name)
		key := reflect.New(n.key.typ).Elem()
		if n.key.kind == kindText {
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

// leaf decodes a value by the json package, or by the methods of its type.
func (w *walker) leaf(n *node, v reflect.Value, got jsontext.Kind) error {
	if got == 'n' && n.kind != kindAny {
		return w.wrongType(n.want())
	}
	if n.leaf == leafNumber && got != '0' {
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
	if !w.nul && bytes.Contains(raw, []byte(`\u0000`)) && holdsNUL(raw) {
		w.fail(ruleText, nulMessage)
		return nil
	}
	switch {
	case n.leaf == leafNumber:
		v.SetString(string(raw))
	case n.kind == kindFormatted:
		err = n.decodeFormatted(raw, v)
	default:
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

const (
	ruleText   = "text"
	nulMessage = "must not contain the character U+0000"
)

// checkText refuses U+0000. PostgreSQL cannot store it, so without this check every caller could
// fill the log with errors of the database.
func (w *walker) checkText(s string) {
	if !w.nul && strings.IndexByte(s, 0) >= 0 {
		w.fail(ruleText, nulMessage)
	}
}

// holdsNUL reports whether a text in valid JSON holds U+0000, which must be escaped there.
func holdsNUL(raw jsontext.Value) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			if i++; raw[i] == 'u' && string(raw[i+1:i+5]) == "0000" {
				return true
			}
		}
	}
	return false
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
