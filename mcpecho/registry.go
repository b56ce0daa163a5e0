package mcpecho

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpecho/kit/binding"
)

// registry is the set of tools at one moment. It never changes: a new one
// takes its place, so readers need no lock.
type registry struct {
	order []*tool // as added
	tools map[string]*tool

	pages      [2][]page // of tools/list, for each wire
	discover   []byte    // result of server/discover
	initialize []byte    // result of initialize from capabilities on
	resultTail []byte    // what ends a modern tool result: `_meta` and the closing brace
}

// page is one finished result of tools/list.
type page struct {
	after  string // the cursor that asks for it, "" for the first page
	result []byte
}

func newRegistry(cfg *Config, tools []*tool) *registry {
	r := &registry{order: tools, tools: make(map[string]*tool, len(tools))}
	for _, t := range tools {
		r.tools[t.name] = t
	}
	r.encode(cfg)
	return r
}

func (r *registry) with(cfg *Config, more []*tool) (*registry, error) {
	taken := map[string]bool{}
	for _, t := range more {
		if r.tools[t.name] != nil || taken[t.name] {
			return nil, fmt.Errorf("mcpecho: cannot add %s %q: a tool of that name exists: choose another name or Remove it first", t.kind, t.name)
		}
		taken[t.name] = true
	}
	return newRegistry(cfg, slices.Concat(r.order, more)), nil
}

func (r *registry) without(cfg *Config, names []string) *registry {
	kept := slices.DeleteFunc(slices.Clone(r.order), func(t *tool) bool { return slices.Contains(names, t.name) })
	return newRegistry(cfg, kept)
}

// nearest suggests the name of a tool for one that does not exist.
func (r *registry) nearest(name string) string {
	names := make([]string, len(r.order))
	for i, t := range r.order {
		names[i] = t.name
	}
	return binding.Nearest(name, names)
}

const toolsCursor = "tools:"

// list finds the finished page that a cursor asks for, nil when there is none.
func (r *registry) list(w wire, cursor string) []byte {
	after := ""
	if cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(cursor)
		name, ok := strings.CutPrefix(string(b), toolsCursor)
		if err != nil || !ok || name == "" {
			return nil
		}
		after = name
	}
	for _, p := range r.pages[w] {
		if p.after == after {
			return p.result
		}
	}
	return nil
}

// encode prepares every result that does not depend on the request.
func (r *registry) encode(cfg *Config) {
	info := mustMarshal(serverInfo{
		Name: cfg.Name, Title: cfg.Title, Version: cfg.Version, WebsiteURL: cfg.WebsiteURL, Icons: cfg.Icons,
	})
	meta := append([]byte(`"_meta":{"io.modelcontextprotocol/serverInfo":`), info...)
	meta = append(meta, '}')
	r.resultTail = append(append([]byte{','}, meta...), '}')

	instructions := ""
	if cfg.Instructions != "" {
		instructions = `,"instructions":` + string(mustMarshal(cfg.Instructions))
	}
	const capabilities = `"capabilities":{"tools":{}}`
	r.initialize = fmt.Appendf(nil, `%s,"serverInfo":%s%s}`, capabilities, info, instructions)
	r.discover = fmt.Appendf(nil, `{"resultType":"complete","supportedVersions":%s,%s%s,"ttlMs":%d,"cacheScope":"public",%s}`,
		mustMarshal(modernVersions), capabilities, instructions, cfg.ListTTL.Milliseconds(), meta)

	for w := range r.pages {
		r.pages[w] = r.encodePages(wire(w), cfg, meta)
	}
}

func (r *registry) encodePages(w wire, cfg *Config, meta []byte) []page {
	var pages []page
	for after, rest := "", r.order; ; {
		n := min(len(rest), cfg.ListPageSize)
		b := []byte(`{`)
		if w == modern {
			b = append(b, `"resultType":"complete",`...)
		}
		b = append(b, `"tools":[`...)
		for i, t := range rest[:n] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, t.entry[w]...)
		}
		b = append(b, ']')
		last := ""
		if n < len(rest) {
			last = rest[n-1].name
			b = fmt.Appendf(b, `,"nextCursor":%q`, base64.RawURLEncoding.EncodeToString([]byte(toolsCursor+last)))
		}
		if w == modern {
			b = fmt.Appendf(b, `,"ttlMs":%d,"cacheScope":"public",%s`, cfg.ListTTL.Milliseconds(), meta)
		}
		pages = append(pages, page{after, append(b, '}')})
		if last == "" {
			return pages
		}
		after, rest = last, rest[n:]
	}
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
