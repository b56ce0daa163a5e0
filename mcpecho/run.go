package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/capture"
	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/internal/wire"
)

var errNoResult = errors.New("mcpecho: the chain ended without a result: a step neither called its successor nor set one")

// maxDepth bounds calls inside of calls.
const maxDepth = 16

var errTooDeep = fmt.Errorf("mcpecho: calls are nested more than %d deep", maxDepth)

// newCall begins the call of a message.
func (s *Server) newCall(x *wire.Exchange, e *entry, arguments []byte) *Call {
	principal, _ := x.Owner.(*Principal)
	return &Call{
		Context: x.Echo, entry: e, arguments: arguments,
		inherited: inherited{server: s, exchange: x, principal: principal},
	}
}

// child begins a call inside this one.
func (c *Call) child(e *entry, arguments []byte) *Call {
	inner := &Call{Context: c.Context, inherited: c.inherited, parent: c, entry: e, arguments: arguments, format: FormatJSON}
	inner.rows = c.rules()
	inner.depth++
	inner.hooksFrom = c.hookList().mark()
	return inner
}

// execute runs the whole chain of a call and leaves the finished JSON in it.
func (c *Call) execute(chain echo.HandlerFunc) error { return c.run(chain, (*Call).conclude) }

// conclude is what follows a chain that ended well.
func (c *Call) conclude() error {
	if err := c.Settle(); err != nil {
		return err
	}
	if c.depth == 0 {
		c.runAfterCommit()
	}
	return nil
}

// run is how every chain runs, or a part of one: that of a tool, a resource or a prompt, the guards
// of a completion, the permissions of an entry in a list, a spec inside a sequence. The call has a
// deadline and a captured response of its own meanwhile. Whatever middlewares do to the
// echo.Context is undone after. conclude, if not nil, follows a chain without an error.
func (c *Call) run(chain echo.HandlerFunc, conclude func(*Call) error) (err error) {
	if c.depth > maxDepth {
		return errTooDeep
	}
	n := c.entry.gates
	if _, around := c.Context.(*ownContext); n > 0 || around {
		// Inside of such a call too: its middlewares may go on with the context around.
		c.gates = make([]atomic.Pointer[gate], n)
		own := newOwnContext(c.Context)
		c.Context = own
		defer own.release()
	}
	request, response := c.Request(), c.Context.Response()
	c.deadline.Begin(request.Context(), time.Now().Add(c.server.cfg.CallTimeout))
	if c.depth == 0 {
		if err := c.exchange.Begin(&c.deadline); err != nil {
			return err
		}
		defer c.exchange.End()
	}
	c.ctx = callContext{&c.deadline, c}
	c.SetRequest(request.WithContext(&c.ctx))
	c.capture.Begin(response, c.Echo())
	c.SetResponse(&c.capture.Echo)
	defer func() {
		c.deadline.End(nil)
		if c.hidden() {
			c.capture.DropHeaders() // a challenge would tell that there is something
		}
		c.handHeadersOn()
		c.Context.SetResponse(response)
		c.SetRequest(request)
	}()
	err = c.runChain(chain, conclude)
	c.closeResponse()
	if _, panicking := errors.AsType[*caught.Panic](err); err != nil && !panicking && errors.Is(c.deadline.Err(), context.DeadlineExceeded) {
		return errors.Join(err, context.DeadlineExceeded) // a driver may say "interrupted" instead
	}
	return err
}

// closeResponse ends what may be written. A function that a middleware has registered to run before
// the response cannot undo a call that has ended well: its panic is logged.
func (c *Call) closeResponse() {
	var err error
	defer func() {
		if err != nil && c.exchange != nil {
			c.logFailure(c.explain(err), err)
		}
	}()
	defer caught.Into(&err)
	c.capture.Close()
}

// handHeadersOn gives what steps have set to the response around, that of the client at last.
func (c *Call) handHeadersOn() {
	if c.depth == 0 {
		c.exchange.Headers.Lock()
		defer c.exchange.Headers.Unlock()
	}
	c.capture.HandHeadersOn()
}

func (c *Call) runChain(chain echo.HandlerFunc, conclude func(*Call) error) (err error) {
	defer caught.Into(&err)
	if err = chain(c); err == nil {
		err = c.outcome()
	}
	if err == nil && conclude != nil {
		err = conclude(c)
	}
	return c.refusal(err)
}

// outcome is the error that a middleware reported without returning it: to [Call.Error], or as a
// response that it wrote.
func (c *Call) outcome() error {
	if c.answer.errored != nil {
		return c.answer.errored
	}
	return c.written()
}

// settleResult serializes what a step has set in the handler's place.
func (c *Call) settleResult() error {
	v := c.answer.result
	if v == nil || reflect.TypeOf(v) != c.entry.spec.resultType() {
		if err := c.lookAtNothing(); err != nil {
			return err
		}
		b, err := encodeAny(v)
		if err != nil {
			return err
		}
		return c.setEncoded(b)
	}
	if c.entry.spec.row != nil {
		c.answer.fetched, c.answer.found = v, true
		if err := c.checkRows(c.inherited.rows, v); err != nil {
			return err
		}
	}
	if err := c.entry.looks(c); err != nil {
		return err
	}
	if err := c.entry.serialize(c); err != nil || c.entry.kind != KindSelector {
		return err
	}
	return c.fits(c.answer.structured) // a paged list has an envelope, which only its query could fill
}

var errNoLook = errors.New("mcpecho: an answer in the place of rows cannot be checked by the row permissions of the spec: " +
	"set the rows themselves with Call.SetResult")

// lookAtNothing asks the row permissions about an answer that has no rows to look at.
func (c *Call) lookAtNothing() error {
	if c.permitsRows(c.entry.spec.row) {
		return errNoLook
	}
	return c.entry.looks(c)
}

// coreSteps are the steps that the core puts into a chain.
func (e *entry) coreSteps() []Step {
	steps := []Step{
		{Name: stepValidate, Stage: StageValidate, Func: e.validate, Native: native.Step(), Single: true},
		{Name: stepHandle, Stage: StageHandle, Func: e.handle, Native: native.Step()},
		{Name: stepSerialize, Stage: StageSerialize, Func: serialize, Native: native.Step(), Single: true},
	}
	if e.spec.row != nil {
		steps = append(steps, Step{Name: stepFetch, Stage: StageFetch, Func: e.fetch, Native: native.Step()})
	}
	return steps
}

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
	if n := len(c.entry.parts); n <= len(c.few) {
		c.args = c.few[:n:n]
	} else {
		c.args = make([]any, n)
	}
	for i, p := range c.entry.parts {
		c.args[i] = reflect.New(p).Interface()
	}
	return c.entry.args.DecodeContext(c.Ctx(), c.arguments, c.args...)
}

// direct says whether what is written is captured at once, with no middleware's writer before.
func (c *Call) direct() bool {
	w, ok := c.response.Writer.(*capture.Response)
	return ok && w == &c.capture
}

func (e *entry) handle(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		c.publishHeaders()
		handle := e.spec.handle
		if !c.direct() {
			handle = (*Call).handles
		}
		if err := handle(c); err != nil {
			return err
		}
		if err := c.outcome(); err != nil {
			return err
		}
		return next(ec)
	}
}

// publishHeaders shows what steps have set so far to an event stream that may begin.
func (c *Call) publishHeaders() {
	for call := c; call != nil; call = call.parent {
		if h := call.capture.Headers(); h != nil {
			c.exchange.Headers.Publish(h)
			return
		}
	}
}
