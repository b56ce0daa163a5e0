package mcpecho

import (
	"strconv"
	"strings"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/nearest"
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

// unknown is the answer to a name that does not exist. A name of the program is refused like any
// other, so that a gateway that denies a tool by its listed name cannot be walked past; both it and
// a near name are told the listed one, unless the list hides entries from the caller.
func (s *Server) unknown(kind listKind, name string) error {
	r := s.registry.Load()
	message := "unknown " + strings.TrimSuffix(lists[kind].member, "s") + " " + strconv.Quote(wire.Clip(name, 128))
	if !s.cfg.HideForbidden {
		if e, ok := r.written[kind][name]; ok {
			message += "; it is listed as " + strconv.Quote(e.listedAs)
		} else if near := r.near(kind, name); near != "" {
			message += "; did you mean " + strconv.Quote(near) + "?"
		}
	}
	return &Error{Code: jsonrpc.InvalidParams, Message: message}
}

// near is the listed name that name was most likely meant to be, "" when none is near.
func (r *registry) near(kind listKind, name string) string {
	h := &r.spellings[kind]
	h.once.Do(func() {
		names := make([]string, len(r.lists[kind]))
		for i, e := range r.lists[kind] {
			names[i] = e.listedAs
		}
		h.names = nearest.New(names)
	})
	return h.names.Nearest(name)
}
