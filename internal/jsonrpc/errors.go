package jsonrpc

import "strconv"

// The error codes of JSON-RPC 2.0 and of MCP (basic/index, "Error Codes").
const (
	ParseError     = -32700 // not JSON, or JSON that readers disagree about
	InvalidRequest = -32600 // JSON, but not one JSON-RPC message
	MethodNotFound = -32601
	InvalidParams  = -32602
	InternalError  = -32603

	HeaderMismatch     = -32020 // an HTTP header and the body disagree
	MissingCapability  = -32021 // the client did not declare a capability the request needs
	UnsupportedVersion = -32022 // the protocol version is not served here

	// ResourceNotFound is for the dated wire alone: from 2026-07-28 on a missing resource is
	// InvalidParams and this code must not be sent.
	ResourceNotFound = -32002
)

// Error is a refusal as the client sees it. Message names what is wrong and never holds a value the
// client sent.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return "jsonrpc: " + e.Message + " (" + strconv.Itoa(e.Code) + ")" }
