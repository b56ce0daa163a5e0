package wire

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Wire is one of the two forms of the protocol that one endpoint serves: [Modern] and [Dated]. What
// differs between them is a method, in modern.go and dated.go; negotiate tells them apart.
type Wire interface {
	// Index is the place of the wire in arrays of length [Count], for what is kept for each wire.
	Index() int
	// Versions are the protocol versions, newest first.
	Versions() []string

	// AppendOpening opens the object of a result.
	AppendOpening(b []byte) []byte
	// AppendClosing closes it. tail is what ends a result of the modern wire, the brace included.
	AppendClosing(b, tail []byte) []byte
	// ResourceNotFound is the error code for a resource that does not exist.
	ResourceNotFound() int
	// OnlyObjects says whether structured content has to be an object.
	OnlyObjects() bool

	// check checks what the wire demands of every message before its method is looked at.
	check(x *Exchange, version string) error
	// join finds the session of a message.
	join(x *Exchange) error
	// checkParams compares the headers of arguments with the arguments.
	checkParams(x *Exchange, params []Param) error
	// notified takes a notification.
	notified(x *Exchange)
	// responded takes a response of the client, or says that it takes none.
	responded(x *Exchange) error
	// begin makes what runs cancellable until end; canBegin is its error.
	begin(x *Exchange) error
	canBegin(x *Exchange) error
	end(x *Exchange)

	// methodNotFound completes the answer to a method that does not exist.
	methodNotFound(r *Refusal)
	// logLevel, capabilities and links are what [Exchange.LogLevel], [Exchange.Capabilities] and
	// [Exchange.Links] say.
	logLevel(x *Exchange) string
	capabilities(x *Exchange) []byte
	links(x *Exchange) bool
}

const (
	modernIndex = iota
	datedIndex

	// Count is how many wires there are.
	Count
)

// The wires.
var (
	// Modern is revision 2026-07-28: no handshake, every request carries its version and the
	// client's capabilities in `_meta`.
	Modern Wire = modern{}
	// Dated are the revisions before it: initialize, then a session.
	Dated Wire = dated{}

	// All has each at its index.
	All = [Count]Wire{Modern, Dated}
)

// Set is a set of wires.
type Set [Count]bool

// The sets that methods of the protocol are on.
var (
	OnModern = Set{modernIndex: true}
	OnDated  = Set{datedIndex: true}
	OnBoth   = Set{true, true}
)

// Has says whether the wire is in the set.
func (s Set) Has(w Wire) bool { return s[w.Index()] }

// negotiate decides which wire a message is on, and checks what that wire demands of every request
// before its method is looked at. (specification 2026-07-28, basic/versioning)
func (x *Exchange) negotiate() error {
	version, single := x.one(headerVersion)
	if !single {
		return mismatch("repeated MCP-Protocol-Version header")
	}
	meta, err := jsonrpc.ParseMeta(x.Message.Meta)
	if err != nil {
		var bad *jsonrpc.Error
		if errors.As(err, &bad) {
			return refuse(badRequest, bad.Code, "meta", bad.Message)
		}
		return err
	}
	x.meta = meta
	switch {
	case meta.HasVersion || slices.Contains(Modern.Versions(), version):
		x.Wire = Modern
	case version != "" && !slices.Contains(Dated.Versions(), version):
		return refuse(badRequest, jsonrpc.InvalidRequest, "version", "unsupported MCP-Protocol-Version header; supported: "+
			strings.Join(slices.Concat(Modern.Versions(), Dated.Versions()), ", "))
	default:
		x.Wire = Dated
	}
	return x.Wire.check(x, version)
}

// MethodNotFound is the answer to a method that does not exist on the wire of the message.
func (x *Exchange) MethodNotFound() error {
	r := &Refusal{Code: jsonrpc.MethodNotFound, Message: "unknown method " + strconv.Quote(Clip(x.Message.Method, 64))}
	x.Wire.methodNotFound(r)
	return r
}

// CheckParams compares the Mcp-Param headers of a tool call with its arguments. (specification
// 2026-07-28, basic/transports/streamable-http, section Server Behavior for Custom Headers)
func (x *Exchange) CheckParams(params []Param) error { return x.Wire.checkParams(x, params) }

// LogLevel is the least severe level of the log messages that the client asks for, "" when it asks
// for none.
func (x *Exchange) LogLevel() string { return x.Wire.logLevel(x) }

// Capabilities is the raw JSON of what the client has declared that it can do. It must not be
// changed.
func (x *Exchange) Capabilities() []byte { return x.Wire.capabilities(x) }

// Links says whether the client knows links to resources, which are younger than the oldest
// revision that is served. (specification 2025-06-18, changelog)
func (x *Exchange) Links() bool { return x.Wire.links(x) }

// Clip bounds a value of the client that is repeated to it.
func Clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
