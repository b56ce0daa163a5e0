// Package capture stands in for the HTTP response while a chain runs: what a middleware or a
// handler writes must not reach the client as it is, because the reply has to be a JSON-RPC
// message.
package capture

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// MaxBody is how many bytes may be written to a captured response.
const MaxBody = 1 << 20

// ErrTooLarge is what a write beyond [MaxBody] returns.
var ErrTooLarge = errors.New("mcpecho: more than 1 MiB was written to the response of a call")

// Response is a captured response. Make it a field of the call that it belongs to, so that a call
// which writes nothing costs no allocation. It may be written to and read at the same time: a
// middleware that gives up waiting answers while its successor still runs.
type Response struct {
	// Echo is the response that the chain sees. Its status is 200 from the start, as after Echo's
	// router.
	Echo echo.Response

	real   *echo.Response
	header http.Header // a copy of the real one, made at its first use

	status atomic.Int32 // 0: nothing was written
	closed atomic.Bool

	mu       sync.Mutex // guards the writing
	tooLarge bool
	body     bytes.Buffer
	taken    int // the status of what was taken
}

// Begin makes r stand in for the real response.
func (r *Response) Begin(real *echo.Response, e *echo.Echo) {
	r.real = real
	r.Echo = *echo.NewResponse(r, e)
	r.Echo.Status = http.StatusOK
}

// Mark remembers what was written and which headers were set so far; the function that it returns
// puts the response back to that state.
func (r *Response) Mark() (rewind func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	header, status, tooLarge, length, response, taken := r.header.Clone(), r.status.Load(), r.tooLarge, r.body.Len(), r.Echo, r.taken
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.header, r.tooLarge, r.Echo, r.taken = header.Clone(), tooLarge, response, taken
		r.status.Store(status)
		r.body.Truncate(length)
	}
}

// Drop forgets what was written, so that something else can be. The headers stay.
func (r *Response) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Store(0)
	r.tooLarge = false
	r.Echo.Status, r.Echo.Size, r.Echo.Committed = http.StatusOK, 0, false
	r.body.Reset()
}

// Take forgets what was written because a result is made of it. The response stays committed:
// whoever writes again is late.
func (r *Response) Take() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = r.Status()
	r.status.Store(0)
	r.body.Reset()
}

// Answered is the status of what was written, taken or not, 0 when nothing was.
func (r *Response) Answered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if status := r.Status(); status != 0 {
		return status
	}
	return r.taken
}

// DropHeaders forgets which headers were set.
func (r *Response) DropHeaders() { r.header = nil }

// Close ends the writing: what comes later is dropped. The functions that middlewares have
// registered with Before of the response run now if nothing was written.
func (r *Response) Close() {
	r.closed.Store(true)
	if !r.Echo.Committed {
		r.Echo.WriteHeader(http.StatusOK)
	}
}

// Headers is a copy of the headers as they are now, nil when none were looked at.
func (r *Response) Headers() http.Header { return r.header.Clone() }

// HandHeadersOn gives the headers to the real response, all but those that describe the captured
// body.
func (r *Response) HandHeadersOn() {
	if r.header != nil {
		Merge(r.real.Header(), r.header)
	}
}

// Merge changes h into left, which is a copy of h that middlewares have changed. Headers that
// describe a captured body stay as they are in h.
func Merge(h, left http.Header) {
	for name := range h {
		if _, kept := left[name]; !kept && !describesBody(name) {
			delete(h, name)
		}
	}
	for name, values := range left {
		switch {
		case describesBody(name):
		case shared[name]:
			h[name] = union(h[name], values)
		default:
			h[name] = values
		}
	}
}

// shared are the headers that several middlewares add to. They are added to and never replaced: a
// middleware that sets a cookie does not mean to erase the cookie of another.
var shared = map[string]bool{"Set-Cookie": true, "Vary": true}

func union(before, after []string) []string {
	all := slices.Clip(slices.Clone(before))
	for _, v := range after {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// describesBody says whether a header is about the body that was captured.
func describesBody(name string) bool {
	switch name {
	case "Transfer-Encoding", "Trailer", "Etag", "Last-Modified", "Accept-Ranges", "Location":
		return true
	}
	return strings.HasPrefix(name, "Content-") && name != "Content-Security-Policy" && name != "Content-Security-Policy-Report-Only"
}

// Header is http.ResponseWriter's. It begins as a copy of the headers of the real response, without
// those that describe its body.
func (r *Response) Header() http.Header {
	if r.header == nil {
		r.header = r.real.Header().Clone()
		if r.header == nil {
			r.header = http.Header{}
		}
		for name := range r.header {
			if describesBody(name) { // a stream of events that has begun, not what is written here
				delete(r.header, name)
			}
		}
	}
	return r.header
}

// WriteHeader is http.ResponseWriter's. The first final status counts.
func (r *Response) WriteHeader(status int) {
	if status >= 200 && !r.closed.Load() {
		r.status.CompareAndSwap(0, int32(status))
	}
}

// Write is http.ResponseWriter's. It fails beyond [MaxBody].
func (r *Response) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.WriteHeader(http.StatusOK)
	switch {
	case r.closed.Load():
		return len(b), nil
	case r.body.Len()+len(b) > MaxBody:
		r.tooLarge = true
		return 0, ErrTooLarge
	}
	return r.body.Write(b)
}

// Flush does nothing: the captured body is used as a whole.
func (r *Response) Flush() {}

// Status is the status that was written, 0 while nothing was.
func (r *Response) Status() int { return int(r.status.Load()) }

// Body is a copy of what was written, inflated if a middleware has compressed it. A body that was
// cut is an error.
func (r *Response) Body() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tooLarge {
		return nil, ErrTooLarge
	}
	body := bytes.Clone(r.body.Bytes())
	if len(body) == 0 || !strings.EqualFold(r.header.Get(echo.HeaderContentEncoding), "gzip") {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	body, err = io.ReadAll(io.LimitReader(z, MaxBody+1))
	if err == nil && len(body) > MaxBody {
		err = ErrTooLarge
	}
	return body, err
}

// ContentType is the media type of the body, in lower case and without parameters.
func (r *Response) ContentType() string {
	media, _, _ := strings.Cut(r.header.Get(echo.HeaderContentType), ";")
	return strings.ToLower(strings.TrimSpace(media))
}
