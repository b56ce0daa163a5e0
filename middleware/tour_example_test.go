package middleware_test

import (
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

// The code of the package comment, as it stands there.
func Example_tour() {
	type Invoice struct {
		ID          int64  `json:"id"`
		Number      string `json:"number"`
		AmountCents int64  `json:"amount_cents"`
		Sent        bool   `json:"sent"`
	}
	type InvoiceFilter struct {
		Sent      *bool  `json:"sent"`
		MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
	}
	createInvoice := func(*mcpecho.Call, struct{}) (Invoice, error) { return Invoice{}, nil }
	invoices := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }
	db, done := exampleDB()
	defer done()
	e, key := echo.New(), []byte(strings.Repeat("k", 32))

	srv := mcpecho.New(mcpecho.Config{Name: "billing", DB: db})
	srv.Use(mw.Transaction(), mw.RateLimit(10))
	srv.Add(
		mcpecho.Service("invoices.create", createInvoice, mw.Scopes("invoices:write")),
		mcpecho.Selector[Invoice]("invoices.list", invoices, mw.Scopes("invoices:read"),
			mw.Filter[InvoiceFilter](), mw.Order("number"), mw.Paginate(20)),
	)
	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
	srv.Fprint(os.Stdout)
	// Output:
	// invoices.create  scopes → ratelimit → validate → transaction → handle → serialize  (listed as invoices_create)
	// invoices.list    scopes → ratelimit → validate → handle → filter → order → paginate → fetch → serialize  (listed as invoices_list)
}

type tourInvoice struct{ Number, Owner string }

type tourSummary struct{ Number string }

func (i tourInvoice) short() tourSummary { return tourSummary{i.Number} }

// The steps that the package comment shows one by one.
func Example_tourOfSteps() {
	type (
		Invoice = tourInvoice
		Summary = tourSummary
	)
	mw.RateLimit(10)
	mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 10, Burst: 50, Key: mw.ByPrincipalAndTool})

	mw.Scopes("invoices:write")                            // all of them
	mw.AnyScope("invoices:read", "invoices:write")         // one of them
	mw.Permit(mw.Or(employee, mw.HasScopes("rates:read"))) // what functions say
	mw.Public("rates are on our home page")                // everyone, and why

	mw.RateLimitWithConfig(mw.RateLimitConfig{
		Policy: store.FixedWindow{Max: 1000, Per: time.Hour}, Key: mw.ByTool,
	})

	mw.Narrow[Invoice](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		return db.Where("owner = ?", c.Principal().Subject)
	})

	mw.As[Summary]()                                           // the columns that a struct names
	mw.Serialize(func(i Invoice) Summary { return i.short() }) // whatever a function makes of a row
	// Output:
}
