package binding_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/mcpecho/kit/binding"
)

type CreateInvoice struct {
	Number string              `json:"number" validate:"required,max=32" doc:"Unique number."`
	Amount int64               `json:"amount_cents" validate:"required,gte=0"`
	Status string              `json:"status" validate:"oneof=draft paid" default:"draft"`
	Note   binding.Opt[string] `json:"note"`
}

// The struct is compiled once, at start-up; a mistake in a tag is an error there.
func ExampleCompile() {
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[CreateInvoice]()})
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.ReplaceAll(string(args.Schema()), `},"`, "},\n\""))

	var in CreateInvoice
	if err := args.Decode([]byte(`{"number": "A-1", "amount_cents": 0}`), &in); err != nil {
		panic(err)
	}
	fmt.Println(in.Number, in.Amount, in.Status, in.Note.IsSet())

	type Typo struct {
		Number string `json:"number" validate:"reqired"`
	}
	_, err = binding.Compile(binding.Part{Type: reflect.TypeFor[Typo]()})
	fmt.Println(err)
	// Output:
	// {"type":"object","properties":{"number":{"type":"string","description":"Unique number.","minLength":1,"maxLength":32},
	// "amount_cents":{"type":"integer","minimum":0},
	// "status":{"type":"string","default":"draft","enum":["draft","paid"]},
	// "note":{"type":["string","null"]}},
	// "required":["number","amount_cents"],"additionalProperties":false}
	// A-1 0 draft false
	// binding: field Number of binding_test.Typo: its validate tag has the rule "reqired", which go-playground/validator does not know; did you mean "required"?
}

// All errors of a document come at once, and never hold what the caller sent.
func ExampleArgs_Decode() {
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[CreateInvoice]()})
	if err != nil {
		panic(err)
	}
	var in CreateInvoice
	err = args.Decode([]byte(`{"numbr": "A-1", "amount_cents": 1.5, "status": "lost"}`), &in)
	if bad, ok := errors.AsType[*binding.Error](err); ok {
		for _, f := range bad.Fields {
			fmt.Println(f.Path, f.Rule, f.Message)
		}
	}
	// Output:
	// numbr unknown is not an argument; did you mean "number"?
	// amount_cents type must be an integer, written without a fraction or exponent
	// status oneof must be one of: draft, paid
	// number required is required
}
