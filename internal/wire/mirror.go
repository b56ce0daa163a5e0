package wire

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Headers that repeat a part of the body, so that a proxy need not parse it, and the session.
const (
	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerSession = "Mcp-Session-Id"
)

func mismatch(what string) error {
	return refuse(badRequest, jsonrpc.HeaderMismatch, "header_mismatch", "Header mismatch: "+what)
}

// checkName compares the Mcp-Name header with the body, so that what an intermediary saw is what
// runs here.
func (x *Exchange) checkName() error {
	source, named := x.named()
	if !named {
		return nil
	}
	value, single := x.one(headerName)
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

// named is the member of params that the Mcp-Name header mirrors.
func (x *Exchange) named() (source []byte, named bool) {
	switch x.Message.Method {
	case "tools/call", "prompts/get":
		return x.Message.Name, true
	case "resources/read":
		return x.Message.URI, true
	}
	return nil, false
}

// one is the only value of a header of the message, "" when it is absent.
func (x *Exchange) one(canonical string) (value string, single bool) {
	return one(x.peer.header(canonical))
}

// one returns the only one of a header's values, "" when there is none. A header that is sent twice
// has no one value.
func one(values []string) (value string, single bool) {
	switch len(values) {
	case 0:
		return "", true
	case 1:
		return strings.Trim(values[0], " \t"), true
	}
	return "", false
}

// decodeHeader undoes the Base64 form of a header value and refuses characters that a plain value
// cannot have. (specification 2026-07-28, basic/transports/streamable-http, section Value Encoding)
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
