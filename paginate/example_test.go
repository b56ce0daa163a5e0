package paginate_test

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
	"github.com/mcpecho/kit/paginate"
)

type bill struct {
	ID     int64  `json:"id"`
	Number string `json:"number"`
	Cents  int64  `json:"cents"`
}

// bills opens a database with five of them.
func bills() (db *gorm.DB, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "bills.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&bill{}); err != nil {
		panic(err)
	}
	for i := range 5 {
		db.Create(&bill{Number: fmt.Sprint("A-", i+1), Cents: int64(i%2) * 100})
	}
	return db, func() { os.RemoveAll(dir) }
}

// A plain Echo route with numbered pages.
func Example() {
	db, remove := bills()
	defer remove()
	pages, err := paginate.Compile(paginate.Config{Limit: 2, MaxLimit: 3})
	if err != nil {
		panic(err)
	}
	args, err := binding.Compile(pages.Part())
	if err != nil {
		panic(err)
	}

	e := echo.New()
	e.GET("/invoices", func(c echo.Context) error {
		data, err := args.Query(c.QueryParams())
		if err != nil {
			return err
		}
		var in paginate.Input
		if err := args.Decode(data, &in); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		query := db.WithContext(c.Request().Context()).Model(&bill{}).Order("id")
		query, page, err := pages.Run(query, &in, paginate.Walk{})
		if err != nil {
			return err
		}
		var rows []bill
		if err := query.Find(&rows).Error; err != nil {
			return err
		}
		envelope, err := page.Wrap(rows, rows)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, envelope)
	})

	for _, target := range []string{"/invoices?page=3", "/invoices?limit=1000", "/invoices?page=9", "/invoices?page=0"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
		fmt.Print(rec.Body)
	}
	// Output:
	// {"items":[{"id":5,"number":"A-5","cents":0}],"page":3,"limit":2,"total":5,"totalPages":3,"hasNext":false}
	// {"items":[{"id":1,"number":"A-1","cents":0},{"id":2,"number":"A-2","cents":100},{"id":3,"number":"A-3","cents":0}],"page":1,"limit":3,"total":5,"totalPages":2,"hasNext":true}
	// {"items":[],"page":9,"limit":2,"total":5,"totalPages":3,"hasNext":false}
	// {"message":"binding: invalid arguments: page must be at least 1"}
}
