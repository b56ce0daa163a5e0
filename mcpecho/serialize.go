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

// Serialize fetches what the chain has prepared and encodes it as the result
// of the call; it is the work of a serialize step. convert, if not nil, maps
// what was fetched: the []Row of a selector, the Row of a retrieve, the result
// of a service. Results above [Config.MaxResultBytes] and lists above
// [Config.MaxRows] are refused with advice, never cut.
func (c *Call) Serialize(convert func(v any) (any, error)) error {
	fetched, found, err := c.fetch()
	if err != nil {
		return err
	}
	if !found {
		return c.encode(nil)
	}
	c.fetched = fetched
	if err := c.checkRows(fetched); err != nil {
		return err
	}
	value := fetched
	if convert != nil {
		if value, err = convert(fetched); err != nil {
			return err
		}
	}
	if c.wrap != nil {
		if value, err = c.wrap(fetched, value); err != nil {
			return err
		}
	}
	return c.encode(value)
}

// checkRows runs the row checks of the chain on what a selector fetched.
func (c *Call) checkRows(fetched any) error {
	if len(c.rowChecks) == 0 || c.query == nil {
		return nil
	}
	rows := reflect.ValueOf(fetched)
	if rows.Kind() != reflect.Slice {
		return c.CheckRow(fetched)
	}
	for i := range rows.Len() {
		if err := c.CheckRow(rows.Index(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// fetch runs the query of a selector; a service has its result already.
func (c *Call) fetch() (v any, found bool, err error) {
	switch c.entry.kind {
	case KindSelector:
		rows, err := c.fetchRows()
		return rows, true, err
	case KindRetrieve:
		rows := c.entry.spec.newRows()
		if err := c.query.Limit(1).Find(rows).Error; err != nil {
			return nil, false, err
		}
		list := reflect.ValueOf(rows).Elem()
		if list.Len() > 0 {
			return list.Index(0).Interface(), true, nil
		}
		if c.entry.nullable {
			return nil, false, nil
		}
		return nil, false, &ToolError{Type: TypeNotFound, Message: c.entry.listedAs + ": no matching row found"}
	default:
		if v := reflect.ValueOf(c.result); v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, false, fmt.Errorf("mcpecho: %s returned a nil %s without an error", c.entry.name, v.Type())
		}
		return c.result, true, nil
	}
}

// fetchRows runs the query of a list. Without an envelope nothing else bounds
// it, so one row more than allowed is asked for to notice that there are more.
func (c *Call) fetchRows() (any, error) {
	query, max := c.query, c.server.cfg.MaxRows
	_, limited := query.Statement.Clauses["LIMIT"]
	bounded := c.wrap == nil && !limited
	if bounded {
		query = query.Limit(max + 1)
	}
	rows := c.entry.spec.newRows()
	if err := query.Find(rows).Error; err != nil {
		return nil, err
	}
	list := reflect.ValueOf(rows).Elem()
	if bounded && list.Len() > max {
		return nil, &ToolError{Type: TypeTooLarge, Message: fmt.Sprintf(
			"more than %d rows match: narrow the arguments", max)}
	}
	return list.Interface(), nil
}
