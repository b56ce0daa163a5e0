package wire

import (
	"slices"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

type modern struct{}

var modernVersions = []string{"2026-07-28"}

func (modern) Index() int { return modernIndex }

func (modern) Versions() []string { return modernVersions }

func (modern) AppendOpening(b []byte) []byte { return append(b, `{"resultType":"complete",`...) }

func (modern) AppendClosing(b, tail []byte) []byte { return append(b, tail...) }

// ResourceNotFound is the code of the specification. (2026-07-28, server/resources, section Error
// Handling)
func (modern) ResourceNotFound() int { return jsonrpc.InvalidParams }

func (modern) OnlyObjects() bool { return false }

// check enforces the request metadata. (specification 2026-07-28, basic, section `_meta`, and
// basic/transports/streamable-http, section Server Validation)
func (modern) check(x *Exchange, version string) error {
	if x.Message.Kind != jsonrpc.Request {
		return nil // header rules for notifications are not defined
	}
	named, mirrors := x.meta.ProtocolVersion, x.peer.mirrors()
	switch {
	case !x.meta.HasVersion:
		return refuse(badRequest, jsonrpc.InvalidParams, "meta", "params._meta must have io.modelcontextprotocol/protocolVersion")
	case mirrors && version == "":
		return mismatch("the MCP-Protocol-Version header is missing")
	case mirrors && version != named:
		return mismatch("the MCP-Protocol-Version header is not the protocolVersion of _meta")
	case !slices.Contains(modernVersions, named):
		return &Refusal{
			Status: badRequest, Code: jsonrpc.UnsupportedVersion, Reason: "version", Message: "Unsupported protocol version",
			Data: map[string]any{"supported": modernVersions, "requested": Clip(named, 64)},
		}
	case !x.meta.HasCapabilities:
		return refuse(badRequest, jsonrpc.InvalidParams, "meta", "params._meta must have io.modelcontextprotocol/clientCapabilities")
	case !mirrors:
		return nil
	}
	method, single := x.one(headerMethod)
	switch {
	case !single || method == "":
		return mismatch("exactly one Mcp-Method header is required")
	case method != x.Message.Method:
		return mismatch("the Mcp-Method header is not the method of the body")
	}
	return x.checkName()
}

func (modern) join(*Exchange) error { return nil } // every request stands for itself

func (modern) checkParams(x *Exchange, params []Param) error {
	if !x.peer.mirrors() {
		return nil
	}
	for _, p := range params {
		if err := p.check(x); err != nil {
			return err
		}
	}
	return nil
}

func (modern) notified(*Exchange) {}

func (modern) responded(*Exchange) error {
	return refuse(badRequest, jsonrpc.InvalidRequest, "message", "the body must be a request or a notification")
}

// A request is cancelled by closing its connection, or as all those on lines. (specification
// 2026-07-28, basic/utilities/cancellation)
func (modern) begin(*Exchange) error    { return nil }
func (modern) canBegin(*Exchange) error { return nil }
func (modern) end(*Exchange)            {}

// methodNotFound has a status of its own here, and names the versions, because an old client can
// show the text to its user. (specification 2026-07-28, basic/transports/streamable-http, section
// Protocol Version Header; basic/versioning, section Backward Compatibility)
func (modern) methodNotFound(r *Refusal) {
	r.Status, r.Data = notFound, map[string]any{"supported": modernVersions}
}

func (modern) logLevel(x *Exchange) string { return x.meta.LogLevel }

func (modern) capabilities(x *Exchange) []byte { return x.meta.ClientCapabilities }

func (modern) links(*Exchange) bool { return true }
