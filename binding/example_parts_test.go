package binding_test

import (
	"fmt"
	"net/url"
	"reflect"

	"github.com/mcpecho/kit/binding"
)

// A step of a route adds arguments of its own and checks them.
func ExamplePart() {
	type Search struct {
		Text string `json:"text" validate:"required"`
	}
	type Limit struct {
		Limit int `json:"limit" default:"20"`
	}
	args, err := binding.Compile(
		binding.Part{Type: reflect.TypeFor[Search]()},
		binding.Part{Type: reflect.TypeFor[Limit](), Check: func(v any) []binding.FieldError {
			limit := v.(*Limit)
			limit.Limit = min(limit.Limit, 100)
			return nil
		}},
	)
	if err != nil {
		panic(err)
	}
	var search Search
	var limit Limit
	if err := args.Decode([]byte(`{"text": "late", "limit": 1000}`), &search, &limit); err != nil {
		panic(err)
	}
	fmt.Println(args.Names(), search.Text, limit.Limit)
	// Output:
	// [text limit] late 100
}

// A query string becomes the JSON object that Decode takes.
func ExampleArgs_Query() {
	type Search struct {
		Status []string `json:"status"`
		Min    int      `json:"min"`
		Sent   bool     `json:"sent"`
	}
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[Search]()})
	if err != nil {
		panic(err)
	}
	data, err := args.Query(url.Values{"status": {"draft,paid"}, "min": {"5"}, "sent": {"true"}})
	if err != nil {
		panic(err)
	}
	var in Search
	if err := args.Decode(data, &in); err != nil {
		panic(err)
	}
	fmt.Printf("%+v\n", in)
	// Output:
	// {Status:[draft paid] Min:5 Sent:true}
}

// Encode makes arguments of a Go value, for instance to call a tool from Go.
func ExampleArgs_Encode() {
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[CreateInvoice]()})
	if err != nil {
		panic(err)
	}
	data, err := args.Encode(CreateInvoice{Number: "A-1", Status: "paid"})
	fmt.Println(string(data), err)
	// Output:
	// {"number":"A-1","amount_cents":0,"status":"paid"} <nil>
}
