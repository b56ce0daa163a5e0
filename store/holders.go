package store

import "net/netip"

// When there is no room for a session, the holder with the most sessions loses the one that it has
// used least recently. This file finds both.

// holderKey is who sessions are counted for: a named owner, or the network of anonymous callers.
// One site of IPv6 has 65,536 networks, a /48, and could hold a session in each: it is one holder.
type holderKey struct{ owner, network string }

func keyOf(s *Session) holderKey {
	if s.Owner != "" {
		return holderKey{owner: s.Owner}
	}
	if network, err := netip.ParsePrefix(s.Network); err == nil && network.Addr().Is6() && network.Bits() > 48 {
		site, _ := network.Addr().Prefix(48)
		return holderKey{network: site.String()}
	}
	return holderKey{network: s.Network}
}

// The kinds of holders, each a crowd.
const (
	named = iota
	anonymous
)

func (k holderKey) kind() int {
	if k.owner != "" {
		return named
	}
	return anonymous
}

// holder is the sessions of one holder. A nil one has none.
type holder struct {
	key      holderKey
	sessions ranking
	at       int   // in its crowd
	least    int64 // when its least recently used session was used, as its crowd knows it
	number   uint64
}

func newHolder(key holderKey) *holder {
	return &holder{key: key, sessions: ranking{value: func(e *entry) int64 { return e.seen.Load() }}}
}

func (h *holder) len() int {
	if h == nil {
		return 0
	}
	return h.sessions.len()
}

func (h *holder) before(other *holder) bool {
	switch {
	case h.len() != other.len():
		return h.len() > other.len()
	case h.least != other.least:
		return h.least < other.least
	}
	return h.number < other.number
}

func (h *holder) look() bool {
	e := h.sessions.least()
	known := h.least == e.seen.Load() && h.number == e.number
	h.least, h.number = e.seen.Load(), e.number
	return known
}

func (h *holder) moved(to int) { h.at = to }

// crowd finds the holder with the most sessions, of equals the one whose least recently used
// session was used longest ago.
type crowd struct {
	sessions int
	holders  queue[*holder]
}

// most returns nil when there is no holder.
func (c *crowd) most() *holder { return c.holders.first() }

func (c *crowd) add(h *holder, e *entry) {
	h.sessions.add(e, &e.byUse)
	c.sessions++
	if h.len() == 1 {
		c.holders.add(h)
		return
	}
	c.holders.settle(h.at)
}

func (c *crowd) remove(h *holder, e *entry) {
	h.sessions.remove(&e.byUse)
	c.sessions--
	if h.len() == 0 {
		c.holders.remove(h.at)
		return
	}
	c.holders.settle(h.at)
}

// ranking finds the entry with the least value, of equals the one created first. Values only grow.
type ranking struct {
	value func(*entry) int64
	ranks queue[*rank]
}

// rank is the place of an entry in a ranking.
type rank struct {
	entry *entry
	in    *ranking
	value int64 // as the ranking knows it
	at    int
}

func (r *rank) before(other *rank) bool {
	if r.value != other.value {
		return r.value < other.value
	}
	return r.entry.number < other.entry.number
}

func (r *rank) look() bool {
	known := r.value
	r.value = r.in.value(r.entry)
	return r.value == known
}

func (r *rank) moved(to int) { r.at = to }

func (r *ranking) len() int { return len(r.ranks) }

// least returns nil when there is no entry.
func (r *ranking) least() *entry {
	if first := r.ranks.first(); first != nil {
		return first.entry
	}
	return nil
}

func (r *ranking) add(e *entry, as *rank) {
	*as = rank{entry: e, in: r}
	r.ranks.add(as)
}

func (r *ranking) remove(as *rank) { r.ranks.remove(as.at) }
