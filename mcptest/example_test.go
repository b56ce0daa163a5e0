package mcptest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

type greetInput struct {
	Name string `json:"name" validate:"required,max=20" doc:"Whom to greet."`
}

type greeting struct {
	Text string `json:"text"`
}

func greet(ctx context.Context, in greetInput) (greeting, error) {
	return greeting{"Hello, " + in.Name + "!"}, nil
}

// A test makes a client of the server and calls its tools.
func Example() {
	t := exampleTest() // in a test this is the *testing.T

	srv := mcpecho.New(mcpecho.Config{Name: "greeter"})
	srv.Add(mcpecho.Service("greet", mcpecho.Plain(greet), mcpecho.Describe("Greet somebody.")))

	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"})
	fmt.Println(mcptest.Call[greeting](client, "greet", greetInput{Name: "Bob"}).Text)

	result := client.Do("greet", map[string]any{"nam": "Bob"})
	fmt.Println(result.Error)

	mcptest.AssertConforms(t, client, "greet", client.Do("greet", greetInput{Name: "Eve"}))
	// Output:
	// Hello, Bob!
	// validation_error: invalid arguments: 2 problems, see fields
	// 	nam is not an argument; did you mean "name"? (unknown)
	// 	name is required (required)
}

func ExampleClient_Tools() {
	srv := mcpecho.New(mcpecho.Config{Name: "greeter"})
	srv.Add(mcpecho.Service("greet", mcpecho.Plain(greet), mcpecho.Describe("Greet somebody.")))

	for _, tool := range mcptest.New(exampleTest(), srv, mcptest.Dated()).Tools() {
		fmt.Println(tool.Name, string(tool.InputSchema))
	}
	// Output:
	// greet {"type":"object","properties":{"name":{"type":"string","description":"Whom to greet.","minLength":1,"maxLength":20}},"required":["name"],"additionalProperties":false}
}

// exampleTest stands in for the *testing.T that an example does not have.
func exampleTest() testing.TB { return example{} }

type example struct{ testing.TB }

func (example) Helper()                   {}
func (example) Context() context.Context  { return context.Background() }
func (example) Cleanup(func())            {}
func (example) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (example) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
