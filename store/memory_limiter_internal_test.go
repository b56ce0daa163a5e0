package store

import (
	"fmt"
	"testing"
	"time"
)

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

func TestMemoryLimiterHoldsAtMostMaxKeysAndDropsIdleOnes(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	m := NewMemoryLimiter(MemoryLimiterConfig{MaxKeys: 100, Now: func() time.Time { return at }})
	take := func(key string) {
		if _, err := m.Take(t.Context(), "", TokenBucket{Rate: 10, Burst: 1}, key, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []struct {
		prefix string
		held   *counters
	}{{"", &m.verified}, {Anonymous, &m.anonymous}} {
		for i := range 10_000 {
			take(kind.prefix + fmt.Sprint(i))
			if held := len(kind.held.queue); len(kind.held.byKey) != held || held > 100 {
				t.Fatalf("%q: %d keys, %d in order after %d takes", kind.prefix, len(kind.held.byKey), held, i+1)
			}
		}
		if held := len(kind.held.queue); held != 100 {
			t.Errorf("%q: %d keys are held, want 100", kind.prefix, held)
		}
		at = at.Add(time.Minute + time.Second)
		take(kind.prefix + "late")
		if held := len(kind.held.queue); held != 1 || len(kind.held.byKey) != 1 {
			t.Errorf("%q: %d keys are held after all but one were idle", kind.prefix, held)
		}
	}
}
