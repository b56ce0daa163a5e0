package mcpecho

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/capture"
)

// validate is the step that decodes and checks the arguments.
func (e *entry) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if err := CallFrom(ec).decode(); err != nil {
			return err
		}
		return next(ec)
	}
}

// decode makes new arguments of the raw ones.
func (c *Call) decode() error {
	if err := c.badRequest(); err != nil {
		return err
	}
	if n := len(c.entry.parts); n <= len(c.few) {
		c.args = c.few[:n:n]
	} else {
		c.args = make([]any, n)
	}
	for i, p := range c.entry.parts {
		c.args[i] = reflect.New(p).Interface()
	}
	if x := c.entry.spec.existing; x != nil {
		return x.decode(c)
	}
	return c.entry.args.DecodeContext(c.Ctx(), c.arguments, c.args...)
}

// handle is the step that runs the function of the spec.
func (e *entry) handle(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		c.publishHeaders()
		handle := e.spec.handle
		if x := e.spec.existing; x != nil {
			handle = func(c *Call) error { return x.run(c, ec) }
		}
		if err := c.handles(handle); err != nil {
			return err
		}
		if err := c.outcome(); err != nil {
			return err
		}
		return next(ec)
	}
}

// handles runs the function of the spec. What it writes is captured directly, whatever a middleware
// has put around the response to buffer or compress: it is the answer, and decides about a commit.
func (c *Call) handles(handle func(*Call) error) error {
	if c.direct() {
		return handle(c)
	}
	outer := c.response
	direct := echo.NewResponse(&c.capture, c.Echo())
	direct.Status = http.StatusOK
	c.SetResponse(direct)
	defer func() {
		c.SetResponse(outer)
		if direct.Committed {
			outer.Status = direct.Status
		}
	}()
	return handle(c)
}

// direct says whether what is written is captured at once, with no middleware's writer before.
func (c *Call) direct() bool {
	w, ok := c.response.Writer.(*capture.Response)
	return ok && w == &c.capture
}

// publishHeaders shows what steps have set so far to an event stream that may begin.
func (c *Call) publishHeaders() {
	for call := c; call != nil; call = call.parent {
		if h := call.capture.Headers(); h != nil {
			c.door.Headers().Publish(h)
			return
		}
	}
}
