package mcpecho

import (
	"fmt"
	"reflect"

	"github.com/labstack/echo/v4"
)

// serialize is the core's own serialize step.
func serialize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if err := CallFrom(ec).Serialize(nil); err != nil {
			return err
		}
		return next(ec)
	}
}

// Serialize encodes what the chain has made as the result of the call; it is the work of a serialize
// step. convert, if not nil, maps it: the []Row of a selector, the Row of a retrieve, the result of
// a service. A result above [Config.MaxResultBytes] is refused with advice, never cut. What the
// handler wrote to the response is the result as it is.
func (c *Call) Serialize(convert func(v any) (any, error)) error {
	if c.capture.Status() != 0 {
		return c.takeWritten()
	}
	made, err := c.made()
	if err != nil {
		return err
	}
	if made == nil && c.entry.spec.row != nil { // a row that was not found
		return c.encode(nil)
	}
	c.answer.fetched = made
	value := made
	if convert != nil {
		if value, err = convert(made); err != nil {
			return err
		}
	}
	if c.answer.wrap != nil {
		if value, err = c.answer.wrap(made, value); err != nil {
			return err
		}
	}
	return c.encode(value)
}

// made is what there is to serialize: the rows of a query, or else a result.
func (c *Call) made() (any, error) {
	if c.answer.found {
		return c.answer.fetched, nil
	}
	v := c.answer.result
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && p.IsNil() {
		return nil, fmt.Errorf("mcpecho: %s returned a nil %s without an error", c.entry.name, p.Type())
	}
	return v, nil
}
