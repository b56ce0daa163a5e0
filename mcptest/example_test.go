package mcptest_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/labstack/echo/v4"

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

// greeter is the server that the examples test.
func greeter() *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "greeter", Logger: slog.New(slog.DiscardHandler)})
	srv.Add(
		mcpecho.Service("greet", mcpecho.Plain(greet), mcpecho.Describe("Greet somebody.")),
		mcpecho.Service("greet.all", func(c *mcpecho.Call, _ struct{}) (string, error) {
			for i, name := range []string{"Ann", "Bob"} {
				c.Progress(float64(i+1), 2, name)
			}
			c.Log(mcpecho.LogInfo, "nobody is left")
			return "greeted", nil
		}, mcpecho.Guard("signed in", signedIn)),
		mcpecho.Resource("greetings://{name}", mcpecho.Plain(greet)),
		mcpecho.Prompt("welcome", func(_ *mcpecho.Call, in greetInput) (string, error) {
			return "Write a welcome for " + in.Name + ".", nil
		}, mcpecho.Complete("name", func(*mcpecho.Call, string, map[string]string) ([]string, error) {
			return []string{"Ann", "Bob"}, nil
		})),
	)
	return srv
}

func signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if mcpecho.PrincipalFrom(c) == nil {
			return echo.ErrForbidden
		}
		return next(c)
	}
}

// A test makes a client of the server and calls its tools.
func Example() {
	t := exampleTest() // in a test this is the *testing.T

	client := mcptest.New(t, greeter()).As(&mcpecho.Principal{Subject: "ann"})
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

// A call that must succeed is decoded into the type of its result.
func ExampleCall() {
	client := mcptest.New(exampleTest(), greeter())
	g := mcptest.Call[greeting](client, "greet", greetInput{Name: "Bob"})
	fmt.Println(g.Text)
	// Output: Hello, Bob!
}

// A call that may fail says how: by a type for programs, a sentence for models, and the arguments.
func ExampleClient_Do() {
	client := mcptest.New(exampleTest(), greeter())
	r := client.Do("greet", map[string]any{"name": "somebody with a long name"})
	fmt.Println(r.IsError, r.Error.Type)
	for _, f := range r.Error.Fields {
		fmt.Println(f.Path, f.Rule, f.Message)
	}
	// Output:
	// true validation_error
	// name max must be at most 20 characters
}

// One server has clients of several callers, and an anonymous one.
func ExampleClient_As() {
	anonymous := mcptest.New(exampleTest(), greeter())
	ann := anonymous.As(&mcpecho.Principal{Subject: "ann"})
	fmt.Println(anonymous.Do("greet.all", nil).Error.Type)
	fmt.Println(mcptest.Call[string](ann, "greet.all", nil))
	// Output:
	// forbidden
	// greeted
}

func ExampleClient_Tools() {
	for _, tool := range mcptest.New(exampleTest(), greeter()).Tools() {
		fmt.Println(tool.Name, string(tool.InputSchema))
	}
	// Output:
	// greet {"type":"object","properties":{"name":{"type":"string","description":"Whom to greet.","minLength":1,"maxLength":20}},"required":["name"],"additionalProperties":false}
	// greet_all {"type":"object","properties":{},"additionalProperties":false}
}

func ExampleClient_Read() {
	client := mcptest.New(exampleTest(), greeter())
	fmt.Println(client.Read("greetings://Bob").Contents[0].Text)
	fmt.Println(client.Read("greetings://").RPCError)
	// Output:
	// {"text":"Hello, Bob!"}
	// -32602 invalid arguments: name must not be empty
}

func ExampleClient_Prompt() {
	client := mcptest.New(exampleTest(), greeter())
	message := client.Prompt("welcome", map[string]string{"name": "Bob"}).Messages[0]
	fmt.Println(message.Role+":", message.Content.Text)
	// Output: user: Write a welcome for Bob.
}

func ExampleClient_Complete() {
	client := mcptest.New(exampleTest(), greeter())
	fmt.Println(client.Complete("welcome", "name", "", nil).Values)
	// Output: [Ann Bob]
}

// What a call reports before its answer comes to clients that ask for it.
func ExampleWithProgress() {
	client := mcptest.New(exampleTest(), greeter(), mcptest.WithProgress()).As(&mcpecho.Principal{Subject: "ann"})
	r := client.Do("greet.all", nil)
	for _, p := range r.Progress() {
		fmt.Println(p.Progress, "of", p.Total, p.Message)
	}
	fmt.Println(r.Text)
	// Output:
	// 1 of 2 Ann
	// 2 of 2 Bob
	// greeted
}

func ExampleWithLogs() {
	client := mcptest.New(exampleTest(), greeter(), mcptest.WithLogs(mcpecho.LogInfo)).As(&mcpecho.Principal{Subject: "ann"})
	for _, l := range client.Do("greet.all", nil).Logs() {
		fmt.Println(l.Level, l.Logger, string(l.Data))
	}
	// Output: info greet_all "nobody is left"
}

// A tool behaves alike for clients of the protocol revisions with sessions.
func ExampleDated() {
	for _, wire := range []mcptest.Option{mcptest.Modern(), mcptest.Dated()} {
		client := mcptest.New(exampleTest(), greeter(), wire)
		fmt.Println(mcptest.Call[greeting](client, "greet", greetInput{Name: "Bob"}).Text)
	}
	// Output:
	// Hello, Bob!
	// Hello, Bob!
}

// Clients are told a schema of the results, and the results should keep to it.
func ExampleAssertConforms() {
	t := exampleTest()
	client := mcptest.New(t, greeter())
	mcptest.AssertConforms(t, client, "greet", client.Do("greet", greetInput{Name: "Bob"}))
	mcptest.AssertConforms(t, client, "greet", client.Do("greet", nil))
	// Output:
	// mcptest: greet: validation_error: invalid arguments: name is required
	// 	name is required (required)
}

// exampleTest stands in for the *testing.T that an example does not have.
func exampleTest() testing.TB { return example{} }

type example struct{ testing.TB }

func (example) Helper()                   {}
func (example) Context() context.Context  { return context.Background() }
func (example) Cleanup(func())            {}
func (example) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (example) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
