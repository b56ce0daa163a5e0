package wire

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/internal/capture"
	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/sse"
)

// Mount serves MCP on the group's own path. The middlewares run behind the guards.
func (d *Door) Mount(g *echo.Group, m ...echo.MiddlewareFunc) {
	g.POST("", d.behind(m, d.post))
	g.DELETE("", d.behind(m, d.delete))
	g.OPTIONS("", d.preflight, d.guarded)
	g.Match([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodTrace, http.MethodConnect,
		echo.PROPFIND, echo.REPORT}, "", d.notServed, d.guarded)
}

// Handler serves MCP at every path, for a server that has routed the request already. The
// middlewares run behind the guards.
func (d *Door) Handler(m ...echo.MiddlewareFunc) echo.HandlerFunc {
	post, end, other := d.behind(m, d.post), d.behind(m, d.delete), d.guarded(d.notServed)
	return func(ec echo.Context) error {
		switch ec.Request().Method {
		case http.MethodPost:
			return post(ec)
		case http.MethodDelete:
			return end(ec)
		}
		return other(ec) // which answers OPTIONS too
	}
}

// behind nests middlewares around h, and the guards around all. Echo would do this anew for each
// request.
func (d *Door) behind(m []echo.MiddlewareFunc, h echo.HandlerFunc) echo.HandlerFunc {
	for _, middleware := range slices.Backward(m) {
		h = middleware(h)
	}
	return d.guarded(h)
}

// guarded is the middleware in front of every route of a mount: what it refuses costs no parsing
// and no look at a token.
func (d *Door) guarded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		r, h := ec.Request(), ec.Response().Header()
		d.boundBody(ec)
		d.boundStream(ec)
		if err := d.guard(r.Host, r.Header); err != nil {
			return d.exchange(ec).fail(err)
		}
		d.shareWithOrigin(r.Header, h)
		if r.Method == http.MethodOptions {
			return d.preflight(ec)
		}
		if r.Method == http.MethodPost {
			if err := checkMedia(r.Header); err != nil {
				return d.exchange(ec).fail(err)
			}
		}
		err := contained(next, ec)
		if p, ok := err.(*caught.Panic); ok { //nolint:errorlint // only what contained made itself
			return d.exchange(ec).fail(p)
		}
		d.app.Refused(ec, err)
		return err
	}
}

// contained answers a panic of what surrounds the exchange, an authentication hook or a store, so
// that it neither cuts the connection without a word nor stays out of the log.
func contained(h echo.HandlerFunc, ec echo.Context) (err error) {
	defer caught.Into(&err)
	return h(ec)
}

func (d *Door) post(ec echo.Context) error { return d.exchange(ec).serve() }

// preflight answers a browser that asks what a page may send.
func (d *Door) preflight(ec echo.Context) error {
	allowPage(ec.Request().Header, ec.Response().Header())
	return ec.NoContent(http.StatusNoContent)
}

// delete ends a dated session of the caller. (specification 2025-11-25, basic/transports, section
// Session Management)
func (d *Door) delete(ec echo.Context) error {
	x := d.exchange(ec)
	if version, _ := x.one(headerVersion); slices.Contains(Modern.Versions(), version) {
		return d.notServed(ec)
	}
	x.Owner = d.app.Owner(ec)
	if err := d.load.enter(&x.Visit); err != nil {
		return x.fail(x.busy(err))
	}
	defer d.load.leave(&x.Visit)
	if err := x.endSession(); err != nil {
		return x.fail(err)
	}
	return ec.NoContent(http.StatusNoContent)
}

// notServed answers GET, among others: the server offers no standalone event stream.
func (d *Door) notServed(ec echo.Context) error {
	x := d.exchange(ec)
	x.setHeader(echo.HeaderAllow, "POST, DELETE")
	return x.fail(refuse(methodNotAllowed, jsonrpc.InvalidRequest, "method", "send messages with POST"))
}

// client is a peer that has sent an HTTP request.
type client struct {
	door     *Door
	ec       echo.Context
	request  *http.Request
	response *echo.Response // the real one, also while a chain has a capture
}

