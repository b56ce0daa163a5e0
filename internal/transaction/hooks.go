package transaction

import (
	"context"
	"slices"
	"sync"
)

// Hooks are the AfterCommit functions of a call and the calls inside it, in the order of their
// registration. Goroutines may register.
type Hooks struct {
	mu    sync.Mutex
	next  int
	hooks []Hook
}

// Hook is an AfterCommit function.
type Hook struct {
	Run    func(context.Context)
	tx     *openState // the transaction that was open, nil if none
	number int
}

// Add registers a function; tx is the transaction that is open, nil if there is none.
func (h *Hooks) Add(run func(context.Context), tx *Conn) {
	var state *openState
	if tx != nil {
		state = tx.state
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = append(h.hooks, Hook{run, state, h.next})
	h.next++
}

// Mark says where the next one will be.
func (h *Hooks) Mark() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

// Drop forgets those that were registered since a mark.
func (h *Hooks) Drop(since int) { h.dropOf(nil, since) }

// dropOf is Drop for those of one transaction, of all if tx is nil.
func (h *Hooks) dropOf(tx *openState, since int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = slices.DeleteFunc(h.hooks, func(one Hook) bool { return one.number >= since && (tx == nil || one.tx == tx) })
}

// Take takes out those since a mark.
func (h *Hooks) Take(since int) (taken []Hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = slices.DeleteFunc(h.hooks, func(one Hook) bool {
		if one.number >= since {
			taken = append(taken, one)
		}
		return one.number >= since
	})
	return taken
}
