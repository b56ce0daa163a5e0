package middleware

import (
	"fmt"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Serialize is a step of [mcpecho.StageSerialize] that shows each row of a selector, the row of a
// retrieve or the result of a service as an Out, made by convert. Out becomes the tool's output
// schema. Row is the model, or what the service returns, with or without a pointer; another type
// makes Add fail.
//
// A chain holds one serialize step: this one takes the place of the core's. It panics when convert
// is nil.
func Serialize[Row, Out any](convert func(Row) Out) mcpecho.Step {
	if convert == nil {
		panic("middleware: serialize requires a function")
	}
	return mcpecho.Step{
		Name: "serialize", Stage: mcpecho.StageSerialize, Native: native.Step(), Single: true,
		Describe: func(d *mcpecho.Definition) error {
			row := reflect.TypeFor[Row]()
			if d.Result != row && d.Result != reflect.PointerTo(row) {
				return fmt.Errorf("middleware: serialize maps %s, but the %s gives %s: give it a function of that type", row, d.Kind, d.Result)
			}
			mapped := func(v any) (any, error) { return convertOne(v, convert) }
			if d.Kind == mcpecho.KindSelector {
				mapped = func(v any) (any, error) { return convertList(v, convert) }
			}
			d.Func = serializeWith(mapped)
			return d.SetOutput(reflect.TypeFor[Out]())
		},
	}
}

func serializeWith(convert func(any) (any, error)) echo.MiddlewareFunc {
	return mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if err := c.Serialize(convert); err != nil {
			return err
		}
		return next(ec)
	})
}

func convertOne[Row, Out any](v any, convert func(Row) Out) (any, error) {
	switch v := v.(type) {
	case Row:
		return convert(v), nil
	case *Row:
		return convert(*v), nil
	}
	return nil, fmt.Errorf("middleware: serialize got %T instead of %s: a step before it has set another result", v, reflect.TypeFor[Row]())
}

func convertList[Row, Out any](v any, convert func(Row) Out) (any, error) {
	rows, ok := v.([]Row)
	if !ok {
		return nil, fmt.Errorf("middleware: serialize got %T instead of []%s", v, reflect.TypeFor[Row]())
	}
	items := make([]Out, len(rows))
	for i, row := range rows {
		items[i] = convert(row)
	}
	return items, nil
}
