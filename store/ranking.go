package store

import "container/heap"

// The rankings an entry is in, as indexes into its ranks.
const (
	byExpiry = iota
	byUse
)

// rank is the position of an entry in a ranking and the value it was put there for.
type rank struct {
	pos   int
	value int64
}

// ranking finds the entry with the least value. Values only grow and do so without notice, when a session is used: an entry stands where its value was when the ranking
// last looked, and least looks again. So a use costs the ranking nothing until somebody needs the order.
type ranking struct {
	index   int
	value   func(*entry) int64
	entries []*entry
}

func (r *ranking) len() int {
	if r == nil {
		return 0
	}
	return len(r.entries)
}

// least returns the entry with the least value, of equals the one created first; nil when there is none.
func (r *ranking) least() *entry {
	for r.len() > 0 {
		e := r.entries[0]
		now := r.value(e)
		if e.ranks[r.index].value == now {
			return e
		}
		e.ranks[r.index].value = now
		heap.Fix((*rankingHeap)(r), 0)
	}
	return nil
}

func (r *ranking) add(e *entry) {
	e.ranks[r.index].value = r.value(e)
	heap.Push((*rankingHeap)(r), e)
}

func (r *ranking) remove(e *entry) { heap.Remove((*rankingHeap)(r), e.ranks[r.index].pos) }

// rankingHeap is a ranking as container/heap wants it.
type rankingHeap ranking

func (h *rankingHeap) Len() int { return len(h.entries) }

func (h *rankingHeap) Less(i, j int) bool {
	a, b := h.entries[i], h.entries[j]
	if x, y := a.ranks[h.index].value, b.ranks[h.index].value; x != y {
		return x < y
	}
	return a.number < b.number
}

func (h *rankingHeap) Swap(i, j int) {
	h.entries[i], h.entries[j] = h.entries[j], h.entries[i]
	h.entries[i].ranks[h.index].pos = i
	h.entries[j].ranks[h.index].pos = j
}

func (h *rankingHeap) Push(x any) {
	e := x.(*entry)
	e.ranks[h.index].pos = len(h.entries)
	h.entries = append(h.entries, e)
}

func (h *rankingHeap) Pop() any {
	last := len(h.entries) - 1
	e := h.entries[last]
	h.entries[last] = nil
	h.entries = h.entries[:last]
	return e
}
