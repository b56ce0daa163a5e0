package mcpecho

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/capture"
	"github.com/mcpecho/kit/internal/deadline"
	"github.com/mcpecho/kit/internal/transaction"
)

// Call is one MCP call: the live [echo.Context] of its HTTP request plus what the chain works on.
// It is the echo.Context that every step and handler gets, so values set by middlewares of the Echo
// group are there (c.Get). What is written to its response does not reach the client as it is: a
// body with status 2xx becomes the result, others an error.
//
// A Call belongs to one request and one goroutine; it must not be kept after the handler returns.
type Call struct {
	echo.Context
	inherited

	entry     *entry
	arguments []byte // raw JSON
	args      []any  // decoded: pointers, one for each part of the arguments
	few       [1]any // room for one
	uri       string // that a resource is read at
	answer    answer
	admitted  echo.HandlerFunc // what follows where the entry is only asked for admission

	hooks     transaction.Hooks // of this call and those inside it; in the outermost call alone
	hooksFrom int               // where those of this call begin
	parent    *Call             // of a call inside another

	committed atomic.Bool  // a transaction of this call or one inside it
	passed    atomic.Bool  // the steps that decide who may call
	left      atomic.Bool  // a middleware has answered and left its successor running
	narrowing atomic.Int32 // how many statements are being narrowed

	response *echo.Response // that the chain sees
	capture  capture.Response
	deadline deadline.Context
	ctx      callContext
	gates    []atomic.Pointer[gate] // of the passages under way
	turns    atomic.Pointer[turns]  // of the calls that Go code makes inside
}

// inherited is what a call made inside another call has from it. It is handed on as a whole, so
// that nothing can be forgotten.
type inherited struct {
	server    *Server
	door      door
	principal *Principal
	tx        *database // nil: Config.DB
	rows      []rowRule // narrowings and row permissions of the calls around
	depth     int32     // how many calls there are around
	muted     bool      // it sends no notifications
}

// answer is what a chain has made so far.
type answer struct {
	query      *gorm.DB
	wrap       func(rows, items any) (any, error)
	result     any
	fetched    any    // what the result was made of: the rows, the row, the service's result
	set        bool   // the result was set, be it to nil
	found      bool   // a query has been run, and has found something
	structured []byte // the finished JSON of a tool's result
	text       []byte // its text form, if it is not that JSON
	items      []byte // the finished JSON array of content, contents or messages

	errored  error          // what a middleware handed to Error instead of returning it
	checked  []reflect.Type // of which row types a row was checked
	outcomes map[*link]any  // of a sequence
}

// finished says whether a serialize step has left a result.
func (a *answer) finished() bool { return a.structured != nil || a.items != nil }

// callContext carries the call through [context.Context] without an allocation of its own.
type callContext struct {
	context.Context
	call *Call
}

type callKey struct{}

func (c *callContext) Value(key any) any {
	switch key.(type) {
	case callKey:
		return c.call
	case principalContextKey, dbContextKey:
		return nil // what was set outside of the call is not about what runs inside
	}
	return c.Context.Value(key)
}

// CallFrom finds the call of an echo.Context by the context of its request, which middlewares may
// wrap and replace by others that descend from it. It returns nil outside of an MCP call.
func CallFrom(ec echo.Context) *Call { return CallFromContext(ec.Request().Context()) }

// CallFromContext finds the call of a context that descends from [Call.Ctx], nil outside of an MCP
// call.
func CallFromContext(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Response is echo.Context.Response: it records what is written to it.
func (c *Call) Response() *echo.Response { return c.response }

// SetResponse is echo.Context.SetResponse.
func (c *Call) SetResponse(r *echo.Response) {
	c.response = r
	c.Context.SetResponse(r)
}

// Bind is echo.Context.Bind. It binds the request of a handler given to [FromHandler], and always
// fails in other calls: the body of the request is the message, and has been read. The arguments of
// a service are in its input struct, those of a step in [Args].
func (c *Call) Bind(i any) error {
	if c.entry.spec.existing != nil {
		return c.Echo().Binder.Bind(i, c)
	}
	return errBind
}

var errBind = errors.New("mcpecho: Bind has nothing to read: the arguments are already in the handler's input struct, decoded and checked; as JSON they are Call.Arguments")

// Args returns the decoded arguments of type T: the handler's input, or what a step added with
// [Definition.AddArguments]. It panics when the call's chain has no arguments of that type, or has
// not validated them yet.
func Args[T any](c *Call) *T {
	for _, a := range c.args {
		if v, ok := a.(*T); ok {
			return v
		}
	}
	panic("mcpecho: Args of a type that this chain does not have, or before its validate step")
}

// Error keeps err as the outcome of the call. Some middlewares (Echo's own rate limiter is one)
// report through it and return nil; the steps around them then see err as returned, so a
// transaction rolls back.
func (c *Call) Error(err error) {
	if c.answer.errored == nil {
		c.answer.errored = err
	}
}

// Ctx is the context of the call: that of the request, with the call's deadline, ended when the
// client goes away. Pass it to everything that can be cancelled.
func (c *Call) Ctx() context.Context { return c.Request().Context() }

// Server is the server that handles the call.
func (c *Call) Server() *Server { return c.server }

// Name is the full name of the tool, resource or prompt.
func (c *Call) Name() string { return c.entry.name }

// Kind is the kind of the spec behind it.
func (c *Call) Kind() Kind { return c.entry.kind }

// Principal is the verified caller, nil for an anonymous one. A nil Call has none, so that
// CallFromContext(ctx).Principal() works in every function.
func (c *Call) Principal() *Principal {
	if c == nil {
		return nil
	}
	return c.principal
}

// ClientCapabilities is the raw JSON of what the client has declared that it can do: in this
// request on the modern wire, in initialize on the dated one.
func (c *Call) ClientCapabilities() []byte {
	return bytes.Clone(c.door.Capabilities()) // equal requests share what was decoded
}

// URI is what a resource is being read at, "" in other calls.
func (c *Call) URI() string { return c.uri }

// Arguments is the raw JSON of the arguments, as sent; nil when none were.
func (c *Call) Arguments() []byte { return c.arguments }

// Query is what a selector returned and the steps since have made of it. It is nil before the
// handle step and for services.
func (c *Call) Query() *gorm.DB { return c.answer.query }

// SetQuery replaces the query. What narrows the rows of the call holds for it too.
func (c *Call) SetQuery(q *gorm.DB) {
	if q != nil {
		q = c.narrowed(q)
	}
	c.answer.query = q
}

// Result is the value that the serialize step will encode: what a service returned or a step set.
// Selectors have none before their rows are fetched.
func (c *Call) Result() any { return c.answer.result }

// SetResult replaces the result. A step that calls it and does not call its successor answers in
// the handler's place: the serialize step then maps and encodes the value as it does with the
// handler's. A value of another type than the handler's is taken as mapped already, and has to fit
// the output schema.
func (c *Call) SetResult(v any) { c.answer.result, c.answer.set = v, true }

// SetEnvelope makes the serialize step of a selector pass its result through wrap, which gets the
// fetched rows and the items made of them (the rows themselves, unless a step maps them).
func (c *Call) SetEnvelope(wrap func(rows, items any) (any, error)) { c.answer.wrap = wrap }
