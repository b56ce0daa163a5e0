package store

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"
)

// MemoryLimiterConfig bounds a MemoryLimiter. The zero value gives the defaults.
type MemoryLimiterConfig struct {
	// MaxKeys is how many keys are remembered, and apart from them how many that begin with
	// Anonymous. Optional. Default 10 000, which take about 5 MB; a key of a SlidingWindow takes up
	// to 2 KB more.
	MaxKeys int
	// Now is the clock. Optional. Default time.Now.
	Now func() time.Time
}

// MemoryLimiter counts in the memory of this process, so n replicas allow n times as much. It runs
// no goroutine: Take removes counters that are full again, those of keys which may take all that
// their policy allows.
//
// When MaxKeys are remembered, a new key takes the place of one that is full again, since
// forgetting it changes nothing. If there is none, it depends on the kind of the new key. One that
// nobody has verified (see Anonymous) is refused until one becomes full again: with made-up
// addresses a caller can neither erase a counter nor get a new one. A verified key takes the place
// of the verified key that will be full again first, which under one limit is the one that was idle
// longest. So no verified caller is refused because of what others have taken.
type MemoryLimiter struct {
	now   func() time.Time
	start time.Time // times are kept as durations since then, so a wall clock set back changes nothing

	mu        sync.Mutex
	verified  counters
	anonymous counters
}

var _ Limiter = (*MemoryLimiter)(nil)

// NewMemoryLimiter returns a limiter that has counted nothing.
func NewMemoryLimiter(cfg MemoryLimiterConfig) *MemoryLimiter {
	cfg.MaxKeys = cmp.Or(max(cfg.MaxKeys, 0), 10_000)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &MemoryLimiter{
		now: cfg.Now, start: cfg.Now(),
		verified:  counters{max: cfg.MaxKeys, yield: true, byKey: map[counted]*counter{}},
		anonymous: counters{max: cfg.MaxKeys, byKey: map[counted]*counter{}},
	}
}

// Take implements Limiter.
func (m *MemoryLimiter) Take(_ context.Context, name string, policy Policy, key string, n int) (time.Duration, error) {
	if err := policy.Validate(); err != nil {
		return 0, err
	}
	if n < 1 || n > policy.Most() {
		return 0, ErrTake
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().Sub(m.start)
	of := &m.verified
	if strings.HasPrefix(key, Anonymous) {
		of = &m.anonymous
	}
	c := of.find(counted{name, policy, key}, now)
	if c == nil {
		if wait := of.makeRoom(now); wait > 0 {
			return roundUp(wait), nil
		}
		c = of.add(counted{name, policy, key}, now)
	}
	wait := c.meter.take(now, n)
	of.used(c, now, wait == 0)
	return roundUp(wait), nil
}

// counted is what one counter counts.
type counted struct {
	name   string
	policy Policy
	key    string
}

// counter is what one key has taken.
type counter struct {
	counted
	meter  meter
	age    age // of its last use
	placed age // as the queue knows it
}

func (c *counter) before(other *counter) bool { return c.placed.before(other.placed) }

func (c *counter) look() bool {
	if c.placed == c.age {
		return true
	}
	c.placed = c.age
	return false
}

func (*counter) moved(int) {} // only the first one is ever taken out

// age orders counters by when they are full again, and those of the same time by their last use. It
// only grows.
type age struct {
	fresh time.Duration // when the key may take all again, at the latest
	turn  uint64        // of the use, among the uses of all
}

func (a age) before(other age) bool {
	return a.fresh < other.fresh || a.fresh == other.fresh && a.turn < other.turn
}

// counters is a bounded set of counters, queued by when they are full again.
type counters struct {
	max   int
	yield bool // whether one that has less makes room for a new one
	turns uint64
	byKey map[counted]*counter
	queue queue[*counter]
}

// lingering is how long a counter is kept after it is full again, so that a caller who comes back
// within this time needs no new one.
const lingering = time.Minute

func (s *counters) find(key counted, now time.Duration) *counter {
	for c := s.queue.first(); c != nil && now-c.age.fresh > lingering; c = s.queue.first() {
		s.forget()
	}
	return s.byKey[key]
}

// makeRoom makes room for one more counter, or returns how long until there is.
func (s *counters) makeRoom(now time.Duration) (wait time.Duration) {
	if len(s.queue) < s.max {
		return 0
	}
	if wait = s.queue.first().age.fresh - now; wait > 0 && !s.yield {
		return wait
	}
	s.forget()
	return 0
}

func (s *counters) add(key counted, now time.Duration) *counter {
	c := &counter{counted: key, meter: newMeter(key.policy), age: age{fresh: now}}
	s.byKey[key] = c
	s.queue.add(c)
	return c
}

// used notes a use. A refused one has taken nothing, but among counters that may have to yield it
// still counts as a use: an idle key goes before one that goes on trying.
func (s *counters) used(c *counter, now time.Duration, took bool) {
	s.turns++
	c.age.turn = s.turns
	if took || s.yield {
		c.age.fresh = min(now, 1<<61) + min(c.policy.Full(), 1<<62)
	}
}

// forget removes the counter in front.
func (s *counters) forget() {
	delete(s.byKey, s.queue.remove(0).counted)
}

// roundUp rounds up to whole milliseconds, the unit in which a wait is sent, so that a caller who
// waits as long as told is not too early.
func roundUp(wait time.Duration) time.Duration {
	const unit = time.Millisecond
	if short := wait % unit; short > 0 && wait <= 1<<62 {
		wait += unit - short
	}
	return max(wait, 0)
}