// visitor is an exchange and the client that it is with, in one piece of memory.
type visitor struct {
	Exchange
	client
}

// exchange begins an exchange with a client. Until the message says otherwise it is on the dated
// wire, whose clients understand an HTTP status alone.
func (d *Door) exchange(ec echo.Context) *Exchange {
	v := &visitor{
		Exchange{Visit: Visit{Echo: ec, door: d}, meta: &noMeta, Wire: Dated},
		client{d, ec, ec.Request(), ec.Response()},
	}
	v.peer = &v.client
	return &v.Exchange
}

func (c *client) context() context.Context { return c.request.Context() }

func (c *client) header(name string) []string { return c.request.Header[name] }

func (c *client) mirrors() bool { return true }

func (c *client) network() netip.Prefix { return Network(c.ec) }

// Network is where a request comes from, as one client cannot change it at will: an IPv4 address or
// an IPv6 /64 network. It is the peer of the connection, or behind a proxy what
// [echo.Echo.IPExtractor] finds: without one no header is believed, [echo.Context.RealIP] believes
// all. It is the zero Prefix where there is no address.
func Network(ec echo.Context) netip.Prefix {
	var addr netip.Addr
	if e := ec.Echo(); e != nil && e.IPExtractor != nil {
		addr, _ = netip.ParseAddr(ec.RealIP())
	} else if peer, err := netip.ParseAddrPort(ec.Request().RemoteAddr); err == nil {
		addr = peer.Addr()
	} else {
		addr, _ = netip.ParseAddr(ec.Request().RemoteAddr) // as middlewares of net/http write it behind a proxy
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // whoever has no address is in one network too
	return network
}

func (c *client) read() ([]byte, error) {
	zipped := strings.EqualFold(c.request.Header.Get("Content-Encoding"), "gzip")
	body, err := c.door.readBody(c.request.Body, c.request.ContentLength, zipped)
	if err == nil {
		c.bodyRead()
	}
	return body, err
}

func (c *client) setHeader(name, value string) { c.response.Header().Set(name, value) }

func (c *client) takesEvents() bool { return acceptsEvents(c.request.Header) }

func (c *client) open(headers map[string][]string) stream {
	if headers != nil { // else what stands around the application has set is all there is
		capture.Merge(c.response.Header(), headers)
	}
	return sse.Open(c.response)
}

func (c *client) replyApart() bool { return false }

func (c *client) begun() bool { return c.response.Committed }

// Header values that every reply shares. They are never changed in place.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
)

func (c *client) send(status int, message []byte) (unread bool, err error) {
	if status == http.StatusUnauthorized {
		c.challenge()
	}
	h := c.response.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	c.response.WriteHeader(status)
	return c.write(message)
}

// respond sends a reply that is no message.
func (c *client) respond(status int, media string, body []byte) (unread bool, err error) {
	if status == http.StatusNoContent || status == http.StatusResetContent {
		c.response.WriteHeader(status)
		return false, nil
	}
	h := c.response.Header()
	h["Content-Type"] = jsonType
	if media != jsonType[0] {
		h["Content-Type"] = []string{media}
	}
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.response.WriteHeader(status)
	if c.request.Method == http.MethodHead {
		return false, nil
	}
	return c.write(body)
}

// challenge gives a 401 the header that it must have, unless a step has set one: that of the
// authentication of the mount, or a plain one. (RFC 9110 section 15.5.2)
func (c *client) challenge() {
	h := c.response.Header()
	if h.Get(echo.HeaderWWWAuthenticate) != "" {
		return
	}
	value := `Bearer realm="mcp"`
	if known := authn.ChallengerFrom(c.ec); known != nil {
		value = known.Challenge()
	}
	h.Set(echo.HeaderWWWAuthenticate, value)
}

func (c *client) accept() error { return c.ec.NoContent(http.StatusAccepted) }

