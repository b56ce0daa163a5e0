package binding

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"
)

// checkValue checks the rules of a present field that concern its value alone. It reports whether
// they hold.
func (w *walker) checkValue(f *field, v reflect.Value, at int64) bool {
	if f.checks.quick.accept(v) {
		return true
	}
	p := valuePointer(f.node, v)
	if p == nil {
		return true
	}
	err := f.checks.by.Var(p, f.checks.tag)
	if err == nil {
		return true
	}
	if _, ok := errors.AsType[validator.ValidationErrors](err); !ok {
		w.report(f, at, "", "validate", "cannot be checked")
		return false
	}
	for _, b := range brokenRules(f.checks, p, f.node.base().hasMap()) {
		if b.rule == nonEmpty {
			w.report(f, at, b.suffix, "required", message(nonEmpty, "", b.Kind(), nil))
		} else {
			w.report(f, at, b.suffix, b.Tag(), message(b.ActualTag(), b.Param(), b.Kind(), f.checks.names))
		}
	}
	return false
}

// broken is one rule that a value breaks, and where in the value.
type broken struct {
	validator.FieldError
	rule   string
	suffix string
}

// brokenRules lists every rule that p breaks, grouped by the place in p. For an empty text that
// must not be empty it lists that rule alone. The places of a map are sorted.
func brokenRules(c *checks, p any, sorted bool) (all []broken) {
	order := map[string]int{} // of places
	empty := map[string]bool{}
	for _, r := range c.each {
		more, _ := errors.AsType[validator.ValidationErrors](c.by.Var(p, r.text))
		for _, b := range more {
			place := b.Namespace()
			if empty[place] {
				continue
			}
			empty[place] = r.name == nonEmpty
			if _, known := order[place]; !known {
				order[place] = len(order)
			}
			all = append(all, broken{b, r.name, clip(place)})
		}
		if len(all) >= maxErrors {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b broken) int {
		if sorted {
			return strings.Compare(a.Namespace(), b.Namespace())
		}
		return order[a.Namespace()] - order[b.Namespace()]
	})
	return all
}

func (w *walker) report(f *field, at int64, suffix, rule, message string) {
	w.path = append(w.path, step{name: f.name, index: -1})
	w.failAt(at, w.pathText()+suffix, rule, message)
	w.path = w.path[:len(w.path)-1]
}

// valuePointer returns a pointer to the value to check, nil when it is null. Passing a pointer
// costs no allocation, and the validator follows it.
func valuePointer(n *node, v reflect.Value) any {
	if n.kind == kindOpt {
		return v.Addr().Interface().(option).valuePtr()
	}
	return v.Addr().Interface()
}

func (n *node) hasMap() bool {
	return n.kind == kindMap || (n.kind == kindSlice || n.kind == kindArray) && n.elem.base().hasMap()
}

// compileCross resolves the fields that a rule names.
func (o *object) compileCross(t reflect.Type, f *field, r rule) (crossRule, error) {
	c := crossRule{rule: r}
	names := strings.Fields(r.param)
	if strings.HasSuffix(r.name, "_if") || strings.HasSuffix(r.name, "_unless") {
		var keys []string
		for i := 0; i < len(names); i += 2 {
			keys = append(keys, names[i])
		}
		names = keys
	}
	for _, name := range names {
		i := o.named(name)
		if i < 0 {
			head, _, inside := strings.Cut(name, ".")
			if _, ok := t.FieldByName(head); !ok || c.byPresence() {
				return c, fmt.Errorf("its rule %q names %s, which is no argument of %s; use the Go name of a field",
					r.text, name, t)
			}
			if i = o.named(head); inside && i >= 0 {
				c.refs = append(c.refs, i) // a field within an argument is there when that is
				continue
			}
			c.refs = nil
			break
		}
		c.refs = append(c.refs, i)
		if k := o.fields[i].node.base().typ.Kind(); c.sameKind() && k != f.node.base().typ.Kind() {
			return c, fmt.Errorf("its rule %q compares a %s with %s, which is a %s; give both the same type",
				r.text, f.node.base().typ.Kind(), name, k)
		}
		if !c.byPresence() && o.fields[i].node.kind == kindOpt {
			return c, fmt.Errorf("its rule %q cannot compare with %s, which may be null; use a pointer there",
				r.text, name)
		}
	}
	base := f.node.base()
	if c.compares() && (base.kind == kindStruct || base.typ.Kind() == reflect.Struct && base.typ != timeType) {
		return c, fmt.Errorf("its rule %q cannot be checked on the struct %s", r.text, f.node.typ)
	}
	if c.byPresence() {
		return c, nil
	}
	return c, ours.try(r.text, reflect.New(f.node.base().typ).Interface(), reflect.New(t).Interface())
}

