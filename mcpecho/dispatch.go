package mcpecho

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

// method is one row of the method table.
type method struct {
	serve func(*exchange) error
	wires [2]bool  // modern, dated
	needs listKind // the method exists only where the list does
}

var both = [2]bool{modern: true, dated: true}

// methods is every request that the server answers.
var methods = map[string]method{
	"server/discover":          {(*exchange).discover, [2]bool{modern: true}, tools},
	"initialize":               {(*exchange).initialize, [2]bool{dated: true}, tools},
	"ping":                     {(*exchange).ping, [2]bool{dated: true}, tools},
	"logging/setLevel":         {(*exchange).setLogLevel, [2]bool{dated: true}, tools},
	"tools/list":               {list(tools), both, tools},
	"tools/call":               {(*exchange).callTool, both, tools},
	"resources/list":           {list(resources), both, resources},
	"resources/templates/list": {list(templates), both, resources},
	"resources/read":           {(*exchange).readResource, both, resources},
	"resources/subscribe":      {(*exchange).subscribe, [2]bool{dated: true}, resources},
	"resources/unsubscribe":    {(*exchange).unsubscribe, [2]bool{dated: true}, resources},
	"prompts/list":             {list(prompts), both, prompts},
	"prompts/get":              {(*exchange).getPrompt, both, prompts},
	"completion/complete":      {(*exchange).complete, both, tools},
}

func (x *exchange) dispatch() error {
	switch x.msg.Kind {
	case jsonrpc.Notification:
		if x.wire == dated && x.msg.Method == "notifications/cancelled" {
			x.server.inflight.cancel(x.session.ID, jsonrpc.Member(x.msg.Params, "requestId"))
		}
		return x.ec.NoContent(http.StatusAccepted)
	case jsonrpc.Response:
		if x.wire == modern {
			return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "message", "the body must be a request or a notification")
		}
		return x.ec.NoContent(http.StatusAccepted)
	}
	m, ok := methods[x.msg.Method]
	if !ok || !m.wires[x.wire] || !x.server.registry.Load().serves(m.needs) {
		return x.methodNotFound()
	}
	if x.server.cfg.HideForbidden {
		// Said before a name is looked up, it does not tell a hidden one from one that is unknown.
		if err := x.server.inflight.refuses(x); err != nil {
			return err
		}
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

// setLogLevel asks for log messages of the session's calls.
// (specification 2025-11-25, server/utilities/logging)
func (x *exchange) setLogLevel() error {
	level, ok := jsonrpc.Text(jsonrpc.Member(x.msg.Params, "level"))
	if !ok || !slices.Contains(logLevels, LogLevel(level)) {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.level must be one of " + joinLevels()}
	}
	err := x.server.cfg.Sessions.Update(x.request.Context(), x.session.ID, func(s *store.Session) { s.LogLevel = level })
	if err != nil {
		return errSessionStore(err)
	}
	return x.result([]byte("{}"))
}

func joinLevels() string {
	names := make([]string, len(logLevels))
	for i, l := range logLevels {
		names[i] = string(l)
	}
	return strings.Join(names, ", ")
}

// callTool serves tools/call.
// (specification 2026-07-28, server/tools, section Calling Tools)
func (x *exchange) callTool() error {
	name, ok := jsonrpc.Text(x.msg.Name)
	if !ok {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.name must be a string: the name of a tool"}
	}
	if string(x.msg.Arguments) == "null" {
		x.msg.Arguments = nil // what clients send that have none
	}
	if a := x.msg.Arguments; len(a) > 0 && a[0] != '{' {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.arguments must be an object"}
	}
	registry := x.server.registry.Load()
	e, ok := registry.tools[name]
	if !ok {
		return x.unknown(tools, name)
	}
	c := x.newCall(e, x.msg.Arguments)
	if err := x.checkParams(e); err != nil {
		return x.unlessHidden(c, err)
	}
	if err := c.chooseFormat(); err != nil {
		return x.unlessHidden(c, err)
	}
	if err := c.execute(e.handler); err != nil {
		return x.failTool(c, err)
	}
	return x.toolResult(c, registry.resultTail)
}

// chooseFormat takes the format that the client wants for this call.
func (c *Call) chooseFormat() error {
	c.format = c.entry.format
	wanted := c.exchange.msg.Format
	if wanted == nil {
		return nil
	}
	name, _ := jsonrpc.Text(wanted)
	if c.format = OutputFormat(name); !c.format.valid() {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.outputFormat must be json, toon or auto"}
	}
	return nil
}
