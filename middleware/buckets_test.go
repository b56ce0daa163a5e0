package middleware

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

func TestBucketsRefillAtTheRate(t *testing.T) {
	b := newBuckets(RateLimitConfig{Rate: 2, Burst: 1, MaxKeys: 10, IdleExpiry: time.Minute})
	now := time.Unix(1_700_000_000, 0)
	who := bucketKey{name: "ann"}
	for i, step := range []struct {
		after time.Duration
		wait  time.Duration
	}{
		{0, 0}, {0, 500 * time.Millisecond}, {100 * time.Millisecond, 400 * time.Millisecond},
		{399 * time.Millisecond, time.Millisecond}, {time.Millisecond, 0}, {0, 500 * time.Millisecond},
		{500 * time.Millisecond, 0}, {time.Hour, 0}, {0, 500 * time.Millisecond},
	} {
		now = now.Add(step.after)
		if wait := b.take(who, now); wait != step.wait {
			t.Errorf("step %d: wait %s, want %s", i, wait, step.wait)
		}
	}
}

func TestBucketsPassAfterTheWaitTheySaid(t *testing.T) {
	for _, perSecond := range []rate.Limit{0.3, 1, 3, 7, 999, 33333} {
		b := newBuckets(RateLimitConfig{Rate: perSecond, Burst: 1, MaxKeys: 10, IdleExpiry: time.Minute})
		now := time.Unix(1_700_000_000, 123456789)
		b.take(bucketKey{}, now)
		for range 100 {
			wait := b.take(bucketKey{}, now)
			if wait <= 0 || wait%time.Millisecond != 0 {
				t.Fatalf("rate %v: wait %s", perSecond, wait)
			}
			now = now.Add(wait)
			if again := b.take(bucketKey{}, now); again != 0 {
				t.Fatalf("rate %v: refused for another %s after waiting %s", perSecond, again, wait)
			}
		}
	}
}

func TestBucketsKeepAtMostMaxKeysAndDropExpiredOnes(t *testing.T) {
	b := newBuckets(RateLimitConfig{Rate: 10, Burst: 1, MaxKeys: 100, IdleExpiry: time.Minute})
	now := time.Unix(1_700_000_000, 0)
	for i := range 10_000 {
		b.take(bucketKey{name: fmt.Sprint(i)}, now)
	}
	if len(b.byKey) != 100 || b.order.Len() != 100 {
		t.Errorf("%d keys, %d in order, want 100", len(b.byKey), b.order.Len())
	}
	b.take(bucketKey{name: "late"}, now.Add(2*time.Minute))
	if len(b.byKey) != 1 || b.order.Len() != 1 {
		t.Errorf("%d keys, %d in order after they expired, want 1", len(b.byKey), b.order.Len())
	}
}

func TestBucketsDoNotExpireBeforeTheyAreFull(t *testing.T) {
	b := newBuckets(RateLimitConfig{Rate: rate.Every(time.Hour), Burst: 1, MaxKeys: 10, IdleExpiry: time.Minute})
	now := time.Unix(1_700_000_000, 0)
	b.take(bucketKey{}, now)
	if wait := b.take(bucketKey{}, now.Add(10*time.Minute)); wait != 50*time.Minute {
		t.Errorf("wait %s, want 50m0s", wait)
	}
}

func TestBucketsKeepAnonymousCallersApartFromPrincipals(t *testing.T) {
	b := newBuckets(RateLimitConfig{Rate: 1, Burst: 1, MaxKeys: 10, IdleExpiry: time.Minute})
	now := time.Unix(1_700_000_000, 0)
	b.take(bucketKey{anonymous: true, name: "203.0.113.1"}, now)
	if wait := b.take(bucketKey{name: "203.0.113.1"}, now); wait != 0 {
		t.Errorf("a principal named like an address waits %s for somebody else", wait)
	}
}

func TestBucketsSurviveVerySlowRates(t *testing.T) {
	b := newBuckets(RateLimitConfig{Rate: 1e-300, Burst: 1, MaxKeys: 10, IdleExpiry: time.Minute})
	now := time.Unix(1_700_000_000, 0)
	b.take(bucketKey{}, now)
	if wait := b.take(bucketKey{}, now.Add(time.Hour)); wait <= 0 {
		t.Errorf("wait %s, want a long one", wait)
	}
}
