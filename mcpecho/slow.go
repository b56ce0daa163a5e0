package mcpecho

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
)

// deadlines are what a connection of net/http has, in HTTP/1 and HTTP/2.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// deadlinesOf finds the connection under the writers that middlewares put around it; nil where
// there is none, as in tests. [http.ResponseController] does the same, but it makes an error of
// every writer without deadlines, which costs more than the rest of a guard.
func deadlinesOf(w http.ResponseWriter) deadlines {
	for {
		if d, ok := w.(deadlines); ok {
			return d
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = wrapper.Unwrap()
	}
}

// serverOf is the http.Server of a request, an empty one when it is unknown.
func serverOf(r *http.Request) *http.Server {
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		return server
	}
	return &http.Server{} //nolint:gosec // it serves nothing: its time-outs are what is not set
}

// boundBody begins the time that the body may take. It also bounds what net/http reads of a body
// that is refused unread, to keep the connection.
func (s *Server) boundBody(ec echo.Context) {
	r := ec.Request()
	if r.ContentLength == 0 {
		return
	}
	if d := deadlinesOf(ec.Response()); d != nil && !s.readsSooner(serverOf(r)) {
		_ = d.SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout))
	}
}

// bodyRead ends that time. The connection is watched from now on for a client that leaves, which
// must not take the passing of the body's time for one.
func (x *exchange) bodyRead() {
	d := deadlinesOf(x.response)
	if d == nil || x.request.ContentLength == 0 {
		return
	}
	var until time.Time
	switch server := serverOf(x.request); {
	case x.server.readsSooner(server):
		return
	case server.ReadTimeout > 0:
		until = time.Now().Add(server.ReadTimeout)
	}
	_ = d.SetReadDeadline(until)
}

// boundStream bounds the time of the answers that are written before the server serves a message,
// those of authentication among them, on HTTP/2: there a client says by itself how much of a reply it
// takes, of one of a few bytes too, and each of its streams waits. On HTTP/1 such a reply fits into
// the buffers of the connection.
func (s *Server) boundStream(ec echo.Context) {
	if d := streamOf(ec.Request(), ec.Response()); d != nil {
		_ = d.SetWriteDeadline(time.Now().Add(s.cfg.BodyTimeout + s.cfg.ReplyTimeout))
	}
}

// served ends that time: a call has one of its own, and its reply another.
func (x *exchange) served() {
	if d := streamOf(x.request, x.response); d != nil {
		_ = d.SetWriteDeadline(time.Time{})
	}
}

// streamOf is the stream of an HTTP/2 request whose http.Server bounds no replies, or nil.
func streamOf(r *http.Request, w http.ResponseWriter) deadlines {
	if r.ProtoMajor < 2 || serverOf(r).WriteTimeout > 0 {
		return nil
	}
	return deadlinesOf(w)
}

// readsSooner says whether the http.Server itself cuts slow bodies soon enough.
func (s *Server) readsSooner(server *http.Server) bool {
	return server.ReadTimeout > 0 && server.ReadTimeout <= s.cfg.BodyTimeout
}

// promptReply is the size of a reply that fits into the buffers of net/http: writing it cannot
// block while the call holds its place. On HTTP/2 it may wait after that.
const promptReply = 2 << 10

// bytesPerSecond is the slowest reader that is waited for.
const bytesPerSecond = 64 << 10

// replyTime is until when a client may take to read a reply.
func (x *exchange) replyTime(size int) time.Time {
	return time.Now().Add(x.server.cfg.ReplyTimeout + time.Duration(size)*time.Second/bytesPerSecond)
}

// write writes the body of a reply. A large one is flushed here, while its deadline is in force.
func (x *exchange) write(message []byte) error {
	if len(message) <= promptReply {
		if d := streamOf(x.request, x.response); d != nil {
			_ = d.SetWriteDeadline(x.replyTime(len(message)))
		}
		_, err := x.response.Write(message)
		return err
	}
	d := deadlinesOf(x.response)
	if d == nil || serverOf(x.request).WriteTimeout > 0 {
		_, err := x.response.Write(message)
		return err
	}
	_ = d.SetWriteDeadline(x.replyTime(len(message)))
	_, err := x.response.Write(message)
	if err == nil {
		err = http.NewResponseController(x.response.Writer).Flush()
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			x.log(nil, failure{reason: "reply_time", message: "the client did not read its reply in time"}, err)
		}
		return err
	}
	return d.SetWriteDeadline(time.Time{})
}
