package wire

import (
	"mime"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// guard refuses what may not reach the server at all, on every verb.
func (d *Door) guard(host string, h map[string][]string) error {
	if err := d.guardHost(host); err != nil {
		return err
	}
	origins := h["Origin"]
	switch {
	case len(origins) == 0:
		if strings.EqualFold(first(h, "Sec-Fetch-Site"), "cross-site") {
			return refuse(forbidden, jsonrpc.InvalidRequest, "origin", "cross-site requests without an Origin are not allowed")
		}
		return nil
	case len(origins) > 1:
		return refuse(forbidden, jsonrpc.InvalidRequest, "origin", "repeated Origin header")
	case !d.allowsOrigin(origins[0], host):
		return refuse(forbidden, jsonrpc.InvalidRequest, "origin",
			"Origin not allowed: "+Clip(origins[0], 200)+"; Config.Origins lists the allowed ones")
	}
	return nil
}

func (d *Door) guardHost(host string) error {
	if len(d.cfg.Hosts) > 0 && !slices.Contains(d.cfg.Hosts, strings.ToLower(host)) {
		return refuse(forbidden, jsonrpc.InvalidRequest, "host", "Host not allowed; Config.Hosts lists the allowed ones")
	}
	return nil
}

// allowsOrigin decides on a request that a browser page sends. (specification 2026-07-28,
// basic/transports/streamable-http, section Security & Endpoint)
func (d *Door) allowsOrigin(origin, host string) bool {
	if d.listsOrigin(origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Path != "" || u.User != nil {
		return false
	}
	return strings.EqualFold(u.Host, host) && isLoopback(u.Hostname())
}

func (d *Door) listsOrigin(origin string) bool {
	return slices.ContainsFunc(d.cfg.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
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

// shareWithOrigin lets a page of a listed origin read the reply. (Fetch standard, section CORS
// protocol)
func (d *Door) shareWithOrigin(request, reply map[string][]string) {
	if len(d.cfg.Origins) == 0 {
		return
	}
	reply[echo.HeaderVary] = append(reply[echo.HeaderVary], echo.HeaderOrigin)
	if origin := first(request, echo.HeaderOrigin); origin != "" && d.listsOrigin(origin) {
		reply[echo.HeaderAccessControlAllowOrigin] = []string{origin}
		reply[echo.HeaderAccessControlExposeHeaders] = []string{exposed}
	}
}

// sendable are the request headers that an MCP client in a page sends, besides the Mcp-Param ones.
var sendable = []string{"accept", "authorization", "content-type", "last-event-id",
	"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"}

// allowPage tells a browser what a page may send, where shareWithOrigin has let it pass.
func allowPage(request, reply map[string][]string) {
	if first(reply, echo.HeaderAccessControlAllowOrigin) == "" {
		return
	}
	var allowed []string
	for name := range strings.SplitSeq(first(request, echo.HeaderAccessControlRequestHeaders), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains(sendable, name) || strings.HasPrefix(name, "mcp-param-") && isToken(name) {
			allowed = append(allowed, name)
		}
	}
	reply[echo.HeaderAccessControlAllowMethods] = []string{"POST, DELETE"}
	reply[echo.HeaderAccessControlAllowHeaders] = []string{strings.Join(allowed, ", ")}
	reply[echo.HeaderAccessControlMaxAge] = []string{"600"}
	reply[echo.HeaderVary] = append(reply[echo.HeaderVary], echo.HeaderAccessControlRequestHeaders)
}

// first is the first value of a header by its canonical name, "" when it is absent.
func first(h map[string][]string, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// checkMedia checks the types of what is sent and of what is wanted back.
func checkMedia(h map[string][]string) error {
	if err := checkSent(h); err != nil {
		return err
	}
	for _, accept := range h["Accept"] {
		if acceptsJSON(accept) {
			return nil
		}
	}
	if len(h["Accept"]) == 0 {
		return nil
	}
	return refuse(notAcceptable, jsonrpc.InvalidRequest, "accept", "Accept must list application/json and text/event-stream")
}

// checkSent checks the type of what is sent.
func checkSent(h map[string][]string) error {
	if sent, single := one(h["Content-Type"]); !single || !isJSON(sent) {
		return refuse(unsupportedMediaType, jsonrpc.InvalidRequest, "content_type", "Content-Type must be application/json")
	}
	switch encoding, single := one(h["Content-Encoding"]); {
	case !single, encoding != "" && !strings.EqualFold(encoding, "identity") && !strings.EqualFold(encoding, "gzip"):
		return refuse(unsupportedMediaType, jsonrpc.InvalidRequest, "content_encoding", "Content-Encoding must be gzip or absent")
	}
	return nil
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
func acceptsEvents(h map[string][]string) bool {
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
