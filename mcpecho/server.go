package mcpecho

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"

	"github.com/mcpecho/kit/internal/seal"
	"github.com/mcpecho/kit/internal/wire"
)

// Server is an MCP server inside an Echo application. It is safe for concurrent use; tools may be
// added and removed while it serves.
type Server struct {
	cfg      Config
	sealer   *seal.Ring
	models   sync.Map // gorm's cache of parsed models
	registry current
	listing  [listKinds]atomic.Pointer[entry] // what filtered lists run as
	door     *wire.Door

	documenting atomic.Pointer[entry] // what asks for a document runs as
	documents   documents

	mu        sync.Mutex // guards what follows, the steps of groups, and every change of registry
	steps     []Step
	taken     map[place]*entry
	routes    map[string]*entry // by their places
	restFixed bool              // MountREST has run
	mounted   bool
	watchers  []func(list string)
}

// New makes a server. It panics when the configuration is wrong, with a sentence that names the
// field.
func New(cfg Config) *Server {
	if err := cfg.check(); err != nil {
		panic(err.Error())
	}
	ring, err := seal.New(cfg.Keys...)
	if err != nil {
		panic("mcpecho: Config.Keys: " + err.Error())
	}
	s := &Server{cfg: cfg.withDefaults(), sealer: ring, taken: map[place]*entry{}}
	s.door = s.newDoor()
	s.registry.store(&s.cfg, nil)
	s.compileListing()
	return s
}

// Config is the configuration in force, defaults filled in, without its Keys: what is sealed and
// opened with them goes through the server.
func (s *Server) Config() Config {
	cfg := s.cfg
	cfg.Keys = nil
	return cfg
}

// Sealer encrypts values that leave the server and will come back, as cursors.
type Sealer interface {
	// Seal encrypts a value, bound to a purpose and a context, with the first of [Config.Keys].
	Seal(purpose string, plaintext, context []byte) string
	// Open is the reverse of Seal, with any of the keys. Every failure, be it a tampered value or
	// another purpose or context, is the same error.
	Open(purpose, token string, context []byte) ([]byte, error)
}

// Sealer seals and opens with [Config.Keys].
func (s *Server) Sealer() Sealer { return s.sealer }

// Use adds steps to every chain of the server, as echo.Use does: also to those of specs that were
// added before. It panics when a chain refuses them.
func (s *Server) Use(steps ...Step) {
	if err := s.use(&s.steps, steps); err != nil {
		panic(err.Error())
	}
}

// Group makes a group: a name prefix and steps that every spec added to it inherits, after the
// server's own. A dot joins prefix and name: list in the group articles is articles.list. An empty
// prefix adds nothing.
func (s *Server) Group(prefix string, steps ...Step) *Group {
	return &Group{server: s, prefix: prefix, steps: steps}
}

// Add registers specs. It panics when one is wrong, with a sentence that names the spec, the step
// and the fix: a server that starts is a server whose tools are sound. [Server.AddSafely] returns
// the error instead.
func (s *Server) Add(specs ...*Spec) { s.Group("").Add(specs...) }

// AddSafely registers specs, all or none of them.
func (s *Server) AddSafely(specs ...*Spec) error { return s.Group("").AddSafely(specs...) }

// Remove takes tools and prompts out by their full names, and resources by their names or URIs,
// also while the server serves; calls that are running finish. Unknown names are ignored.
func (s *Server) Remove(names ...string) {
	s.mu.Lock()
	var kept, removed []*entry
	for _, e := range s.registry.entries() {
		if slices.Contains(names, e.name) || slices.Contains(names, e.label()) {
			removed = append(removed, e)
			delete(s.taken, e.place())
			s.leaveRoute(e)
		} else {
			kept = append(kept, e)
		}
	}
	if removed != nil {
		s.registry.store(&s.cfg, kept)
	}
	tell := s.changed(removed)
	s.mu.Unlock()
	tell()
}

// OnListChange calls fn with "tools", "resources" or "prompts" whenever that list has changed. It
// is called in the goroutine that made the change, with the new list in force and no lock held.
func (s *Server) OnListChange(fn func(list string)) {
	if fn == nil {
		panic("mcpecho: OnListChange needs a function")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, fn)
}

