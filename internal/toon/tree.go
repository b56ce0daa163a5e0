package toon

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

const maxDepth = 64

var errDeep = fmt.Errorf("toon: objects and arrays nest more than %d deep; send this value as JSON", maxDepth)

// value is one JSON value. The form of a container depends on all of its content, so a tree is
// built before the first byte is written.
type value struct {
	kind jsontext.Kind
	name []byte  // of a member, without quotes and escapes
	text []byte  // of a string, without quotes and escapes; of any other primitive as in the source
	kids []value // elements or members
}

func (v value) nested() bool { return v.kind == '{' || v.kind == '[' }

// keyed reports whether the members of an object are written as a table (§9.5).
func keyed(members []value) bool { return len(members) > 1 && table(members) }

// table reports whether rows are objects of one shape without arrays and empty objects in it
// (§9.3). Each row is compared with the first one. The first is compared with itself too, because
// that finds arrays and empty objects in it.
func table(rows []value) bool {
	for _, row := range rows {
		if rows[0].kind != '{' || !sameShape(rows[0], row) {
			return false
		}
	}
	return true
}

func sameShape(a, b value) bool {
	if !a.nested() || !b.nested() {
		return !a.nested() && !b.nested()
	}
	if a.kind != '{' || b.kind != '{' || len(a.kids) == 0 {
		return false
	}
	fields, ok := ordered(a.kids, b.kids)
	if !ok {
		return false
	}
	for i := range fields {
		if !sameShape(a.kids[i], fields[i]) {
			return false
		}
	}
	return true
}

// ordered returns the members of row in the order of first, or false when their names are not the
// same.
func ordered(first, row []value) ([]value, bool) {
	if len(first) != len(row) {
		return nil, false
	}
	for i := range first {
		if !bytes.Equal(first[i].name, row[i].name) {
			return reordered(first, row)
		}
	}
	return row, true
}

func reordered(first, row []value) ([]value, bool) {
	byName := make(map[string]value, len(row))
	for _, v := range row {
		byName[string(v.name)] = v
	}
	out := make([]value, len(first))
	for i, f := range first {
		v, ok := byName[string(f.name)]
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// parse reads src into a tree that refers to the bytes of src.
func parse(src []byte) (value, error) {
	p := parser{src: src, dec: jsontext.NewDecoder(bytes.NewBuffer(src))}
	root, err := p.value(0)
	if err == nil {
		if _, err = p.dec.ReadToken(); err == io.EOF {
			return root, nil
		}
		if err == nil {
			err = errors.New("more than one value")
		}
	}
	if err == errDeep {
		return value{}, err
	}
	return value{}, fmt.Errorf("toon: not valid JSON; pass the output of an encoder: %w", err)
}

type parser struct {
	src  []byte
	dec  *jsontext.Decoder
	open []value // children of the containers that are not closed yet
	room []value // holds the children of closed ones
}

func (p *parser) value(depth int) (value, error) {
	kind := p.dec.PeekKind()
	if kind != '{' && kind != '[' {
		text, err := p.primitive()
		return value{kind: kind, text: text}, err
	}
	if depth == maxDepth {
		return value{}, errDeep
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return value{}, err
	}
	base := len(p.open)
	for end := kind + 2; p.dec.PeekKind() != end; { // in ASCII, '}' is '{' + 2 and ']' is '[' + 2
		var name []byte
		if kind == '{' {
			var err error
			if name, err = p.primitive(); err != nil {
				return value{}, err
			}
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.name = name
		p.open = append(p.open, v)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return value{}, err
	}
	kids := p.keep(p.open[base:])
	p.open = p.open[:base]
	return value{kind: kind, kids: kids}, nil
}

// primitive reads a name or a value that is not a container.
func (p *parser) primitive() ([]byte, error) {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(p.dec.InputOffset())
	raw = p.src[end-len(raw) : end] // what the decoder returns is valid only until its next call
	if raw[0] != '"' {
		return raw, nil
	}
	if text := raw[1 : len(raw)-1]; bytes.IndexByte(text, '\\') < 0 {
		return text, nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// keep copies kids to a place of their own, many containers to one allocation.
func (p *parser) keep(kids []value) []value {
	const chunk = 256
	if len(kids) > cap(p.room)-len(p.room) {
		p.room = make([]value, 0, max(chunk, len(kids)))
	}
	begin := len(p.room)
	p.room = append(p.room, kids...)
	return p.room[begin:len(p.room):len(p.room)]
}
