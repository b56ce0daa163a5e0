package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
)

// Limiter runs the contract of store.Limiter. Each call of open must give a limiter that has
// counted nothing yet and holds at least 100 keys, with a function that moves its clock, which must
// stand still otherwise.
func Limiter(t *testing.T, open func() (store.Limiter, func(time.Duration))) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, limits)
	}{
		{"A token bucket gives its burst and then its rate", bucketGivesBurstThenRate},
		{"A fixed window gives no more before its end and all after", fixedWindowStartsAfresh},
		{"A sliding window has no double burst", slidingWindowHasNoDoubleBurst},
		{"A sliding window never gives more than Max in any stretch of Per", slidingWindowHoldsAnywhere},
		{"Waiting as long as told is enough", waitIsEnough},
		{"A refusal costs nothing", refusalIsFree},
		{"Names, policies and keys are counted apart", countedApart},
		{"All is taken or nothing", allOrNothing},
		{"What makes no sense is an error", nonsenseIsAnError},
		{"Takes at the same time never exceed the limit", concurrentTakes},
	} {
		t.Run(test.name, func(t *testing.T) {
			limiter, advance := open()
			test.run(t, limits{t, limiter, advance})
		})
	}
}

// limits is a limiter with a clock and shorthands.
type limits struct {
	*testing.T
	store.Limiter
	advance func(time.Duration)
}

// policies give 3 at once, and 3 again a minute later at the latest.
var policies = []store.Policy{
	store.TokenBucket{Rate: 0.05, Burst: 3},
	store.FixedWindow{Max: 3, Per: time.Minute},
	store.SlidingWindow{Max: 3, Per: time.Minute},
}

func (l limits) take(p store.Policy, key string, n int) time.Duration {
	l.Helper()
	wait, err := l.Take(l.Context(), "limit", p, key, n)
	if err != nil {
		l.Fatalf("Take %d of %T%+v: %v", n, p, p, err)
	}
	return wait
}

// expect takes n of the key "a", after a time, and compares the wait.
func (l limits) expect(p store.Policy, after time.Duration, n int, want time.Duration) {
	l.Helper()
	l.advance(after)
	if wait := l.take(p, "a", n); wait != want {
		l.Errorf("%T%+v: wait %s, want %s", p, p, wait, want)
	}
}

func bucketGivesBurstThenRate(_ *testing.T, l limits) {
	p := store.TokenBucket{Rate: 1, Burst: 2}
	l.expect(p, 0, 1, 0)
	l.expect(p, 0, 1, 0)
	l.expect(p, 0, 1, time.Second)
	l.expect(p, 400*time.Millisecond, 1, 600*time.Millisecond)
	l.expect(p, 600*time.Millisecond, 1, 0)
	l.expect(p, 0, 2, 2*time.Second)
	l.expect(p, time.Hour, 2, 0)
	l.expect(p, 0, 1, time.Second)
}

func fixedWindowStartsAfresh(_ *testing.T, l limits) {
	p := store.FixedWindow{Max: 2, Per: time.Minute}
	l.expect(p, 30*time.Second, 1, 0)
	l.expect(p, 50*time.Second, 1, 0)
	l.expect(p, 9*time.Second, 1, time.Second)
	l.expect(p, time.Second, 2, 0)
	l.expect(p, 0, 1, time.Minute)
	l.expect(p, time.Hour, 1, 0)
	l.expect(p, 0, 2, time.Minute)
}

func slidingWindowHasNoDoubleBurst(_ *testing.T, l limits) {
	p := store.SlidingWindow{Max: 2, Per: time.Minute}
	l.expect(p, 59*time.Second, 2, 0)
	l.expect(p, 2*time.Second, 1, 58*time.Second)
	l.expect(p, 57999*time.Millisecond, 1, time.Millisecond)
	l.expect(p, time.Millisecond, 1, 0)
	l.expect(p, 10*time.Second, 1, 0)
	l.expect(p, 0, 1, 50*time.Second)
	l.expect(p, 0, 2, time.Minute)
}

func slidingWindowHoldsAnywhere(t *testing.T, l limits) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, most := range []int{1, 5, 64, 65, 300} {
		p := store.SlidingWindow{Max: most, Per: 10 * time.Second}
		var now time.Duration
		var taken []time.Duration // when each was
		for range 2000 {
			step := time.Duration(random.IntN(20*int(p.Per/time.Millisecond)/(10*most)+1)) * time.Millisecond
			l.advance(step)
			now += step
			n := 1 + random.IntN(min(most, 3))
			wait := l.take(p, "a", n)
			for len(taken) > 0 && taken[0] <= now-p.Per {
				taken = taken[1:]
			}
			if wait == 0 {
				for range n {
					taken = append(taken, now)
				}
			}
			if len(taken) > most {
				t.Fatalf("%d were taken within %s, the most is %d", len(taken), p.Per, most)
			}
			if wait == 0 {
				continue
			}
			exact, slack := time.Duration(0), time.Duration(0)
			if inTheWay := len(taken) + n - most; inTheWay > 0 {
				exact = taken[inTheWay-1] + p.Per - now
			}
			if most > 64 {
				slack = p.Per/64 + time.Millisecond
			}
			if wait < exact || wait > exact+slack {
				t.Fatalf("Max %d: wait %s, want %s", most, wait, exact)
			}
		}
	}
}

