package middleware

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// ObjectConfig configures [ObjectWithConfig].
type ObjectConfig[Row any] struct {
	// Skipper lets a call pass unchecked. Optional.
	Skipper Skipper
	// Check decides about one row; see [Object]. Required.
	Check func(c *mcpecho.Call, row Row) error
}

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
	return ObjectWithConfig(ObjectConfig[Row]{Check: check})
}

// ObjectWithConfig is [Object] with a configuration. It panics when that is
// wrong; [ObjectConfig.ToStep] returns the error.
func ObjectWithConfig[Row any](cfg ObjectConfig[Row]) mcpecho.Step { return must(cfg.ToStep()) }

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg ObjectConfig[Row]) ToStep() (mcpecho.Step, error) {
	if cfg.Check == nil {
		return mcpecho.Step{}, errors.New("middleware: object requires a function that checks a row")
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
				if skips(cfg.Skipper, ec) {
					return next(ec)
				}
				c.OnRow(func(row any) error {
					r, ok := row.(Row)
					if !ok {
						return notPermitted(errors.New("middleware: CheckRow got a row of another type than Object checks"))
					}
					if err := cfg.Check(c, r); err != nil {
						return notPermitted(err)
					}
					return nil
				})
				return next(ec)
			}
		},
	}, nil
}
