package middleware

import (
	"fmt"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Filter is a step of [mcpecho.StageFilter] that adds the fields of F to a selector's arguments and
// narrows its query by those that a caller gives. Package filters has the form of F. A field that
// does not fit the selector's rows makes Add fail. A chain may hold several, each with an F of its
// own.
//
//	type InvoiceFilter struct {
//		Sent      *bool  `json:"sent"`
//		MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
//	}
//
// It panics when F is not a struct.
func Filter[F any]() mcpecho.Step {
	if t := reflect.TypeFor[F](); t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("middleware: filter requires a struct of filters, %s is none", t))
	}
	return mcpecho.Step{
		Name: "filter", Stage: mcpecho.StageFilter, Kinds: mcpecho.KindSelector, Native: native.Step(),
		Describe: func(d *mcpecho.Definition) error {
			f, err := filters.Compile[F](d.Row)
			if err != nil {
				return err
			}
			d.Func = mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
				c.SetQuery(f.Apply(c.Query(), mcpecho.Args[F](c)))
				return next(ec)
			})
			return d.AddArguments(f.Part())
		},
	}
}
