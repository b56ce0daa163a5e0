package mcpecho_test

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// A job calls a tool as one of its callers, with the steps that all of them pass.
func ExampleInvoke() {
	create := func(c *mcpecho.Call, in createInput) (invoice, error) {
		c.Progress(1, 1, "created "+in.Number)
		return invoice{ID: 1, Number: in.Number}, nil // in real life: c.DB().Create
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.create", create, mcpecho.Describe("Create an invoice."), mw.Scopes("invoices:write")))

	ctx := mcpecho.WithPrincipal(context.Background(), &mcpecho.Principal{Subject: "nightly", Scopes: []string{"invoices:write"}})
	made, err := mcpecho.Invoke[invoice](ctx, srv, "invoices.create", createInput{Number: "A-1", Cents: 100},
		mcpecho.OnProgress(func(done, total float64, message string) { fmt.Println(done, "of", total, message) }))
	fmt.Println(made.ID, err)

	var bad *binding.Error
	_, err = mcpecho.Invoke[invoice](ctx, srv, "invoices.create", createInput{Cents: -5})
	if errors.As(err, &bad) {
		for _, f := range bad.Fields {
			fmt.Println(f.Path, f.Message)
		}
	}
	_, err = mcpecho.Invoke[invoice](context.Background(), srv, "invoices.create", createInput{Number: "A-1"})
	fmt.Println(err)
	// Output:
	// 1 of 1 created A-1
	// 1 <nil>
	// number must not be empty
	// amount_cents must be at least 0
	// 401 authentication required
}

// A handler that invokes another tool does so as its own caller and in its own transaction.
func ExampleInvoke_inside() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	type amount struct {
		Cents int64 `json:"cents"`
	}
	srv.Add(
		mcpecho.Service("tax", func(c *mcpecho.Call, in amount) (amount, error) {
			fmt.Println("tax for", c.Principal().Subject)
			return amount{in.Cents / 5}, nil
		}, mw.Scopes("tax:read")),
		mcpecho.Service("gross", func(c *mcpecho.Call, in amount) (amount, error) {
			tax, err := mcpecho.Invoke[amount](c.Ctx(), srv, "tax", in)
			return amount{in.Cents + tax.Cents}, err
		}),
	)
	ann := mcptest.New(inExample(), srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"tax:read"}})
	fmt.Println(ann.Do("gross", amount{100}).Text)
	fmt.Println(ann.As(&mcpecho.Principal{Subject: "bob"}).Do("gross", amount{100}).RPCError)
	// Output:
	// tax for ann
	// {"cents":120}
	// 403 insufficient scope
}

// countInvoices is what a server has as mcpecho.Plain(countInvoices).
func countInvoices(ctx context.Context, _ struct{}) (n int64, err error) {
	err = mcpecho.DB(ctx).Model(&invoice{}).Count(&n).Error
	return n, err
}

func ExampleWithDB() {
	db, err := gorm.Open(sqlite.Open("file:plain?mode=memory&cache=shared"), &gorm.Config{Logger: logger.Discard})
	if err != nil || db.AutoMigrate(&invoice{}) != nil {
		panic("cannot open the database")
	}
	fmt.Println(countInvoices(mcpecho.WithDB(context.Background(), db), struct{}{}))
	// Output: 0 <nil>
}
