package binding

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// Part is one contributor to the arguments of a tool or route: the input of its handler, or what a
// step adds.
type Part struct {
	// Type is a struct type; its fields are arguments, named as encoding/json/v2 names them.
	// Required.
	Type reflect.Type
	// Schema replaces the generated schema of the properties it names. Only the schema changes:
	// values are still decoded by the Go types, so it must not allow what they refuse. Optional.
	Schema map[string]*jsonschema.Schema
	// Check gets a pointer to the decoded value of Type once its own fields hold no error. It
	// returns the rules that are broken, and may normalise the value (clamp a limit). Optional.
	Check func(v any) []FieldError
}

// Args is the compiled declaration of a set of arguments. It is immutable and safe for concurrent
// use.
type Args struct {
	parts  []Part
	engine engine
	object *object // the fields of all parts
	schema []byte
	needed []string     // the arguments that the schema requires
	hand   *handwritten // nil when the schema is generated
}

// Compile joins parts into one set of arguments. It returns an error that names the type, the field
// and the fix for a name that two parts claim, an unknown or inapplicable rule, a bad default, a
// required field with a default, and a type that JSON cannot hold.
func Compile(parts ...Part) (*Args, error) { return Compiler{}.Compile(parts...) }

// Compile is the function Compile with the rules of c.
func (c Compiler) Compile(parts ...Part) (*Args, error) {
	a := &Args{parts: parts, engine: c.engine()}
	g, root, err := a.join(parts)
	if err != nil {
		return nil, err
	}
	root.Defs = g.defs
	root = RootSchema(root)
	if _, err := root.Resolve(nil); err != nil {
		return nil, fmt.Errorf("binding: the schema of %s is not valid: %w", parts[0].Type, err)
	}
	a.needed = root.Required
	a.schema, err = MarshalSchema(root)
	return a, err
}

func (a *Args) newBuilder() *builder {
	b := newBuilder(false)
	b.engine = a.engine
	return b
}

// join compiles parts into a.object and returns the schema of all their properties.
func (a *Args) join(parts []Part) (*generator, *jsonschema.Schema, error) {
	if a.object == nil {
		a.object = &object{byName: map[string]int{}}
	}
	b := a.newBuilder()
	first := len(a.parts) - len(parts)
	start := len(a.object.fields)
	overrides := map[string]*jsonschema.Schema{}
	for p, part := range parts {
		if part.Type == nil || part.Type.Kind() != reflect.Struct {
			return nil, nil, fmt.Errorf("binding: %s has type %v; "+
				"give it a struct type, whose fields are the arguments", partName(first+p), part.Type)
		}
		n, err := b.build(part.Type, part.Type.String())
		if err != nil {
			return nil, nil, err
		}
		if n.kind != kindStruct {
			return nil, nil, fmt.Errorf("binding: %s decodes itself, so its arguments are not known; "+
				"use a plain struct", part.Type)
		}
		if err := a.addPart(first+p, n.object); err != nil {
			return nil, nil, err
		}
		for name, s := range part.Schema {
			if _, ok := n.object.byName[name]; !ok {
				return nil, nil, fmt.Errorf("binding: Part.Schema names %q, which is no argument of %s; "+
					"its arguments are %s", name, part.Type, strings.Join(n.object.names, ", "))
			}
			overrides[name] = s
		}
	}
	g := &generator{names: map[reflect.Type]string{}}
	root := g.object(&object{fields: a.object.fields[start:]})
	for name, s := range overrides {
		root.Properties[name] = s.CloneSchemas()
	}
	return g, root, nil
}

// partName is the name of a part in an error: the caller of Compile knows the first one as the
// input of a handler.
func partName(p int) string {
	if p == 0 {
		return "the input"
	}
	return fmt.Sprintf("part %d, which a step adds,", p)
}

// addPart takes over the fields of a part.
func (a *Args) addPart(p int, o *object) error {
	offset := len(a.object.fields)
	for _, f := range o.fields {
		if prev, taken := a.object.byName[f.name]; taken {
			return fmt.Errorf("binding: the argument %q is claimed by %s and by %s; rename one of them with a json tag",
				f.name, a.parts[a.object.fields[prev].part].Type, a.parts[p].Type)
		}
		f.part = p
		if f.checks != nil {
			shifted := *f.checks
			shifted.cross = nil
			for _, c := range f.checks.cross {
				refs := make([]int, len(c.refs))
				for i, ref := range c.refs {
					refs[i] = ref + offset
				}
				shifted.cross = append(shifted.cross, crossRule{rule: c.rule, refs: refs})
			}
			f.checks = &shifted
		}
		a.object.add(f)
	}
	return nil
}

