package mcpecho

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// listKind is one of the four lists.
type listKind uint8

const (
	tools listKind = iota
	resources
	templates
	prompts
	listKinds
)

// lists describes each list: the member of its result, and what a cursor of it begins with; and its
// method.
var lists = [listKinds]struct{ member, method string }{
	{"tools", "tools/list"}, {"resources", "resources/list"}, {"resourceTemplates", "resources/templates/list"}, {"prompts", "prompts/list"},
}

// page is one finished result of a list.
type page struct {
	cursor string // that asks for it, "" for the first
	result []byte
}

// view is the pages of a list for everybody who sees the same entries.
type view []page

// find returns the page that a cursor asks for, nil when there is none.
func (v view) find(cursor string) []byte {
	for _, p := range v {
		if p.cursor == cursor {
			return p.result
		}
	}
	return nil
}

// views keeps the encoded views of filtered lists, by who sees what.
type views struct {
	mu    sync.RWMutex
	known map[viewKey]view
}

type viewKey struct {
	kind    listKind
	wire    int
	visible string // a bit set
}

// maxViews bounds the views kept; with more sets of permissions than that, lists are encoded again.
const maxViews = 256

func (v *views) get(key viewKey, encode func() view) view {
	v.mu.RLock()
	found, ok := v.known[key]
	v.mu.RUnlock()
	if ok {
		return found
	}
	made := encode()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil || len(v.known) >= maxViews {
		v.known = map[viewKey]view{}
	}
	v.known[key] = made
	return made
}

// list serves the four list methods with pages that were encoded before. (specification 2026-07-28,
// server/utilities/pagination and caching)
func list(kind listKind) func(*Server, *wire.Exchange) error {
	return func(s *Server, x *wire.Exchange) error {
		cursor := ""
		if x.Message.Cursor != nil && string(x.Message.Cursor) != "null" {
			b, ok := jsonrpc.Unquote(x.Message.Cursor)
			if !ok {
				return &Error{Code: jsonrpc.InvalidParams, Message: "params.cursor must be a string"}
			}
			if cursor = string(b); cursor == "" {
				return errCursor()
			}
		}
		r := s.registry.Load()
		var v view
		if s.cfg.HideForbidden {
			var c *Call
			var err error
			if v, c, err = s.filtered(x, r, kind); err != nil {
				return c.failEntry(err)
			}
		} else {
			v = r.list(kind, x.Wire)
		}
		result := v.find(cursor)
		if result == nil {
			return errCursor()
		}
		return x.Result(result)
	}
}

func errCursor() error {
	return &Error{Code: jsonrpc.InvalidParams, Message: "params.cursor is not a cursor of this list: start again without it"}
}

// filtered is the view of a caller who sees what it may call. One call asks the permission steps of
// every entry in turn, as calls inside it.
func (s *Server) filtered(x *wire.Exchange, r *registry, kind listKind) (view, *Call, error) {
	var usable bits
	c := s.newCall(x, s.listing[kind].Load(), nil)
	c.muted = true
	c.admitted = func(echo.Context) error {
		usable = c.usable(r.lists[kind])
		return c.Ctx().Err()
	}
	if err := c.run(c.entry.admission, nil); err != nil {
		return nil, c, err
	}
	return r.views.get(viewKey{kind, x.Wire.Index(), string(usable)}, func() view {
		return r.encodeView(s.cfg, kind, x.Wire, "private", usable.has)
	}), c, nil
}

// bits are the numbers of some entries of a list.
type bits []byte

func (b bits) has(i int) bool { return b[i/8]&(1<<(i%8)) != 0 }

// usable asks the permission steps of every entry in turn, as calls inside this one, and returns
// those that the caller may use. The call is muted.
func (c *Call) usable(entries []*entry) bits {
	usable := make(bits, (len(entries)+7)/8)
	for i, e := range entries {
		if !e.guarded() || c.child(e, nil).permitted() {
			usable[i/8] |= 1 << (i % 8)
		}
	}
	c.capture.DropHeaders() // challenges that permission steps have set are not for this reply
	return usable
}

// newListing is what a list is while its entries are asked for: a call that the rate limits of the
// server count, as they count those of specs. Limits that serve only some kinds of spec do not, and
// [Server.Check] names those whose Describe wants more of a definition than its name.
func (s *Server) newListing(method string) *entry {
	e := &entry{name: method, listedAs: method, spec: &Spec{name: method}, group: &Group{server: s}}
	for _, step := range s.steps {
		if step.Stage != StageRateLimit || !step.serves(0) {
			continue
		}
		one := []Step{step}
		if err := describe(one, &Definition{Name: method, server: s}); err != nil {
			e.uncounted = errors.Join(e.uncounted, err)
			continue
		}
		e.chain.steps = append(e.chain.steps, one...)
	}
	e.gates = e.chain.number()
	e.admission = e.chain.compile(func(ec echo.Context) error { return CallFrom(ec).admitted(ec) })
	return e
}

// guarded says whether the entry has steps that permit or refuse.
func (e *entry) guarded() bool { return slices.ContainsFunc(e.chain.steps, Step.decides) }

// permitted runs the permission steps of the call's entry. What is neither a permission nor a
// refusal hides the entry too, and is logged.
func (c *Call) permitted() bool {
	err := c.run(c.entry.permits, nil)
	if err == nil {
		return c.passed.Load() // a guard may answer by itself, or do nothing at all
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		if f := explain(err, c.server.cfg.DB); f.ref != "" {
			c.logFailure(f, err)
		}
	}
	return false
}

// permit runs the steps that decide whether a caller may use an entry. They send no notifications:
// what asks is not a call of the entry.
func (c *Call) permit() error {
	c.muted = true
	if err := c.run(c.entry.permits, nil); err != nil || c.passed.Load() || !c.entry.guarded() {
		return err
	}
	return &ToolError{Type: TypeForbidden, Message: "not permitted", Internal: errNoResult}
}

// encodeView writes the pages of a list.
func (r *registry) encodeView(cfg Config, kind listKind, w wire.Wire, scope string, sees func(i int) bool) view {
	var entries []*entry
	for i, e := range r.lists[kind] {
		if sees == nil || sees(i) {
			entries = append(entries, e)
		}
	}
	var v view
	for cursor := ""; ; {
		n := min(len(entries), cfg.ListPageSize)
		b := fmt.Appendf(w.AppendOpening(nil), `%q:[`, lists[kind].member)
		for i, e := range entries[:n] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, e.listed[w.Index()]...)
		}
		b = append(b, ']')
		next := ""
		if n < len(entries) {
			next = base64.RawURLEncoding.EncodeToString([]byte(lists[kind].member + ":" + entries[n-1].label()))
			b = fmt.Appendf(b, `,"nextCursor":%q`, next)
		}
		v = append(v, page{cursor, w.AppendClosing(b, fmt.Appendf(nil, `,"ttlMs":%d,"cacheScope":%q%s`,
			cfg.ListTTL.Milliseconds(), scope, r.resultTail))})
		if next == "" {
			return v
		}
		cursor, entries = next, entries[n:]
	}
}
