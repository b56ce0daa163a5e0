package middleware_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

// The tour in doc.go shows these as they stand here.

func quota(left func(subject string) int) mcpecho.Step {
	return mcpecho.Step{
		Name: "quota", Stage: mcpecho.StageRateLimit,
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			if left(c.Principal().Subject) == 0 { // behind Scopes nobody is anonymous
				return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "no calls are left"}
			}
			return next(ec)
		}),
	}
}

func employee(c *mcpecho.Call) error {
	if c.Principal() == nil || c.Principal().Issuer != "https://login.example.com" {
		return fmt.Errorf("%w: no employee", mw.ErrDenied)
	}
	return nil
}

type Bill struct {
	ID          int64  `json:"id"`
	Owner       string `json:"-"`
	Number      string `json:"number"`
	AmountCents int64  `json:"amount_cents"`
	Sent        bool   `json:"sent"`
}

type BillFilter struct {
	Sent      *bool  `json:"sent"`
	MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
}

type Summary struct {
	Number string `json:"number"`
	Sent   bool   `json:"sent"`
}

func bills(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB(), nil }

func createBill(c *mcpecho.Call, in Summary) (Bill, error) {
	bill := Bill{Number: in.Number, Owner: c.Principal().Subject}
	return bill, c.DB().Create(&bill).Error
}

func visible(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
	return db.Where("owner = ?", c.Principal().Subject) // behind Scopes nobody is anonymous
}

// Whatever the order in which steps are listed, their stages decide where they stand.
func Example() {
	db, done := exampleDB()
	defer done()
	if err := db.AutoMigrate(&Bill{}); err != nil {
		panic(err)
	}
	db.Create(&[]Bill{{Owner: "ann", Number: "A-1", AmountCents: 100}, {Owner: "ann", Number: "A-2", AmountCents: 300}, {Owner: "bob", Number: "B-1"}})
	srv, e, key := newServer(db), echo.New(), []byte("a key of at least thirty-two bytes")
	srv.Use(mw.Transaction(), mw.RateLimit(10), mw.Timeout(time.Minute))
	srv.Add(
		mcpecho.Service("bills.create", createBill, mw.Scopes("bills:write")),
		mcpecho.Selector[Bill]("bills.list", bills, mw.Scopes("bills:read"),
			mw.Narrow[Bill](visible), mw.Filter[BillFilter](), mw.Order("number"), mw.Paginate(20)),
	)
	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
	srv.Fprint(os.Stdout)

	client := mcptest.New(exampleTest(), srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"bills:read"}})
	fmt.Println(client.Do("bills.list", args{"min_amount": 200, "ordering": "-number"}).Text)
	fmt.Println(client.Do("bills.create", args{"number": "A-3", "sent": false}).Status)
	// Output:
	// bills.create  timeout → scopes → ratelimit → validate → transaction → handle → serialize  (listed as bills_create)
	// bills.list    timeout → scopes → ratelimit → narrow → validate → handle → filter → order → paginate → fetch → serialize  (listed as bills_list)
	// {"items":[{"id":2,"number":"A-2","amount_cents":300,"sent":false}],"page":1,"limit":20,"total":1,"totalPages":1,"hasNext":false}
	// 403
}

// The other steps of the tour, each in a chain of its own.
func Example_steps() {
	limit := mw.RateLimit(10)
	burst := mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 10, Burst: 50, Key: mw.ByTool})

	all := mw.Scopes("bills:write", "bills:send")
	one := mw.AnyScope("bills:read", "bills:write")
	rule := mw.Permit(mw.Or(employee, mw.HasScopes("rates:read")))
	everyone := mw.Public("rates are on our home page")

	window := mw.RateLimitWithConfig(mw.RateLimitConfig{
		Policy: store.FixedWindow{Max: 1000, Per: time.Hour}, Key: mw.ByTool,
	})

	columns := mw.As[Summary]()
	words := mw.Serialize(func(b Bill) string { return "bill " + b.Number })

	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(
		mcpecho.Service("bills.send", createBill, words, all, quota(func(string) int { return 1 }), limit),
		mcpecho.Selector[Bill]("bills.list", bills, columns, one),
		mcpecho.Service("rates", ok, rule, window),
		mcpecho.Service("home", ok, everyone, burst),
	)
	srv.Fprint(os.Stdout)
	// Output:
	// bills.send  scopes → quota → ratelimit → validate → handle → serialize  (listed as bills_send)
	// bills.list  anyscope → validate → handle → fetch → serialize  (listed as bills_list)
	// rates       permit → ratelimit → validate → handle → serialize
	// home        public → ratelimit → validate → handle → serialize  (public: rates are on our home page)
}

// What a caller may order by is an argument of the tool. The primary key comes last, so that pages
// never overlap.
func ExampleOrder() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(mcpecho.Selector[Invoice]("invoices.list", invoices, mw.Order("sent", "amount=amount_cents"),
		mw.Serialize(func(i Invoice) string { return i.Number })))

	client := mcptest.New(exampleTest(), srv)
	fmt.Println(client.Do("invoices.list", args{"ordering": []string{"-sent", "-amount"}}).Text)
	fmt.Println(client.Do("invoices.list", args{"ordering": "secret"}).Error)
	// Output:
	// ["A-2","A-3","A-1"]
	// validation_error: invalid arguments: ordering must be one of: sent, -sent, amount, -amount
	// 	ordering must be one of: sent, -sent, amount, -amount (oneof)
}

