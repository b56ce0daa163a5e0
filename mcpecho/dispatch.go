package mcpecho

import (
	"github.com/mcpecho/kit/internal/wire"
)

// method is one row of the method table.
type method struct {
	serve  func(*Server, *wire.Exchange) error
	wires  wire.Set
	exists func(*registry) bool // on this server; nil: always
}

// methods is every request that the server answers.
var methods = map[string]method{
	"server/discover":  {(*Server).discover, wire.OnModern, nil},
	"initialize":       {(*Server).initialize, wire.OnDated, nil},
	"ping":             {(*Server).ping, wire.OnDated, nil},
	"logging/setLevel": {(*Server).setLogLevel, wire.OnDated, nil},

	"tools/list": {list(tools), wire.OnBoth, nil},
	"tools/call": {(*Server).callTool, wire.OnBoth, nil},

	"resources/list":           {list(resources), wire.OnBoth, (*registry).hasResources},
	"resources/templates/list": {list(templates), wire.OnBoth, (*registry).hasResources},
	"resources/read":           {(*Server).readResource, wire.OnBoth, (*registry).hasResources},
	"resources/subscribe":      {(*Server).subscribe, wire.OnDated, (*registry).hasResources},
	"resources/unsubscribe":    {(*Server).unsubscribe, wire.OnDated, (*registry).hasResources},

	"prompts/list": {list(prompts), wire.OnBoth, (*registry).hasPrompts},
	"prompts/get":  {(*Server).getPrompt, wire.OnBoth, (*registry).hasPrompts},

	"completion/complete": {(*Server).complete, wire.OnBoth, (*registry).hasCompletions},
}

func (s *Server) discover(x *wire.Exchange) error { return x.Result(s.registry.Load().discover) }

func (s *Server) initialize(x *wire.Exchange) error {
	return x.Initialize(s.registry.Load().initialize)
}

func (s *Server) ping(x *wire.Exchange) error { return x.Result([]byte("{}")) }
