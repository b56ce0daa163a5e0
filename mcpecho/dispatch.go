package mcpecho

import (
	"net/http"
	"strconv"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// method is one row of the method table.
type method struct {
	serve func(*exchange) error
	wires [2]bool // modern, dated
}

// methods is every request that the server answers.
var methods = map[string]method{
	"server/discover": {(*exchange).discover, [2]bool{modern: true}},
	"initialize":      {(*exchange).initialize, [2]bool{dated: true}},
	"ping":            {(*exchange).ping, [2]bool{dated: true}},
	"tools/list":      {(*exchange).listTools, [2]bool{true, true}},
	"tools/call":      {(*exchange).callTool, [2]bool{true, true}},
}

func (x *exchange) dispatch() error {
	switch x.msg.Kind {
	case jsonrpc.Notification:
		return x.ec.NoContent(http.StatusAccepted)
	case jsonrpc.Response:
		if x.wire == modern {
			return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "the body must be a request or a notification")
		}
		return x.ec.NoContent(http.StatusAccepted)
	}
	m, ok := methods[x.msg.Method]
	if !ok || !m.wires[x.wire] {
		return x.methodNotFound()
	}
	return m.serve(x)
}

// methodNotFound has its own status on the modern wire, and names the
// versions there, because an old client can show the text to its user.
// (specification 2026-07-28, basic/transports/streamable-http, section Protocol
// Version Header; basic/versioning, section Backward Compatibility)
func (x *exchange) methodNotFound() error {
	e := &Error{Code: jsonrpc.MethodNotFound, Message: "unknown method " + strconv.Quote(clip(x.msg.Method, 64))}
	if x.wire == modern {
		e.status = http.StatusNotFound
		e.Data = map[string]any{"supported": modernVersions}
	}
	return e
}

func (x *exchange) ping() error { return x.result([]byte("{}")) }

func (x *exchange) discover() error { return x.result(x.server.registry.Load().discover) }

// listTools answers with a page that was encoded when the tools last changed.
// (specification 2026-07-28, server/tools, section Listing Tools)
func (x *exchange) listTools() error {
	cursor := ""
	if x.msg.Cursor != nil {
		b, ok := jsonrpc.Unquote(x.msg.Cursor)
		if !ok {
			return &Error{Code: jsonrpc.InvalidParams, Message: "params.cursor must be a string"}
		}
		if cursor = string(b); cursor == "" {
			return errCursor()
		}
	}
	result := x.server.registry.Load().list(x.wire, cursor)
	if result == nil {
		return errCursor()
	}
	return x.result(result)
}

func errCursor() error {
	return &Error{Code: jsonrpc.InvalidParams, Message: "params.cursor is not a cursor of this list: start again without it"}
}

// callTool runs one tool.
// (specification 2026-07-28, server/tools, section Calling Tools)
func (x *exchange) callTool() error {
	name, ok := jsonrpc.Text(x.msg.Name)
	if !ok {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.name must be a string: the name of a tool"}
	}
	if a := x.msg.Arguments; len(a) > 0 && a[0] != '{' {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.arguments must be an object"}
	}
	registry := x.server.registry.Load()
	t, ok := registry.tools[name]
	if !ok {
		message := "unknown tool " + strconv.Quote(clip(name, 128))
		if near := registry.nearest(clip(name, 128)); near != "" {
			message += "; did you mean " + strconv.Quote(near) + "?"
		}
		return &Error{Code: jsonrpc.InvalidParams, Message: message}
	}
	c := &Call{Context: x.ec, tool: t, server: x.server, principal: x.principal, arguments: x.msg.Arguments}
	if err := t.execute(c); err != nil {
		return x.failCall(c, err)
	}
	return x.toolResult(c, registry.resultTail)
}