// empty is a stream without any event: a cancelled request gets no response, and a POST with a
// request gets JSON or events. (specification 2025-11-25, basic/utilities/cancellation and
// basic/transports, section Sending Messages to the Server)
func (c *client) empty() error {
	if !c.takesEvents() {
		return c.accept()
	}
	sse.Open(c.response)
	return nil
}

func (c *client) abort() { panic(http.ErrAbortHandler) }

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
func (d *Door) boundBody(ec echo.Context) {
	r := ec.Request()
	if r.ContentLength == 0 {
		return
	}
	if conn := deadlinesOf(ec.Response()); conn != nil && !d.readsSooner(serverOf(r)) {
		_ = conn.SetReadDeadline(time.Now().Add(d.cfg.BodyTimeout))
	}
}

// bodyRead ends that time. The connection is watched from now on for a client that leaves, which
// must not take the passing of the body's time for one.
func (c *client) bodyRead() {
	conn := deadlinesOf(c.response)
	if conn == nil || c.request.ContentLength == 0 {
		return
	}
	var until time.Time
	switch server := serverOf(c.request); {
	case c.door.readsSooner(server):
		return
	case server.ReadTimeout > 0:
		until = time.Now().Add(server.ReadTimeout)
	}
	_ = conn.SetReadDeadline(until)
}

// readsSooner says whether the http.Server itself cuts slow bodies soon enough.
func (d *Door) readsSooner(server *http.Server) bool {
	return server.ReadTimeout > 0 && server.ReadTimeout <= d.cfg.BodyTimeout
}

// boundStream bounds the time of the answers that are written before the server serves a message,
// those of authentication among them, on HTTP/2: there a client says by itself how much of a reply
// it takes, of one of a few bytes too, and each of its streams waits. On HTTP/1 such a reply fits
// into the buffers of the connection.
func (d *Door) boundStream(ec echo.Context) {
	if conn := streamOf(ec.Request(), ec.Response()); conn != nil {
		_ = conn.SetWriteDeadline(time.Now().Add(d.cfg.BodyTimeout + d.cfg.ReplyTimeout))
	}
}

// unbound ends that time: a call has one of its own, and its reply another.
func (c *client) unbound() {
	if conn := streamOf(c.request, c.response); conn != nil {
		_ = conn.SetWriteDeadline(time.Time{})
	}
}

// streamOf is the stream of an HTTP/2 request whose http.Server bounds no replies, or nil.
func streamOf(r *http.Request, w http.ResponseWriter) deadlines {
	if r.ProtoMajor < 2 || serverOf(r).WriteTimeout > 0 {
		return nil
	}
	return deadlinesOf(w)
}

// promptReply is the size of a reply that fits into the buffers of net/http: writing it cannot
// block while the call holds its place. On HTTP/2 it may wait after that.
const promptReply = 2 << 10

// bytesPerSecond is the slowest reader that is waited for.
const bytesPerSecond = 64 << 10

// replyTime is until when a client may take to read a reply.
func (d *Door) replyTime(size int) time.Time {
	return time.Now().Add(d.cfg.ReplyTimeout + time.Duration(size)*time.Second/bytesPerSecond)
}

// write writes the body of a reply. A large one is flushed here, while its deadline is in force. A
// deadline of the http.Server itself may have passed before the reply, so it says nothing about the
// client.
func (c *client) write(message []byte) (unread bool, err error) {
	if len(message) <= promptReply {
		if conn := streamOf(c.request, c.response); conn != nil {
			_ = conn.SetWriteDeadline(c.door.replyTime(len(message)))
		}
		_, err = c.response.Write(message)
		return false, err
	}
	conn := deadlinesOf(c.response)
	if conn == nil || serverOf(c.request).WriteTimeout > 0 {
		_, err = c.response.Write(message)
		return false, err
	}
	_ = conn.SetWriteDeadline(c.door.replyTime(len(message)))
	if _, err = c.response.Write(message); err == nil {
		err = http.NewResponseController(c.response.Writer).Flush()
	}
	if err != nil {
		return errors.Is(err, os.ErrDeadlineExceeded), err
	}
	return false, conn.SetWriteDeadline(time.Time{})
}
