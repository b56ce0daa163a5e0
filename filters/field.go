package filters

import (
	"fmt"
	"reflect"

	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/binding"
)

// MaxList is the longest list that in and notin take. Databases limit the bind parameters of a
// statement, and a longer list is refused as an argument rather than left to fail there.
const MaxList = 1000

// field is one argument, ready to be read and written as SQL.
type field struct {
	name   string // in JSON
	index  []int
	shape  shape
	column clause.Column
	op     string
	stored stored
}

// shape is the kind of Go type that tells an absent argument from a present one.
type shape int

const (
	shapePointer shape = iota
	shapeList
	shapeRange
	shapeOpt
)

// present is an argument that was given.
type present struct {
	*field
	values []any // one; the list; min and max of an interval, nil when open
	null   bool  // an Opt that is null
}

// read reports whether the field of the filter struct v was given, and its values.
func (f *field) read(v reflect.Value) (present, bool) {
	p := present{field: f}
	v, err := v.FieldByIndexErr(f.index)
	if err != nil || v.IsZero() { // an embedded pointer that is nil holds no argument either
		return p, false
	}
	switch f.shape {
	case shapePointer:
		p.values = []any{v.Elem().Interface()}
	case shapeList:
		p.values = make([]any, v.Len())
		for i := range p.values {
			p.values[i] = v.Index(i).Interface()
		}
	case shapeRange:
		p.values = []any{deref(v.Elem().Field(0)), deref(v.Elem().Field(1))}
		return p, p.values[0] != nil || p.values[1] != nil
	case shapeOpt:
		ptr := v.MethodByName("Ptr").Call(nil)[0]
		p.null = ptr.IsNil()
		p.values = []any{deref(ptr)}
	}
	return p, true
}

func deref(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

// check refuses what no database takes as a parameter, so that it is an error of the caller and not
// of the server.
func (f *Filter) check(v any) (bad []binding.FieldError) {
	rv := reflect.Indirect(reflect.ValueOf(v))
	for i := range f.fields {
		p, ok := f.fields[i].read(rv)
		if !ok {
			continue
		}
		if len(p.values) > MaxList {
			bad = append(bad, binding.FieldError{Path: p.name, Rule: "max",
				Message: fmt.Sprintf("must have at most %d items", MaxList)})
			continue
		}
		for i, value := range p.values {
			if rule, message := p.stored.refuse(value); rule != "" {
				bad = append(bad, binding.FieldError{Path: p.path(i), Rule: rule, Message: message})
			}
		}
	}
	return bad
}

func (p present) path(i int) string {
	switch p.shape {
	case shapeList:
		return fmt.Sprintf("%s[%d]", p.name, i)
	case shapeRange:
		return p.name + [...]string{".min", ".max"}[i]
	}
	return p.name
}
