package middleware

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// Object decides about single rows, after they were fetched and before any of
// them is sent: an error of check refuses the whole call with 403. For a list
// use [Scope], which leaves out what the caller may not see. Services that
// look up a row themselves call c.CheckRow with it. An error that is a 401 or
// 403 already passes as it is; any other is only logged.
//
//	mw.Object(func(c *mcpecho.Call, inv Invoice) error {
//		if inv.Owner != c.Principal().Subject {
//			return errors.New("not the owner")
//		}
//		return nil
//	})
//
// The rows of the chain must be of type Row, else Add fails. It panics
// without a function.
func Object[Row any](check func(c *mcpecho.Call, row Row) error) mcpecho.Step {
	if check == nil {
		panic("middleware: object needs a function that checks a row")
	}
	return mcpecho.Step{
		Name: "object", Stage: mcpecho.StagePermissions, Native: true,
		Describe: func(d *mcpecho.Definition) error {
			if d.Row != nil && d.Result != reflect.TypeFor[Row]() {
				return fmt.Errorf("it checks rows of %s, the rows are %s", reflect.TypeFor[Row](), d.Result)
			}
			return nil
		},
		Func: func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				c := mcpecho.CallFrom(ec)
				c.OnRow(func(row any) error {
					r, ok := row.(Row)
					if !ok {
						return notPermitted(errors.New("middleware: CheckRow got a row of another type than Object checks"))
					}
					if err := check(c, r); err != nil {
						return notPermitted(err)
					}
					return nil
				})
				return next(ec)
			}
		},
	}
}
