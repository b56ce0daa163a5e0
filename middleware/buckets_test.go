package middleware

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
	"github.com/mcpecho/kit/store/storetest"
)

// fakeClock is a time that moves only when told to.
type fakeClock struct{ nanos atomic.Int64 }

func (c *fakeClock) now() time.Time          { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *fakeClock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// memory is a memory form with a clock and a shorthand.
type memory struct {
	*memoryLimiter
	*fakeClock
	t testing.TB
}

func newMemory(t testing.TB, maxKeys int, idle time.Duration) memory {
	c := new(fakeClock)
	return memory{newMemoryLimiter(maxKeys, idle, c.now), c, t}
}

func (m memory) take(policy store.Policy, key string) time.Duration {
	m.t.Helper()
	wait, err := m.Take(m.t.Context(), "", policy, key, 1)
	if err != nil {
		m.t.Fatal(err)
	}
	return wait
}

var onceAnHour = []store.Policy{
	TokenBucket{Rate: 1.0 / 3600, Burst: 1}, FixedWindow{Max: 1, Per: time.Hour}, SlidingWindow{Max: 1, Per: time.Hour},
}

func TestMemoryLimiterKeepsTheContract(t *testing.T) {
	storetest.Limiter(t, func() (store.Limiter, func(time.Duration)) {
		m := newMemory(t, 10_000, time.Minute)
		return m, m.advance
	})
}

func TestMemoryLimiterHoldsAtMostMaxKeysAndDropsIdleOnes(t *testing.T) {
	m := newMemory(t, 100, time.Minute)
	policy := TokenBucket{Rate: 10, Burst: 1}
	for i := range 10_000 {
		m.take(policy, fmt.Sprint(i))
		if held := m.recent.Len(); len(m.byKey) != held || held > 100 {
			t.Fatalf("%d keys, %d in order after %d takes", len(m.byKey), held, i+1)
		}
	}
	if held := m.recent.Len(); held != 100 {
		t.Errorf("%d keys are held, want 100", held)
	}
	m.advance(time.Minute + 1)
	m.take(policy, "late")
	if held := m.recent.Len(); held != 1 || len(m.byKey) != 1 {
		t.Errorf("%d keys are held after all but one were idle", held)
	}
}

func TestMemoryLimiterForgetsWhoWasQuietLongest(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 2, time.Minute)
		for i, tc := range []struct {
			key     string
			refused bool
		}{
			{"a", false}, {"b", false}, {"a", true}, // b is now the oldest
			{"c", false}, {"a", true}, {"b", false}, // b was forgotten, and now c is
			{"a", true},
		} {
			if got := m.take(policy, tc.key) > 0; got != tc.refused {
				t.Errorf("%T, take %d of %s: refused %v", policy, i, tc.key, got)
			}
		}
	}
}

func TestMemoryLimiterDoesNotForgetAKeyThatHasLess(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 10, time.Minute)
		m.take(policy, "a")
		m.advance(10 * time.Minute)
		if wait := m.take(policy, "a"); wait != 50*time.Minute {
			t.Errorf("%T: wait %s, want 50m0s", policy, wait)
		}
	}
}

func TestMemoryLimiterSurvivesVerySlowRates(t *testing.T) {
	m := newMemory(t, 10, time.Minute)
	policy := TokenBucket{Rate: 1e-300, Burst: 1}
	if wait := m.take(policy, "a"); wait != 0 {
		t.Errorf("the first take waits %s", wait)
	}
	m.advance(time.Hour)
	if wait := m.take(policy, "a"); wait < 1<<61 {
		t.Errorf("wait %s, want a long one", wait)
	}
}

func TestSlidingWindowRemembersLittleWhateverItsMax(t *testing.T) {
	w := &slidingWindow{SlidingWindow: SlidingWindow{Max: 1_000_000, Per: time.Second}}
	for now := time.Duration(0); now < 3*time.Second; now += 50 * time.Microsecond {
		if wait := w.take(now, 1); wait > 0 {
			t.Fatalf("refused at %s", now)
		}
		if len(w.runs) > maxRuns+2 || cap(w.runs) > 4*maxRuns {
			t.Fatalf("%d takes are remembered, with room for %d", len(w.runs), cap(w.runs))
		}
	}
}

func BenchmarkMemoryLimiterTake(b *testing.B) {
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("principal https://issuer.example\x00user-%d", i)
	}
	for _, policy := range []store.Policy{
		TokenBucket{Rate: 1e6, Burst: 1000}, FixedWindow{Max: 1e9, Per: time.Minute}, SlidingWindow{Max: 1e9, Per: time.Minute},
	} {
		m := newMemoryLimiter(10_000, time.Minute, time.Now)
		ctx := b.Context()
		take := func(i int) {
			if _, err := m.Take(ctx, "", policy, keys[i%len(keys)], 1); err != nil {
				b.Error(err)
			}
		}
		b.Run(fmt.Sprintf("%T", policy), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				take(i)
			}
		})
		b.Run(fmt.Sprintf("%T/parallel", policy), func(b *testing.B) {
			var worker atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := int(worker.Add(1)) * 97; pb.Next(); i++ {
					take(i)
				}
			})
		})
	}
}
