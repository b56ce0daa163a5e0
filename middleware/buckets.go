package middleware

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets are the token buckets of one limit, at most max of them, the most
// recently used in front. Expired ones are removed in passing.
type buckets struct {
	rate   rate.Limit
	burst  int
	max    int
	expiry time.Duration

	mu    sync.Mutex
	byKey map[bucketKey]*list.Element
	order *list.List // of *bucket
}

type bucket struct {
	key     bucketKey
	used    time.Time
	limiter *rate.Limiter
}

func newBuckets(cfg RateLimitConfig) *buckets {
	// A bucket that is forgotten comes back full, so one that is not full must
	// not expire: waiting for that would be a way around the limit.
	expiry := cfg.IdleExpiry
	if refill := float64(cfg.Burst) / float64(cfg.Rate) * float64(time.Second); refill > float64(expiry) {
		expiry = time.Duration(min(refill, float64(1<<62)))
	}
	return &buckets{
		rate: cfg.Rate, burst: cfg.Burst, max: cfg.MaxKeys, expiry: expiry,
		byKey: map[bucketKey]*list.Element{}, order: list.New(),
	}
}

// take spends one call of a caller, or says how long there is none to spend.
func (b *buckets) take(key bucketKey, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.find(key, now).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait <= 0 {
		return 0
	}
	r.CancelAt(now)
	// In whole milliseconds, the unit it is sent in, and not a moment early.
	const unit = time.Millisecond
	if short := wait % unit; short > 0 && wait <= 1<<62 {
		wait += unit - short
	}
	return wait
}

func (b *buckets) find(key bucketKey, now time.Time) *rate.Limiter {
	for last := b.order.Back(); last != nil && now.Sub(last.Value.(*bucket).used) > b.expiry; last = b.order.Back() {
		b.forget(last)
	}
	if e, ok := b.byKey[key]; ok {
		found := e.Value.(*bucket)
		found.used = now
		b.order.MoveToFront(e)
		return found.limiter
	}
	if b.order.Len() >= b.max {
		b.forget(b.order.Back())
	}
	made := &bucket{key: key, used: now, limiter: rate.NewLimiter(b.rate, b.burst)}
	b.byKey[key] = b.order.PushFront(made)
	return made.limiter
}

func (b *buckets) forget(e *list.Element) {
	delete(b.byKey, e.Value.(*bucket).key)
	b.order.Remove(e)
}
