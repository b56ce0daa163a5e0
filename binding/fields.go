package binding

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// jsonTag is the part of a json struct tag that matters here.
type jsonTag struct {
	name     string
	named    bool // the tag itself gives the name
	skip     bool
	embed    bool
	omit     bool // omitzero or omitempty
	asString bool
	format   string
	options  string // as written
}

func parseJSONTag(f reflect.StructField) jsonTag {
	t := jsonTag{name: f.Name}
	tag := f.Tag.Get("json")
	if tag == "-" || (!f.IsExported() && !f.Anonymous) {
		t.skip = true
		return t
	}
	name, options, _ := strings.Cut(tag, ",")
	if name != "" {
		t.name, t.named = name, true
	}
	t.options = options
	for options != "" {
		var option string
		if format, ok := strings.CutPrefix(options, "format:"); ok { // always the last option; may hold commas
			t.format, options = unquoteTag(format), ""
			continue
		}
		option, options, _ = strings.Cut(options, ",")
		switch option {
		case "omitzero", "omitempty":
			t.omit = true
		case "string":
			t.asString = true
		case "embed":
			t.embed = true
		}
	}
	t.embed = t.embed || f.Anonymous && !t.named
	return t
}

// unquoteTag reads a format, which may stand in single quotes.
func unquoteTag(s string) string {
	if len(s) < 2 || s[0] != '\'' {
		return s
	}
	inner := s[1 : len(s)-1]
	if out, err := strconv.Unquote(`"` + strings.ReplaceAll(inner, `"`, `\"`) + `"`); err == nil {
		return out
	}
	return inner
}

// goField is a field of a struct as JSON sees it: embedded structs are flattened.
type goField struct {
	reflect.StructField
	tag      jsonTag
	index    []int
	optional bool // reached through an embedded pointer
}

// flatten lists the JSON fields of struct type t in declaration order, and the type of its embedded
// fallback, if any. As in Go, and in encoding/json/v2, the shallowest field wins a name, and of
// equally deep ones the one that is named by its tag.
func flatten(t reflect.Type) (fields []goField, fallback reflect.Type, err error) {
	type level struct {
		typ      reflect.Type
		index    []int
		optional bool
	}
	var all []goField
	seen := map[reflect.Type]bool{t: true}
	queue := []level{{typ: t}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for i := range at.typ.NumField() {
			f := at.typ.Field(i)
			tag := parseJSONTag(f)
			if tag.skip {
				continue
			}
			index := append(slices.Clone(at.index), i)
			if !tag.embed {
				all = append(all, goField{StructField: f, tag: tag, index: index, optional: at.optional})
				continue
			}
			elem, pointer := f.Type, false
			if elem.Kind() == reflect.Pointer {
				elem, pointer = elem.Elem(), true
			}
			if pointer && !f.IsExported() {
				return nil, nil, fmt.Errorf("binding: field %s of %s embeds a pointer to an unexported type, "+
					"which cannot be set; embed the struct itself", f.Name, at.typ)
			}
			if elem.Kind() != reflect.Struct {
				fallback = elem
				continue
			}
			if customJSON(elem) {
				return nil, nil, fmt.Errorf("binding: field %s of %s embeds %s, which has JSON methods of its own; "+
					"give the field a name with a json tag", f.Name, at.typ, elem)
			}
			if !seen[elem] {
				seen[elem] = true
				queue = append(queue, level{typ: elem, index: index, optional: at.optional || pointer})
			}
		}
	}
	byName := map[string][]goField{}
	for _, f := range all {
		byName[f.tag.name] = append(byName[f.tag.name], f)
	}
	for _, f := range all {
		if dominant(f, byName[f.tag.name]) {
			fields = append(fields, f)
		}
	}
	slices.SortFunc(fields, func(a, b goField) int { return slices.Compare(a.index, b.index) })
	return fields, fallback, nil
}

// dominant reports whether f wins its name against rivals, f among them.
func dominant(f goField, rivals []goField) bool {
	for _, r := range rivals {
		switch {
		case slices.Equal(r.index, f.index):
		case len(r.index) < len(f.index):
			return false
		case len(r.index) == len(f.index) && (r.tag.named || !f.tag.named):
			return false
		}
	}
	return true
}
