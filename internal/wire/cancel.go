package wire

import (
	"sync"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// inflight holds the running calls of dated sessions, so that a message can cancel one. A call is
// there only while its handler runs. (specification 2025-11-25, basic/utilities/cancellation)
type inflight struct {
	mu      sync.Mutex
	running map[requestKey]*Exchange
}

// requestKey is an id by its value, however it is spelt: "1" and 1 are two requests, "a" and
// "\u0061" are one.
type requestKey struct {
	session, id string
	text        bool
}

func keyOf(session string, id []byte) requestKey {
	if text, ok := jsonrpc.Unquote(id); ok {
		return requestKey{session, string(text), true}
	}
	if string(id) == "-0" {
		id = id[1:]
	}
	return requestKey{session, string(id), false}
}

func (x *Exchange) requestKey() requestKey { return keyOf(x.Session.ID, x.Message.ID) }

var errInFlight = refuse(badRequest, jsonrpc.InvalidRequest, "duplicate_id", "a request with this id is still running")

// Ender is what runs in an exchange and can be ended before its time.
type Ender interface{ End(cause error) }

// Begin makes what runs in the exchange stoppable, and on the dated wire cancellable, until
// [Exchange.End]. It is refused when the server is shutting down, and for an id that is in flight
// already: its cancellation would be ambiguous.
func (x *Exchange) Begin(run Ender) error {
	if err := x.door.load.begin(&x.Visit, run); err != nil {
		return err
	}
	return x.Wire.begin(x)
}

// End says that a message can cancel nothing any more.
func (x *Exchange) End() { x.Wire.end(x) }

// CanBegin is the error that Begin would return now.
func (x *Exchange) CanBegin() error {
	if x.door.load.refuses() {
		return ErrStopped
	}
	return x.Wire.canBegin(x)
}

// Gone says that nobody waits for the reply any more.
func (x *Exchange) Gone() bool { return x.cancelled.Load() || x.peer.context().Err() != nil }

func (f *inflight) begin(x *Exchange) error {
	key := x.requestKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key] != nil {
		return errInFlight
	}
	if f.running == nil {
		f.running = map[requestKey]*Exchange{}
	}
	f.running[key] = x
	return nil
}

func (f *inflight) has(x *Exchange) bool {
	key := x.requestKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running[key] != nil
}

func (f *inflight) end(x *Exchange) {
	key := x.requestKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, key)
}

// cancel ends a running call of the same session. An unknown id is ignored: the reply may be on its
// way already.
func (f *inflight) cancel(session string, id []byte) {
	f.mu.Lock()
	x := f.running[keyOf(session, id)]
	f.mu.Unlock()
	if x != nil {
		x.cancelled.Store(true)
		if run := x.door.load.stop(&x.Visit); run != nil {
			run.End(nil)
		}
	}
}
