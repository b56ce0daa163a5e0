package binding_test

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"

	"github.com/mcpecho/kit/binding"
)

type User struct {
	ID       int64    `json:"id" doc:"Number of the user."`
	Tags     []string `json:"tags"`
	Password string   `json:"password" secret:"true"`
}

// A result that could show a secret field is an error.
func ExampleMarshal() {
	type Shown struct {
		ID   int64    `json:"id"`
		Tags []string `json:"tags"`
	}
	fmt.Println(text(binding.Marshal(Shown{ID: 7})))
	fmt.Println(text(binding.Marshal(User{ID: 7})))
	// Output:
	// {"id":7,"tags":[]} <nil>
	//  binding: field Password of binding_test.User is secret and must not leave the server; leave it out with `json:"-"`, or return a type without it
}

func text(b []byte, err error) (string, error) { return string(b), err }

// The schema describes exactly what Marshal writes.
func ExampleOutputSchema() {
	type Shown struct {
		ID   int64   `json:"id" doc:"Number of the user."`
		Note *string `json:"note,omitzero"`
	}
	schema, err := binding.OutputSchema(reflect.TypeFor[Shown]())
	if err != nil {
		panic(err)
	}
	fmt.Println(text(binding.MarshalSchema(binding.RootSchema(schema))))
	// Output:
	// {"type":"object","properties":{"id":{"type":"integer","description":"Number of the user."},"note":{"type":["string","null"]}},"required":["id"],"additionalProperties":false} <nil>
}

// Arguments are logged without their secret fields.
func ExampleRedact() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	in := User{ID: 7, Password: "hunter2"}
	log.Info("login", "input", binding.Redact(in))
	// Output:
	// level=INFO msg=login input.id=7 input.password=[redacted]
}

// A test of an application can ask which fields of its models look like credentials.
func ExampleCredentials() {
	type Account struct {
		ID           int64
		PasswordHash string
		APIKey       string `json:"-"`
	}
	fmt.Println(binding.Credentials(reflect.TypeFor[Account]()))
	// Output:
	// [PasswordHash]
}
