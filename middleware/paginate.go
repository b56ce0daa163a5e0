package middleware

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

// PaginateConfig configures [PaginateWithConfig].
type PaginateConfig struct {
	// Limit is the number of rows of a page when the caller names none. Default: 20, or MaxLimit
	// when that is less.
	Limit int
	// MaxLimit is the most rows of a page: a caller who asks for more gets this many. Default: 100,
	// or Limit when that is more.
	MaxLimit int
	// Keyset continues after the last row by a sealed cursor instead of counting pages. It costs
	// neither a COUNT nor an OFFSET. A query whose rows a cursor cannot tell apart fails: groups,
	// DISTINCT without the primary key, a join that repeats rows; see package paginate. The
	// selector's own ORDER BY is then replaced by that of the [Order] step before it, by the
	// primary key without one. Cursors belong to their caller, tool and arguments, and are sealed
	// with [mcpecho.Config.Keys]. Default: false.
	Keyset bool
}

// Paginate is a step of [mcpecho.StagePaginate] that cuts a selector's list into numbered pages of
// limit rows. It adds the arguments "page" and "limit" and puts the rows into an envelope with
// items, page, limit, total, totalPages and hasNext. A caller may ask for up to 100 rows, or limit
// when that is more.
//
// A chain holds one: that of the spec replaces an inherited one. It panics unless limit is
// positive.
func Paginate(limit int) mcpecho.Step {
	if limit <= 0 {
		panic(fmt.Sprintf("middleware: paginate limit %d must be positive", limit))
	}
	return PaginateWithConfig(PaginateConfig{Limit: limit})
}

// PaginateWithConfig is [Paginate] with a configuration. It panics when that is wrong;
// [PaginateConfig.ToStep] returns the error.
func PaginateWithConfig(cfg PaginateConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg PaginateConfig) ToStep() (mcpecho.Step, error) {
	switch {
	case cfg.Limit < 0 || cfg.MaxLimit < 0:
		return mcpecho.Step{}, fmt.Errorf("middleware: paginate Limit %d and MaxLimit %d must be positive: 0 means the default",
			cfg.Limit, cfg.MaxLimit)
	case cfg.MaxLimit > 0 && cfg.MaxLimit < cfg.Limit:
		return mcpecho.Step{}, fmt.Errorf("middleware: paginate Limit %d must be at most MaxLimit %d", cfg.Limit, cfg.MaxLimit)
	}
	step := mcpecho.Step{
		Name: "paginate", Stage: mcpecho.StagePaginate, Kinds: mcpecho.KindSelector, Native: native.Step(), Single: true,
		Describe: cfg.describe,
	}
	return step, nil
}

func (cfg PaginateConfig) describe(d *mcpecho.Definition) error {
	p, err := paginate.Compile(paginate.Config{
		Limit: cfg.Limit, MaxLimit: cfg.MaxLimit, Keyset: cfg.Keyset, Row: d.Row, Keys: d.Server().Sealer(),
	})
	if err != nil {
		return err
	}
	d.WrapOutput(func(list *jsonschema.Schema) *jsonschema.Schema {
		if list.Items == nil {
			return list
		}
		return p.EnvelopeSchema(list.Items)
	})
	if cfg.Keyset {
		order, _ := d.Get(orderKey{}).(*ordering.Order)
		d.Func = keysetPages(p, order)
	} else {
		d.Func = numberedPages(p)
	}
	return d.AddArguments(p.Part())
}

func numberedPages(p *paginate.Paginator) echo.MiddlewareFunc {
	return mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if err := turnPage(c, p, mcpecho.Args[paginate.Input](c), paginate.Walk{}); err != nil {
			return err
		}
		return next(ec)
	})
}

func keysetPages(p *paginate.Paginator, order *ordering.Order) echo.MiddlewareFunc {
	return mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		arguments, err := otherArguments(c.Arguments())
		if err != nil {
			return err
		}
		walk := paginate.Walk{
			Owner: []byte(c.Principal().Key() + "\x00" + c.Name()),
			Args:  []any{arguments},
		}
		if order != nil {
			walk.Terms = order.Terms(mcpecho.Args[ordering.Input](c))
		}
		if err := turnPage(c, p, mcpecho.Args[paginate.CursorInput](c), walk); err != nil {
			return err
		}
		return next(ec)
	})
}

func turnPage(c *mcpecho.Call, p *paginate.Paginator, in any, walk paginate.Walk) error {
	query, page, err := p.Run(c.Query(), in, walk)
	if err != nil {
		return err
	}
	c.SetQuery(query)
	c.SetEnvelope(page.Wrap)
	return nil
}

// otherArguments are those that choose the rows of a walk, as sent: all but the place in it and the
// size of the page.
func otherArguments(raw []byte) (map[string]jsontext.Value, error) {
	others := map[string]jsontext.Value{}
	if len(raw) == 0 {
		return others, nil
	}
	if err := json.Unmarshal(raw, &others); err != nil {
		return nil, err
	}
	delete(others, "cursor")
	delete(others, "limit")
	return others, nil
}
