package mcpecho_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	"github.com/mcpecho/kit/middleware"
)

type createInput struct {
	Number string `json:"number" validate:"required,max=32" doc:"Invoice number."`
	Cents  int64  `json:"amount_cents" validate:"required,gte=0" doc:"Amount in cents."`
}

type invoice struct {
	ID     int64  `json:"id" gorm:"primaryKey"`
	Number string `json:"number"`
	Sent   bool   `json:"sent"`
}

type invoiceByID struct {
	PK int64 `json:"pk" validate:"required,gte=1" doc:"Id of an invoice."`
}

// A service is a typed function; its argument struct is schema and validation.
func ExampleService() {
	create := func(c *mcpecho.Call, in createInput) (invoice, error) {
		return invoice{ID: 1, Number: in.Number}, nil // in real life: c.DB().Create
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.create", create, mcpecho.Describe("Create an invoice.")))

	client := mcptest.New(inExample(), srv)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-1", Cents: 100}).Text)
	fmt.Println(client.Do("invoices.create", map[string]any{"numbr": "A-1", "amount_cents": -5}).Error)
	// Output:
	// {"id":1,"number":"A-1","sent":false}
	// validation_error: invalid arguments: 3 problems, see fields
	// 	amount_cents must be at least 0 (gte)
	// 	numbr is not an argument; did you mean "number"? (unknown)
	// 	number is required (required)
}

// A selector returns a query that nothing has run yet; the steps of its chain
// filter, order and page it. The printed chain is the order in which they run.
func ExampleSelector() {
	type invoiceFilter struct {
		Sent *bool `json:"sent" filter:"sent"`
	}
	invoices := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }

	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Use(middleware.RateLimit(10))
	srv.Add(mcpecho.Selector[invoice]("invoices.list", invoices, middleware.Scopes("invoices:read"),
		middleware.Filter[invoiceFilter](), middleware.Order("-number"), middleware.Paginate(20)))
	srv.Fprint(os.Stdout)
	// Output:
	// invoices.list  scopes → ratelimit → validate → handle → filter → order → paginate → fetch → serialize  (listed as invoices_list)
}

// The variables of a URI template are arguments: decoded by type, validated.
func ExampleResource() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(
		mcpecho.Resource("invoices://{pk}", func(_ *mcpecho.Call, in invoiceByID) (invoice, error) {
			return invoice{ID: in.PK, Number: "A-1"}, nil
		}),
		mcpecho.Resource("invoices://stats", func(*mcpecho.Call, struct{}) (string, error) {
			return "3 invoices", nil
		}),
	)
	client := mcptest.New(inExample(), srv)
	for _, uri := range []string{"invoices://7", "invoices://stats", "invoices://zero"} {
		if r := client.Read(uri); r.RPCError == nil {
			fmt.Println(r.Contents[0].MIMEType, r.Contents[0].Text)
		} else {
			fmt.Println(r.RPCError)
		}
	}
	// Output:
	// application/json {"id":7,"number":"A-1","sent":false}
	// text/plain 3 invoices
	// -32602 invalid arguments: pk must be an integer
}

// The resource has the chain of the tool, so it is guarded alike.
func ExampleSpec_AsResource() {
	get := mcpecho.Retrieve[invoice]("invoices.get", func(c *mcpecho.Call, in invoiceByID) (*gorm.DB, error) {
		return c.DB().Where("id = ?", in.PK), nil
	}, middleware.Scopes("invoices:read"))

	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(get, get.AsResource("invoices://{pk}", mcpecho.Title("Invoice")))
	srv.Fprint(os.Stdout)
	fmt.Println(mcptest.New(inExample(), srv).Read("invoices://1").RPCError)
	// Output:
	// invoices.get     scopes → validate → handle → fetch → serialize  (listed as invoices_get)
	// invoices://{pk}  scopes → validate → handle → fetch → serialize
	// 401 authentication required
}

// A prompt renders messages; Complete suggests values while a user types.
func ExamplePrompt() {
	type summariseInput struct {
		Period string `json:"period" validate:"required" doc:"Month, as 2026-07."`
		Tone   string `json:"tone" validate:"omitempty,oneof=formal friendly"`
	}
	tones := func(_ *mcpecho.Call, value string, _ map[string]string) ([]string, error) {
		var found []string
		for _, tone := range []string{"formal", "friendly"} {
			if strings.HasPrefix(tone, value) {
				found = append(found, tone)
			}
		}
		return found, nil
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Prompt("summarise", func(_ *mcpecho.Call, in summariseInput) (string, error) {
		return "Summarise the invoices of " + in.Period + ".", nil
	}, mcpecho.Complete("tone", tones)))

	client := mcptest.New(inExample(), srv)
	message := client.Prompt("summarise", map[string]string{"period": "2026-07"}).Messages[0]
	fmt.Println(message.Role+":", message.Content.Text)
	fmt.Println(client.Prompt("summarise", nil).RPCError)
	fmt.Println(client.Complete("summarise", "tone", "fr", nil).Values)
	// Output:
	// user: Summarise the invoices of 2026-07.
	// -32602 invalid arguments: period is required
	// [friendly]
}

