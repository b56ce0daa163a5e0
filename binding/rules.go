package binding

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ruleSet is a parsed validate tag.
type ruleSet struct {
	required bool
	value    []rule   // about the value itself
	cross    []rule   // about other fields too
	keys     *ruleSet // of a map, between keys and endkeys
	elem     *ruleSet // of a list or map, after dive
}

type rule struct {
	name, param string
	text        string // as written
}

// crossRules look at other fields. The ones about presence are also checked when their own field is
// absent.
var crossRules = []string{
	"required_if", "required_unless", "required_with", "required_with_all", "required_without", "required_without_all",
	"excluded_if", "excluded_unless", "excluded_with", "excluded_with_all", "excluded_without", "excluded_without_all",
	"eqfield", "nefield", "gtfield", "gtefield", "ltfield", "ltefield",
	"eqcsfield", "necsfield", "gtcsfield", "gtecsfield", "ltcsfield", "ltecsfield",
	"fieldcontains", "fieldexcludes", "postcode_iso3166_alpha2_field",
}

func parseRules(tag string) (*ruleSet, error) {
	top := &ruleSet{}
	if tag == "-" || tag == "" {
		return top, nil
	}
	at, outer := top, (*ruleSet)(nil)
	for _, text := range strings.Split(tag, ",") {
		name, param, _ := strings.Cut(text, "=")
		switch name {
		case "":
			return nil, fmt.Errorf("its validate tag %q has an empty rule; remove the extra comma", tag)
		case "omitempty", "omitnil", "omitzero", "structonly", "nostructlevel":
		case "required":
			at.required = true
		case "dive":
			at.elem = &ruleSet{}
			at = at.elem
		case "keys":
			outer, at = at, &ruleSet{}
			outer.keys = at
		case "endkeys":
			if outer == nil {
				return nil, fmt.Errorf("its validate tag %q has endkeys without keys", tag)
			}
			at, outer = outer, nil
		case "isdefault", "skip_unless", "validateFn":
			return nil, fmt.Errorf("its rule %q has no meaning for arguments; remove it, or check it in the handler",
				name)
		default:
			r := rule{name: name, param: unescapeParam(param), text: text}
			if slices.Contains(crossRules, name) {
				at.cross = append(at.cross, r)
			} else {
				if strings.Contains(text, "|") {
					r.name, r.param = text, ""
				}
				at.value = append(at.value, r)
			}
		}
	}
	if outer != nil {
		return nil, fmt.Errorf("its validate tag %q has keys without endkeys", tag)
	}
	return top, nil
}

func unescapeParam(s string) string {
	return strings.NewReplacer("0x2C", ",", "0x7C", "|").Replace(s)
}

// checks are the compiled rules of a field.
type checks struct {
	tag   string // rules about the value alone, in the validator's words; "" for none
	each  []rule // the same rules one by one, text and all: the validator stops at the first that is broken
	by    engine
	quick *bounds
	cross []crossRule
	names map[string]string // Go field name to argument name, for messages
}

type crossRule struct {
	rule
	refs []int // the fields it names; empty when one lies outside the object
}

// compileRules prepares the rules of field i of o, which belongs to struct t, and proves that they
// can be run.
func (b *builder) compileRules(o *object, t reflect.Type, i int) error {
	f := &o.fields[i]
	by := b.engineFor(f)
	wrap := func(err error) error {
		return fmt.Errorf("binding: field %s of %s: %w", f.goName, t, err)
	}
	tag, err := by.emit(f.rules, f.node.base(), true)
	if err != nil {
		return wrap(err)
	}
	if tag != "" || len(f.rules.cross) > 0 {
		f.checks = &checks{
			tag: tag, by: by, each: by.single(f.rules, f.node.base(), ""),
			quick: newBounds(f.node, f.rules), names: map[string]string{},
		}
		for _, other := range o.fields {
			f.checks.names[other.goName] = other.name
		}
	}
	for _, r := range f.rules.cross {
		for name := range strings.FieldsSeq(r.param) {
			if strings.Contains(name, ".") {
				f.checks.names[name] = o.argumentName(name)
			}
		}
		c, err := o.compileCross(t, f, r)
		if err != nil {
			return wrap(err)
		}
		f.checks.cross = append(f.checks.cross, c)
	}
	return nil
}

// argumentName translates a path of Go names into one of argument names.
func (o *object) argumentName(goPath string) string {
	words := strings.Split(goPath, ".")
	for i, word := range words {
		if o == nil {
			break
		}
		at := o.named(word)
		if at < 0 {
			break
		}
		words[i] = o.fields[at].name
		o = o.fields[at].node.base().object
	}
	return strings.Join(words, ".")
}

