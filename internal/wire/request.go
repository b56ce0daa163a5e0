package wire

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Request is a request that carries no message of MCP, as one of REST. It has its place in the same
// load, is ended by the same shutdown, and its body and its reply have the same time.
type Request struct {
	Visit
	client client
}

// Answerer answers a request whose body has been read.
type Answerer interface{ Answer(body []byte) error }

// Behind puts the guard of requests and, behind it, the middlewares of a mount in front of a
// handler. It looks at the Host alone: which pages may send such requests is for the application to
// say. What the guard refuses, and panics, are answered by fail.
func (d *Door) Behind(h echo.HandlerFunc, m []echo.MiddlewareFunc, fail func(*Request, error) error) echo.HandlerFunc {
	for _, middleware := range slices.Backward(m) {
		h = middleware(h)
	}
	return func(ec echo.Context) error {
		d.boundBody(ec)
		d.boundStream(ec)
		if err := d.guardHost(ec.Request().Host); err != nil {
			return fail(d.begin(new(Request), ec), err)
		}
		err := contained(h, ec)
		if p, ok := err.(*caught.Panic); ok { //nolint:errorlint // only what contained made itself
			return fail(d.begin(new(Request), ec), p)
		}
		d.app.Refused(ec, err)
		return err
	}
}

func (d *Door) begin(r *Request, ec echo.Context) *Request {
	r.client = client{d, ec, ec.Request(), ec.Response()}
	r.Echo, r.door, r.peer = ec, d, &r.client
	return r
}

// Serve serves a request: it gives it a place, reads its body, and lets a answer. body says whether
// it may have one, which is JSON. An error is for the caller to answer.
func (d *Door) Serve(r *Request, ec echo.Context, body bool, a Answerer) (err error) {
	defer caught.Into(&err)
	d.begin(r, ec).Owner = d.app.Owner(ec)
	if err := d.load.enter(&r.Visit); err != nil {
		return r.busy(err)
	}
	defer d.load.leave(&r.Visit)
	sent, err := r.read(body)
	if err != nil {
		return err
	}
	if err := d.load.serve(&r.Visit); err != nil {
		return r.busy(err)
	}
	r.client.unbound()
	if err = a.Answer(sent); err != nil {
		d.boundStream(ec) // the answer to it is written by the application
	}
	return err
}

// read reads the body, nil when there is none.
func (r *Request) read(may bool) ([]byte, error) {
	request := r.client.request
	switch {
	case request.ContentLength == 0:
		return nil, nil
	case !may:
		return nil, refuse(badRequest, jsonrpc.InvalidRequest, "body",
			"a "+request.Method+" request has no body here: its arguments are in the query string")
	}
	if err := checkSent(request.Header); err != nil {
		return nil, err
	}
	return r.client.read()
}

// Begin makes what runs in the request stoppable.
func (r *Request) Begin(run Ender) error { return r.door.load.begin(&r.Visit, run) }

// End is the end of what Begin began.
func (r *Request) End() {}

// Nobody listens to what comes before the reply to a request, and it declares nothing.

func (r *Request) Links() bool                                  { return true }
func (r *Request) Capabilities() []byte                         { return nil }
func (r *Request) WantsProgress() bool                          { return false }
func (r *Request) Progress(_, _ float64, _ string, _ time.Time) {}
func (r *Request) ForgetProgress()                              {}
func (r *Request) LogLevel() string                             { return "" }
func (r *Request) Notify(string, []byte, time.Time)             {}

// Begun says whether something of the reply has been sent.
func (r *Request) Begun() bool { return r.client.begun() }

// Challenge gives a 401 the header that it must have, unless a step has set one.
func (r *Request) Challenge() { r.client.challenge() }

// Send sends a reply of a media type. One of status 204 or 205 has no body, that to a HEAD only
// says how long it would be.
func (r *Request) Send(status int, media string, body []byte) error {
	unread, err := r.client.respond(status, media, body)
	if unread {
		return &Refusal{Reason: "reply_time", Message: "the client did not read its reply in time", Internal: err}
	}
	return err
}
