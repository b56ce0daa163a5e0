package mcpecho

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// wire is one of the two forms of the protocol that one endpoint serves.
type wire uint8

const (
	// modern is revision 2026-07-28: no handshake, every request carries its
	// version and the client's capabilities in `_meta`.
	modern wire = iota
	// dated are the revisions before it: initialize, then a session.
	dated
)

// The protocol versions served, newest first.
var (
	modernVersions = []string{"2026-07-28"}
	datedVersions  = []string{"2025-11-25", "2025-06-18", "2025-03-26"}
)

const (
	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerSession = "Mcp-Session-Id"
)

// negotiate decides which wire a message is on, and checks what that wire
// demands of every request before its method is looked at.
// (specification 2026-07-28, basic/versioning)
func (x *exchange) negotiate() error {
	header := x.request.Header
	version, single := one(header, headerVersion)
	if !single {
		return mismatch("repeated MCP-Protocol-Version header")
	}
	meta, err := jsonrpc.ParseMeta(x.msg.Meta)
	if err != nil {
		var bad *jsonrpc.Error
		if errors.As(err, &bad) {
			return refuse(http.StatusBadRequest, bad.Code, "meta", bad.Message)
		}
		return err
	}
	x.meta = meta
	switch {
	case meta.HasVersion || slices.Contains(modernVersions, version):
		x.wire = modern
		return x.checkModern(version)
	case version == "" || slices.Contains(datedVersions, version):
		x.wire = dated
		return x.checkMirrored()
	}
	x.wire = dated
	return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "version",
		"unsupported MCP-Protocol-Version header; supported: "+strings.Join(slices.Concat(modernVersions, datedVersions), ", "))
}

// checkModern enforces the request metadata of the modern wire.
// (specification 2026-07-28, basic, section `_meta`, and
// basic/transports/streamable-http, section Server Validation)
func (x *exchange) checkModern(version string) error {
	if x.msg.Kind != jsonrpc.Request {
		return nil // header rules for notifications are not defined
	}
	switch {
	case !x.meta.HasVersion:
		return refuse(http.StatusBadRequest, jsonrpc.InvalidParams, "meta", "params._meta must have io.modelcontextprotocol/protocolVersion")
	case version == "":
		return mismatch("the MCP-Protocol-Version header is missing")
	case version != x.meta.ProtocolVersion:
		return mismatch("the MCP-Protocol-Version header is not the protocolVersion of _meta")
	case !slices.Contains(modernVersions, version):
		return &Error{
			Code: jsonrpc.UnsupportedVersion, Message: "Unsupported protocol version",
			Data: map[string]any{"supported": modernVersions, "requested": clip(version, 64)},
		}
	case !x.meta.HasCapabilities:
		return refuse(http.StatusBadRequest, jsonrpc.InvalidParams, "meta", "params._meta must have io.modelcontextprotocol/clientCapabilities")
	}
	return x.checkHeaders()
}

// checkHeaders compares the mirrored headers with the body, so that what an
// intermediary saw is what runs here.
func (x *exchange) checkHeaders() error {
	header := x.request.Header
	method, single := one(header, headerMethod)
	switch {
	case !single || method == "":
		return mismatch("exactly one Mcp-Method header is required")
	case method != x.msg.Method:
		return mismatch("the Mcp-Method header is not the method of the body")
	}
	return x.checkName()
}

func (x *exchange) checkName() error {
	source, named := x.named()
	if !named {
		return nil
	}
	value, single := one(x.request.Header, headerName)
	if !single || value == "" {
		return mismatch("exactly one Mcp-Name header is required")
	}
	name, ok := jsonrpc.Unquote(source)
	if !ok {
		return nil // not a string: the method says so
	}
	sent, ok := decodeHeader(value)
	if !ok || sent != string(name) {
		return mismatch("the Mcp-Name header is not the name in the body")
	}
	return nil
}

// checkMirrored does what checkHeaders does on the dated wire, which knows none of these headers, for what a client
// sends of them all the same: an intermediary that reads them would be told something else.
func (x *exchange) checkMirrored() error {
	header := x.request.Header
	if x.msg.Kind != jsonrpc.Request {
		return nil
	}
	if method, single := one(header, headerMethod); !single || method != "" && method != x.msg.Method {
		return mismatch("the Mcp-Method header is not the method of the body")
	}
	if _, sent := header[headerName]; sent {
		return x.checkName()
	}
	return nil
}

// named is the member of params that the Mcp-Name header mirrors.
func (x *exchange) named() (source []byte, named bool) {
	switch x.msg.Method {
	case "tools/call", "prompts/get":
		return x.msg.Name, true
	case "resources/read":
		return x.msg.URI, true
	}
	return nil, false
}

func mismatch(what string) error {
	return refuse(http.StatusBadRequest, jsonrpc.HeaderMismatch, "header_mismatch", "Header mismatch: "+what)
}

// one returns the only value of a header, "" when it is absent. A header that
// is sent twice has no one value.
func one(h http.Header, canonical string) (value string, single bool) {
	switch values := h[canonical]; len(values) {
	case 0:
		return "", true
	case 1:
		return strings.Trim(values[0], " \t"), true
	}
	return "", false
}

// decodeHeader undoes the Base64 form of a header value and refuses
// characters that a plain value cannot have.
// (specification 2026-07-28, basic/transports/streamable-http, section Value Encoding)
func decodeHeader(value string) (string, bool) {
	if inner, ok := strings.CutPrefix(value, "=?base64?"); ok {
		if inner, ok := strings.CutSuffix(inner, "?="); ok {
			b, err := base64.StdEncoding.Strict().DecodeString(inner)
			return string(b), err == nil && utf8.Valid(b) && !strings.ContainsAny(inner, "\r\n")
		}
	}
	for i := range len(value) {
		if c := value[i]; c != '\t' && (c < 0x20 || c > 0x7e) {
			return "", false
		}
	}
	return value, true
}

// clip bounds a value of the client that is repeated to it.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