// emit writes a rule set for the validator: without what the decoder checks itself.
func (by engine) emit(s *ruleSet, n *node, top bool) (string, error) {
	if s == nil {
		return "", nil
	}
	var parts []string
	if s.required && n.kind == kindText {
		parts = append(parts, by.nonEmpty)
	}
	for _, r := range s.value {
		parts = append(parts, r.text)
	}
	if len(parts) > 0 {
		switch {
		case n.kind == kindAny:
			return "", fmt.Errorf("its rule %q needs a concrete type; %s can hold anything", parts[0], n.typ)
		case n.kind == kindStruct || n.typ.Kind() == reflect.Struct && n.typ != timeType:
			return "", fmt.Errorf("its rule %q cannot be checked on the struct %s; "+
				"put rules on its fields, or use Part.Check", parts[0], n.typ)
		}
	}
	for _, r := range s.value {
		if err := by.try(r.text, sample(n, 0).Addr().Interface(), nil); err != nil {
			return "", err
		}
		if word := notOne(n, r); word != "" {
			return "", fmt.Errorf("its rule %q lists %s, which no %s is; list numbers", r.text, word, n.typ)
		}
		if r.name == "unique" && r.param == "" && n.elem != nil {
			if e := n.elem.base(); !e.typ.Comparable() || e.kind == kindAny {
				return "", fmt.Errorf("its rule unique needs elements that can be compared, not %s", e.typ)
			}
		}
	}
	if !top && len(s.cross) > 0 {
		return "", fmt.Errorf("its rule %q stands behind dive, where no other field can be named", s.cross[0].text)
	}
	if s.elem == nil {
		return strings.Join(parts, ","), nil
	}
	if n.kind != kindSlice && n.kind != kindArray && n.kind != kindMap {
		return "", fmt.Errorf("its rule dive needs a list or a map, not %s", n.typ)
	}
	if n.elem.kind == kindOpt && s.elem.hasRules() {
		return "", fmt.Errorf("its rules behind dive cannot be checked on %s; use pointers or plain values", n.elem.typ)
	}
	var keys string
	var err error
	if s.elem.keys != nil {
		if n.kind != kindMap {
			return "", fmt.Errorf("its rule keys needs a map, not %s", n.typ)
		}
		if keys, err = by.emit(s.elem.keys, n.key, false); err != nil {
			return "", err
		}
	}
	values, err := by.emit(s.elem, n.elem.base(), false)
	if err != nil {
		return "", err
	}
	if keys != "" || values != "" {
		parts = append(parts, "dive")
		if keys != "" {
			parts = append(parts, "keys", keys, "endkeys")
		}
		if values != "" {
			parts = append(parts, values)
		}
	}
	return strings.Join(parts, ","), nil
}

// notOne finds a word of oneof that is no integer of the type of n: a caller could never give it.
func notOne(n *node, r rule) string {
	if r.name != "oneof" {
		return ""
	}
	for _, word := range choices(r.param) {
		var err error
		switch n.kind {
		case kindInt:
			_, err = strconv.ParseInt(word, 10, n.typ.Bits())
		case kindUint:
			_, err = strconv.ParseUint(word, 10, n.typ.Bits())
		}
		if err != nil {
			return word
		}
	}
	return ""
}

// single writes each rule of s as a tag of its own, with the dives that lead to it in front.
func (by engine) single(s *ruleSet, n *node, lead string) (rules []rule) {
	if s == nil || n == nil {
		return nil
	}
	if s.required && n.kind == kindText {
		rules = append(rules, rule{name: nonEmpty, text: lead + by.nonEmpty})
	}
	for _, r := range s.value {
		rules = append(rules, rule{name: r.name, text: lead + r.text})
	}
	if s.elem == nil || n.elem == nil {
		return rules
	}
	if s.elem.keys != nil {
		for _, key := range by.single(s.elem.keys, n.key, lead+"dive,keys,") {
			rules = append(rules, rule{name: key.name, text: key.text + ",endkeys"})
		}
	}
	return append(rules, by.single(s.elem, n.elem.base(), lead+"dive,")...)
}

func (s *ruleSet) hasRules() bool {
	return s.required || len(s.value) > 0 || s.elem != nil && s.elem.hasRules()
}

// sample makes a value of n with one element in each list and map, so that trying a rule reaches
// them all.
func sample(n *node, depth int) reflect.Value {
	v := reflect.New(n.typ).Elem()
	if depth > 8 {
		return v
	}
	switch n.kind {
	case kindSlice:
		v.Set(reflect.Append(v, sample(n.elem, depth+1)))
	case kindArray:
		for i := range v.Len() {
			v.Index(i).Set(sample(n.elem, depth+1))
		}
	case kindMap:
		v.Set(reflect.MakeMap(n.typ))
		v.SetMapIndex(reflect.New(n.key.typ).Elem(), sample(n.elem, depth+1))
	case kindPointer:
		v.Set(sample(n.elem, depth+1).Addr())
	}
	return v
}