// Names lists the declared arguments in declaration order.
func (a *Args) Names() []string {
	names := make([]string, len(a.object.fields))
	for i := range a.object.fields {
		names[i] = a.object.fields[i].name
	}
	return names
}

// Required lists the arguments that every call must have, as the schema does. The caller must not
// change it.
func (a *Args) Required() []string { return a.needed }

// Schema returns the JSON Schema of the arguments as compact JSON: an object that lists its
// properties in the order of declaration and allows no others. The caller must not change it.
func (a *Args) Schema() []byte { return a.schema }

// Decode decodes data, one JSON object (nil and empty mean {}), into dst: pointers to zero values
// of the types of the parts, in their order. Absent fields are left as they are, or get their
// default. Bad input is reported as an *Error that lists every bad field; any other error means
// that dst does not fit the parts. After an error dst is undefined.
func (a *Args) Decode(data []byte, dst ...any) error {
	return a.DecodeContext(context.Background(), data, dst...)
}

// checker is an input type that checks itself.
type checker interface{ Check(context.Context) error }

// DecodeContext is Decode with a context for the methods Check(context.Context) error of the parts'
// types. Such a method runs on the decoded value once the fields of its part hold no error. The
// fields of an *Error that it returns join the others; any other error is returned as it is, but
// only if no field has an error.
func (a *Args) DecodeContext(ctx context.Context, data []byte, dst ...any) error {
	if len(dst) != len(a.parts) {
		return fmt.Errorf("binding: Decode got %d destinations; it needs one pointer for each of the %d parts",
			len(dst), len(a.parts))
	}
	w := newWalker()
	defer w.release()
	roots := w.root[:0]
	for i, d := range dst {
		v := reflect.ValueOf(d)
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != a.parts[i].Type {
			return fmt.Errorf("binding: Decode got %T as destination %d; it needs a *%s", d, i, a.parts[i].Type)
		}
		roots = append(roots, v.Elem())
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	if a.hand != nil {
		a.hand.decode(a, w, data, roots)
	} else {
		w.arguments(data, a.object, roots)
	}
	failed := a.check(ctx, w, dst)
	if err := w.result(); err != nil {
		return err
	}
	return failed
}

// check runs the checks of each part whose fields hold no error: its own, then that of its type.
func (a *Args) check(ctx context.Context, w *walker, dst []any) (failed error) {
	if w.stop != nil || w.failures > len(w.errs) {
		return nil
	}
	found := len(w.errs)
	for p, part := range a.parts {
		own, checks := dst[p].(checker)
		if part.Check == nil && !checks {
			continue
		}
		bad := func(e placedError) bool { return e.part == p || e.part == everyPart }
		if slices.ContainsFunc(w.errs[:found], bad) {
			continue
		}
		var broken []FieldError
		if part.Check != nil {
			broken = part.Check(dst[p])
		}
		if checks && len(broken) == 0 {
			err := own.Check(ctx)
			if e, ok := errors.AsType[*Error](err); ok && e != nil {
				broken = e.Fields
			} else if failed == nil && !ok {
				failed = err
			}
		}
		for _, e := range broken {
			w.add(placedError{e, w.position(e.Path), p})
		}
	}
	return failed
}

var compiled sync.Map // reflect.Type to func() (*Args, error)

// DecodeJSON decodes data, one JSON object, into a T as Args.Decode does. T is compiled once. It
// returns an *Error for bad input, and the error of Compile when T cannot be compiled.
func DecodeJSON[T any](data []byte) (T, error) {
	var v T
	t := reflect.TypeFor[T]()
	get, ok := compiled.Load(t)
	if !ok {
		get, _ = compiled.LoadOrStore(t, sync.OnceValues(func() (*Args, error) { return Compile(Part{Type: t}) }))
	}
	a, err := get.(func() (*Args, error))()
	if err != nil {
		return v, err
	}
	return v, a.Decode(data, &v)
}
