package ordering_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/ordering"
)

// A plain Echo route that is ordered by its query string.
func Example() {
	type Invoice struct {
		ID     int64  `json:"id"`
		Number string `json:"number"`
		Cents  int64  `json:"cents"`
	}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "invoices.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Invoice{}); err != nil {
		panic(err)
	}
	db.Create([]Invoice{{Number: "A-1", Cents: 100}, {Number: "A-2", Cents: 300}, {Number: "A-3", Cents: 100}})

	row, err := filters.SchemaOf(Invoice{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	order, err := ordering.Compile(row, ordering.Config{
		Fields:  []string{"number", "total=cents"},
		Default: []string{"-number"},
	})
	if err != nil {
		panic(err)
	}
	args, err := binding.Compile(order.Part())
	if err != nil {
		panic(err)
	}

	e := echo.New()
	e.GET("/invoices", func(c echo.Context) error {
		data, err := args.Query(c.QueryParams())
		if err != nil {
			return err
		}
		var in ordering.Input
		if err := args.Decode(data, &in); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		var numbers []string
		query := db.WithContext(c.Request().Context()).Model(&Invoice{})
		if err := order.Apply(query, &in).Pluck("number", &numbers).Error; err != nil {
			return err
		}
		return c.JSON(http.StatusOK, numbers)
	})

	for _, target := range []string{"/invoices", "/invoices?ordering=-total", "/invoices?ordering=total", "/invoices?ordering=cents"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
		fmt.Print(rec.Body)
	}
	// Output:
	// ["A-3","A-2","A-1"]
	// ["A-2","A-3","A-1"]
	// ["A-1","A-3","A-2"]
	// {"message":"binding: invalid arguments: ordering must be one of: number, -number, total, -total"}
}
