package binding

import (
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Query turns the query string of a REST request into the JSON object that Decode takes, by the
// types of the arguments: numbers, true and false become themselves, and a list is written as
// repeated keys or, with one key, as values between commas. The two ends of a range, an object of
// min and max, are written total.min and total.max; objects may be written as JSON. What does not
// fit is kept as a string, and names that no part declares are kept too, so that Decode reports
// them all. It returns an *Error for text that is not UTF-8.
func (a *Args) Query(q url.Values) ([]byte, error) {
	b := append(make([]byte, 0, 64), '{')
	var err error
	for i := range a.object.fields {
		f := &a.object.fields[i]
		if b, err = appendMembers(b, f.name, f.node, q[f.name]); err != nil {
			return nil, errQuery()
		}
		if f.node.isRange() {
			if b, err = appendRange(b, f, q); err != nil {
				return nil, errQuery()
			}
		}
	}
	var others []string
	for name := range q {
		if _, known := a.object.byName[name]; !known && !a.isEnd(name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		if b, err = appendMembers(b, name, &node{kind: kindAny}, q[name]); err != nil {
			return nil, errQuery()
		}
	}
	return append(b, '}'), nil
}

func errQuery() error { return Errorf("", "json", "the query string is not valid UTF-8") }

// appendMembers appends an argument: one member with all its values, or one for each value of a
// scalar, so that one which is given twice is a duplicate name.
func appendMembers(b []byte, name string, n *node, values []string) (_ []byte, err error) {
	if len(values) == 0 {
		return b, nil
	}
	each := 1
	if n.many() || n.base().kind == kindAny {
		each = len(values)
	}
	for ; len(values) > 0; values = values[each:] {
		if len(b) > 1 {
			b = append(b, ',')
		}
		if b, err = jsontext.AppendQuote(b, name); err != nil {
			return b, err
		}
		if b, err = appendQuery(append(b, ':'), n, values[:each]); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendQuery(b []byte, n *node, values []string) ([]byte, error) {
	base := n.base()
	if base.kind == kindSlice || base.kind == kindArray || len(values) > 1 {
		if len(values) == 1 {
			values = strings.FieldsFunc(values[0], func(r rune) bool { return r == ',' })
		}
		elem := base
		if base.elem != nil {
			elem = base.elem
		}
		b = append(b, '[')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendQuery(b, elem, []string{v}); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	value := values[0]
	start := len(b)
	b = append(b, value...)
	raw := jsontext.Value(b[start:])
	bare := false
	switch base.kind {
	case kindBool:
		bare = value == "true" || value == "false"
	case kindInt, kindUint, kindFloat:
		bare = raw.Kind() == '0'
	case kindStruct, kindMap:
		bare = raw.Kind() == '{'
	case kindFormatted:
		bare = !base.isString() && (raw.Kind() == '0' || raw.Kind() == '[')
	}
	if bare = bare || value == "null" && n.nullable() && !base.isString() && base.kind != kindAny; bare && raw.IsValid() {
		return b, nil
	}
	return jsontext.AppendQuote(b[:start], value)
}

// appendRange appends a range whose ends are written one by one.
func appendRange(b []byte, f *field, q url.Values) (_ []byte, err error) {
	separator := byte('{')
	for i := range f.node.base().object.fields {
		end := &f.node.base().object.fields[i]
		for _, value := range q[f.name+"."+end.name] { // one that is given twice is a duplicate name
			if separator == '{' {
				if len(b) > 1 {
					b = append(b, ',')
				}
				if b, err = jsontext.AppendQuote(b, f.name); err != nil {
					return b, err
				}
				b = append(b, ':')
			}
			b = append(b, separator)
			b = append(append(b, '"'), end.name...)
			b = append(b, `":`...)
			if b, err = appendQuery(b, end.node, []string{value}); err != nil {
				return b, err
			}
			separator = ','
		}
	}
	if separator == ',' {
		b = append(b, '}')
	}
	return b, nil
}

// isEnd says whether a name in a query string is that of one end of a range.
func (a *Args) isEnd(name string) bool {
	field, end, _ := strings.Cut(name, ".")
	i, known := a.object.byName[field]
	return known && (end == "min" || end == "max") && a.object.fields[i].node.isRange()
}

// isRange says whether the value is an object of two single values, min and max, as those of type
// filters.Range are.
func (n *node) isRange() bool {
	base := n.base()
	return base.kind == kindStruct && slices.Equal(base.object.names, []string{"min", "max"}) &&
		base.object.fields[0].node.single() && base.object.fields[1].node.single()
}

// many says whether several values are one list. A list that decodes itself takes a single value as
// it is.
func (n *node) many() bool {
	base := n.base()
	switch base.kind {
	case kindSlice, kindArray:
		return true
	case kindCustom:
		return base.leaf == leafJSON && base.typ.Kind() == reflect.Slice && base.typ.Elem().Kind() != reflect.Uint8
	}
	return false
}

// single says whether a text without any structure can hold the value.
func (n *node) single() bool {
	switch n.base().kind {
	case kindStruct, kindMap, kindAny:
		return false
	}
	return !n.many()
}

// Single says whether an argument is a single value, which can stand in the path of a URL: no list,
// no object and not anything.
func (a *Args) Single(name string) bool {
	i, known := a.object.byName[name]
	return known && a.object.fields[i].node.single()
}

// InQuery says whether a query string holds the argument without JSON in it: a single value, a list
// of them, anything, or a range.
func (a *Args) InQuery(name string) bool {
	i, known := a.object.byName[name]
	if !known {
		return false
	}
	n := a.object.fields[i].node
	if base := n.base(); base.kind == kindSlice || base.kind == kindArray {
		n = base.elem
	} else if n.isRange() {
		return true
	}
	return n.single() || n.many() && n.base().kind == kindCustom || n.base().kind == kindAny
}
