package binding_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcpecho/kit/binding"
)

func compile[T any](t *testing.T) *binding.Args {
	t.Helper()
	a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[T]()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// decode returns the value and its field errors, one per line as "path|rule|message".
func decode[T any](t *testing.T, a *binding.Args, data string) (T, string) {
	t.Helper()
	var v T
	return v, fieldErrors(t, a.Decode([]byte(data), &v))
}

func decodeInto(t *testing.T, a *binding.Args, data string, dst ...any) string {
	t.Helper()
	return fieldErrors(t, a.Decode([]byte(data), dst...))
}

func fieldErrors(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*binding.Error](err)
	if !ok {
		t.Fatalf("got error %v, want a *binding.Error", err)
	}
	var lines []string
	for _, f := range e.Fields {
		lines = append(lines, f.Path+"|"+f.Rule+"|"+f.Message)
	}
	return strings.Join(lines, "\n")
}

func resolve(t *testing.T, schema []byte) *jsonschema.Resolved {
	t.Helper()
	s := new(jsonschema.Schema)
	if err := s.UnmarshalJSON(schema); err != nil {
		t.Fatalf("schema %s: %v", schema, err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("schema %s: %v", schema, err)
	}
	return r
}

// conforms reports whether the JSON text passes the schema.
func conforms(t *testing.T, r *jsonschema.Resolved, data string) bool {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return r.Validate(v) == nil
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