// named finds a field by its Go name, -1 for none.
func (o *object) named(goName string) int {
	return slices.IndexFunc(o.fields, func(f field) bool { return f.goName == goName })
}

func (c *crossRule) requires() bool { return strings.HasPrefix(c.name, "required_") }
func (c *crossRule) excludes() bool { return strings.HasPrefix(c.name, "excluded_") }
func (c *crossRule) compares() bool { return !c.requires() && !c.excludes() }

// sameKind reports whether the rule compares two fields that must have the same kind, since the
// validator refuses others.
func (c *crossRule) sameKind() bool {
	return c.compares() && !strings.HasPrefix(c.name, "field") && !strings.HasPrefix(c.name, "postcode")
}

// byPresence reports whether the rule asks which fields are present. The decoder knows that; the
// validator would have to guess it from zero values.
func (c *crossRule) byPresence() bool {
	return strings.Contains(c.name, "_with")
}

// orders reports whether the rule compares sizes, which has no answer while the other field is
// absent.
func (c *crossRule) orders() bool {
	return slices.Contains([]string{"gtfield", "gtefield", "ltfield", "ltefield"}, strings.Replace(c.name, "csfield", "field", 1))
}

// checkCross checks a rule of field i that looks at other fields.
func (w *walker) checkCross(o *object, i int, c *crossRule, roots []reflect.Value, seen []int64) {
	f := &o.fields[i]
	present := seen[i] > 0
	if c.requires() == present || c.requires() && f.def != nil {
		return
	}
	for _, ref := range c.refs {
		other := &o.fields[ref]
		if seen[ref] < 0 || c.orders() && seen[ref] == 0 && other.def == nil {
			return
		}
	}
	if len(c.refs) == 0 && slices.ContainsFunc(seen, func(at int64) bool { return at < 0 }) {
		return
	}
	parent := roots[f.part].Addr().Interface()
	var broken bool
	switch {
	case c.byPresence():
		broken = o.presence(c, seen)
	case c.requires(): // 0 stands for the absent value, whatever its type
		broken = validate.VarWithValue(0, parent, c.text) != nil
	case c.excludes():
		broken = validate.VarWithValue(1, parent, c.text) != nil
	default:
		p := valuePointer(f.node, fieldByIndex(roots[f.part], f.index))
		broken = p != nil && validate.VarWithValue(p, parent, c.text) != nil
	}
	switch {
	case !broken:
	case present:
		w.report(f, seen[i], "", c.name, message(c.name, c.param, f.node.base().typ.Kind(), f.checks.names))
	default:
		w.missing(f, c.name, message(c.name, c.param, f.node.base().typ.Kind(), f.checks.names))
	}
}

// presence evaluates the conditions _with, _with_all, _without and _without_all.
func (o *object) presence(c *crossRule, seen []int64) bool {
	_, mode, _ := strings.Cut(c.name, "_")
	want := strings.HasPrefix(mode, "with") && !strings.HasPrefix(mode, "without")
	hit := func(ref int) bool { return (seen[ref] != 0 || o.fields[ref].def != nil) == want }
	if strings.HasSuffix(mode, "_all") {
		return !slices.ContainsFunc(c.refs, func(ref int) bool { return !hit(ref) })
	}
	return slices.ContainsFunc(c.refs, hit)
}
