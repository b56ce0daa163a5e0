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
	locals   int   // calls of the program itself, which take no place
	callers  map[caller]*share
	serving  *Visit        // the messages being served, as a list
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

// slot is what a visit holds of the load.
type slot struct {
	own        *share
	anonymous  bool
	phase      phase
	stop       Ender  // ends the call that runs
	prev, next *Visit // in the list of those being served
}

var (
	errOverloaded = refuse(serviceUnavailable, jsonrpc.InternalError, "overloaded", "too many requests in progress, try again")
	errShare      = refuse(serviceUnavailable, jsonrpc.InternalError, "share", "too many of your requests are in progress: wait for their replies")
	errDraining   = refuse(serviceUnavailable, jsonrpc.InternalError, "draining", "the server is shutting down, try again elsewhere")

	// ErrStopped is the [Refusal] of a call that a shutdown has ended, or does not let begin.
	ErrStopped = refuse(serviceUnavailable, jsonrpc.InternalError, "stopped", "the server is shutting down and has stopped the call, try again elsewhere")
)

// caller is who the request is counted for.
func (v *Visit) caller() caller {
	if key := v.Owner.Key(); key != "" {
		return caller{owner: key}
	}
	return caller{network: v.peer.network()}
}

// enter gives a request a place to read its body in.
func (l *load) enter(v *Visit) error {
	who := v.caller()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return errDraining
	}
	own := l.callers[who]
	if own == nil {
		own = l.admit(who)
	}
	v.slot = slot{own: own, anonymous: who.owner == ""}
	if err := l.take(v, reading); err != nil {
		v.slot = slot{}
		return err
	}
	v.slot.phase = reading
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
func (l *load) take(v *Visit, p phase) error {
	switch {
	case v.slot.own[p] >= (l.max+3)/4:
		return errShare
	case l.places[p] >= l.max, v.slot.anonymous && l.nobodys[p] >= (l.max+1)/2:
		return errOverloaded
	}
	l.count(v, p, 1)
	return nil
}

func (l *load) count(v *Visit, p phase, n int) {
	v.slot.own[p] += n
	l.places[p] += n
	if v.slot.anonymous {
		l.nobodys[p] += n
	}
}

// serve moves a request whose body has been read to those that are served.
func (l *load) serve(v *Visit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.take(v, serving); err != nil {
		return err
	}
	l.give(v)
	v.slot.phase = serving
	l.link(v)
	return nil
}

// link puts a visit into the list of those being served, unlink takes it out.
func (l *load) link(v *Visit) {
	v.slot.next = l.serving
	if l.serving != nil {
		l.serving.slot.prev = v
	}
	l.serving = v
}

func (l *load) unlink(v *Visit) {
	if before := v.slot.prev; before != nil {
		before.slot.next = v.slot.next
	} else {
		l.serving = v.slot.next
	}
	if after := v.slot.next; after != nil {
		after.slot.prev = v.slot.prev
	}
}

// give gives a place back.
func (l *load) give(v *Visit) {
	l.count(v, v.slot.phase, -1)
}

// leave ends what enter and serve began.
func (l *load) leave(v *Visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.give(v)
	if v.slot.phase == serving {
		l.unlink(v)
	}
	v.slot = slot{}
	l.rest()
}

// rest tells a shutdown when nothing is in progress any more.
func (l *load) rest() {
	if l.draining && l.places == (share{}) && l.locals == 0 {
		close(l.empty)
	}
}

// begin notes how to end the call that a visit begins.
func (l *load) begin(v *Visit, stop Ender) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrStopped
	}
	v.slot.stop = stop
	return nil
}

// refuses says whether no call is begun any more.
func (l *load) refuses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// stop returns what ends the call of a visit.
func (l *load) stop(v *Visit) Ender {
	l.mu.Lock()
	defer l.mu.Unlock()
	return v.slot.stop
}

// Stopped says whether a shutdown has ended what runs in the visit.
func (v *Visit) Stopped() bool { return v.stopped.Load() }

// stopAll returns what ends every call that runs, and lets no other begin.
func (l *load) stopAll() (stops []Ender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for v := l.serving; v != nil; v = v.slot.next {
		if v.slot.stop != nil {
			v.stopped.Store(true)
			stops = append(stops, v.slot.stop)
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
		l.rest()
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
