package mcpecho

import (
	"context"
	"slices"
	"sync"
)

// hookList holds the AfterCommit functions of a call and the calls inside it, in the order of their
// registration. Goroutines may register.
type hookList struct {
	mu    sync.Mutex
	next  int
	hooks []hook
}

// hook is an AfterCommit function.
type hook struct {
	run    func(context.Context)
	tx     *openState // the transaction that was open, nil if none
	number int
}

func (l *hookList) add(run func(context.Context), tx *openState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hooks = append(l.hooks, hook{run, tx, l.next})
	l.next++
}

// mark says where the next one will be.
func (l *hookList) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// drop forgets those of a transaction that were registered since a mark, all of them if tx is nil.
func (l *hookList) drop(since int, tx *openState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hooks = slices.DeleteFunc(l.hooks, func(h hook) bool { return h.number >= since && (tx == nil || h.tx == tx) })
}

// take takes out those since a mark.
func (l *hookList) take(since int) (taken []hook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hooks = slices.DeleteFunc(l.hooks, func(h hook) bool {
		if h.number >= since {
			taken = append(taken, h)
		}
		return h.number >= since
	})
	return taken
}
