package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// Bearer is an ordinary Echo middleware: it guards REST routes as well.
func ExampleBearer() {
	key := []byte("a secret of at least 32 bytes, from the environment")
	e := echo.New()
	e.GET("/whoami", func(c echo.Context) error {
		return c.String(http.StatusOK, mcpecho.PrincipalFrom(c).Subject)
	}, mw.Bearer(key))

	token, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "ann", "scope": "invoices:read", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(key)
	for _, authorization := range []string{"Bearer " + token, "Bearer nonsense", ""} {
		r := httptest.NewRequest(http.MethodGet, "/whoami", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		fmt.Printf("%d %s %q\n", rec.Code, rec.Body, rec.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 200 ann ""
	// 401 {"error":"invalid_token","error_description":"the token is not valid"} "Bearer realm=\"mcp\", error=\"invalid_token\", error_description=\"the token is not valid\""
	// 401 {"error":"unauthorized","error_description":"a bearer token is required"} "Bearer realm=\"mcp\""
}

func ExampleScopes() {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("greet", ok, mw.Scopes("greet:all")))

	client := mcptest.New(exampleTest(), srv)
	for _, p := range []*mcpecho.Principal{{Subject: "ann", Scopes: []string{"greet:all"}}, {Subject: "bob"}, nil} {
		r := client.As(p).Do("greet", nil)
		fmt.Printf("%d %q\n", r.Status, r.Header.Get("WWW-Authenticate"))
	}
	// Output:
	// 200 ""
	// 403 "Bearer realm=\"mcp\", error=\"insufficient_scope\", scope=\"greet:all\""
	// 401 "Bearer realm=\"mcp\", scope=\"greet:all\""
}

func ExamplePermit() {
	srv := newServer(nil)
	admin := srv.Group("admin", mw.Permit(func(c *mcpecho.Call) error {
		if p := c.Principal(); p == nil || p.Subject != "root" {
			return errors.New("not root") // only in the log
		}
		return nil
	}))
	admin.Add(mcpecho.Service("restart", ok))

	r := mcptest.New(exampleTest(), srv).As(&mcpecho.Principal{Subject: "ann"}).Do("admin.restart", nil)
	fmt.Println(r.Status, r.Error)
	// Output: 200 forbidden: not permitted
}

func ExampleRateLimit() {
	srv := newServer(nil)
	srv.Use(mw.RateLimit(0.001)) // one call in 1000 seconds, for each caller
	srv.Add(mcpecho.Service("greet", ok))

	client := mcptest.New(exampleTest(), srv).As(&mcpecho.Principal{Subject: "ann"})
	fmt.Println(client.Do("greet", nil).Text)
	fmt.Println(client.Do("greet", nil).Error.Type)
	// Output:
	// {"ok":true}
	// rate_limited
}

func ExampleTransaction() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Use(mw.Transaction())
	srv.Add(mcpecho.Service("invoices.create", func(c *mcpecho.Call, in struct {
		Number string `json:"number"`
	}) (Invoice, error) {
		invoice := Invoice{Number: in.Number}
		if err := c.DB().Create(&invoice).Error; err != nil {
			return invoice, err
		}
		c.AfterCommit(func(context.Context) { fmt.Println("mail about", invoice.Number) })
		if in.Number == "X-1" {
			return invoice, mcpecho.Errorf("numbers do not begin with X")
		}
		return invoice, nil
	}))

	client := mcptest.New(exampleTest(), srv)
	fmt.Println("failed:", client.Do("invoices.create", args{"number": "X-1"}).IsError)
	fmt.Println("failed:", client.Do("invoices.create", args{"number": "B-1"}).IsError)
	var count int64
	db.Model(&Invoice{}).Count(&count)
	fmt.Println("rows:", count)
	// Output:
	// failed: true
	// mail about B-1
	// failed: false
	// rows: 4
}

// A selector returns a query; filter, order and paginate rewrite it, and As says which columns are
// shown.
func ExampleFilter() {
	type InvoiceFilter struct {
		Sent      *bool  `json:"sent" doc:"Only invoices that were sent, or were not."`
		MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
	}
	type Summary struct {
		Number      string `json:"number"`
		AmountCents int64  `json:"amount_cents"`
	}
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(mcpecho.Selector[Invoice]("invoices.list", invoices,
		mw.Filter[InvoiceFilter](), mw.Order("amount_cents"), mw.Paginate(1), mw.As[Summary]()))
	srv.Fprint(os.Stdout)

	client := mcptest.New(exampleTest(), srv)
	fmt.Println(client.Do("invoices.list", args{"sent": false, "ordering": "-amount_cents"}).Text)
	// Output:
	// invoices.list  validate → handle → filter → order → paginate → fetch → serialize  (listed as invoices_list)
	// {"items":[{"number":"A-3","amount_cents":200}],"page":1,"limit":1,"total":2,"totalPages":2,"hasNext":true}
}

// A keyset list continues with the cursor of the page before.
func ExamplePaginateWithConfig() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(mcpecho.Selector[Invoice]("invoices.list", invoices, mw.Order("amount_cents"),
		mw.PaginateWithConfig(mw.PaginateConfig{Limit: 2, Keyset: true}),
		mw.Serialize(func(i Invoice) string { return i.Number })))

	client := mcptest.New(exampleTest(), srv)
	arguments := args{"ordering": "amount_cents"}
	for {
		page := mcptest.Call[struct {
			Items      []string `json:"items"`
			NextCursor string   `json:"nextCursor"`
		}](client, "invoices.list", arguments)
		fmt.Println(page.Items)
		if page.NextCursor == "" {
			break
		}
		arguments["cursor"] = page.NextCursor
	}
	// Output:
	// [A-1 A-3]
	// [A-2]
}

func ExampleSerialize() {
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(mcpecho.Selector[Invoice]("invoices.numbers", invoices,
		mw.Serialize(func(i Invoice) string { return i.Number })))
	fmt.Println(mcptest.New(exampleTest(), srv).Do("invoices.numbers", nil).Text)
	// Output: ["A-1","A-2","A-3"]
}

// Only the columns of Out are fetched.
func ExampleAs() {
	type Summary struct {
		Number string `json:"number"`
		Sent   bool   `json:"sent"`
	}
	db, done := exampleDB()
	defer done()
	srv := newServer(db)
	srv.Add(mcpecho.Retrieve[Invoice]("invoices.get", func(c *mcpecho.Call, in struct {
		Number string `json:"number"`
	}) (*gorm.DB, error) {
		return c.DB().Where("number = ?", in.Number), nil
	}, mw.As[Summary]()))
	fmt.Println(mcptest.New(exampleTest(), srv).Do("invoices.get", args{"number": "A-2"}).Text)
	// Output: {"number":"A-2","sent":true}
}

func ExampleTimeout() {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ nothing) (string, error) {
		<-c.Ctx().Done() // any driver or client that is given c.Ctx() stops like this
		return "", c.Ctx().Err()
	}, mw.Timeout(10*time.Millisecond)))
	fmt.Println(mcptest.New(exampleTest(), srv).Do("wait", nil).Error.Type)
	// Output: timeout
}

func exampleDB() (db *gorm.DB, done func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := seed(db); err != nil {
		panic(err)
	}
	return db, func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
		_ = os.RemoveAll(dir)
	}
}

// exampleTest stands in for the *testing.T that an example does not have.
func exampleTest() testing.TB { return example{} }

type example struct{ testing.TB }

func (example) Helper()                   {}
func (example) Context() context.Context  { return context.Background() }
func (example) Cleanup(func())            {}
func (example) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (example) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
