package mcpecho

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

// exchange is one HTTP request on its way through the server. The reply goes
// to the request that carried the message and nowhere else.
type exchange struct {
	server    *Server
	ec        echo.Context
	request   *http.Request
	response  *echo.Response // the real one, also while a chain has a capture
	msg       jsonrpc.Message
	meta      *jsonrpc.Meta
	wire      wire
	principal *Principal
	session   store.Session // of a dated request

	slot      slot        // of the server's load
	cancelled atomic.Bool // the client asked to end the call
	stopped   atomic.Bool // the server has ended the call

	notify  atomic.Pointer[notifier]
	headers headers
}

// exchange begins one. Until the message says otherwise it is on the dated
// wire, whose clients understand an HTTP status alone.
func (s *Server) exchange(ec echo.Context) *exchange {
	return &exchange{server: s, ec: ec, request: ec.Request(), response: ec.Response(), wire: dated, meta: &noMeta}
}

var noMeta jsonrpc.Meta

// Mount serves MCP on the group's own path: POST for messages and DELETE for
// ending a dated session. The middlewares given to it run behind the guards
// that need no identity (Origin, Host, media types, load), so authentication
// belongs there:
//
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// The middlewares of the group itself run before the guards; with
// authentication among them, browsers' preflight requests are refused.
//
// Mount logs what [Server.Check] finds, and panics instead when
// [Config.Strict] is set.
func (s *Server) Mount(g *echo.Group, m ...echo.MiddlewareFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.report(s.Check()); err != nil {
		panic(err.Error())
	}
	s.mounted = true
	behind := func(h echo.HandlerFunc) echo.HandlerFunc { // Echo would do this anew for each request
		for _, middleware := range slices.Backward(m) {
			h = middleware(h)
		}
		return s.guarded(h)
	}
	g.POST("", behind(s.post))
	g.DELETE("", behind(s.delete))
	g.OPTIONS("", preflight, s.guarded)
	g.Match([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodTrace, http.MethodConnect,
		echo.PROPFIND, echo.REPORT}, "", s.methodNotAllowed, s.guarded)
}

// post serves one JSON-RPC message.
func (s *Server) post(ec echo.Context) error {
	x := s.exchange(ec)
	if err := x.contained(); err != nil {
		return x.fail(err)
	}
	return nil
}

// contained is serve, whose panics are answered here because here the id is known.
func (x *exchange) contained() (err error) {
	defer recovered(&err)
	return x.serve()
}

func (x *exchange) serve() error {
	x.principal = PrincipalFrom(x.ec)
	load := &x.server.load
	if err := load.enter(x); err != nil {
		return x.busy(err)
	}
	defer load.leave(x)
	body, err := x.read()
	if err != nil {
		return err
	}
	if err := load.serve(x); err != nil {
		return x.busy(err)
	}
	x.served()
	if err := jsonrpc.Parse(body, &x.msg); err != nil {
		return refuse(http.StatusBadRequest, err.Code, "message", err.Message)
	}
	if err := x.negotiate(); err != nil {
		return err
	}
	if err := x.joinSession(); err != nil {
		return err
	}
	return x.dispatch()
}

// busy tells a client that was not let in when to come again.
func (x *exchange) busy(err error) error {
	x.setHeader("Retry-After", "1")
	return err
}

// read takes the body, of at most Config.MaxBodyBytes once it is inflated.
func (x *exchange) read() ([]byte, error) {
	content, length, max := io.Reader(x.request.Body), x.request.ContentLength, x.server.cfg.MaxBodyBytes
	if strings.EqualFold(x.request.Header.Get("Content-Encoding"), "gzip") {
		if length > max {
			return nil, x.unread(jsonrpc.ErrTooLarge)
		}
		inflated, err := inflate(&bounded{content, max})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, x.unread(err)
		case err != nil:
			return nil, refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "body", "the body is not gzip")
		}
		content, length = inflated, -1
	}
	body, err := jsonrpc.ReadAll(content, length, max)
	if err != nil {
		return nil, x.unread(err)
	}
	x.bodyRead()
	return body, nil
}

// unread is the answer to a body that could not be read.
func (x *exchange) unread(err error) error {
	switch {
	case errors.Is(err, jsonrpc.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, jsonrpc.InvalidRequest, "body_size",
			"the body is larger than "+strconv.FormatInt(x.server.cfg.MaxBodyBytes, 10)+" bytes")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, jsonrpc.InvalidRequest, "body_time",
			"the body took longer than "+x.server.cfg.BodyTimeout.String()+": send it at once")
	}
	return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "body", "the body could not be read")
}

// bounded reads at most left bytes, because there are gzip bodies without an end that inflate to
// nothing.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, jsonrpc.ErrTooLarge
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	return n, err
}

// inflate unpacks gzip, unless a middleware before has done so: its magic
// bytes cannot begin a JSON text.
func inflate(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err == nil && (magic[0] != 0x1f || magic[1] != 0x8b) {
		return b, nil
	}
	return gzip.NewReader(b)
}

// delete ends a dated session of the caller.
// (specification 2025-11-25, basic/transports, section Session Management)
func (s *Server) delete(ec echo.Context) error {
	x := s.exchange(ec)
	version, _ := one(x.request.Header, headerVersion)
	if slices.Contains(modernVersions, version) {
		return s.methodNotAllowed(ec)
	}
	x.principal = PrincipalFrom(ec)
	if err := s.load.enter(x); err != nil {
		return x.fail(x.busy(err))
	}
	defer s.load.leave(x)
	id, err := x.sessionID()
	if err != nil {
		return x.fail(err)
	}
	if id == "" {
		return ec.NoContent(http.StatusNoContent)
	}
	if _, err := x.ownSession(id); err != nil {
		return x.fail(err)
	}
	if err := s.cfg.Sessions.Delete(x.request.Context(), id); err != nil {
		return x.fail(errSessionStore(err))
	}
	return ec.NoContent(http.StatusNoContent)
}

// methodNotAllowed answers GET, among others: the server offers no standalone
// event stream.
func (s *Server) methodNotAllowed(ec echo.Context) error {
	x := s.exchange(ec)
	x.response.Header().Set(echo.HeaderAllow, "POST, DELETE")
	return x.fail(refuse(http.StatusMethodNotAllowed, jsonrpc.InvalidRequest, "method", "send messages with POST"))
}
