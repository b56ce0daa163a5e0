package invoices

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

// list is GET /invoices: the arguments, rules and result of the tool invoices.list, in a query
// string. It is compiled once and panics when the declarations do not fit the model.
func list(db *gorm.DB) echo.HandlerFunc {
	row := must(filters.SchemaOf(&Invoice{}, db.NamingStrategy))
	filter := must(filters.Compile[Filter](row))
	order := must(ordering.Compile(row, ordering.Config{Fields: orderBy}))
	pages := must(paginate.Compile(paginate.Config{Limit: pageSize}))
	args := must(binding.Compile(filter.Part(), order.Part(), pages.Part()))

	return func(ec echo.Context) error {
		if !mcpecho.PrincipalFrom(ec).HasScope(ScopeRead) {
			return echo.NewHTTPError(http.StatusForbidden, "the token lacks the scope "+ScopeRead)
		}
		var (
			narrow Filter
			sorted ordering.Input
			paged  paginate.Input
			rows   []Invoice
		)
		data, err := args.Query(ec.QueryParams())
		if err == nil {
			err = args.Decode(data, &narrow, &sorted, &paged)
		}
		if bad := (*binding.Error)(nil); errors.As(err, &bad) {
			return reply(ec, http.StatusBadRequest, bad)
		} else if err != nil {
			return err
		}
		query := visible(mcpecho.PrincipalFrom(ec), db.WithContext(ec.Request().Context()).Model(&Invoice{}))
		query = order.Apply(filter.Apply(query, &narrow), &sorted)
		query, page, err := pages.Run(query, &paged, paginate.Walk{})
		if err != nil {
			return err
		}
		if err := query.Find(&rows).Error; err != nil {
			return err
		}
		envelope, err := page.Wrap(rows, rows)
		if err != nil {
			return err
		}
		return reply(ec, http.StatusOK, envelope)
	}
}

func reply(ec echo.Context, status int, v any) error {
	body, err := binding.Marshal(v)
	if err != nil {
		return err
	}
	return ec.JSONBlob(status, body)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err.Error())
	}
	return v
}
