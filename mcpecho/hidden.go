package mcpecho

import (
	"net/url"
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
	return c.server.cfg.HideForbidden && c.depth == 0 && c.entry != nil && c.entry.guarded() && !c.passed.Load()
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

// eachResource calls read with what can be read at a URI, the best first, until it returns false:
// one that the caller may not know of does not stand in front of another.
func (s *Server) eachResource(x *wire.Exchange, uri string, read func(e *entry, arguments []byte) (hidden bool, err error)) error {
	r := s.registry.Load()
	for from := 0; ; {
		e, values, next := r.resource(uri, from)
		switch {
		case e == nil && x.Stopped(): // while a permission of a hidden one was asked
			return wire.ErrStopped
		case e == nil:
			return notFound(x, uri)
		}
		arguments, err := e.args.Query(values)
		if err != nil {
			return notFound(x, uri)
		}
		if hidden, err := read(e, arguments); !hidden {
			return err
		}
		from = next
	}
}

// resource finds what is read at a URI: first a fixed one, then the template that was added first.
// The search begins at from, 0 for all; next is where it goes on behind what it has found.
func (r *registry) resource(uri string, from int) (found *entry, values url.Values, next int) {
	if e, ok := r.fixed[uri]; ok && from == 0 {
		return e, nil, 1
	}
	if len(uri) > maxURIBytes {
		return nil, nil, 0
	}
	list := r.lists[templates]
	for i := max(from, 1); i <= len(list); i++ {
		if values, ok := list[i-1].location.Match(uri); ok {
			return list[i-1], values, i + 1
		}
	}
	return nil, nil, 0
}
