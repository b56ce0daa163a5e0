package store

import (
	"container/heap"
	"net/netip"
)

// holderKey is who sessions are counted for: a named owner, or the network of anonymous callers. One
// site of IPv6 has 65,536 networks, a /48, and could hold a session in each: it is one holder.
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
	pos      int   // in its crowd
	least    int64 // when its least recently used session was used, as its crowd knows it
	number   uint64
}

func newHolder(key holderKey) *holder {
	return &holder{key: key, sessions: ranking{index: byUse, value: func(e *entry) int64 { return e.seen.Load() }}}
}

func (h *holder) len() int {
	if h == nil {
		return 0
	}
	return h.sessions.len()
}

// look brings what the crowd knows of the holder up to date and says whether it was.
func (h *holder) look() bool {
	e := h.sessions.least()
	known := h.least == e.seen.Load() && h.number == e.number
	h.least, h.number = e.seen.Load(), e.number
	return known
}

// crowd finds the holder with the most sessions, of equals the one whose least recently used
// session was used longest ago. Like a ranking it learns of uses only when somebody asks.
type crowd struct {
	sessions int
	holders  []*holder
}

// most returns nil when there is no holder.
func (c *crowd) most() *holder {
	for len(c.holders) > 0 {
		h := c.holders[0]
		if h.look() {
			return h
		}
		heap.Fix(c, 0)
	}
	return nil
}

func (c *crowd) add(h *holder, e *entry) {
	h.sessions.add(e)
	c.sessions++
	if h.len() == 1 {
		h.look()
		heap.Push(c, h)
		return
	}
	heap.Fix(c, h.pos)
}

func (c *crowd) remove(h *holder, e *entry) {
	h.sessions.remove(e)
	c.sessions--
	if h.len() == 0 {
		heap.Remove(c, h.pos)
		return
	}
	heap.Fix(c, h.pos)
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (c *crowd) Len() int { return len(c.holders) }

func (c *crowd) Less(i, j int) bool {
	a, b := c.holders[i], c.holders[j]
	switch {
	case a.len() != b.len():
		return a.len() > b.len()
	case a.least != b.least:
		return a.least < b.least
	}
	return a.number < b.number
}

func (c *crowd) Swap(i, j int) {
	c.holders[i], c.holders[j] = c.holders[j], c.holders[i]
	c.holders[i].pos, c.holders[j].pos = i, j
}

func (c *crowd) Push(x any) {
	h := x.(*holder)
	h.pos = len(c.holders)
	c.holders = append(c.holders, h)
}

func (c *crowd) Pop() any {
	last := len(c.holders) - 1
	h := c.holders[last]
	c.holders[last] = nil
	c.holders = c.holders[:last]
	return h
}
