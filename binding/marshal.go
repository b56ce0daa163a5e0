package binding

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// encodeOptions are the options of the one encoder of results. The json package already writes nil
// slices as [] and nil maps as {}. The option omitempty means what it means in encoding/json, so
// that a model looks the same here and in a REST handler.
var encodeOptions = json.JoinOptions(json.Deterministic(true), json.ExperimentalSupportFormatTag(true),
	jsonv1.OmitEmptyWithLegacySemantics(true))

// guardedOptions are for types whose values can hold values of other types, for example in an
// interface: what they hold is known only when they are encoded.
var guardedOptions = json.JoinOptions(encodeOptions, json.WithMarshalers(json.JoinMarshalers(
	json.MarshalToFunc(encodeNumber), json.MarshalToFunc(refuseSecrets))))

// mendText is kept apart, so that joining it costs nothing where it is not wanted.
var mendText = jsontext.AllowInvalidUTF8(true)

// Marshal encodes v as JSON: map keys sorted, nil slices as [], nil maps as {}, a json.Number as
// the number it is. OutputSchema describes what it writes. It returns the error of the json package
// for a value that JSON cannot hold (NaN, a time.Duration without a format), and an error of its
// own for a value with a field that is `secret:"true"`, however deep in it and behind whatever
// interface.
func Marshal(v any) ([]byte, error) {
	options, err := optionsFor(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v, options)
}

// MarshalResult is Marshal for what comes out of a database: bytes in a text that are not UTF-8,
// which SQLite for one stores, become U+FFFD as in encoding/json, where Marshal returns an error.
// One bad row does not fail a whole list.
func MarshalResult(v any) ([]byte, error) {
	options, err := optionsFor(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v, options, mendText)
}

// optionsFor returns guardedOptions only for types that need them, because looking at each value
// costs time.
func optionsFor(v any) (json.Options, error) {
	if v == nil {
		return encodeOptions, nil
	}
	facts := factsOf(reflect.TypeOf(v))
	switch {
	case facts.secret != nil:
		return nil, facts.secret
	case facts.open:
		return guardedOptions, nil
	}
	return encodeOptions, nil
}

func encodeNumber(enc *jsontext.Encoder, n stdjson.Number) error {
	if n == "" {
		n = "0" // as encoding/json does
	}
	if jsontext.Value(n).Kind() != '0' {
		return fmt.Errorf("binding: a json.Number holds something else than a number")
	}
	return enc.WriteValue(jsontext.Value(n))
}

// refuseSecrets sees each value that is encoded.
func refuseSecrets(_ *jsontext.Encoder, v any) error {
	if v != nil {
		if facts := factsOf(reflect.TypeOf(v)); facts.secret != nil {
			return facts.secret
		}
	}
	return errors.ErrUnsupported
}

// facts are what a type says of how its values must be encoded.
type facts struct {
	open   bool  // it holds an interface, a json.Number, or encodes others by methods of its own
	secret error // names its secret field
}

var knownFacts sync.Map // reflect.Type to *facts

func factsOf(t reflect.Type) *facts {
	if known, ok := knownFacts.Load(t); ok {
		return known.(*facts)
	}
	found := &facts{}
	found.visit(t, map[reflect.Type]bool{})
	known, _ := knownFacts.LoadOrStore(t, found)
	return known.(*facts)
}

var marshalerTo = reflect.TypeFor[json.MarshalerTo]()

// visit collects the facts of t and of all that t shows to be in it.
func (f *facts) visit(t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] || f.secret != nil {
		return
	}
	seen[t] = true
	switch {
	case t == numberType:
		f.open = true
	case reflect.PointerTo(t).Implements(optionType):
		f.visit(reflect.New(t).Interface().(option).elem(), seen)
	case t.Kind() == reflect.Interface:
		f.open = true
	case implementsAny(t, []reflect.Type{marshalerTo}):
		f.open = true // it may hand the encoder any value
	case customJSON(t) && t.Kind() != reflect.Pointer:
	case t.Kind() == reflect.Map:
		f.visit(t.Key(), seen)
		f.visit(t.Elem(), seen)
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		f.visit(t.Elem(), seen)
	case t.Kind() == reflect.Struct:
		f.visitFields(t, seen)
	}
}

func (f *facts) visitFields(t reflect.Type, seen map[reflect.Type]bool) {
	fields, fallback, err := flatten(t)
	if err != nil {
		return // the json package refuses it
	}
	if fallback != nil {
		f.visit(fallback, seen)
	}
	for _, g := range fields {
		if isSecret(g.Tag) {
			f.secret = fmt.Errorf("binding: field %s of %s is secret and must not leave the server; "+
				"leave it out with `json:\"-\"`, or return a type without it", g.Name, t)
			return
		}
		f.visit(g.Type, seen)
	}
}
