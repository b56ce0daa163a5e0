package wire

import (
	"context"
	"net/netip"
	"sync"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// load counts the requests in progress, by caller and in all. Bodies that are being read are
// counted apart from messages that are being served, so slow bodies take no place from calls.
type load struct {
	mu       sync.Mutex
	max      int // in each phase
	places   share
	nobodys  share // of the places, those of anonymous callers
	callers  map[caller]*share
	serving  *Exchange     // the messages being served, as a list
	draining bool          // no request is let in any more
	stopped  bool          // no call is begun any more
	empty    chan struct{} // closed when draining and nothing is in progress
}

// phase is what a request in progress waits for.
type phase uint8

const (
	reading phase = iota // the body
	serving              // the reply, and the client that takes it
	phases
)

// caller is who a place is counted for: an owner, or the network of an anonymous caller.
type caller struct {
	owner   string
	network netip.Prefix
}

// share is the places of one caller.
type share [phases]int

// slot is what an exchange holds of the load.
type slot struct {
	own        *share
	anonymous  bool
	phase      phase
	stop       Ender     // ends the call that runs
	prev, next *Exchange // in the list of those being served
}

var (
	errOverloaded = refuse(serviceUnavailable, jsonrpc.InternalError, "overloaded", "too many requests in progress, try again")
	errShare      = refuse(serviceUnavailable, jsonrpc.InternalError, "share", "too many of your requests are in progress: wait for their replies")
	errDraining   = refuse(serviceUnavailable, jsonrpc.InternalError, "draining", "the server is shutting down, try again elsewhere")

	// ErrStopped is the [Refusal] of a call that a shutdown has ended, or does not let begin.
	ErrStopped = refuse(serviceUnavailable, jsonrpc.InternalError, "stopped", "the server is shutting down and has stopped the call, try again elsewhere")
)

// caller is who the request is counted for.
func (x *Exchange) caller() caller {
	if key := x.Owner.Key(); key != "" {
		return caller{owner: key}
	}
	return caller{network: x.peer.network()}
}

// enter gives a request a place to read its body in.
func (l *load) enter(x *Exchange) error {
	who := x.caller()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return errDraining
	}
	own := l.callers[who]
	if own == nil {
		own = l.admit(who)
	}
	x.slot = slot{own: own, anonymous: who.owner == ""}
	if err := l.take(x, reading); err != nil {
		x.slot = slot{}
		return err
	}
	x.slot.phase = reading
	return nil
}

// admit begins to count a caller. Those without requests are forgotten when there are more of them
// than requests can be.
func (l *load) admit(who caller) *share {
	if len(l.callers) > 2*int(phases)*l.max {
		for other, s := range l.callers {
			if *s == (share{}) {
				delete(l.callers, other)
			}
		}
	}
	if l.callers == nil {
		l.callers = map[caller]*share{}
	}
	own := new(share)
	l.callers[who] = own
	return own
}

// take takes a place: one caller holds at most a quarter of them, and all anonymous ones at most
// half, because who has no name may have many addresses.
func (l *load) take(x *Exchange, p phase) error {
	switch {
	case x.slot.own[p] >= (l.max+3)/4:
		return errShare
	case l.places[p] >= l.max, x.slot.anonymous && l.nobodys[p] >= (l.max+1)/2:
		return errOverloaded
	}
	l.count(x, p, 1)
	return nil
}

func (l *load) count(x *Exchange, p phase, n int) {
	x.slot.own[p] += n
	l.places[p] += n
	if x.slot.anonymous {
		l.nobodys[p] += n
	}
}

// serve moves a request whose body has been read to those that are served.
func (l *load) serve(x *Exchange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.take(x, serving); err != nil {
		return err
	}
	l.give(x)
	x.slot.phase, x.slot.next = serving, l.serving
	if l.serving != nil {
		l.serving.slot.prev = x
	}
	l.serving = x
	return nil
}

// give gives a place back.
func (l *load) give(x *Exchange) {
	l.count(x, x.slot.phase, -1)
}

// leave ends what enter and serve began.
func (l *load) leave(x *Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.give(x)
	if x.slot.phase == serving {
		if before := x.slot.prev; before != nil {
			before.slot.next = x.slot.next
		} else {
			l.serving = x.slot.next
		}
		if after := x.slot.next; after != nil {
			after.slot.prev = x.slot.prev
		}
	}
	x.slot = slot{}
	if l.draining && l.places == (share{}) {
		close(l.empty)
	}
}

// begin notes how to end the call that an exchange begins.
func (l *load) begin(x *Exchange, stop Ender) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrStopped
	}
	x.slot.stop = stop
	return nil
}

// refuses says whether no call is begun any more.
func (l *load) refuses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// stop returns what ends the call of an exchange.
func (l *load) stop(x *Exchange) Ender {
	l.mu.Lock()
	defer l.mu.Unlock()
	return x.slot.stop
}

// stopAll returns what ends every call that runs, and lets no other begin.
func (l *load) stopAll() (stops []Ender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for x := l.serving; x != nil; x = x.slot.next {
		if x.slot.stop != nil {
			x.stopped.Store(true)
			stops = append(stops, x.slot.stop)
		}
	}
	return stops
}

// Shutdown refuses new requests with status 503 and waits until those in progress have been
// answered, or ctx ends; then it returns false, and the calls that still run are ended with the
// cause. A second call waits as well.
func (d *Door) Shutdown(ctx context.Context, cause error) (empty bool) {
	l := &d.load
	l.mu.Lock()
	if !l.draining {
		l.draining, l.empty = true, make(chan struct{})
		if l.places == (share{}) {
			close(l.empty)
		}
	}
	l.mu.Unlock()
	select {
	case <-l.empty:
		return true
	case <-ctx.Done():
		for _, stop := range l.stopAll() {
			stop.End(cause)
		}
		return false
	}
}