// A row outside does not exist for the caller, whoever asks for it and how. A service looks up what
// it changes through c.Narrowed.
func ExampleNarrow() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Use(mw.Narrow[Invoice](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		return db.Where("number = ?", c.Principal().Subject)
	}))
	srv.Add(
		mcpecho.Selector[Invoice]("invoices.list", invoices, mw.Serialize(func(i Invoice) string { return i.Number })),
		mcpecho.Service("invoices.send", func(c *mcpecho.Call, in struct {
			Number string `json:"number"`
		}) (string, error) {
			var invoice Invoice
			if err := c.Narrowed(c.DB()).First(&invoice, "number = ?", in.Number).Error; err != nil {
				return "", err
			}
			return "sent " + invoice.Number, nil
		}),
	)

	client := mcptest.New(exampleTest(), srv).As(&mcpecho.Principal{Subject: "A-2"})
	fmt.Println(client.Do("invoices.list", nil).Text)
	fmt.Println(client.Do("invoices.send", args{"number": "A-2"}).Text)
	fmt.Println(client.Do("invoices.send", args{"number": "A-1"}).Error)
	// Output:
	// ["A-2"]
	// sent A-2
	// not_found: no matching row found
}

// A row permission looks at whole rows, after they were fetched. A service gives it what it has
// looked up itself; one that forgets that fails.
func ExamplePermitRow() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	byNumber := func(c *mcpecho.Call, in struct {
		Number string `json:"number"`
	}) (*gorm.DB, error) {
		return c.DB().Where("number = ?", in.Number), nil
	}
	unsent := mw.PermitRow(func(_ *mcpecho.Call, invoice Invoice) error {
		if invoice.Sent {
			return mcpecho.Errorf("invoice %s was sent: only unsent ones can be changed", invoice.Number)
		}
		return nil
	})
	srv.Add(
		mcpecho.Retrieve[Invoice]("invoices.draft", byNumber, unsent, mw.Serialize(func(i Invoice) string { return i.Number })),
		mcpecho.Service("invoices.cancel", func(c *mcpecho.Call, in struct {
			Number string `json:"number"`
		}) (string, error) {
			var invoice Invoice
			if err := c.DB().First(&invoice, "number = ?", in.Number).Error; err != nil {
				return "", err
			}
			if err := c.CheckRow(invoice); err != nil {
				return "", err
			}
			return "cancelled " + invoice.Number, nil
		}, unsent),
	)

	client := mcptest.New(exampleTest(), srv)
	fmt.Println(client.Do("invoices.draft", args{"number": "A-1"}).Text)
	fmt.Println(client.Do("invoices.draft", args{"number": "A-2"}).Error)
	fmt.Println(client.Do("invoices.cancel", args{"number": "A-1"}).Text)
	fmt.Println(client.Do("invoices.cancel", args{"number": "A-2"}).Error)
	// Output:
	// A-1
	// error: invoice A-2 was sent: only unsent ones can be changed
	// cancelled A-1
	// error: invoice A-2 was sent: only unsent ones can be changed
}

// What is left out on purpose is stated with its reason, which the printed chain repeats.
func ExamplePublic() {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("rates", ok, mcpecho.Describe("The rates of today."),
		mw.Public("they are on our home page"), mw.Unlimited("the gateway limits callers")))
	srv.Fprint(os.Stdout)
	fmt.Println(len(srv.Check()), "problems")
	// Output:
	// rates  public → unlimited → validate → handle → serialize  (public: they are on our home page; unlimited: the gateway limits callers)
	// 0 problems
}

// A gateway in front of the server counts the calls already.
func ExampleUnlimited() {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("rates", ok, mcpecho.Describe("The rates of today."), mw.Public("they are on our home page")))
	fmt.Println(srv.Check()[0])

	srv = newServer(nil)
	srv.Use(mw.Unlimited("the gateway limits callers"))
	srv.Add(mcpecho.Service("rates", ok, mcpecho.Describe("The rates of today."), mw.Public("they are on our home page")))
	fmt.Println(len(srv.Check()), "problems")
	// Output:
	// a caller may call rates without end: add RateLimit, to all by Server.Use, or Unlimited with the reason
	// 0 problems
}

// Limits of different kinds stand in one chain. One counts for all replicas when they share a
// Limiter.
func ExampleRateLimitWithConfig() {
	srv := newServer(nil)
	srv.Use(mw.RateLimitWithConfig(mw.RateLimitConfig{
		Policy:  store.FixedWindow{Max: 1, Per: time.Hour},
		Key:     mw.ByPrincipalAndTool,
		Limiter: store.NewMemoryLimiter(store.MemoryLimiterConfig{}), // or one that replicas share
		Name:    "once an hour",
	}))
	srv.Add(mcpecho.Service("a", ok), mcpecho.Service("b", ok))

	client := mcptest.New(exampleTest(), srv).As(&mcpecho.Principal{Subject: "ann"})
	for _, tool := range []string{"a", "a", "b"} {
		r := client.Do(tool, nil)
		fmt.Println(tool, "refused:", r.IsError)
	}
	// Output:
	// a refused: false
	// a refused: true
	// b refused: false
}

// A step runs a call again that the database has given up on. It applies to idempotent tools alone.
func ExampleTransactionWithConfig() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	attempts := 0
	srv.Add(mcpecho.Service("settle", func(*mcpecho.Call, nothing) (string, error) {
		if attempts++; attempts == 1 {
			return "", errors.New("database is locked") // as SQLite says it
		}
		return "settled", nil
	}, mcpecho.Annotate(mcpecho.Idempotent(true)), mw.TransactionWithConfig(mw.TransactionConfig{Retries: 2})))
	fmt.Println(mcptest.New(exampleTest(), srv).Do("settle", nil).Text, "at attempt", attempts)
	// Output:
	// settled at attempt 2
}