func waitIsEnough(t *testing.T, l limits) {
	for _, p := range []store.Policy{
		store.TokenBucket{Rate: 0.3, Burst: 1}, store.TokenBucket{Rate: 7, Burst: 3},
		store.TokenBucket{Rate: 33333, Burst: 2}, store.TokenBucket{Rate: 1e-6, Burst: 1000},
		store.FixedWindow{Max: 3, Per: 7 * time.Millisecond},
		store.SlidingWindow{Max: 3, Per: 77 * time.Millisecond}, store.SlidingWindow{Max: 100, Per: time.Second},
	} {
		n := min(p.Most(), 2)
		waits := 0
		for i := range 1500 {
			l.advance(time.Duration(i%3) * 123457 * time.Nanosecond)
			wait := l.take(p, "a", n)
			if wait == 0 {
				continue
			}
			if waits++; wait < 0 || wait%time.Millisecond != 0 {
				t.Fatalf("%T%+v: wait %s is not in whole milliseconds", p, p, wait)
			}
			l.advance(wait)
			if again := l.take(p, "a", n); again != 0 {
				t.Fatalf("%T%+v: refused for another %s after waiting %s", p, p, again, wait)
			}
		}
		if waits == 0 {
			t.Errorf("%T%+v never refused", p, p)
		}
	}
}

func refusalIsFree(t *testing.T, l limits) {
	for _, p := range policies {
		l.take(p, "a", 3)
		first := l.take(p, "a", 1)
		for range 50 {
			if wait := l.take(p, "a", 1); wait != first {
				t.Fatalf("%T: wait %s, then %s", p, first, wait)
			}
		}
		l.advance(first)
		if wait := l.take(p, "a", 1); wait != 0 {
			t.Errorf("%T: refused for another %s", p, wait)
		}
	}
}

func countedApart(t *testing.T, l limits) {
	changed := []store.Policy{
		store.TokenBucket{Rate: 0.05, Burst: 4}, store.FixedWindow{Max: 3, Per: 2 * time.Minute}, store.SlidingWindow{Max: 4, Per: time.Minute},
	}
	for _, p := range append(changed, policies...) {
		for _, name := range []string{"one", "two", "on"} {
			for _, key := range []string{"", "a", "b", "ea", "two\x00a", store.Anonymous, store.Anonymous + "a"} {
				for i, refused := range []bool{false, true} {
					wait, err := l.Take(t.Context(), name, p, key, p.Most())
					if err != nil || wait > 0 != refused {
						t.Errorf("%T%+v %q %q, take %d: %s, %v", p, p, name, key, i, wait, err)
					}
				}
			}
		}
	}
}

func allOrNothing(t *testing.T, l limits) {
	for _, p := range policies {
		l.take(p, "a", 2)
		if wait := l.take(p, "a", 2); wait == 0 {
			t.Errorf("%T: 4 of 3 were taken", p)
		}
		if wait := l.take(p, "a", 1); wait != 0 {
			t.Errorf("%T: the take that was refused has taken something: wait %s", p, wait)
		}
	}
}

func nonsenseIsAnError(t *testing.T, l limits) {
	for _, p := range policies {
		for _, n := range []int{0, -1, 4} {
			if _, err := l.Take(t.Context(), "limit", p, "a", n); !errors.Is(err, store.ErrTake) {
				t.Errorf("%T, take %d: %v, want ErrTake", p, n, err)
			}
		}
		l.expect(p, 0, 3, 0)
	}
	for _, p := range []store.Policy{
		store.TokenBucket{Rate: -1, Burst: 1}, store.FixedWindow{Max: 1}, store.SlidingWindow{Max: 1, Per: -time.Second},
	} {
		if _, err := l.Take(t.Context(), "limit", p, "a", 1); err == nil {
			t.Errorf("%T%+v was accepted", p, p)
		}
	}
}

func concurrentTakes(t *testing.T, l limits) {
	ctx := context.WithoutCancel(t.Context())
	for _, p := range []store.Policy{
		store.TokenBucket{Rate: 0.001, Burst: 50}, store.FixedWindow{Max: 50, Per: time.Hour}, store.SlidingWindow{Max: 50, Per: time.Hour},
		store.SlidingWindow{Max: 80, Per: time.Hour},
	} {
		var taken [5]atomic.Int64 // by key
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 200 {
					n := 1 + (i+w)%2
					key := (w + i) % len(taken)
					wait, err := l.Take(ctx, "limit", p, fmt.Sprint(key), n)
					if err != nil {
						t.Error(err)
					} else if wait == 0 {
						taken[key].Add(int64(n))
					}
				}
			})
		}
		wg.Wait()
		for key := range taken {
			if got := taken[key].Load(); got != int64(p.Most()) {
				t.Errorf("%T: %d of %d were taken", p, got, p.Most())
			}
		}
	}
}
