package mcpecho

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// deadline is the context of a call: that of its request, ended at a time or
// by hand. Unlike one of [context.WithDeadline] it starts its timer only when
// somebody waits for its end, which most short calls never do.
type deadline struct {
	context.Context // of the request
	at              time.Time

	mu      sync.Mutex
	waiting atomic.Pointer[waiting]
	ended   bool
}

// waiting is the real thing, once it is needed.
type waiting struct {
	context.Context
	stop context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} {
	if w := d.waiting.Load(); w != nil {
		return w.Done()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.waiting.Load()
	if w == nil {
		w = &waiting{}
		w.Context, w.stop = context.WithDeadline(d.Context, d.at)
		if d.ended {
			w.stop()
		}
		d.waiting.Store(w)
	}
	return w.Done()
}

func (d *deadline) Err() error {
	if w := d.waiting.Load(); w != nil {
		return w.Err()
	}
	if err := d.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return context.Canceled
	}
	return nil
}

// Value answers from the real thing where there is one: package context finds
// there that a child needs no goroutine to be ended with it.
func (d *deadline) Value(key any) any {
	if w := d.waiting.Load(); w != nil {
		return w.Value(key)
	}
	return d.Context.Value(key)
}

// end ends the context at once, as a context.CancelFunc does.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if w := d.waiting.Load(); w != nil {
		w.stop()
	}
}
