package binding

import (
	"net/url"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"
)

// Part is one contributor to the arguments of a tool or route: the input of its handler, or what a step adds.
type Part struct {
	// Type is a struct type; its fields are arguments, named as encoding/json/v2 names them. Required.
	Type reflect.Type
	// Schema replaces the generated schema of the properties it names. Optional.
	Schema map[string]*jsonschema.Schema
	// Check gets a pointer to the decoded value of Type once its own fields hold no error. It returns the rules that
	// are broken, and may normalise the value. Optional.
	Check func(v any) []FieldError
}

// Args is the compiled declaration of a set of arguments. It is immutable and safe for concurrent use.
type Args struct{}

// Compile joins parts into one set of arguments.
func Compile(parts ...Part) (*Args, error) { return nil, errSkeleton }

// CompileWithSchema is Compile with a hand-written JSON Schema for the arguments of the first part.
func CompileWithSchema(schema []byte, parts ...Part) (*Args, error) { return nil, errSkeleton }

// Schema returns the JSON Schema of the arguments. The caller must not change it.
func (a *Args) Schema() []byte { return nil }

// Decode decodes one JSON object into dst, pointers in the order of the parts. Bad input is reported as an *Error.
func (a *Args) Decode(data []byte, dst ...any) error { return errSkeleton }

// Query turns a query string into the JSON object that Decode takes.
func (a *Args) Query(q url.Values) ([]byte, error) { return nil, errSkeleton }

// DecodeJSON decodes data into a T; see Args.Decode.
func DecodeJSON[T any](data []byte) (v T, err error) { return v, errSkeleton }

// OutputSchema describes what Marshal writes for values of type t.
func OutputSchema(t reflect.Type) (*jsonschema.Schema, error) { return nil, errSkeleton }

// Marshal encodes v.
func Marshal(v any) ([]byte, error) { return nil, errSkeleton }

// AppendMarshal appends the encoding of v to dst.
func AppendMarshal(dst []byte, v any) ([]byte, error) { return nil, errSkeleton }

// Nearest returns the name in known that is nearest to name, or "" when none is near.
func Nearest(name string, known []string) string { return "" }
