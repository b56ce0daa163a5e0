package middleware

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/mcpecho/kit/store"
)

// memoryLimiter is the [store.Limiter] of one process. It holds at most max
// counters, the most recently used in front; idle ones are removed in passing.
type memoryLimiter struct {
	max   int
	idle  time.Duration
	now   func() time.Time
	start time.Time // times are kept as durations since then, so that a wall clock set back changes nothing

	mu     sync.Mutex
	byKey  map[counted]*list.Element
	recent *list.List // of *counter
}

type counted struct {
	name   string
	policy store.Policy
	key    string
}

type counter struct {
	counted
	used  time.Duration
	keep  time.Duration
	meter meter
}

func newMemoryLimiter(maxKeys int, idle time.Duration, now func() time.Time) *memoryLimiter {
	return &memoryLimiter{
		max: maxKeys, idle: idle, now: now, start: now(),
		byKey: map[counted]*list.Element{}, recent: list.New(),
	}
}

// Take implements [store.Limiter].
func (m *memoryLimiter) Take(_ context.Context, name string, policy store.Policy, key string, n int) (time.Duration, error) {
	if err := policy.Validate(); err != nil {
		return 0, err
	}
	if n < 1 || n > policy.Most() {
		return 0, store.ErrTake
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().Sub(m.start)
	return roundUp(m.find(counted{name, policy, key}, now).take(now, n)), nil
}

func (m *memoryLimiter) find(key counted, now time.Duration) meter {
	for last := m.recent.Back(); last != nil; last = m.recent.Back() {
		if c := last.Value.(*counter); now-c.used <= c.keep {
			break
		}
		m.forget(last)
	}
	if e, ok := m.byKey[key]; ok {
		found := e.Value.(*counter)
		found.used = now
		m.recent.MoveToFront(e)
		return found.meter
	}
	if m.recent.Len() >= m.max {
		m.forget(m.recent.Back())
	}
	// One that is forgotten comes back with all it may take, so it must not be
	// forgotten while it has less: waiting for that would be a way around.
	made := &counter{counted: key, used: now, keep: max(m.idle, key.policy.Full()), meter: newMeter(key.policy)}
	m.byKey[key] = m.recent.PushFront(made)
	return made.meter
}

func (m *memoryLimiter) forget(e *list.Element) {
	delete(m.byKey, e.Value.(*counter).counted)
	m.recent.Remove(e)
}

// roundUp makes whole milliseconds, the unit in which a wait is sent, of which
// none is a moment too short.
func roundUp(wait time.Duration) time.Duration {
	const unit = time.Millisecond
	if short := wait % unit; short > 0 && wait <= 1<<62 {
		wait += unit - short
	}
	return max(wait, 0)
}
