package binding

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"
)

// compileValues reads the tags that hold a value of the field.
func (o *object) compileValues(f *field, tag reflect.StructTag) (err error) {
	if example, ok := tag.Lookup("example"); ok {
		if f.example, err = f.node.parseTag(example); err != nil {
			return fmt.Errorf("its example tag is bad: %w", err)
		}
	}
	def, ok := tag.Lookup("default")
	if !ok {
		return nil
	}
	if f.required {
		return errors.New("it is required and has a default, which would never be used; drop one of the two")
	}
	raw, err := f.node.parseTag(def)
	if err != nil {
		return fmt.Errorf("its default tag is bad: %w", err)
	}
	d := &defaultValue{raw: raw}
	if err := d.compile(f); err != nil {
		return fmt.Errorf("its default breaks its own rules: %w", err)
	}
	d.zero = f.checks == nil || f.checks.tag == "" ||
		f.checks.by.Var(reflect.New(f.node.base().typ).Interface(), f.checks.tag) == nil
	f.def = d
	return nil
}

// parseTag turns the text of a default or example tag into JSON: strings are written bare,
// everything else as JSON.
func (n *node) parseTag(s string) (jsontext.Value, error) {
	raw := jsontext.Value(s)
	if n.base().isString() {
		quoted, err := jsontext.AppendQuote(nil, s)
		if err != nil {
			return nil, err
		}
		raw = quoted
	}
	if !raw.IsValid() {
		return nil, fmt.Errorf("it is not %s", n.want())
	}
	w := newWalker()
	defer w.release()
	w.read(raw, func() error { return w.value(n, reflect.New(n.typ).Elem()) })
	if err := w.result(); err != nil {
		return nil, fmt.Errorf("it %s", err.(*Error).Fields[0].Message)
	}
	_ = raw.Compact()
	return raw, nil
}

// defaultValue is the value of an absent field.
type defaultValue struct {
	raw   jsontext.Value
	plain reflect.Value // holds the decoded value when copies of it share no memory
	zero  bool          // the zero value is an argument too: no rule of the field refuses it
}

func (d *defaultValue) fill(w *walker, n *node, v reflect.Value) {
	if d.plain.IsValid() {
		v.Set(d.plain)
		return
	}
	inner := newWalker()
	defer inner.release()
	inner.read(d.raw, func() error { return inner.value(n, v) }) // proven good when it was compiled
}

// compile decodes the default once, to find out that it is good.
func (d *defaultValue) compile(f *field) error {
	probe := &object{fields: []field{*f}, names: []string{f.name}, byName: map[string]int{f.name: 0}}
	probe.fields[0].index, probe.fields[0].part, probe.fields[0].def = []int{0}, 0, nil
	if f.checks != nil {
		probe.fields[0].checks = &checks{tag: f.checks.tag, each: f.checks.each, by: f.checks.by, names: f.checks.names}
	}
	holder := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "F", Type: f.node.typ}})).Elem()
	w := newWalker()
	defer w.release()
	quoted, err := jsontext.AppendQuote(nil, f.name)
	if err != nil {
		return err
	}
	doc := append(append(append(append([]byte("{"), quoted...), ':'), d.raw...), '}')
	w.read(doc, func() error { return w.object(probe, []reflect.Value{holder}) })
	if err := w.result(); err != nil {
		return err
	}
	switch f.node.kind {
	case kindText, kindBool, kindInt, kindUint, kindFloat:
		d.plain = holder.Field(0)
	case kindCustom:
		if f.node.leaf == leafTime {
			d.plain = holder.Field(0)
		}
	}
	return nil
}
