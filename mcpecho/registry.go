package mcpecho

import (
	"fmt"
	"slices"

	"github.com/mcpecho/kit/binding"
)

// registry is the set of entries at one moment. It never changes: a new one
// takes its place, so readers need no lock.
type registry struct {
	order []*entry // as added
	lists [listKinds][]*entry

	tools   map[string]*entry
	prompts map[string]*entry
	fixed   map[string]*entry // resources by URI

	pages [listKinds][2]view // of unfiltered lists, for each wire
	views views              // of filtered ones

	discover   []byte // result of server/discover
	initialize []byte // result of initialize from capabilities on
	resultTail []byte // what ends a modern result: `_meta` and the closing brace
	readTail   []byte // the same with the caching hints of resources/read
}

func newRegistry(cfg *Config, entries []*entry) *registry {
	r := &registry{order: entries, tools: map[string]*entry{}, prompts: map[string]*entry{}, fixed: map[string]*entry{}}
	for _, e := range entries {
		kind := e.listKind()
		r.lists[kind] = append(r.lists[kind], e)
		switch kind {
		case tools:
			r.tools[e.name] = e
		case prompts:
			r.prompts[e.name] = e
		case resources:
			r.fixed[e.spec.uri] = e
		}
	}
	r.encode(cfg)
	return r
}

func (r *registry) with(cfg *Config, more []*entry) (*registry, error) {
	type place struct {
		surface surface
		label   string
	}
	taken := map[place]bool{}
	for _, e := range r.order {
		taken[place{e.surface, e.label()}] = true
	}
	for _, e := range more {
		here := place{e.surface, e.label()}
		if taken[here] {
			return nil, fmt.Errorf("mcpecho: cannot add %s %q: a %s of that name exists: choose another or Remove it first", e.kind, e.label(), e.surface)
		}
		taken[here] = true
	}
	return newRegistry(cfg, slices.Concat(r.order, more)), nil
}

func (r *registry) without(cfg *Config, names []string) *registry {
	kept := slices.DeleteFunc(slices.Clone(r.order), func(e *entry) bool {
		return slices.Contains(names, e.name) || slices.Contains(names, e.label())
	})
	return newRegistry(cfg, kept)
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
		mustMarshal(modernVersions), capabilities, instructions, cfg.ListTTL.Milliseconds(), meta)

	for kind := range r.pages {
		for w := range r.pages[kind] {
			r.pages[kind][w] = r.encodeView(*cfg, listKind(kind), wire(w), "public", nil)
		}
	}
}

// capabilities tells clients which methods are worth calling. It promises
// nothing that is not served.
func (r *registry) capabilities() string {
	c := map[string]struct{}{"logging": {}, "tools": {}}
	if r.serves(resources) {
		c["resources"] = struct{}{}
	}
	if r.serves(prompts) {
		c["prompts"] = struct{}{}
	}
	if r.completes() {
		c["completions"] = struct{}{}
	}
	return string(mustMarshal(c))
}

// serves says whether the methods of a list exist: those of tools always do.
func (r *registry) serves(kind listKind) bool {
	switch kind {
	case resources, templates:
		return len(r.lists[resources])+len(r.lists[templates]) > 0
	case prompts:
		return len(r.lists[prompts]) > 0
	}
	return true
}

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
