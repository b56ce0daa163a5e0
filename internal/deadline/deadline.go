// Package deadline has a context that ends at a time and costs almost nothing until somebody waits
// for it.
package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Context is a context that ends with its parent, at a time, or by hand. Unlike one of
// [context.WithDeadline] it starts its timer only when somebody waits for its end, which most short
// calls never do. The zero value must be begun before use.
type Context struct {
	context.Context // the parent
	at              time.Time

	mu      sync.Mutex
	waiting atomic.Pointer[waiting]
	ended   atomic.Bool // by hand
	cause   error       // why
}

// waiting is a context of the standard library, made when somebody waits.
type waiting struct {
	context.Context
	stop    context.CancelCauseFunc
	release context.CancelFunc
}

// Begin sets the parent and the latest time of the end.
func (d *Context) Begin(parent context.Context, at time.Time) { d.Context, d.at = parent, at }

// Deadline is the earlier one of the parent's and its own.
func (d *Context) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done starts the timer.
func (d *Context) Done() <-chan struct{} {
	if w := d.waiting.Load(); w != nil {
		return w.Done()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.waiting.Load()
	if w == nil {
		timed, release := context.WithDeadline(d.Context, d.at)
		w = &waiting{release: release}
		w.Context, w.stop = context.WithCancelCause(timed)
		if d.cause != nil {
			w.end(d.cause)
		}
		d.waiting.Store(w)
	}
	return w.Done()
}

// Err is context.Canceled when the context was ended by hand or with its parent, and
// context.DeadlineExceeded when its time came.
func (d *Context) Err() error {
	if w := d.waiting.Load(); w != nil {
		return w.Err()
	}
	if err := d.Context.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cause != nil {
		return context.Canceled
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value asks the context of the standard library when there is one. Package context looks there for
// a parent that ends its children itself; otherwise every child would cost a goroutine.
func (d *Context) Value(key any) any {
	w := d.waiting.Load()
	if w == nil && d.ended.Load() {
		d.Done() // so that context.Cause finds the cause there
		w = d.waiting.Load()
	}
	if w != nil {
		return w.Value(key)
	}
	return d.Context.Value(key)
}

// End ends the context at once, as a context.CancelCauseFunc does. The first cause counts.
func (d *Context) End(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cause == nil {
		d.cause = cause
		d.ended.Store(true)
	}
	if w := d.waiting.Load(); w != nil {
		w.end(cause)
	}
}

func (w *waiting) end(cause error) {
	w.stop(cause)
	w.release()
}

// Cause is why the context was ended by hand, nil while it was not.
func (d *Context) Cause() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cause
}
