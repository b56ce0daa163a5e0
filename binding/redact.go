package binding

import (
	"log/slog"
	"reflect"
	"strconv"
)

// isSecret reads the tag `secret:"true"`: no reply and no log may show the field. As an argument it
// is listed as writeOnly; a result type that has such a field is refused.
func isSecret(tag reflect.StructTag) bool { return tag.Get("secret") == "true" }

const redacted = "[redacted]"

// Redact wraps a value for slog: it is logged by its JSON names, with every field tagged
// `secret:"true"` as "[redacted]", at any depth. Use it for every argument struct that is logged.
//
//	slog.Info("payment", "input", binding.Redact(in))
func Redact(v any) slog.LogValuer { return redactor{v} }

type redactor struct{ v any }

// LogValue implements slog.LogValuer.
func (r redactor) LogValue() slog.Value { return logValue(reflect.ValueOf(r.v), maxDepth) }

func logValue(v reflect.Value, depth int) slog.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return slog.AnyValue(nil)
		}
		v = v.Elem()
	}
	if !v.IsValid() || depth == 0 {
		return slog.AnyValue(nil)
	}
	switch {
	case v.Kind() == reflect.Struct && !customJSON(v.Type()):
		return slog.GroupValue(logFields(v, depth)...)
	case (v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8) || v.Kind() == reflect.Array:
		items := make([]slog.Attr, v.Len())
		for i := range items {
			items[i] = slog.Attr{Key: strconv.Itoa(i), Value: logValue(v.Index(i), depth-1)}
		}
		return slog.GroupValue(items...)
	case v.Kind() == reflect.Map:
		var items []slog.Attr
		for key, value := range v.Seq2() {
			items = append(items, slog.Attr{Key: key.String(), Value: logValue(value, depth-1)})
		}
		return slog.GroupValue(items...)
	}
	return slog.AnyValue(v.Interface())
}

func logFields(v reflect.Value, depth int) []slog.Attr {
	fields, _, err := flatten(v.Type())
	if err != nil {
		return []slog.Attr{slog.String("type", v.Type().String())}
	}
	var attrs []slog.Attr
	for _, f := range fields {
		value, err := v.FieldByIndexErr(f.index)
		if err != nil {
			continue // behind a nil embedded pointer
		}
		shown := slog.StringValue(redacted)
		if !isSecret(f.Tag) {
			shown = logValue(value, depth-1)
		}
		attrs = append(attrs, slog.Attr{Key: f.tag.name, Value: shown})
	}
	return attrs
}
