package store_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
	"github.com/mcpecho/kit/store/storetest"
)

// memory is a memory form with a clock and a shorthand.
type memory struct {
	*store.MemoryLimiter
	*clock
	t testing.TB
}

func newMemory(t testing.TB, maxKeys int) memory {
	c := new(clock)
	return memory{store.NewMemoryLimiter(store.MemoryLimiterConfig{MaxKeys: maxKeys, Now: c.now}), c, t}
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
	store.TokenBucket{Rate: 1.0 / 3600, Burst: 1}, store.FixedWindow{Max: 1, Per: time.Hour}, store.SlidingWindow{Max: 1, Per: time.Hour},
}

func TestMemoryLimiterKeepsTheContract(t *testing.T) {
	storetest.Limiter(t, func() (store.Limiter, func(time.Duration)) {
		m := newMemory(t, 0)
		return m, m.advance
	})
}

func TestMemoryLimiterForgetsWhoWasQuietLongest(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 2)
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

func TestMemoryLimiterForgetsFirstWhoMayTakeAllAgain(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 3)
		minute := store.FixedWindow{Max: 1, Per: time.Minute}
		m.take(policy, "a")
		m.advance(10 * time.Second)
		m.take(minute, "b")
		m.take(policy, "c")
		m.advance(time.Minute)
		m.take(minute, "d") // in the place of b, though a is older
		for _, key := range []string{"a", "c"} {
			if m.take(policy, key) == 0 {
				t.Errorf("%T: %s was forgotten while b might take all again", policy, key)
			}
		}
	}
}

func TestMemoryLimiterDoesNotForgetAKeyThatHasLess(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 10)
		m.take(policy, "a")
		m.advance(10 * time.Minute)
		if wait := m.take(policy, "a"); wait != 50*time.Minute {
			t.Errorf("%T: wait %s, want 50m0s", policy, wait)
		}
	}
}

func TestMemoryLimiterKeepsTheCountsOfPrincipalsUnderMadeUpAddresses(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 100)
		m.take(policy, "principal mallory")
		for i := range 10_000 {
			m.take(policy, store.Anonymous+fmt.Sprint(i))
		}
		if wait := m.take(policy, "principal mallory"); wait != time.Hour {
			t.Errorf("%T: wait %s, want 1h0m0s", policy, wait)
		}
	}
}

func TestMemoryLimiterRefusesNewAddressesWhenFullOfUsedOnes(t *testing.T) {
	for _, policy := range onceAnHour {
		m := newMemory(t, 100)
		for i := range 100 {
			m.take(policy, store.Anonymous+fmt.Sprint(i))
			m.advance(time.Second)
		}
		for i := range 10_000 {
			if m.take(policy, store.Anonymous+fmt.Sprint("made up ", i)) == 0 {
				t.Fatalf("%T: address %d has a counter of its own", policy, i)
			}
		}
		if m.take(policy, store.Anonymous+"0") == 0 {
			t.Errorf("%T: the first address was forgotten", policy)
		}
		wait := m.take(policy, store.Anonymous+"new")
		if wait > policy.Full() || wait < policy.Full()-100*time.Second {
			t.Errorf("%T: wait %s, want about %s", policy, wait, policy.Full())
		}
		m.advance(wait)
		if again := m.take(policy, store.Anonymous+"new"); again != 0 {
			t.Errorf("%T: refused for another %s after waiting %s", policy, again, wait)
		}
		if wait := m.take(policy, "principal ann"); wait != 0 {
			t.Errorf("%T: a principal waits %s for anonymous callers", policy, wait)
		}
	}
}

func TestMemoryLimiterOfManyAddressesIsBounded(t *testing.T) {
	m := newMemory(t, 1000)
	before := liveHeap()
	for i := range 300_000 {
		m.take(store.FixedWindow{Max: 1, Per: time.Second}, store.Anonymous+fmt.Sprint(i))
		m.advance(time.Millisecond)
	}
	if grown := liveHeap() - before; grown > 2<<20 {
		t.Errorf("%d KiB are held after 300,000 addresses", grown>>10)
	}
	runtime.KeepAlive(m.MemoryLimiter)
}

func liveHeap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestMemoryLimiterSurvivesVerySlowRates(t *testing.T) {
	m := newMemory(t, 10)
	policy := store.TokenBucket{Rate: 1e-300, Burst: 1}
	if wait := m.take(policy, "a"); wait != 0 {
		t.Errorf("the first take waits %s", wait)
	}
	m.advance(time.Hour)
	if wait := m.take(policy, "a"); wait < 1<<61 {
		t.Errorf("wait %s, want a long one", wait)
	}
}

func BenchmarkMemoryLimiterTake(b *testing.B) {
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("principal https://issuer.example\x00user-%d", i)
	}
	for _, policy := range []store.Policy{
		store.TokenBucket{Rate: 1e6, Burst: 1000}, store.FixedWindow{Max: 1e9, Per: time.Minute}, store.SlidingWindow{Max: 1e9, Per: time.Minute},
	} {
		m := store.NewMemoryLimiter(store.MemoryLimiterConfig{})
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
