package paginate_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

// The same route with cursors, together with a filter and an order.
func Example_keyset() {
	type billFilter struct {
		MinCents *int64 `json:"min_cents" filter:"cents,gte"`
	}
	db, remove := bills()
	defer remove()
	row, err := filters.SchemaOf(bill{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	keys, err := paginate.NewKeys([]byte("32 random bytes, from a secret..")) // the same on every replica
	if err != nil {
		panic(err)
	}
	pages, err := paginate.Compile(paginate.Config{Limit: 2, Keyset: true, Row: row, Keys: keys})
	if err != nil {
		panic(err)
	}
	filter, err := filters.Compile[billFilter](row)
	if err != nil {
		panic(err)
	}
	order, err := ordering.Compile(row, ordering.Config{Fields: []string{"cents", "number"}})
	if err != nil {
		panic(err)
	}
	args, err := binding.Compile(filter.Part(), order.Part(), pages.Part())
	if err != nil {
		panic(err)
	}

	e := echo.New()
	e.GET("/invoices", func(c echo.Context) error {
		data, err := args.Query(c.QueryParams())
		if err != nil {
			return err
		}
		var (
			by    billFilter
			sort  ordering.Input
			place paginate.CursorInput
			bad   *binding.Error
		)
		if err := args.Decode(data, &by, &sort, &place); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		query := filter.Apply(db.WithContext(c.Request().Context()).Model(&bill{}), &by)
		query, page, err := pages.Run(query, &place, paginate.Walk{
			Terms: order.Terms(&sort),
			Owner: []byte(c.Request().Header.Get("User")),
			Args:  []any{&by, &sort},
		})
		if errors.As(err, &bad) {
			return echo.NewHTTPError(http.StatusBadRequest, bad.Error())
		} else if err != nil {
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

	get := func(target string) (page paginate.CursorEnvelope[bill]) {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
		if rec.Code != http.StatusOK {
			fmt.Print(rec.Body)
		} else if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil {
			panic(err)
		}
		return page
	}
	target := "/invoices?ordering=-cents"
	page := get(target)
	first := page.NextCursor
	for ; page.NextCursor != ""; page = get(target + "&cursor=" + page.NextCursor) {
		fmt.Println(page.Items)
	}
	fmt.Println(page.Items)
	get("/invoices?ordering=cents&cursor=" + first)
	// Output:
	// [{4 A-4 100} {2 A-2 100}]
	// [{5 A-5 0} {3 A-3 0}]
	// [{1 A-1 0}]
	// {"message":"binding: invalid arguments: cursor is not a cursor of this list with these arguments; start again without it"}
}
