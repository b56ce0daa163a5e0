package mcpecho

import (
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/internal/wire"
)

// marked adds, behind the steps that decide who may call, one that remembers that they have let the
// call pass.
func (ch Chain) marked() Chain {
	for i, s := range slices.Backward(ch.steps) {
		if s.decides() {
			mark := Step{Name: "passed", Stage: StagePermissions, Native: native.Step(), Func: passed}
			return Chain{slices.Insert(slices.Clone(ch.steps), i+1, mark)}
		}
	}
	return ch
}

func passed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		CallFrom(ec).passed.Store(true)
		return next(ec)
	}
}

// hidden says whether the caller may not know that the entry exists. Until its permission steps
// have let the call pass nobody knows, so every failure before that is the answer to an unknown
// name.
func (c *Call) hidden() bool {
	return c.server.cfg.HideForbidden && (c.depth == 0 || c.invoked() != nil) && c.entry != nil && c.entry.guarded() && !c.passed.Load()
}

// unknown is the answer to what does not exist, in place of this call's.
func (c *Call) unknown() error {
	if c.door.Stopped() {
		return wire.ErrStopped // whoever waited for it elsewhere is told the same
	}
	return c.entry.surface.unknown(c)
}

// hide logs why a call was refused, and answers as if there were nothing to call.
func (c *Call) hide(err error) error {
	c.logFailure(c.explain(err), err)
	return c.fail(explain(c.unknown(), nil).asProtocolError())
}

// unlessHidden is an error that says something about an entry before its permission steps were
// asked, or the answer to an unknown name where they refuse.
func (c *Call) unlessHidden(err error) error {
	if !c.hidden() {
		return err
	}
	if refused := c.permit(); refused != nil {
		c.logFailure(c.explain(refused), refused)
		return c.unknown()
	}
	return err
}