// changed returns the function that tells who watches that the lists of these entries have changed.
// The caller holds s.mu, and calls it without.
func (s *Server) changed(entries []*entry) (tell func()) {
	watchers := slices.Clone(s.watchers)
	if len(watchers) == 0 {
		return func() {}
	}
	return func() {
		for _, list := range surfaces {
			if !slices.ContainsFunc(entries, func(e *entry) bool { return e.surface == list }) {
				continue
			}
			for _, watch := range watchers {
				watch(list.String() + "s")
			}
		}
	}
}

// Chain returns the chain of a tool or prompt by its full name, or of a resource by its URI; false
// when unknown.
func (s *Server) Chain(name string) (Chain, bool) {
	for _, e := range s.registry.entries() {
		if e.label() == name {
			return e.chain, true
		}
	}
	return Chain{}, false
}

// Fprint writes each chain, one line a tool, prompt or resource, with the reasons that were stated
// for leaving something out, and the name that clients see where it is another, as
//
//	invoices.list  scopes → validate → handle → filter → order → paginate → fetch → serialize  (listed as invoices_list)
func (s *Server) Fprint(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range s.registry.entries() {
		fmt.Fprintf(tw, "%s\t%s%s\n", t.label(), t.chain, t.notes())
	}
	_ = tw.Flush()
}

// Group is a set of specs that share a name prefix and steps, as echo.Group shares a path prefix
// and middlewares.
type Group struct {
	server *Server
	parent *Group
	prefix string
	steps  []Step
}

// Group makes a group inside the group: prefixes join with a dot, steps add up.
func (g *Group) Group(prefix string, steps ...Step) *Group {
	return &Group{server: g.server, parent: g, prefix: joinName(g.prefix, prefix), steps: steps}
}

// Use adds steps to every chain of the group and of the groups inside it, also to those of specs
// that were added before. It panics when a chain refuses them.
func (g *Group) Use(steps ...Step) {
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
	tell, err := g.add(specs)
	if err == nil {
		tell()
	}
	return err
}

func (g *Group) add(specs []*Spec) (tell func(), err error) {
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := make([]*entry, len(specs))
	for i, spec := range specs {
		if spec == nil {
			return nil, fmt.Errorf("mcpecho: cannot add spec %d of %d: it is nil", i+1, len(specs))
		}
		if entries[i], err = newEntry(g, spec); err != nil {
			return nil, err
		}
	}
	if s.mounted { // before that, more steps may follow
		narrows := slices.ContainsFunc(s.registry.entries(), (*entry).narrows)
		for _, e := range entries {
			if err := s.report(e.check(s, narrows)); err != nil {
				return nil, err
			}
		}
	}
	if err := s.claimRoutes(entries); err != nil {
		return nil, err
	}
	if err := claim(s.taken, entries); err != nil {
		for _, e := range entries {
			s.leaveRoute(e)
		}
		return nil, err
	}
	s.registry.store(&s.cfg, append(s.registry.entries(), entries...))
	return s.changed(entries), nil
}

// inherited lists the steps of the server and of the groups, outermost first.
func (g *Group) inherited() []Step {
	var steps []Step
	if g.parent != nil {
		steps = g.parent.inherited()
	} else {
		steps = listedOn(g.server, nil, g.server.steps)
	}
	return listedOn(g, steps, g.steps)
}

// listedOn appends steps, which say then where they are listed.
func listedOn(place any, all, steps []Step) []Step {
	for _, s := range steps {
		s.from = place
		all = append(all, s)
	}
	return all
}

// use appends to one list of steps and makes every tool again.
func (s *Server) use(list *[]Step, steps []Step) error {
	tell, err := s.rebuild(list, steps)
	if err == nil {
		tell()
	}
	return err
}

func (s *Server) rebuild(list *[]Step, steps []Step) (tell func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := *list
	*list = append(before[:len(before):len(before)], steps...)
	old := s.registry.entries()
	entries := make([]*entry, len(old))
	for i, e := range old {
		if entries[i], err = newEntry(e.group, e.spec); err != nil {
			*list = before
			return nil, err
		}
	}
	for _, e := range entries {
		s.taken[e.place()] = e
		if e.route != nil {
			s.routes[e.route.place()] = e
		}
	}
	s.registry.store(&s.cfg, entries)
	s.compileListing()
	return s.changed(entries), nil
}

// compileListing compiles the limits of filtered lists. The caller holds s.mu, or is the only one
// who knows of s.
func (s *Server) compileListing() {
	for kind := range s.listing {
		s.listing[kind].Store(s.newListing(lists[kind].method))
	}
	s.documenting.Store(s.newListing("openapi"))
}
