package binding

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// buildFormatted compiles a field whose json tag changes its JSON form, by string or format. Such a
// value is decoded through a struct with this one field, so that the json package stays the only
// one that knows the formats.
func (b *builder) buildFormatted(g goField, where string) (*node, error) {
	base := g.Type
	for base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if base.Kind() == reflect.Map || base.Kind() == reflect.Slice && base.Elem().Kind() != reflect.Uint8 {
		if g.tag.asString || g.tag.format != "emitnull" && g.tag.format != "emitempty" {
			return nil, fmt.Errorf("binding: %s of type %s cannot have the json options %q, "+
				"which are for single values; make it a list or map of a type that writes itself so",
				where, g.Type, g.tag.options)
		}
		plain, err := b.build(g.Type, where)
		if err != nil || g.tag.format != "emitnull" {
			return plain, err
		}
		return &node{kind: kindPointer, typ: g.Type, elem: plain}, nil // may be null
	}
	wrapper := wrapperOf(g)
	n := &node{kind: kindFormatted, typ: g.Type, tag: g.tag, elem: &node{kind: kindStruct, typ: wrapper}, key: &node{typ: base}}
	if n.shape(b.output) == nil {
		return nil, fmt.Errorf("binding: %s of type %s cannot have the json options %q; "+
			"see the format options of the json package", where, g.Type, g.tag.options)
	}
	if _, err := json.Marshal(reflect.New(wrapper).Interface(), encodeOptions); err != nil {
		return nil, fmt.Errorf("binding: %s cannot be encoded, correct its json tag: %w", where, err)
	}
	return n, nil
}

// wrapperOf is a struct whose one field is g, under the name f and never left out.
func wrapperOf(g goField) reflect.Type {
	options := ""
	if g.tag.asString {
		options = ",string"
	}
	if i := strings.Index(g.tag.options, "format:"); i >= 0 {
		options += "," + g.tag.options[i:]
	}
	return reflect.StructOf([]reflect.StructField{{
		Name: "F", Type: g.Type, Tag: reflect.StructTag(fmt.Sprintf(`json:"f%s"`, options)),
	}})
}

// decodeFormatted reads raw, a value of a formatted field, into v.
func (n *node) decodeFormatted(raw jsontext.Value, v reflect.Value) error {
	holder := reflect.New(n.elem.typ)
	doc := append(append([]byte(`{"f":`), raw...), '}')
	if err := json.Unmarshal(doc, holder.Interface(), decodeOptions); err != nil {
		return err
	}
	v.Set(holder.Elem().Field(0))
	return nil
}

// shape is the schema of a formatted value, nil when the type cannot have this format.
func (n *node) shape(output bool) *jsonschema.Schema {
	t, tag := n.key.typ, n.tag
	s := &jsonschema.Schema{Type: "string"}
	number := func() *jsonschema.Schema {
		if tag.asString {
			return &jsonschema.Schema{Type: "string", Pattern: numberPattern}
		}
		return &jsonschema.Schema{Type: "number"}
	}
	switch {
	case t == timeType:
		switch tag.format {
		case "", "RFC3339", "RFC3339Nano":
			s.Format = "date-time"
		case "DateOnly", "2006-01-02":
			s.Format = "date"
		case "unix", "unixmilli", "unixmicro", "unixnano":
			s = number()
		default:
			s.Description = "time in the form " + tag.format
		}
	case t == durationType:
		switch tag.format {
		case "sec", "milli", "micro", "nano":
			s = number()
		case "iso8601":
			s.Format = "duration"
		case "units":
			s.Description = "duration such as 1h30m"
		default:
			return nil
		}
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		switch tag.format {
		case "base64", "base64url", "base32", "base32hex", "base16", "hex":
			s.ContentEncoding = tag.format
		case "array":
			s = &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{
				Type: "integer", Minimum: jsonschema.Ptr(0.0), Maximum: jsonschema.Ptr(255.0)}}
		default:
			return nil
		}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		s = number()
		if tag.format == "nonfinite" {
			s = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Enum: []any{"NaN", "Infinity", "-Infinity"}}}}
		}
	case tag.asString && (reflect.Zero(t).CanInt() || reflect.Zero(t).CanUint()):
		s.Pattern = integerPattern
	default:
		return nil
	}
	if output && n.typ.Kind() == reflect.Pointer {
		s = orNull(s)
	}
	return s
}

const (
	integerPattern = `^-?(0|[1-9][0-9]*)$`
	numberPattern  = `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`
)
