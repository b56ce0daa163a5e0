package mcpecho

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/nearest"
	"github.com/mcpecho/kit/internal/wire"
)

// registry is the set of entries at one moment. It never changes once it is in use: a new one takes
// its place, so readers need no lock.
type registry struct {
	order []*entry // as added

	ready atomic.Bool // whether all that follows is made
	once  sync.Once
	cfg   *Config

	lists [listKinds][]*entry

	tools   map[string]*entry // by the names that clients call
	prompts map[string]*entry
	fixed   map[string]*entry            // resources by URI
	written [listKinds]map[string]*entry // tools and prompts by the names of the program, where they differ
	routes  map[string]*entry            // for REST clients, by the places of their routes

	routed    []*entry // those with a route
	completes bool     // something has a completer

	pages     [listKinds][wire.Count]pages // of unfiltered lists, for each wire
	views     views                        // of filtered ones
	spellings [listKinds]spelling          // for names that do not exist

	definitions definitions // for Go code

	discover   []byte // result of server/discover
	initialize []byte // result of initialize from capabilities on
	resultTail []byte // what ends a modern result: `_meta` and the closing brace
	readTail   []byte // the same with the caching hints of resources/read
}

// pages are the pages of one list, written when somebody first asks for them.
type pages struct {
	once sync.Once
	view view
}

// spelling is the names of one list, prepared when the first wrong one comes.
type spelling struct {
	once  sync.Once
	names *nearest.Names
}

// current is the registry in force. Adding to it costs the entries added, not those that are there:
// what serves requests is made when a request first looks, so that a program may add ten thousand
// specs one by one.
type current struct{ latest atomic.Pointer[registry] }

// Load returns the registry in force, made ready.
func (c *current) Load() *registry {
	r := c.latest.Load()
	if !r.ready.Load() {
		r.once.Do(r.prepare)
	}
	return r
}

// entries are those in force, in the order in which they were added.
func (c *current) entries() []*entry { return c.latest.Load().order }

// store puts entries in force. They may share their array with those before, whose length does not
// reach what was appended.
func (c *current) store(cfg *Config, entries []*entry) {
	c.latest.Store(&registry{order: entries, cfg: cfg})
}

// prepare makes what requests look things up in.
func (r *registry) prepare() {
	r.tools, r.prompts, r.fixed, r.routes = map[string]*entry{}, map[string]*entry{}, map[string]*entry{}, map[string]*entry{}
	r.written = [listKinds]map[string]*entry{tools: {}, prompts: {}}
	for _, e := range r.order {
		kind := e.surface.list(e)
		r.lists[kind] = append(r.lists[kind], e)
		switch kind {
		case tools:
			r.tools[e.listedAs] = e
		case prompts:
			r.prompts[e.listedAs] = e
		case resources:
			r.fixed[e.spec.uri] = e
		}
		if e.route != nil {
			r.routes[e.route.place()] = e
			r.routed = append(r.routed, e)
		}
		r.completes = r.completes || len(e.completers) > 0
		if e.name != e.listedAs {
			r.written[kind][e.name] = e
		}
	}
	r.encode(r.cfg)
	r.ready.Store(true)
}

// list is the unfiltered list of a kind on a wire.
func (r *registry) list(kind listKind, w wire.Wire) view {
	p := &r.pages[kind][w.Index()]
	p.once.Do(func() { p.view = r.encodeView(*r.cfg, kind, w, "public", nil) })
	return p.view
}

// place is what only one entry may have: the name of a tool or prompt that clients call, or the URI
// of a resource.
type place struct {
	surface surface
	name    string
}

func (e *entry) place() place {
	if e.spec.uri != "" {
		return place{e.surface, e.spec.uri}
	}
	return place{e.surface, e.listedAs}
}

// claim takes the places of entries that are being added, or none of them.
func claim(taken map[place]*entry, more []*entry) error {
	for i, e := range more {
		other, ok := taken[e.place()]
		if !ok {
			taken[e.place()] = e
			continue
		}
		for _, claimed := range more[:i] {
			delete(taken, claimed.place())
		}
		if e.label() != other.label() {
			return fmt.Errorf("mcpecho: cannot add %s %q: clients see it as %q, and so they see %q: rename one of the two",
				e.kind, e.label(), e.listedAs, other.label())
		}
		return fmt.Errorf("mcpecho: cannot add %s %q: a %s of that name exists: choose another or Remove it first", e.kind, e.label(), e.surface)
	}
	return nil
}

// encode prepares every result that does not depend on the request.
func (r *registry) encode(cfg *Config) {
	info := mustMarshal(serverInfo{
		Name: cfg.Name, Title: cfg.Title, Version: cfg.Version, WebsiteURL: cfg.WebsiteURL, Icons: cfg.Icons,
	})
	meta := fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/serverInfo":%s}`, info)
	r.resultTail = []byte("," + meta + "}")
	r.readTail = []byte(`,"ttlMs":0,"cacheScope":"private",` + meta + "}")

	instructions := ""
	if cfg.Instructions != "" {
		instructions = `,"instructions":` + string(mustMarshal(cfg.Instructions))
	}
	capabilities := `"capabilities":` + r.capabilities()
	r.initialize = fmt.Appendf(nil, `%s,"serverInfo":%s%s}`, capabilities, info, instructions)
	r.discover = fmt.Appendf(nil, `{"resultType":"complete","supportedVersions":%s,%s%s,"ttlMs":%d,"cacheScope":"public",%s}`,
		mustMarshal(wire.Modern.Versions()), capabilities, instructions, cfg.ListTTL.Milliseconds(), meta)
}

// capabilities tells clients which methods are worth calling. It promises nothing that is not
// served.
func (r *registry) capabilities() string {
	c := map[string]struct{}{"logging": {}, "tools": {}}
	if r.hasResources() {
		c["resources"] = struct{}{}
	}
	if r.hasPrompts() {
		c["prompts"] = struct{}{}
	}
	if r.hasCompletions() {
		c["completions"] = struct{}{}
	}
	return string(mustMarshal(c))
}

func (r *registry) hasResources() bool { return len(r.lists[resources])+len(r.lists[templates]) > 0 }

func (r *registry) hasPrompts() bool { return len(r.lists[prompts]) > 0 }

func (r *registry) hasCompletions() bool { return r.completes }

// serverInfo is an Implementation. (specification 2026-07-28, schema)
type serverInfo struct {
	Name       string `json:"name"`
	Title      string `json:"title,omitzero"`
	Version    string `json:"version"`
	WebsiteURL string `json:"websiteUrl,omitzero"`
	Icons      []Icon `json:"icons,omitempty"`
}

// mustMarshal encodes values made of strings only, which cannot fail.
func mustMarshal(v any) []byte {
	b, err := binding.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
