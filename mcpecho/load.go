package mcpecho

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"github.com/labstack/echo/v4"

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
	serving  *exchange     // the messages being served, as a list
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

// caller is who a place is counted for: a principal, or the network of an anonymous caller.
type caller struct {
	principal string
	network   netip.Prefix
}

// share is the places of one caller.
type share [phases]int

// slot is what an exchange holds of the load.
type slot struct {
	own        *share
	anonymous  bool
	phase      phase
	stop       ender     // ends the call that runs
	prev, next *exchange // in the list of those being served
}

var (
	errOverloaded = refuse(http.StatusServiceUnavailable, jsonrpc.InternalError, "overloaded", "too many requests in progress, try again")
	errShare      = refuse(http.StatusServiceUnavailable, jsonrpc.InternalError, "share", "too many of your requests are in progress: wait for their replies")
	errDraining   = refuse(http.StatusServiceUnavailable, jsonrpc.InternalError, "draining", "the server is shutting down, try again elsewhere")
	errStopped    = refuse(http.StatusServiceUnavailable, jsonrpc.InternalError, "stopped", "the server is shutting down and has stopped the call, try again elsewhere")
)

// caller is who the request is counted for.
func (x *exchange) caller() caller {
	if x.principal != nil {
		return caller{principal: x.principal.Key()}
	}
	return caller{network: networkOf(x.ec)}
}

// Network is where the request of the call comes from, as one client cannot change it at will: an
// IPv4 address or an IPv6 /64 network. It is the peer of the connection, or behind a proxy what
// [echo.Echo.IPExtractor] finds: without one no header is believed, [echo.Context.RealIP] believes
// all. It is the zero Prefix where there is no address, as in calls that Go code makes.
func (c *Call) Network() netip.Prefix { return networkOf(c) }

// networkOf is [Call.Network] of a request that is no call yet.
func networkOf(ec echo.Context) netip.Prefix {
	var addr netip.Addr
	if e := ec.Echo(); e != nil && e.IPExtractor != nil {
		addr, _ = netip.ParseAddr(ec.RealIP())
	} else {
		peer, _ := netip.ParseAddrPort(ec.Request().RemoteAddr)
		addr = peer.Addr()
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // whoever has no address is in one network too
	return network
}

// enter gives a request a place to read its body in.
func (l *load) enter(x *exchange) error {
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
	x.slot = slot{own: own, anonymous: who.principal == ""}
	if err := l.take(x, reading); err != nil {
		x.slot = slot{}
		return err
	}
	x.slot.phase = reading
	return nil
}

// admit begins to count a caller. Those without requests are forgotten when there are more of
// them than requests can be.
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
func (l *load) take(x *exchange, p phase) error {
	switch {
	case x.slot.own[p] >= (l.max+3)/4:
		return errShare
	case l.places[p] >= l.max, x.slot.anonymous && l.nobodys[p] >= (l.max+1)/2:
		return errOverloaded
	}
	l.count(x, p, 1)
	return nil
}

func (l *load) count(x *exchange, p phase, n int) {
	x.slot.own[p] += n
	l.places[p] += n
	if x.slot.anonymous {
		l.nobodys[p] += n
	}
}

// serve moves a request whose body has been read to those that are served.
func (l *load) serve(x *exchange) error {
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
func (l *load) give(x *exchange) {
	l.count(x, x.slot.phase, -1)
}

// leave ends what enter and serve began.
func (l *load) leave(x *exchange) {
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
func (l *load) begin(x *exchange, stop ender) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return errStopped
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
func (l *load) stop(x *exchange) ender {
	l.mu.Lock()
	defer l.mu.Unlock()
	return x.slot.stop
}

// stopAll returns what ends every call that runs, and lets no other begin.
func (l *load) stopAll() (stops []ender) {
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

// ErrShutdown is the cause, as [context.Cause] gives it, that a call was ended with because
// [Server.Shutdown] could not wait for it any longer.
var ErrShutdown = errors.New("mcpecho: the server was shut down before the call had ended")

// Shutdown refuses new requests with status 503 and waits until those in
// progress have been answered, or ctx ends; then it returns ctx's error, and
// the calls that still run are ended with the cause [ErrShutdown]. Call
// it before echo.Echo.Shutdown, so that a balancer sees the server leave, and
// close the database after both. A second call waits as well.
func (s *Server) Shutdown(ctx context.Context) error {
	l := &s.load
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
		return nil
	case <-ctx.Done():
		for _, stop := range l.stopAll() {
			stop.End(ErrShutdown)
		}
		return errors.Join(errors.New("mcpecho: requests were still in progress at shutdown"), ctx.Err())
	}
}
