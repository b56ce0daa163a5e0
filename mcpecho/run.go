package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
)

// panicked is a recovered panic on its way to the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

var errNoResult = errors.New("mcpecho: the chain ended without a result: a step neither called its successor nor set one")

// execute runs the whole chain of a call and leaves the finished JSON in it.
func (t *entry) execute(c *Call) error {
	return t.run(c, func(ec echo.Context) error {
		if err := t.handler(ec); err != nil {
			return err
		}
		if err := c.outcome(); err != nil {
			return err
		}
		if !c.finished() && c.capture != nil {
			return c.takeCaptured()
		}
		if !c.finished() {
			return errNoResult
		}
		c.runAfterCommit()
		return nil
	})
}

// finished says whether a serialize step has left a result.
func (c *Call) finished() bool { return c.structured != nil || c.items != nil }

// run runs a handler as the call: with its deadline, and with everything
// undone after that middlewares do to the echo.Context.
func (t *entry) run(c *Call, h echo.HandlerFunc) (err error) {
	request := c.Request()
	ctx := &c.deadline
	ctx.Context, ctx.at = request.Context(), time.Now().Add(c.server.cfg.CallTimeout)
	defer ctx.end()
	if err := c.server.inflight.begin(c.exchange, ctx.end); err != nil {
		return err
	}
	defer c.server.inflight.end(c.exchange)
	c.ctx = callContext{ctx, c}
	c.SetRequest(request.WithContext(&c.ctx))
	if t.foreign {
		c.capture = newCapture(c.Context)
	}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what net/http compares
				panic(v)
			}
			err = &panicked{v, debug.Stack()}
		}
		if c.capture != nil {
			c.capture.restore(c.Context)
		}
		c.SetRequest(request)
	}()
	if err = c.refusal(h(c)); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.Join(err, ctx.Err()) // a driver may say "interrupted" instead
	}
	return err
}

// outcome is the error that a middleware reported without returning it: to
// [Call.Error], or as a response that it wrote.
func (c *Call) outcome() error {
	if c.errored != nil {
		return c.errored
	}
	if c.capture != nil {
		return c.capture.failure()
	}
	return nil
}

// contain compiles a step written for plain Echo. The steps around it see
// whatever error it reported as returned.
func contain(mw echo.MiddlewareFunc, next echo.HandlerFunc) echo.HandlerFunc {
	h := mw(next)
	return func(ec echo.Context) error {
		if err := h(ec); err != nil {
			return err
		}
		c := CallFrom(ec)
		if c == nil {
			return errNoCall
		}
		return c.outcome()
	}
}

// coreSteps are the steps that every chain of the kind has.
func (t *entry) coreSteps() []Step {
	return []Step{
		{Name: stepValidate, Stage: StageValidate, Func: t.validate, Native: true, Single: true},
		{Name: stepHandle, Stage: StageHandle, Func: t.handle, Native: true},
		{Name: stepSerialize, Stage: StageSerialize, Func: serialize, Native: true, Single: true},
	}
}

func (t *entry) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		c.args = make([]any, len(t.parts))
		for i, p := range t.parts {
			c.args[i] = reflect.New(p).Interface()
		}
		if err := t.args.Decode(c.arguments, c.args...); err != nil {
			return err
		}
		return next(ec)
	}
}

func (t *entry) handle(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		if err := t.spec.handle(c); err != nil {
			return err
		}
		if c.query != nil {
			c.query = c.Narrowed(c.query)
		}
		return next(ec)
	}
}
