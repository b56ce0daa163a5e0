package middleware

import (
	"errors"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/ordering"
)

// OrderConfig configures [OrderWithConfig].
type OrderConfig struct {
	// Fields are what a caller may order by: columns of the selector's rows, or "name=column" for a
	// public name of its own. Each is allowed in both directions. Required.
	Fields []string
	// Default is the order when the caller names none, as {"-created_at"}. Default: that of the
	// selector's query.
	Default []string
}

// Order is a step of [mcpecho.StageOrder] that adds the argument "ordering" to a selector and
// orders its query: by what the caller names, then as the selector's query says, then by the
// primary key, so that pages never overlap. Terms are the fields that a caller may name, with or
// without a leading "-": both directions of each are allowed. A column that the rows do not have, a
// computed one and one tagged secret make Add fail.
//
// The primary key has the direction of the term before it. The rows of a GROUP BY or DISTINCT end
// with their own columns in its place, and such a query fails when it is ordered by what it does
// not select.
//
// A chain holds one: that of the spec replaces an inherited one. It panics without terms.
func Order(terms ...string) mcpecho.Step {
	return OrderWithConfig(OrderConfig{Fields: terms})
}

// OrderWithConfig is [Order] with a configuration. It panics when that is wrong;
// [OrderConfig.ToStep] returns the error.
func OrderWithConfig(cfg OrderConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg OrderConfig) ToStep() (mcpecho.Step, error) {
	if len(cfg.Fields) == 0 {
		return mcpecho.Step{}, errors.New("middleware: order requires at least one field: name the columns a caller may order by")
	}
	declared := ordering.Config{Fields: slices.Clone(cfg.Fields), Default: slices.Clone(cfg.Default)}
	step := mcpecho.Step{
		Name: "order", Stage: mcpecho.StageOrder, Kinds: mcpecho.KindSelector, Native: native.Step(), Single: true,
		Describe: func(d *mcpecho.Definition) error {
			o, err := ordering.Compile(d.Row, declared)
			if err != nil {
				return err
			}
			d.Func = mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
				c.SetQuery(o.Apply(c.Query(), mcpecho.Args[ordering.Input](c)))
				return next(ec)
			})
			d.Set(orderKey{}, o)
			return d.AddArguments(o.Part())
		},
	}
	return step, nil
}

// orderKey is where a chain's order step leaves its *ordering.Order for the steps after it.
type orderKey struct{}
