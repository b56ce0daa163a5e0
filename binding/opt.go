package binding

import (
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Opt is a field that tells three cases apart: absent, null and a value. Its zero value is absent.
// In a partial update absent means "leave it" and null means "clear it". In an output, give the
// field the option omitzero, or absent is written as null.
type Opt[T any] struct {
	value T
	state optState
}

type optState uint8

const (
	optAbsent optState = iota
	optNull
	optValue
)

// Some returns an Opt that holds v.
func Some[T any](v T) Opt[T] { return Opt[T]{value: v, state: optValue} }

// Null returns an Opt that holds null.
func Null[T any]() Opt[T] { return Opt[T]{state: optNull} }

// IsSet reports whether the field was present, as null or as a value.
func (o Opt[T]) IsSet() bool { return o.state != optAbsent }

// IsNull reports whether the field was present as null.
func (o Opt[T]) IsNull() bool { return o.state == optNull }

// IsZero reports whether the field is absent, so that the option omitzero leaves it out.
func (o Opt[T]) IsZero() bool { return o.state == optAbsent }

// Get returns the value and true, or the zero value and false when the field is absent or null.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optValue }

// Ptr returns a pointer to a copy of the value, or nil when the field is absent or null.
func (o Opt[T]) Ptr() *T {
	if o.state != optValue {
		return nil
	}
	return &o.value
}

// MarshalJSONTo writes the value, and null when there is none.
func (o Opt[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if o.state != optValue {
		return enc.WriteToken(jsontext.Null)
	}
	return json.MarshalEncode(enc, &o.value)
}

// UnmarshalJSONFrom reads null or a value; either makes the field present.
func (o *Opt[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		*o = Null[T]()
		return dec.SkipValue()
	}
	var v T
	if err := json.UnmarshalDecode(dec, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

// option is what the decoder uses of an Opt, whatever its type.
type option interface {
	elem() reflect.Type
	setNull()
	setValue() any // makes it hold a value and returns the pointer to it
	valuePtr() any // the pointer to the value, nil when there is none
}

var optionType = reflect.TypeFor[option]()

func (o *Opt[T]) elem() reflect.Type { return reflect.TypeFor[T]() }
func (o *Opt[T]) setNull()           { *o = Null[T]() }

func (o *Opt[T]) setValue() any {
	*o = Opt[T]{state: optValue}
	return &o.value
}

func (o *Opt[T]) valuePtr() any {
	if o.state != optValue {
		return nil
	}
	return &o.value
}
