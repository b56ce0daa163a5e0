package mcpecho

import (
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/native"
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

// hidden says whether the caller may not know that the entry exists. Until its permission steps have
// let the call pass nobody knows, so every failure before that is the answer to an unknown name.
func (c *Call) hidden() bool {
	return c.server.cfg.HideForbidden && c.depth == 0 && c.entry != nil && c.entry.guarded() && !c.passed.Load()
}

// unknown is the answer to what does not exist, in place of this call's.
func (c *Call) unknown() error {
	x := c.exchange
	switch c.entry.surface {
	case onTools:
		return x.unknown(tools, c.entry.listedAs)
	case onPrompts:
		return x.unknown(prompts, c.entry.listedAs)
	}
	if x.msg.Method == "completion/complete" {
		return errNoTemplate()
	}
	return x.notFound(c.uri)
}

func errNoTemplate() error {
	return &Error{Code: jsonrpc.InvalidParams, Message: "params.ref.uri is not a resource template of this server"}
}

// hide logs why a call was refused, and answers as if there were nothing to call.
func (x *exchange) hide(c *Call, err error) error {
	x.log(c, c.explain(err), err)
	return x.sendError(c, explain(c.unknown(), nil).asProtocolError())
}

// unlessHidden is an error that says something about an entry before its permission steps were
// asked, or the answer to an unknown name where they refuse.
func (x *exchange) unlessHidden(c *Call, err error) error {
	if !c.hidden() {
		return err
	}
	if refused := x.permit(c); refused != nil {
		x.log(c, c.explain(refused), refused)
		return c.unknown()
	}
	return err
}

// eachResource calls read with what can be read at a URI, the best first, until it returns false: one
// that the caller may not know of does not stand in front of another.
func (x *exchange) eachResource(uri string, read func(e *entry, arguments []byte) (hidden bool, err error)) error {
	r := x.server.registry.Load()
	var hidden []*entry
	for {
		e, values := r.resource(uri, hidden...)
		if e == nil {
			return x.notFound(uri)
		}
		arguments, err := e.args.Query(values)
		if err != nil {
			return x.notFound(uri)
		}
		again, err := read(e, arguments)
		if !again {
			return err
		}
		hidden = append(hidden, e)
	}
}

// resource finds what is read at a URI: first a fixed one, then the template
// that was added first. Those in except are left out.
func (r *registry) resource(uri string, except ...*entry) (*entry, url.Values) {
	if e, ok := r.fixed[uri]; ok && !slices.Contains(except, e) {
		return e, nil
	}
	if len(uri) > maxURIBytes {
		return nil, nil
	}
	for _, e := range r.lists[templates] {
		if values, ok := e.location.match(uri); ok && !slices.Contains(except, e) {
			return e, values
		}
	}
	return nil, nil
}
