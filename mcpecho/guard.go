package mcpecho

import (
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// guarded is the middleware in front of every route of a mount: what it
// refuses costs no parsing and no look at a token.
func (s *Server) guarded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		r, h := ec.Request(), ec.Response().Header()
		s.boundBody(ec)
		s.boundStream(ec)
		if err := s.guard(r); err != nil {
			return s.exchange(ec).fail(err)
		}
		s.shareWithOrigin(r, h)
		if r.Method == http.MethodOptions {
			return preflight(ec)
		}
		if r.Method == http.MethodPost {
			if err := checkMedia(r.Header); err != nil {
				return s.exchange(ec).fail(err)
			}
		}
		return s.answered(next, ec)
	}
}

// answered runs next and answers its panic, so that a mistake in an authentication hook or a store
// neither cuts the connection without a word nor stays out of the log.
func (s *Server) answered(next echo.HandlerFunc, ec echo.Context) error {
	err := contained(next, ec)
	if p, ok := err.(*panicked); ok { //nolint:errorlint // only what contained made itself
		return s.exchange(ec).fail(p)
	}
	s.logRefusal(ec, err)
	return err
}

// guard refuses what may not reach the server at all, on every verb.
func (s *Server) guard(r *http.Request) error {
	if len(s.cfg.Hosts) > 0 && !slices.Contains(s.cfg.Hosts, strings.ToLower(r.Host)) {
		return refuse(http.StatusForbidden, jsonrpc.InvalidRequest, "host", "Host not allowed; Config.Hosts lists the allowed ones")
	}
	origins := r.Header["Origin"]
	switch {
	case len(origins) == 0:
		if strings.EqualFold(r.Header.Get("Sec-Fetch-Site"), "cross-site") {
			return refuse(http.StatusForbidden, jsonrpc.InvalidRequest, "origin", "cross-site requests without an Origin are not allowed")
		}
		return nil
	case len(origins) > 1:
		return refuse(http.StatusForbidden, jsonrpc.InvalidRequest, "origin", "repeated Origin header")
	case !s.allowsOrigin(origins[0], r.Host):
		return refuse(http.StatusForbidden, jsonrpc.InvalidRequest, "origin",
			"Origin not allowed: "+clip(origins[0], 200)+"; Config.Origins lists the allowed ones")
	}
	return nil
}

// allowsOrigin decides on a request that a browser page sends.
// (specification 2026-07-28, basic/transports/streamable-http, section Security & Endpoint)
func (s *Server) allowsOrigin(origin, host string) bool {
	if s.listsOrigin(origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Path != "" || u.User != nil {
		return false
	}
	return strings.EqualFold(u.Host, host) && isLoopback(u.Hostname())
}

func (s *Server) listsOrigin(origin string) bool {
	return slices.ContainsFunc(s.cfg.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
}

func isLoopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// exposed are the response headers that an MCP client in a page must read.
const exposed = "Mcp-Session-Id, WWW-Authenticate, Retry-After, MCP-Error"

// shareWithOrigin lets a page of a listed origin read the reply. (Fetch
// standard, section CORS protocol)
func (s *Server) shareWithOrigin(r *http.Request, h http.Header) {
	if len(s.cfg.Origins) == 0 {
		return
	}
	h.Add(echo.HeaderVary, echo.HeaderOrigin)
	if origin := r.Header.Get(echo.HeaderOrigin); origin != "" && s.listsOrigin(origin) {
		h.Set(echo.HeaderAccessControlAllowOrigin, origin)
		h.Set(echo.HeaderAccessControlExposeHeaders, exposed)
	}
}

// sendable are the request headers that an MCP client in a page sends,
// besides the Mcp-Param ones.
var sendable = []string{"accept", "authorization", "content-type", "last-event-id",
	"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"}

// preflight answers a browser that asks what a page may send.
func preflight(ec echo.Context) error {
	h := ec.Response().Header()
	if h.Get(echo.HeaderAccessControlAllowOrigin) != "" {
		var allowed []string
		for name := range strings.SplitSeq(ec.Request().Header.Get(echo.HeaderAccessControlRequestHeaders), ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if slices.Contains(sendable, name) || strings.HasPrefix(name, "mcp-param-") && isToken(name) {
				allowed = append(allowed, name)
			}
		}
		h.Set(echo.HeaderAccessControlAllowMethods, "POST, DELETE")
		h.Set(echo.HeaderAccessControlAllowHeaders, strings.Join(allowed, ", "))
		h.Set(echo.HeaderAccessControlMaxAge, "600")
		h.Add(echo.HeaderVary, echo.HeaderAccessControlRequestHeaders)
	}
	return ec.NoContent(http.StatusNoContent)
}

// checkMedia checks the types of what is sent and of what is wanted back.
func checkMedia(h http.Header) error {
	if sent, single := one(h, "Content-Type"); !single || !isJSON(sent) {
		return refuse(http.StatusUnsupportedMediaType, jsonrpc.InvalidRequest, "content_type", "Content-Type must be application/json")
	}
	switch encoding, single := one(h, "Content-Encoding"); {
	case !single, encoding != "" && !strings.EqualFold(encoding, "identity") && !strings.EqualFold(encoding, "gzip"):
		return refuse(http.StatusUnsupportedMediaType, jsonrpc.InvalidRequest, "content_encoding", "Content-Encoding must be gzip or absent")
	}
	for _, accept := range h["Accept"] {
		if acceptsJSON(accept) {
			return nil
		}
	}
	if len(h["Accept"]) == 0 {
		return nil
	}
	return refuse(http.StatusNotAcceptable, jsonrpc.InvalidRequest, "accept", "Accept must list application/json and text/event-stream")
}

// isJSON parses no more of a Content-Type than one can need, because each of its parameters costs
// memory before anybody is known.
func isJSON(contentType string) bool {
	const maxBytes = 256
	switch {
	case contentType == echo.MIMEApplicationJSON:
		return true
	case len(contentType) > maxBytes:
		return false
	}
	media, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && media == echo.MIMEApplicationJSON && (!given || strings.EqualFold(charset, "utf-8"))
}

func acceptsJSON(accept string) bool { return accepts(accept, "application/json", "application/*") }

// acceptsEvents says whether a reply may be an event stream: a client that lists only
// application/json gets its reply as that, without notifications.
func acceptsEvents(h http.Header) bool {
	listed := h["Accept"]
	return len(listed) == 0 || slices.ContainsFunc(listed, func(accept string) bool {
		return accepts(accept, "text/event-stream", "text/*")
	})
}

func accepts(accept, media, wildcard string) bool {
	if accept == "application/json, text/event-stream" { // what clients send
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		listed, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(listed)) {
		case media, wildcard, "*/*":
			return true
		}
	}
	return false
}
