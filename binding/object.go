package binding

import (
	"math"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/nearest"
)

// object decodes a JSON object into roots, one struct per part, and then checks its rules.
func (w *walker) object(o *object, roots []reflect.Value) error {
	if w.dec.StackDepth() >= maxDepth {
		return w.tooDeep()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	base := len(w.seen)
	for range o.fields {
		w.seen = append(w.seen, 0)
	}
	next, nulls := 0, false // callers tend to keep the declared order
	for w.dec.PeekKind() != '}' {
		quoted, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		i, ok := o.lookup(quoted, next)
		if !ok {
			if err := w.unknown(o, quoted); err != nil {
				return err
			}
			continue
		}
		next = i + 1
		f := &o.fields[i]
		w.path = append(w.path, step{name: f.name, index: -1})
		at, failures := w.dec.InputOffset(), w.failures
		switch {
		case w.seen[base+i] != 0:
			w.fail("duplicate", "is given more than once")
			err = w.dec.SkipValue()
		case w.dec.PeekKind() == 'n' && !f.node.nullable():
			if !f.required {
				at, nulls = nullAt, true
			}
			err = w.null(f)
		default:
			outer := w.nul
			w.nul = outer || f.nul
			err = w.value(f.node, fieldByIndex(roots[f.part], f.index))
			w.nul = outer
		}
		if err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
		w.seen[base+i] = at
		if w.failures > failures {
			w.seen[base+i] = -at
		}
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if nulls {
		for i, at := range w.seen[base:] {
			if at == nullAt {
				w.seen[base+i] = 0
			}
		}
	}
	w.finish(o, roots, w.seen[base:])
	w.seen = w.seen[:base]
	return nil
}

// nullAt marks a field that was given as null while its object is read, so that a second value is
// still a duplicate.
const nullAt = math.MinInt64

// null skips the null of a field whose type has none. An optional field is absent then: a model
// that has to name every argument sends null for those that it does not give.
func (w *walker) null(f *field) error {
	if f.required {
		w.fail("type", "must be "+f.node.want()+", not null")
	}
	return w.dec.SkipValue()
}

// lookup finds a field by its quoted name, first at index next.
func (o *object) lookup(quoted jsontext.Value, next int) (int, bool) {
	name := quoted[1 : len(quoted)-1]
	if next < len(o.names) && string(name) == o.names[next] {
		return next, true
	}
	for _, c := range name {
		if c == '\\' {
			name, _ = jsontext.AppendUnquote(nil, quoted)
			break
		}
	}
	i, ok := o.byName[string(name)]
	return i, ok
}

func (w *walker) unknown(o *object, quoted jsontext.Value) error {
	name, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return err
	}
	w.path = append(w.path, step{name: string(name), index: -1})
	w.fail("unknown", w.unknownMessage(string(name), o.names))
	w.path = w.path[:len(w.path)-1]
	return w.dec.SkipValue()
}

func (w *walker) unknownMessage(name string, known []string) string {
	message := "is not an argument"
	if w.failures < maxErrors { // later ones are not reported
		if near := nearest.Of(name, known); near != "" {
			message += `; did you mean "` + near + `"?`
		}
	}
	return message
}

// fieldByIndex is v.FieldByIndex, but makes the embedded structs it passes.
func fieldByIndex(v reflect.Value, index []int) reflect.Value {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v
}

// finish fills defaults and checks the rules of one object; seen tells which fields were present,
// and where.
func (w *walker) finish(o *object, roots []reflect.Value, seen []int64) {
	for i := range o.fields {
		f := &o.fields[i]
		switch {
		case seen[i] != 0:
		case f.required:
			w.missing(f, "required", "is required")
		case f.def != nil:
			f.def.fill(w, f.node, fieldByIndex(roots[f.part], f.index))
		}
	}
	for i := range o.fields {
		f := &o.fields[i]
		if f.checks == nil || seen[i] < 0 {
			continue
		}
		bad := seen[i] > 0 && f.checks.tag != "" && !w.checkValue(f, fieldByIndex(roots[f.part], f.index), seen[i])
		for c := range f.checks.cross {
			w.checkCross(o, i, &f.checks.cross[c], roots, seen)
		}
		if bad {
			seen[i] = -seen[i] // rules of others that look at it say nothing new
		}
	}
}

func (w *walker) missing(f *field, rule, message string) {
	w.path = append(w.path, step{name: f.name, index: -1})
	w.failAt(atEnd, w.pathText(), rule, message)
	w.path = w.path[:len(w.path)-1]
}
