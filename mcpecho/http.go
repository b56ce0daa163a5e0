package mcpecho

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
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

	stop      context.CancelFunc // ends the call of a dated request
	cancelled atomic.Bool        // the client asked to end it
}

// exchange begins one. Until the message says otherwise it is on the dated
// wire, whose clients understand an HTTP status alone.
func (s *Server) exchange(ec echo.Context) *exchange {
	return &exchange{server: s, ec: ec, request: ec.Request(), response: ec.Response(), wire: dated, meta: &noMeta}
}

var noMeta jsonrpc.Meta

// post serves one JSON-RPC message.
func (s *Server) post(ec echo.Context) error {
	x := s.exchange(ec)
	body := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(body)
	if err := x.serve(body); err != nil {
		return x.fail(err)
	}
	return nil
}

func (x *exchange) serve(body *jsonrpc.Buffer) error {
	if err := x.server.guard(x.request); err != nil {
		return err
	}
	if err := checkMedia(x.request.Header); err != nil {
		return err
	}
	if err := body.ReadAll(x.request.Body, x.request.ContentLength, x.server.cfg.MaxBodyBytes); err != nil {
		if errors.Is(err, jsonrpc.ErrTooLarge) {
			return refuse(http.StatusRequestEntityTooLarge, jsonrpc.InvalidRequest,
				"the body is larger than "+strconv.FormatInt(x.server.cfg.MaxBodyBytes, 10)+" bytes")
		}
		return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "the body could not be read")
	}
	if err := jsonrpc.Parse(body.B, &x.msg); err != nil {
		return refuse(http.StatusBadRequest, err.Code, err.Message)
	}
	if err := x.negotiate(); err != nil {
		return err
	}
	x.principal = PrincipalFrom(x.ec)
	if err := x.joinSession(); err != nil {
		return err
	}
	return x.dispatch()
}

// guard refuses what may not reach the server at all, on every verb.
func (s *Server) guard(r *http.Request) error {
	if len(s.cfg.Hosts) > 0 && !slices.Contains(s.cfg.Hosts, strings.ToLower(r.Host)) {
		return refuse(http.StatusForbidden, jsonrpc.InvalidRequest, "Host not allowed; Config.Hosts lists the allowed ones")
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return nil
	}
	if len(origins) > 1 || !s.allowsOrigin(origins[0], r.Host) {
		return refuse(http.StatusForbidden, jsonrpc.InvalidRequest,
			"Origin not allowed: "+clip(origins[0], 200)+"; Config.Origins lists the allowed ones")
	}
	return nil
}

// allowsOrigin decides on a request that a browser page sends.
// (specification 2026-07-28, basic/transports/streamable-http, section Security & Endpoint)
func (s *Server) allowsOrigin(origin, host string) bool {
	if slices.ContainsFunc(s.cfg.Origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Path != "" || u.User != nil {
		return false
	}
	return strings.EqualFold(u.Host, host) && isLoopback(u.Hostname())
}

func isLoopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// checkMedia checks the types of what is sent and of what is wanted back.
func checkMedia(h http.Header) error {
	if sent, single := one(h, "Content-Type"); !single || !isJSON(sent) {
		return refuse(http.StatusUnsupportedMediaType, jsonrpc.InvalidRequest, "Content-Type must be application/json")
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return refuse(http.StatusUnsupportedMediaType, jsonrpc.InvalidRequest, "Content-Encoding is not supported: send the body as it is")
	}
	for _, accept := range h["Accept"] {
		if acceptsJSON(accept) {
			return nil
		}
	}
	if len(h["Accept"]) == 0 {
		return nil
	}
	return refuse(http.StatusNotAcceptable, jsonrpc.InvalidRequest, "Accept must list application/json and text/event-stream")
}

func isJSON(contentType string) bool {
	if contentType == echo.MIMEApplicationJSON {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && media == echo.MIMEApplicationJSON && (!given || strings.EqualFold(charset, "utf-8"))
}

func acceptsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/json", "application/*", "*/*":
			return true
		}
	}
	return false
}

// delete ends a dated session of the caller.
// (specification 2025-11-25, basic/transports, section Session Management)
func (s *Server) delete(ec echo.Context) error {
	x := s.exchange(ec)
	if err := s.guard(x.request); err != nil {
		return x.fail(err)
	}
	version, _ := one(x.request.Header, headerVersion)
	if slices.Contains(modernVersions, version) {
		return s.methodNotAllowed(ec)
	}
	x.principal = PrincipalFrom(ec)
	id, _ := one(x.request.Header, headerSession)
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
	if err := s.guard(x.request); err != nil {
		return x.fail(err)
	}
	ec.Response().Header().Set(echo.HeaderAllow, "POST, DELETE")
	return x.fail(refuse(http.StatusMethodNotAllowed, jsonrpc.InvalidRequest, "send messages with POST"))
}
