package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/wire"
)

var errNoResult = errors.New("mcpecho: the chain ended without a result: a step neither called its successor nor set one")

// maxDepth bounds calls inside of calls.
const maxDepth = 16

var errTooDeep = fmt.Errorf("mcpecho: calls are nested more than %d deep", maxDepth)

// newCall begins the call of a message.
func (s *Server) newCall(x *wire.Exchange, e *entry, arguments []byte) *Call {
	return s.callBy(x, x.Owner, e, arguments)
}

// callBy begins a call that comes in by a door.
func (s *Server) callBy(d door, owner wire.Owner, e *entry, arguments []byte) *Call {
	principal, _ := owner.(*Principal)
	return &Call{
		Context: d.Outer(), entry: e, arguments: arguments,
		inherited: inherited{server: s, door: d, principal: principal},
	}
}

// child begins a call inside this one.
func (c *Call) child(e *entry, arguments []byte) *Call {
	inner := &Call{Context: c.Context, entry: e, arguments: arguments}
	c.around(inner)
	return inner
}

// around puts another call inside this one.
func (c *Call) around(inner *Call) {
	inner.inherited, inner.parent = c.inherited, c
	inner.rows = c.rules()
	inner.depth++
	inner.hooksFrom = c.hookList().Mark()
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
	n, asked := c.entry.gates, c.entry.spec.existing
	if own, around := c.Context.(*ownContext); n > 0 || around || asked != nil {
		// Inside of such a call too: its middlewares may go on with the context around.
		c.gates = make([]atomic.Pointer[gate], n)
		if !around || c.invoked() == nil { // which has its own already
			own = newOwnContext(c.Context)
			c.Context = own
		}
		defer own.release()
	}
	request, response := c.Request(), c.Context.Response()
	c.deadline.Begin(request.Context(), time.Now().Add(c.server.cfg.CallTimeout))
	if c.depth == 0 {
		if err := c.door.Begin(&c.deadline); err != nil {
			return err
		}
		defer c.door.End()
	}
	c.ctx = callContext{&c.deadline, c}
	c.SetRequest(request.WithContext(&c.ctx))
	c.capture.Begin(response, c.Echo())
	c.SetResponse(&c.capture.Echo)
	defer func() {
		c.deadline.End(nil)
		c.endTurns()
		switch {
		case c.hidden(): // a challenge would tell that there is something
			c.capture.DropHeaders()
		case c.parent != nil && c.parent.server != c.server: // a cookie may be that of another caller
			c.capture.DropHeaders()
		}
		c.handHeadersOn()
		c.Context.SetResponse(response)
		c.SetRequest(request)
	}()
	if own, ok := c.Context.(*ownContext); ok && asked != nil {
		asked.enter(c, own)
	}
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
		if err != nil {
			c.logFailure(c.explain(err), err)
		}
	}()
	defer caught.Into(&err)
	c.capture.Close()
}

// handHeadersOn gives what steps have set to the response around, that of the client at last.
func (c *Call) handHeadersOn() {
	if c.depth == 0 {
		headers := c.door.Headers()
		headers.Lock()
		defer headers.Unlock()
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
	if x := c.entry.spec.existing; x != nil && conclude != nil {
		err = x.told(c, err)
	}
	return c.asForbidden(err)
}

// outcome is the error that a middleware reported without returning it: to [Call.Error], or as a
// response that it wrote.
func (c *Call) outcome() error {
	if c.answer.errored != nil {
		return c.answer.errored
	}
	return c.written()
}
