package mcpecho

import (
	"net/http"
	"sync"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// inflight holds the running calls of dated sessions, so that a message can
// cancel one. A call is there only while its handler runs.
// (specification 2025-11-25, basic/utilities/cancellation)
type inflight struct {
	mu      sync.Mutex
	running map[requestKey]*exchange
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

func (x *exchange) requestKey() requestKey { return keyOf(x.session.ID, x.msg.ID) }

var errInFlight = refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "duplicate_id", "a request with this id is still running")

// ender is the deadline of a call, which can be ended before its time.
type ender interface{ End(cause error) }

// begin makes a call stoppable, and one of a dated session cancellable until end. An id that is
// in flight already is refused: its cancellation would be ambiguous.
func (f *inflight) begin(x *exchange, stop ender) error {
	if err := x.server.load.begin(x, stop); err != nil || x.wire == modern {
		return err
	}
	key := x.requestKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key] != nil {
		return errInFlight
	}
	if f.running == nil {
		f.running = map[requestKey]*exchange{}
	}
	f.running[key] = x
	return nil
}

// refuses says why no call can begin in this exchange.
func (f *inflight) refuses(x *exchange) error {
	if x.server.load.refuses() {
		return errStopped
	}
	if x.wire == modern {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[x.requestKey()] != nil {
		return errInFlight
	}
	return nil
}

func (f *inflight) end(x *exchange) {
	if x.wire == modern {
		return
	}
	key := x.requestKey()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key] == x {
		delete(f.running, key)
	}
}

// cancel ends a running call of the same session. An unknown id is ignored:
// the reply may be on its way already.
func (f *inflight) cancel(session string, id []byte) {
	f.mu.Lock()
	x := f.running[keyOf(session, id)]
	f.mu.Unlock()
	if x != nil {
		x.cancelled.Store(true)
		if stop := x.server.load.stop(x); stop != nil {
			stop.End(nil)
		}
	}
}

// gone says that nobody waits for the reply any more.
func (x *exchange) gone() bool {
	return x.cancelled.Load() || x.request.Context().Err() != nil
}
