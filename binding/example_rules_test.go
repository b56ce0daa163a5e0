package binding_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/mcpecho/kit/binding"
)

type Period struct {
	From string `json:"from" validate:"required"`
	To   string `json:"to" validate:"required"`
}

// Check runs once the fields hold no error of their own.
func (p Period) Check(context.Context) error {
	if p.To < p.From {
		return binding.Errorf("to", "period", "must not be before from")
	}
	return nil
}

// What no tag can say, the input checks itself.
func ExampleArgs_DecodeContext() {
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[Period]()})
	if err != nil {
		panic(err)
	}
	var in Period
	err = args.DecodeContext(context.Background(), []byte(`{"from": "2026-03", "to": "2026-01"}`), &in)
	fmt.Println(err)
	// Output:
	// binding: invalid arguments: to must not be before from
}

// An application adds rules of its own to those of the validator.
func ExampleCompiler() {
	rules := validator.New()
	err := rules.RegisterValidation("sku", func(f validator.FieldLevel) bool {
		return strings.HasPrefix(f.Field().String(), "SKU-")
	})
	if err != nil {
		panic(err)
	}
	type Line struct {
		SKU string `json:"sku" validate:"sku"`
	}
	compiler := binding.Compiler{Validator: rules}
	args, err := compiler.Compile(binding.Part{Type: reflect.TypeFor[Line]()})
	if err != nil {
		panic(err)
	}
	var in Line
	fmt.Println(args.Decode([]byte(`{"sku": "17"}`), &in))
	// Output:
	// binding: invalid arguments: sku must satisfy the rule sku
}

// A schema that exists already is kept as it is and enforced.
func ExampleCompileWithSchema() {
	schema := []byte(`{
		"type": "object",
		"properties": {"country": {"type": "string", "pattern": "^[A-Z]{2}$"}},
		"required": ["country"],
		"additionalProperties": false
	}`)
	args, err := binding.CompileWithSchema(schema, binding.Part{Type: reflect.TypeFor[map[string]any]()})
	if err != nil {
		panic(err)
	}
	var in map[string]any
	err = args.Decode([]byte(`{"country": "Peru"}`), &in)
	if bad, ok := errors.AsType[*binding.Error](err); ok {
		fmt.Println(bad.Fields[0].Path, bad.Fields[0].Rule)
	}
	// Output:
	// country pattern
}
