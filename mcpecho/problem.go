package mcpecho

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
)

// problem is a failure as REST clients see it: the message of an [echo.HTTPError]. (RFC 9457)
type problem struct {
	status int
	detail string
	body   []byte
	sent   bool // it has been encoded
}

const problemType = "application/problem+json"

// MarshalJSON is called by the error handler of an application that sends the problem as it is.
func (p *problem) MarshalJSON() ([]byte, error) {
	p.sent = true
	return p.body, nil
}

// String is what an error handler says that puts the message into a text.
func (p *problem) String() string { return p.detail }

// problemCause is what stands behind a problem. Its text is for a log.
type problemCause struct {
	error
	text string
}

func (c *problemCause) Error() string { return c.text }

func (c *problemCause) Unwrap() error { return c.error }

// statusClientGone is what servers log of a request whose client has not waited for the reply.
const statusClientGone = 499

// problem turns a failure, whose cause is err, into the error that the error handler of the
// application answers. Its media type is that of problems only where this one is what is written.
func (f failure) problem(ec echo.Context, err error, hide func(string) string) error {
	p := &problem{status: f.restStatus(err), detail: f.message}
	p.body = f.problemJSON(p.status, err)
	h := ec.Response().Header()
	ec.Response().Before(func() {
		if p.sent && h.Get(echo.HeaderContentType) != "" {
			h.Set(echo.HeaderContentType, problemType)
		}
	})
	return &echo.HTTPError{Code: p.status, Message: p, Internal: &problemCause{err, logText(err, hide)}}
}

// restStatus is the HTTP status of a failure.
func (f failure) restStatus(err error) int {
	if f.code != 0 {
		switch {
		case f.status >= http.StatusBadRequest:
			return f.status
		case f.code >= http.StatusBadRequest && f.code <= 599:
			return f.code
		case f.code == jsonrpc.InternalError:
			return http.StatusInternalServerError
		}
		return http.StatusBadRequest
	}
	if status, known := typeStatus[f.typ]; known {
		return status
	}
	var plain *echo.HTTPError
	if errors.As(err, &plain) && plain.Code >= http.StatusBadRequest && plain.Code < http.StatusInternalServerError {
		return plain.Code
	}
	return http.StatusBadRequest
}

var typeStatus = map[string]int{
	TypeValidation:     http.StatusUnprocessableEntity,
	TypeForbidden:      http.StatusForbidden,
	TypeNotFound:       http.StatusNotFound,
	TypeConflict:       http.StatusConflict,
	TypeBusy:           http.StatusServiceUnavailable,
	TypeTimeout:        http.StatusGatewayTimeout,
	TypeRate:           http.StatusTooManyRequests,
	TypeTooLarge:       http.StatusRequestEntityTooLarge,
	TypeUnknownOutcome: http.StatusInternalServerError,
	TypeInternal:       http.StatusInternalServerError,
}

// problemJSON writes a problem: the members of RFC 9457, the word of the failure as code, and what
// a tool result would have besides.
func (f failure) problemJSON(status int, err error) []byte {
	more := map[string]any{}
	maps.Copy(more, f.more)
	if f.code != 0 && f.data != nil {
		more["data"] = f.data
	}
	if f.retry > 0 {
		more["retryAfterMs"] = f.retry.Milliseconds()
	}
	if f.fields != nil {
		more["fields"] = f.fields
	}
	if f.ref != "" {
		more["reference"] = f.ref
	}
	var step *stepFailure
	if errors.As(err, &step) {
		more["failedStep"] = step.step
	}
	for _, own := range []string{"type", "title", "status", "detail", "code"} {
		delete(more, own)
	}
	b := []byte(`{"type":"about:blank"`)
	add := func(name string, v any) {
		if value, err := binding.Marshal(v); err == nil {
			b, _ = jsontext.AppendQuote(append(b, ','), name)
			b = append(append(b, ':'), value...)
		}
	}
	add("title", cmp.Or(http.StatusText(status), "Error"))
	add("status", status)
	add("detail", f.message)
	add("code", f.word())
	for _, name := range slices.Sorted(maps.Keys(more)) {
		add(name, more[name]) // without what cannot be encoded
	}
	return append(b, '}')
}