// Text says in a sentence what the structured content says in full.
func ExampleText() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.send", func(*mcpecho.Call, invoiceByID) (invoice, error) {
		return invoice{ID: 7, Number: "A-7", Sent: true}, nil
	}, mcpecho.Text(func(i invoice) string { return "Sent " + i.Number + "." })))

	r := mcptest.New(inExample(), srv).Do("invoices.send", invoiceByID{7})
	fmt.Println(r.Text)
	fmt.Println(r.Structured)
	// Output:
	// Sent A-7.
	// {"id":7,"number":"A-7","sent":true}
}

// Progress reaches clients that asked for it and costs nothing for others.
func ExampleCall_Progress() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.export", func(c *mcpecho.Call, _ struct{}) (string, error) {
		for i := range 3 {
			if err := c.Ctx().Err(); err != nil { // the client has left
				return "", err
			}
			c.Progress(float64(i+1), 3, "invoices written")
		}
		return "exported", nil
	}))
	r := mcptest.New(inExample(), srv, mcptest.WithProgress()).Do("invoices.export", nil)
	for _, p := range r.Progress() {
		fmt.Println(p.Progress, "of", p.Total, p.Message)
	}
	fmt.Println(r.Text)
	// Output:
	// 1 of 3 invoices written
	// 2 of 3 invoices written
	// 3 of 3 invoices written
	// exported
}

// A sequence is one tool that runs several specs, each with an input made of
// the results so far. Its chain has the guards of all of them; with a
// Transaction step it is one transaction.
func ExampleSequence() {
	create := mcpecho.Service("invoices.create", func(_ *mcpecho.Call, in createInput) (invoice, error) {
		return invoice{ID: 7, Number: in.Number}, nil
	}, middleware.Scopes("invoices:write"))
	send := mcpecho.Service("invoices.send", func(_ *mcpecho.Call, in invoiceByID) (invoice, error) {
		if in.PK != 7 {
			return invoice{}, gorm.ErrRecordNotFound
		}
		return invoice{}, mcpecho.Errorf("the mail server does not answer")
	}, middleware.RateLimit(10))

	seq := mcpecho.NewSequence[createInput]("invoices.create_and_send")
	created := mcpecho.Then[invoice](seq, create, func(_ *mcpecho.Call, in createInput) createInput { return in })
	sent := mcpecho.Then[invoice](seq, send, func(c *mcpecho.Call, _ createInput) invoiceByID {
		return invoiceByID{created.In(c).ID}
	})

	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Finish(seq, sent))
	srv.Fprint(os.Stdout)

	clerk := mcptest.New(inExample(), srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"invoices:write"}})
	fmt.Println(clerk.Do("invoices.create_and_send", createInput{Number: "A-7"}).Text)
	// Output:
	// invoices.create_and_send  scopes → ratelimit → validate → handle → serialize  (listed as invoices_create_and_send)
	// {"error":{"failedStep":"invoices.send","message":"the mail server does not answer","type":"error"}}
}

// Any Echo middleware becomes a step with Named, and Before puts it at a named
// place of the chain.
func ExampleBefore() {
	audit := mcpecho.Named("audit", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			fmt.Println("audit:", mcpecho.CallFrom(c).Name(), "failed:", err != nil)
			return err
		}
	})
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.create", mcpecho.Plain(func(_ context.Context, in createInput) (string, error) {
		return "created " + in.Number, nil
	}), mcpecho.Before("validate", audit)))
	srv.Fprint(os.Stdout)

	client := mcptest.New(inExample(), srv)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-1"}).Text)
	client.Do("invoices.create", nil)
	// Output:
	// invoices.create  audit → validate → handle → serialize  (listed as invoices_create)
	// audit: invoices.create failed: false
	// created A-1
	// audit: invoices.create failed: true
}

// inExample stands in for the *testing.T that an example does not have.
func inExample() testing.TB { return exampleT{} }

type exampleT struct{ testing.TB }

func (exampleT) Helper()                   {}
func (exampleT) Context() context.Context  { return context.Background() }
func (exampleT) Cleanup(func())            {}
func (exampleT) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (exampleT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// Specs of a group share a prefix. Where clients see another name, Fprint says which.
func ExampleServer_Group() {
	type article struct {
		ID    uint   `json:"id"`
		Title string `json:"title"`
	}
	srv := mcpecho.New(mcpecho.Config{Name: "magazine"})
	one := mcpecho.Retrieve[article]("get", func(c *mcpecho.Call, in struct {
		ID uint `json:"id" validate:"required"`
	}) (*gorm.DB, error) {
		return c.DB().Where("id = ?", in.ID), nil
	})
	srv.Group("articles").Add(one, one.AsResource("articles://{id}", mcpecho.Name("article")))
	srv.Fprint(os.Stdout)
	fmt.Println(srv.ListedName("articles.get"))
	// Output:
	// articles.get     validate → handle → fetch → serialize  (listed as articles_get)
	// articles://{id}  validate → handle → fetch → serialize
	// articles_get
}
