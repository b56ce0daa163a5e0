package mcpecho

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// FromHandler makes a spec of a handler that the application has, at the route that it serves:
//
//	type GetUser struct {
//		ID     int64  `param:"id" validate:"gte=1" doc:"Id of the user."`
//		Fields string `query:"fields" doc:"Which fields, between commas."`
//	}
//
//	mcpecho.FromHandler[GetUser]("users.get", "GET /users/:id", users.Get,
//		mcpecho.Returns[User](), mcpecho.Describe("Get a user."), mw.Scopes("users:read"))
//
// In says by Echo's own tags where the handler finds an argument: param, query, and json or form in
// the body. An argument is called as its json tag says, or else as the others do. A []byte tagged
// form is a file, which makes the body multipart/form-data. Arguments of a path are required and
// are one segment of it; what stands for a * at its end may have several. A GET is annotated
// read-only.
//
// The handler is called directly, with its parameters set; no router sees the arguments. A handler
// that is a router itself, as that of [echo.WrapHandler], routes by the URL: take those behind it
// one by one instead. During the whole chain c.Request() has the method, URL and body of the route,
// and c.Path, c.Param, c.QueryParam, c.FormValue, c.Bind and custom binders work, so that the
// middlewares of the route are steps of the spec ([Named], [Guard]). Parameters of the path where
// the server is mounted stay, and an argument of that name must have the same value. A context type
// of its own an application has to pass on in a step too. In a filtered list and in front of a
// whole sequence no arguments are known: what looks at them is not for [Guard].
//
// The request has the headers of the caller's, Authorization and Cookie among them: it is the same
// caller of the same application. A handler that hands them on to another service hands on a token
// that was not made for that, which MCP forbids (specification 2026-07-28, basic/authorization,
// section Token Passthrough). What describes the message of MCP, or asks for a part of a reply, is
// left out; Accept asks for JSON. What the caller says in arguments never becomes a header.
//
// What the handler writes is the result, as in every [Call]. An error that the table of errors does
// not know is given to the application's own HTTPErrorHandler, and what that answers with a status
// 4xx is kept.
func FromHandler[In any](name, route string, h echo.HandlerFunc, opts ...Option) *Spec {
	s := &Spec{
		name: name, kind: KindService, surface: onTools, options: given(h != nil, noFunction, opts),
		in: reflect.TypeFor[In](), out: reflect.TypeFor[any](),
	}
	x, err := newExisting(route, h, s.in)
	if err != nil {
		s.options = given(false, err.Error(), s.options)
	}
	for _, o := range opts {
		if r, is := o.(returns); is {
			x.out, s.out = r.out, r.out
		}
	}
	s.existing = x
	return s
}

// Returns says what a handler given to [FromHandler] writes as JSON. It is decoded into an Out,
// which gives the output schema, which sequences, Go callers and serialize steps get, and which is
// sent: fields that Out does not have are left out. Without it the JSON is sent as it is written,
// without a schema.
func Returns[Out any]() Option { return returns{reflect.TypeFor[Out]()} }

type returns struct{ out reflect.Type }

func (r returns) apply(s *settings) { s.returns = true }

// run is the handle step of the spec. ec is what the step before passed on, which may be a context
// of the application's own.
func (x *existing) run(c *Call, ec echo.Context) error {
	if own, ok := c.Context.(*ownContext); ok && own.body != nil {
		own.body.rewind() // a step may run it again
	}
	if err := x.handler(ec); err != nil {
		return err
	}
	if err := c.outcome(); err != nil {
		return err
	}
	return x.take(c)
}

// take makes a result of JSON of a known type and of text. The rest is what a response is in every
// call.
func (x *existing) take(c *Call) error {
	media := c.capture.ContentType()
	typed, text := x.out != nil && isJSONType(media), x.out == nil && strings.HasPrefix(media, "text/")
	if !typed && !text || c.capture.Status() == 0 {
		return nil
	}
	body, err := c.capture.Body()
	switch {
	case err != nil:
		return err
	case len(body) == 0, text && !utf8.Valid(body):
		return nil
	case text:
		c.answer.result = string(body)
	default:
		out := reflect.New(x.out)
		if err := json.Unmarshal(body, out.Interface()); err != nil {
			return fmt.Errorf("mcpecho: what the handler of %s wrote is no %s, as Returns says: %w", c.entry.name, x.out, err)
		}
		c.answer.result = out.Elem().Interface()
	}
	c.capture.Take()
	return nil
}

// told asks the application's own error handler about an error that the table of errors does not
// know. Its answer counts when it says what the client did wrong.
func (x *existing) told(c *Call, err error) error {
	if err == nil || c.response.Committed || explain(err, c.server.cfg.DB).typ != TypeInternal {
		return err
	}
	c.Echo().HTTPErrorHandler(err, c)
	if status := c.capture.Status(); status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		return err
	}
	return errors.Join(c.written(), err)
}
