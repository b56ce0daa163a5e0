package binding

import (
	"database/sql"
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpecho/kit/internal/nearest"
)

// This file finds out what it can about the JSON form of types that have methods of their own.

// schemer is a type that brings its own schema.
type schemer interface{ JSONSchema() *jsonschema.Schema }

// schemaOf returns the schema that t brings, nil when it brings none.
func schemaOf(t reflect.Type) (*jsonschema.Schema, error) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return nil, nil
	}
	s, ok := reflect.New(t).Interface().(schemer)
	if !ok {
		return nil, nil
	}
	own := s.JSONSchema()
	if promoted(t, own) {
		return nil, nil
	}
	if own == nil {
		return nil, fmt.Errorf("the method JSONSchema of %s returns nil for a zero value; "+
			"return the schema of the type", t)
	}
	if err := checkSchemas(own, new(int)); err != nil {
		return nil, fmt.Errorf("the schema that %s brings is refused: %w", t, err)
	}
	if refersToRoot(own) {
		return nil, fmt.Errorf("the schema that %s brings refers to itself by #, "+
			"which means another schema once it is part of one; use $defs", t)
	}
	return own, nil
}

// promoted reports whether the schema of t is that of a struct which t embeds: its method has
// become one of t.
func promoted(t reflect.Type, own *jsonschema.Schema) bool {
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		f := t.Field(i)
		if !f.Anonymous || f.Type.Kind() == reflect.Interface {
			continue
		}
		if f.Type.Kind() == reflect.Pointer {
			f.Type = f.Type.Elem()
		}
		if s, ok := reflect.New(f.Type).Interface().(schemer); ok && reflect.DeepEqual(s.JSONSchema(), own) {
			return true
		}
	}
	return false
}

func refersToRoot(s *jsonschema.Schema) bool {
	for _, child := range subschemas(s) {
		if refersToRoot(child) {
			return true
		}
	}
	return s.Ref == "#"
}

var (
	numberType   = reflect.TypeFor[stdjson.Number]()
	nullTimeType = reflect.TypeFor[sql.NullTime]()
)

// selfEncoded tells what a type with JSON methods writes, from what its zero value writes; text
// says whether it has text methods as well, as decimals have.
func selfEncoded(t reflect.Type, text bool) leaf {
	zero, err := json.Marshal(reflect.New(t).Interface(), encodeOptions)
	if err != nil {
		return leafJSON
	}
	switch kind := jsontext.Value(zero).Kind(); {
	case kind == '"' && text:
		return leafText
	case kind == 'n' && t.Kind() == reflect.Struct && nullTimeType.ConvertibleTo(t):
		now := reflect.ValueOf(sql.NullTime{Time: time.Unix(0, 0).UTC(), Valid: true}).Convert(t)
		if b, err := json.Marshal(now.Interface(), encodeOptions); err == nil && string(b) == `"1970-01-01T00:00:00Z"` {
			return leafNullTime
		}
	}
	return leafJSON
}

// form is what can be said of a type that is written as text.
type form struct{ format, description, want string }

var forms = map[reflect.Type]form{
	reflect.TypeFor[netip.Addr]():     {"", "IP address", "an IP address such as 192.0.2.1"},
	reflect.TypeFor[netip.Prefix]():   {"", "IP network", "an IP network such as 192.0.2.0/24"},
	reflect.TypeFor[netip.AddrPort](): {"", "IP address and port", "an IP address with a port such as 192.0.2.1:80"},
}

func formOf(t reflect.Type) form {
	if f, ok := forms[t]; ok {
		return f
	}
	// Every UUID package names its array of 16 bytes UUID.
	if t.Kind() == reflect.Array && t.Len() == 16 && strings.EqualFold(t.Name(), "uuid") {
		return form{"uuid", "", "a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
	}
	if sample, err := textOf(t); err == nil && sample != "" && len(sample) <= nearest.MaxLength {
		return form{"", "", `a string such as "` + sample + `"`}
	}
	return form{"", "", "a string in the right form for this argument"}
}

// textOf is the text form of the zero value of t.
func textOf(t reflect.Type) (text string, err error) {
	defer func() {
		if recover() != nil { // a method that cannot deal with a zero value
			err = errors.New("no text")
		}
	}()
	m, ok := reflect.New(t).Interface().(encoding.TextMarshaler)
	if !ok {
		return "", errors.New("no text")
	}
	b, err := m.MarshalText()
	return string(b), err
}
