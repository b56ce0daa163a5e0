// Package toon rewrites JSON as TOON (Token-Oriented Object Notation, https://toonformat.dev),
// which names the fields of a table once instead of in every row and so costs a language model
// fewer tokens. It follows specification 4.0 with the default options: two spaces of indentation
// and the comma as delimiter. Paragraph signs in comments refer to that specification.
package toon

import (
	"slices"
	"strconv"
)

// Append appends the TOON form of src, which must hold one JSON value, to dst. Members keep their
// order, except that the rows of a table all take the order of the first one. There is no newline
// at the end, and the empty object is no text at all (§8).
//
// It fails, and returns dst as it was, when src is not valid JSON, repeats a name within an object,
// or nests objects and arrays more than 64 deep: every line carries its indentation, so the output
// of deep input would be many times its size. Such a value has to stay JSON.
func Append(dst, src []byte) ([]byte, error) {
	root, err := parse(src)
	if err != nil {
		return dst, err
	}
	w := writer{buf: slices.Grow(dst, len(src)), start: len(dst)}
	w.root(root)
	return w.buf, nil
}

// Uniform reports whether src is worth writing as TOON: a non-empty array of non-empty objects that
// all have the same names, in any order, and no nested values; or an object, such as a page, whose
// member "items" is such an array. Whatever makes Append fail is not uniform.
func Uniform(src []byte) bool {
	v, err := parse(src)
	if err != nil {
		return false
	}
	if v.kind == '{' {
		items := slices.IndexFunc(v.kids, func(m value) bool { return string(m.name) == "items" })
		if items < 0 {
			return false
		}
		v = v.kids[items]
	}
	return v.kind == '[' && len(v.kids) > 0 && table(v.kids) && !slices.ContainsFunc(v.kids[0].kids, value.nested)
}

// writer writes lines. What a method calls depth is that of the line it is on, in units of
// indentation.
type writer struct {
	buf    []byte
	start  int    // where the document begins in buf
	digits []byte // of the last number
}

func (w *writer) root(v value) {
	switch {
	case v.kind == '[' && len(v.kids) == 0:
		w.text("[]")
	case v.kind == '[':
		w.array(v.kids, 0, true)
	case v.kind == '{' && keyed(v.kids):
		w.table(v.kids, 0, true)
	case v.kind == '{':
		w.fields(v.kids, 0, false)
	default:
		w.primitive(v)
	}
}

// fields writes the members of an object, one below the other. When they are an item of a list, the
// hyphen takes the place of the last unit of indentation before the first of them, which puts
// everything else where §10 wants it.
func (w *writer) fields(members []value, depth int, item bool) {
	for i, m := range members {
		w.line(depth)
		if i == 0 && item {
			copy(w.buf[len(w.buf)-len(hyphen):], hyphen)
		}
		w.key(m.name)
		w.field(m, depth)
	}
}

// field writes what follows the key of a member.
func (w *writer) field(v value, depth int) {
	switch {
	case v.kind == '[' && len(v.kids) == 0:
		w.text(": []")
	case v.kind == '[':
		w.array(v.kids, depth, true)
	case v.kind == '{' && keyed(v.kids):
		w.table(v.kids, depth, true)
	case v.kind == '{':
		w.text(":")
		w.fields(v.kids, depth+1, false)
	default:
		w.text(": ")
		w.primitive(v)
	}
}

// array writes an array from its bracket on, as a table if it can be one and tables are allowed
// here.
func (w *writer) array(elems []value, depth int, tables bool) {
	if tables && len(elems) > 0 && table(elems) {
		w.table(elems, depth, false)
		return
	}
	w.length(len(elems), false)
	w.text(":")
	if !slices.ContainsFunc(elems, value.nested) {
		for i, e := range elems {
			if i == 0 {
				w.text(" ")
			} else {
				w.text(",")
			}
			w.primitive(e)
		}
		return
	}
	for _, e := range elems {
		w.item(e, depth+1)
	}
}

// item writes an element of a list. An array in a list has no key, and only the root may be a table
// without one (§9.4).
func (w *writer) item(v value, depth int) {
	switch {
	case v.kind == '{' && len(v.kids) == 0:
		w.line(depth)
		w.text("-")
	case v.kind == '{':
		w.fields(v.kids, depth+1, true)
	case v.kind == '[':
		w.line(depth)
		w.text(hyphen)
		w.array(v.kids, depth, false)
	default:
		w.line(depth)
		w.text(hyphen)
		w.primitive(v)
	}
}

// table writes rows that share a shape: the elements of an array (§9.3) or, keyed, the members of
// an object (§9.5).
func (w *writer) table(rows []value, depth int, keyed bool) {
	w.length(len(rows), keyed)
	first := rows[0].kids
	w.columns(first)
	w.text(":")
	for _, row := range rows {
		w.line(depth + 1)
		if keyed {
			w.key(row.name)
			w.text(": ")
		}
		w.cells(first, row.kids)
	}
}

func (w *writer) columns(fields []value) {
	for i, f := range fields {
		if i == 0 {
			w.text("{")
		} else {
			w.text(",")
		}
		w.key(f.name)
		w.columns(f.kids)
	}
	if len(fields) > 0 {
		w.text("}")
	}
}

// cells writes the primitives of a row, also those of its objects, in the order of the first row.
func (w *writer) cells(first, row []value) {
	row, _ = ordered(first, row)
	for i, v := range row {
		if i > 0 {
			w.text(",")
		}
		if v.kind == '{' {
			w.cells(first[i].kids, v.kids)
		} else {
			w.primitive(v)
		}
	}
}

func (w *writer) length(n int, keyed bool) {
	w.text("[")
	w.buf = strconv.AppendInt(w.buf, int64(n), 10)
	if keyed {
		w.text(":")
	}
	w.text("]")
}

const (
	indent = "  "
	hyphen = "- " // as wide as indent, see fields
)

// line begins a line; the caller puts something on it.
func (w *writer) line(depth int) {
	if len(w.buf) > w.start {
		w.text("\n")
	}
	for range depth {
		w.text(indent)
	}
}

func (w *writer) text(s string) { w.buf = append(w.buf, s...) }
