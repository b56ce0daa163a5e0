package filters_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
)

// A plain Echo route that filters by its query string.
func Example() {
	type Invoice struct {
		ID          int64  `json:"id"`
		Number      string `json:"number"`
		AmountCents int64  `json:"amount_cents"`
		Sent        bool   `json:"sent"`
	}
	type InvoiceFilter struct {
		Sent      *bool   `json:"sent" doc:"Only invoices that were sent, or were not."`
		Number    *string `json:"number" filter:"number,startswith"`
		MinAmount *int64  `json:"min_amount" filter:"amount_cents,gte"`
	}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "invoices.db")), &gorm.Config{
		Logger:  logger.Discard,
		NowFunc: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Invoice{}); err != nil {
		panic(err)
	}
	db.Create([]Invoice{{Number: "A-1", AmountCents: 100}, {Number: "A-2", AmountCents: 300, Sent: true}, {Number: "B-1", AmountCents: 200}})

	row, err := filters.SchemaOf(Invoice{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	filter, err := filters.Compile[InvoiceFilter](row)
	if err != nil {
		panic(err)
	}
	args, err := binding.Compile(filter.Part())
	if err != nil {
		panic(err)
	}

	e := echo.New()
	e.GET("/invoices", func(c echo.Context) error {
		data, err := args.Query(c.QueryParams())
		if err != nil {
			return err
		}
		var in InvoiceFilter
		if err := args.Decode(data, &in); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		var invoices []Invoice
		query := db.WithContext(c.Request().Context()).Model(&Invoice{})
		if err := filter.Apply(query, &in).Find(&invoices).Error; err != nil {
			return err
		}
		return c.JSON(http.StatusOK, invoices)
	})

	for _, target := range []string{"/invoices?number=A-&min_amount=200", "/invoices?sent=false&min_amount=150", "/invoices?snet=true"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
		fmt.Print(rec.Body)
	}
	// Output:
	// [{"id":2,"number":"A-2","amount_cents":300,"sent":true}]
	// [{"id":3,"number":"B-1","amount_cents":200,"sent":false}]
	// {"message":"binding: invalid arguments: snet is not an argument; did you mean \"sent\"?"}
}
