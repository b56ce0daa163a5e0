package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// turns lets the calls that Go code makes inside of one call run one after the other: they share
// its transaction, whose savepoints end in the order in which they lie in each other.
type turns struct {
	free chan struct{} // holds who has the turn

	mu      sync.Mutex
	running *Call
	over    bool // the call around has ended
}

// noTurns stands in a call that has ended before there was one inside. It is never changed.
var noTurns = &turns{over: true}

var errCallOver = errors.New("mcpecho: Invoke with the context of a call that is over: " +
	"what outlives its call needs a context of its own, as context.Background(), and WithPrincipal")

// takeTurn waits until inner can run inside of the call. Who gets a turn has to give it back.
func (c *Call) takeTurn(ctx context.Context, inner *Call) (*turns, error) {
	t := c.turns.Load()
	if t == nil {
		if t = (&turns{free: make(chan struct{}, 1)}); !c.turns.CompareAndSwap(nil, t) {
			t = c.turns.Load()
		}
	}
	if t == noTurns {
		return nil, errCallOver
	}
	select {
	case t.free <- struct{}{}:
	default:
		select {
		case t.free <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("mcpecho: Invoke has waited for another one inside of the same call: %w", ctx.Err())
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		<-t.free
		return nil, errCallOver
	}
	t.running = inner
	return t, nil
}

func (t *turns) give() {
	t.mu.Lock()
	t.running = nil
	t.mu.Unlock()
	<-t.free
}

// endTurns ends what runs inside of the call and waits for it: a call ends when everything in it
// has ended.
func (c *Call) endTurns() {
	if c.turns.CompareAndSwap(nil, noTurns) {
		return
	}
	t := c.turns.Load()
	if t == noTurns {
		return
	}
	t.mu.Lock()
	t.over = true
	if t.running != nil {
		t.running.deadline.End(errCallOver)
	}
	t.mu.Unlock()
	t.free <- struct{}{}
	<-t.free
}
