package mcpecho

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"

	"github.com/mcpecho/kit/internal/seal"
)

// Server is an MCP server inside an Echo application. It is safe for
// concurrent use; tools may be added and removed while it serves.
type Server struct {
	cfg      Config
	sealer   *seal.Ring
	models   sync.Map // gorm's cache of parsed models
	registry atomic.Pointer[registry]
	inflight inflight
	load     load

	mu       sync.Mutex // guards steps, those of groups, and every change of registry
	steps    []Step
	mounted  bool
	watchers []func(list string)
}

// New makes a server. It panics when the configuration is wrong, with a
// sentence that names the field.
func New(cfg Config) *Server {
	if err := cfg.check(); err != nil {
		panic(err.Error())
	}
	ring, err := seal.New(cfg.Keys...)
	if err != nil {
		panic("mcpecho: Config.Keys: " + err.Error())
	}
	s := &Server{cfg: cfg.withDefaults(), sealer: ring}
	s.registry.Store(newRegistry(&s.cfg, nil))
	return s
}

// Config is the configuration in force, defaults filled in.
func (s *Server) Config() Config { return s.cfg }

// Seal encrypts a value that leaves the server and will come back (a cursor),
// bound to a purpose and a context, with the first of [Config.Keys].
func (s *Server) Seal(purpose string, plaintext, context []byte) string {
	return s.sealer.Seal(purpose, plaintext, context)
}

// Open is the reverse of [Server.Seal]. Every failure, be it a tampered value
// or another purpose or context, is the same error.
func (s *Server) Open(purpose, token string, context []byte) ([]byte, error) {
	return s.sealer.Open(purpose, token, context)
}

// Use adds steps to every chain of the server, as echo.Use does: also to
// those of specs that were added before. It panics when a chain refuses them.
func (s *Server) Use(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(&s.steps, steps); err != nil {
		panic(err.Error())
	}
}

// Group makes a group: a name prefix and steps that every spec added to it
// inherits, after the server's own.
func (s *Server) Group(prefix string, steps ...Step) *Group {
	return &Group{server: s, prefix: prefix, steps: steps}
}

// Add registers specs. It panics when one is wrong, with a sentence that
// names the spec, the step and the fix: a server that starts is a server
// whose tools are sound. [Server.AddSafely] returns the error instead.
func (s *Server) Add(specs ...*Spec) { s.Group("").Add(specs...) }

// AddSafely registers specs, all or none of them.
func (s *Server) AddSafely(specs ...*Spec) error { return s.Group("").AddSafely(specs...) }

// Remove takes tools and prompts out by their full names, and resources by
// their names or URIs, also while the server serves; calls that are running
// finish. Unknown names are ignored.
func (s *Server) Remove(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change(s.registry.Load().without(&s.cfg, names))
}

// OnListChange calls fn with "tools", "resources" or "prompts" whenever that
// list has changed. It is called in the goroutine that made the change, with
// the new list in force, and must not change the server itself.
func (s *Server) OnListChange(fn func(list string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, fn)
}

// change puts a new registry in force and tells who watches. The caller holds
// s.mu.
func (s *Server) change(next *registry) {
	before := s.registry.Swap(next)
	for _, on := range []struct {
		name  string
		lists []listKind
	}{{"tools", []listKind{tools}}, {"resources", []listKind{resources, templates}}, {"prompts", []listKind{prompts}}} {
		if slices.ContainsFunc(on.lists, func(k listKind) bool { return !slices.Equal(before.lists[k], next.lists[k]) }) {
			for _, watch := range s.watchers {
				watch(on.name)
			}
		}
	}
}

// Chain returns the chain of a tool or prompt by its full name, or of a
// resource by its URI; false when unknown.
func (s *Server) Chain(name string) (Chain, bool) {
	for _, e := range s.registry.Load().order {
		if e.label() == name {
			return e.chain, true
		}
	}
	return Chain{}, false
}

// Fprint writes each chain, one line a tool, prompt or resource, with the
// reasons that were stated for leaving something out, as
//
//	invoices.list  scopes → validate → handle → filter → order → paginate → serialize
func (s *Server) Fprint(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range s.registry.Load().order {
		fmt.Fprintf(tw, "%s\t%s%s\n", t.label(), t.chain, t.notes())
	}
	_ = tw.Flush()
}

// Group is a set of specs that share a name prefix and steps, as echo.Group
// shares a path prefix and middlewares.
type Group struct {
	server *Server
	parent *Group
	prefix string
	steps  []Step
}

// Group makes a group inside the group: prefixes join, steps add up.
func (g *Group) Group(prefix string, steps ...Step) *Group {
	return &Group{server: g.server, parent: g, prefix: g.prefix + prefix, steps: steps}
}

// Use adds steps to every chain of the group and of the groups inside it,
// also to those of specs that were added before. It panics when a chain
// refuses them.
func (g *Group) Use(steps ...Step) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if err := g.server.use(&g.steps, steps); err != nil {
		panic(err.Error())
	}
}

// Add registers specs in the group; see [Server.Add].
func (g *Group) Add(specs ...*Spec) {
	if err := g.AddSafely(specs...); err != nil {
		panic(err.Error())
	}
}

// AddSafely registers specs in the group; see [Server.AddSafely].
func (g *Group) AddSafely(specs ...*Spec) error {
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := make([]*entry, len(specs))
	for i, spec := range specs {
		t, err := newEntry(g, spec)
		if err != nil {
			return err
		}
		entries[i] = t
	}
	next, err := s.registry.Load().with(&s.cfg, entries)
	if err != nil {
		return err
	}
	if s.mounted { // before that, more steps may follow
		for _, e := range entries {
			if err := s.report(e.check(s.cfg.DB != nil)); err != nil {
				return err
			}
		}
	}
	s.change(next)
	return nil
}

// inherited lists the steps of the server and of the groups, outermost first.
func (g *Group) inherited() []Step {
	if g.parent != nil {
		return append(g.parent.inherited(), g.steps...)
	}
	return append(append([]Step(nil), g.server.steps...), g.steps...)
}

// use appends to one list of steps and makes every tool again. The caller
// holds s.mu.
func (s *Server) use(list *[]Step, steps []Step) error {
	before := *list
	*list = append(before[:len(before):len(before)], steps...)
	old := s.registry.Load()
	entries := make([]*entry, len(old.order))
	for i, t := range old.order {
		again, err := newEntry(t.group, t.spec)
		if err != nil {
			*list = before
			return err
		}
		entries[i] = again
	}
	s.change(newRegistry(&s.cfg, entries))
	return nil
}
