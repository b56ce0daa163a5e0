package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
	"github.com/mcpecho/kit/store/storetest"
)

func TestMemorySessionsKeepTheContract(t *testing.T) {
	storetest.Sessions(t, func() store.Sessions { return store.NewMemorySessions(store.MemorySessionsConfig{}) })
}

// clock is a time that moves only when told to.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// bench is a store with a clock and shorthands.
type bench struct {
	*store.MemorySessions
	*clock
	t *testing.T
}

func newBench(t *testing.T, cfg store.MemorySessionsConfig) bench {
	c := new(clock)
	cfg.Now = c.now
	return bench{store.NewMemorySessions(cfg), c, t}
}

// open creates a session, a second after whatever came before.
func (b bench) open(owner, id string) error {
	b.advance(time.Second)
	return b.Create(b.t.Context(), store.Session{ID: id, Owner: owner})
}

func (b bench) mustOpen(owner string, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		if err := b.open(owner, id); err != nil {
			b.t.Fatalf("create %s of %q: %v", id, owner, err)
		}
	}
}

// use gets a session, a second after whatever came before, and reports whether it lives.
func (b bench) use(id string) bool {
	b.advance(time.Second)
	_, err := b.Get(b.t.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		b.t.Fatal(err)
	}
	return err == nil
}

// alive lists which of ids live, and counts as a use of those.
func (b bench) alive(ids ...string) string {
	var live []string
	for _, id := range ids {
		if b.use(id) {
			live = append(live, id)
		}
	}
	return strings.Join(live, " ")
}

func TestSessionEndsWhenIdle(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{})
	b.mustOpen("alice", "a")
	b.use("a")
	for range 3 {
		b.advance(30*time.Minute - 2*time.Second)
		if !b.use("a") {
			t.Fatal("a session in use ended")
		}
	}
	b.advance(30 * time.Minute)
	if b.use("a") {
		t.Error("an idle session lives")
	}
	if n := b.Len(); n != 0 {
		t.Errorf("the expired session is still held: %d", n)
	}
}

func TestUpdateCountsAsUseAndCannotReviveAnExpiredSession(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Idle: time.Minute})
	b.mustOpen("alice", "a")
	update := func() error { return b.Update(t.Context(), "a", func(s *store.Session) { s.LogLevel = "info" }) }
	b.advance(50 * time.Second)
	if err := update(); err != nil {
		t.Fatal(err)
	}
	b.advance(50 * time.Second)
	if !b.use("a") {
		t.Fatal("Update did not count as a use")
	}
	b.advance(time.Minute)
	if err := update(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Update of an expired session: %v", err)
	}
}

func TestSessionEndsAtItsAbsoluteAgeThoughUsed(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Idle: time.Hour, Absolute: 3 * time.Hour})
	b.mustOpen("alice", "a")
	uses := 0
	for b.use("a") {
		uses++
		b.advance(30 * time.Minute)
	}
	if uses != 6 {
		t.Errorf("lived for %d half hours, want 6", uses)
	}
}

func TestCreateRemovesExpiredSessionsInPassing(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Idle: time.Minute})
	for i := range 20 {
		b.mustOpen("alice", "old"+strconv.Itoa(i))
	}
	b.advance(30 * time.Second)
	b.use("old19")
	b.advance(40 * time.Second)
	b.mustOpen("bob", "new")
	if n := b.Len(); n != 2 {
		t.Errorf("%d sessions are held, want old19 and new", n)
	}
	if live := b.alive("old18", "old19", "new"); live != "old19 new" {
		t.Errorf("alive: %s", live)
	}
}

func TestExpiredIDCanBeUsedAgain(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Idle: time.Minute})
	b.mustOpen("alice", "a")
	b.advance(time.Minute)
	b.mustOpen("bob", "a")
	if s, err := b.Get(t.Context(), "a"); err != nil || s.Owner != "bob" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestOwnerOverItsCapLosesItsLeastRecentlyUsed(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{PerOwner: 3})
	b.mustOpen("bob", "b1")
	b.mustOpen("alice", "a1", "a2", "a3")
	b.use("a1")
	b.mustOpen("alice", "a4") // a2 is the least recently used
	b.use("a3")
	b.mustOpen("alice", "a5") // then a1
	if live := b.alive("a1", "a2", "a3", "a4", "a5", "b1"); live != "a3 a4 a5 b1" {
		t.Errorf("alive: %s", live)
	}
}

func TestDeletedSessionsDoNotCountAgainstTheirOwner(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{PerOwner: 2})
	b.mustOpen("alice", "a1", "a2")
	if err := b.Delete(t.Context(), "a2"); err != nil {
		t.Fatal(err)
	}
	b.mustOpen("alice", "a3")
	if live := b.alive("a1", "a2", "a3"); live != "a1 a3" {
		t.Errorf("alive: %s", live)
	}
}

func TestAnonymousSessionsHoldAtMostHalf(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{PerOwner: 1, Total: 8})
	b.mustOpen("", "n1", "n2", "n3", "n4")
	b.use("n1")
	b.mustOpen("", "n5") // n2 is the least recently used
	if live := b.alive("n1", "n2", "n3", "n4", "n5"); live != "n1 n3 n4 n5" {
		t.Errorf("alive: %s", live)
	}
	for i := range 4 {
		b.mustOpen("owner"+strconv.Itoa(i), "o"+strconv.Itoa(i))
	}
	if n := b.Len(); n != 8 {
		t.Errorf("%d sessions, want 8", n)
	}
}

func TestMemorySessionsKeepTheContractWhenFull(t *testing.T) {
	storetest.SessionsWhenFull(t, func(total int) store.Sessions {
		return store.NewMemorySessions(store.MemorySessionsConfig{Total: total})
	})
}

func TestASessionThatWasNeverUsedEndsAfterAMinute(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{})
	b.mustOpen("alice", "opened", "used")
	b.use("used")
	b.advance(time.Minute)
	if live := b.alive("opened", "used"); live != "used" {
		t.Errorf("alive: %s", live)
	}
	short := newBench(t, store.MemorySessionsConfig{Idle: 10 * time.Second})
	short.mustOpen("alice", "opened")
	short.advance(10 * time.Second)
	if short.use("opened") {
		t.Error("Unused is longer than Idle")
	}
}

func TestAFloodOfInitializeMakesRoomForItself(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Total: 100, PerOwner: 10})
	for i := range 100 { // ten owners that open all they may, and use it
		id := strconv.Itoa(i)
		b.mustOpen("mallory"+strconv.Itoa(i%10), id)
		b.use(id)
	}
	for i := range 50 {
		b.mustOpen("newcomer"+strconv.Itoa(i), "n"+strconv.Itoa(i))
	}
	for i := range 50 {
		if !b.use("n" + strconv.Itoa(i)) {
			t.Errorf("newcomer %d lost its only session", i)
		}
	}
	if n := b.Len(); n != 100 {
		t.Errorf("%d sessions, want 100", n)
	}
}

func TestAnAnonymousFloodOfOneNetworkEndsNoSessionOfAnother(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Total: 100})
	open := func(network, id string) {
		t.Helper()
		b.advance(time.Millisecond)
		if err := b.Create(t.Context(), store.Session{ID: id, Network: network}); err != nil {
			t.Fatal(err)
		}
	}
	open("192.0.2.1/32", "victim")
	b.use("victim")
	for i := range 1000 {
		open("198.51.100.7/32", strconv.Itoa(i))
	}
	open("203.0.113.5/32", "newcomer")
	b.mustOpen("alice", "named")
	if live := b.alive("victim", "newcomer", "named", "999", "0"); live != "victim newcomer named 999" {
		t.Errorf("alive: %s", live)
	}
	if n := b.Len(); n != 51 {
		t.Errorf("%d sessions, want half of 100 and a named one", n)
	}
}

// Who gives way must be the same as in a plain model, whatever the sequence.
func TestTheHolderOfMostGivesWayInAnySequence(t *testing.T) {
	const total = 12
	b := newBench(t, store.MemorySessionsConfig{Total: 2 * total, PerOwner: 2 * total})
	random := rand.New(rand.NewPCG(3, 4))
	type session struct{ network, id string }
	var model []session // least recently used first
	count := func(network string) (n int) {
		for _, s := range model {
			if s.network == network {
				n++
			}
		}
		return n
	}
	first := func(network string) int {
		return slices.IndexFunc(model, func(s session) bool { return s.network == network })
	}
	for i := range 5000 {
		network, id := fmt.Sprintf("10.0.%d.0/32", random.IntN(5)), strconv.Itoa(i)
		if i%9 == 0 {
			network = fmt.Sprintf("10.1.%d.0/32", i)
		}
		if op := random.IntN(3); op > 0 && len(model) > 0 {
			at := random.IntN(len(model))
			s := model[at]
			model = slices.Delete(model, at, at+1)
			if op == 1 {
				b.use(s.id)
				model = append(model, s)
			} else if random.IntN(4) == 0 {
				_ = b.Delete(t.Context(), s.id)
			} else {
				b.use(s.id)
				model = append(model, s)
			}
			continue
		}
		if len(model) == total {
			most := network
			for _, s := range model { // of equals, the one with the oldest
				if count(s.network) > count(network)+1 && count(s.network) > count(most) {
					most = s.network
				}
			}
			at := first(most)
			if at < 0 {
				if err := b.Create(t.Context(), store.Session{ID: id, Network: network}); !errors.Is(err, store.ErrSessionLimit) {
					t.Fatalf("step %d: %v, want ErrSessionLimit", i, err)
				}
				continue
			}
			ended := model[at].id
			model = slices.Delete(model, at, at+1)
			defer func() {
				if b.use(ended) {
					t.Errorf("step %d: %s of %s lives", i, ended, most)
				}
			}()
		}
		b.advance(time.Millisecond)
		if err := b.Create(t.Context(), store.Session{ID: id, Network: network}); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		b.use(id)
		model = append(model, session{network, id})
		if b.Len() != len(model) {
			t.Fatalf("step %d: %d sessions, want %d", i, b.Len(), len(model))
		}
	}
	for _, s := range model {
		if !b.use(s.id) {
			t.Errorf("%s of %s ended", s.id, s.network)
		}
	}
}

func TestRefusedCreateEndsNothing(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{PerOwner: 2})
	b.mustOpen("alice", "a1", "a2")
	if err := b.open("alice", "a2"); !errors.Is(err, store.ErrSessionExists) {
		t.Errorf("got %v, want ErrSessionExists", err)
	}
	if live := b.alive("a1", "a2"); live != "a1 a2" {
		t.Errorf("alive: %s", live)
	}
}

func TestSoakStaysWithinBoundsWithoutGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBench(t, store.MemorySessionsConfig{Total: 1000, PerOwner: 10})
	refused := 0
	for i := range 20_000 {
		owner := ""
		if i%3 != 0 {
			owner = "owner" + strconv.Itoa(i%251)
		}
		switch err := b.open(owner, strconv.Itoa(i)); {
		case errors.Is(err, store.ErrSessionLimit):
			refused++
		case err != nil:
			t.Fatal(err)
		}
		if n := b.Len(); n > 1000 {
			t.Fatalf("%d sessions after %d creates", n, i)
		}
	}
	if refused == 20_000 {
		t.Error("every create was refused")
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	b.advance(24 * time.Hour)
	b.mustOpen("alice", "last")
	if n := b.Len(); n != 1 {
		t.Errorf("%d sessions are held after all expired", n)
	}
}

// The order of use must hold against a plain model, whatever the sequence.
func TestEvictionFollowsUseInAnySequence(t *testing.T) {
	const limit = 5
	b := newBench(t, store.MemorySessionsConfig{PerOwner: limit})
	random := rand.New(rand.NewPCG(1, 2))
	var model []string // least recently used first
	drop := func(i int) string { id := model[i]; model = append(model[:i:i], model[i+1:]...); return id }
	for i := range 3000 {
		switch op := random.IntN(10); {
		case op < 3:
			id := strconv.Itoa(i)
			b.mustOpen("alice", id)
			if len(model) == limit {
				if ended := drop(0); b.use(ended) {
					t.Fatalf("step %d: %s lives, though it is the least recently used", i, ended)
				}
			}
			model = append(model, id)
		case len(model) == 0:
		case op < 9:
			id := drop(random.IntN(len(model)))
			if !b.use(id) {
				t.Fatalf("step %d: %s ended, though it is not the least recently used", i, id)
			}
			model = append(model, id)
		default:
			if err := b.Delete(t.Context(), drop(random.IntN(len(model)))); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.Len(); n != len(model) {
			t.Fatalf("step %d: %d sessions, want %d", i, n, len(model))
		}
	}
}

func TestHammeredStoreStaysWithinBounds(t *testing.T) {
	b := newBench(t, store.MemorySessionsConfig{Total: 64, PerOwner: 4, Idle: time.Minute})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for range 2000 {
				n := random.IntN(100)
				id, owner := fmt.Sprintf("s%d", n), fmt.Sprintf("owner%d", n%20)
				if n%20 == 0 {
					owner = ""
				}
				switch random.IntN(6) {
				case 0, 1:
					err := b.Create(t.Context(), store.Session{ID: id, Owner: owner})
					if err != nil && !errors.Is(err, store.ErrSessionExists) && !errors.Is(err, store.ErrSessionLimit) {
						t.Error(err)
					}
				case 2:
					_ = b.Update(t.Context(), id, func(s *store.Session) { s.LogLevel = "info" })
				case 3:
					_ = b.Delete(t.Context(), id)
				case 4:
					b.advance(time.Duration(random.IntN(1000)) * time.Millisecond)
				default:
					if s, err := b.Get(t.Context(), id); err == nil && (s.ID != id || s.Owner != owner) {
						t.Errorf("Get(%s) = %+v", id, s)
					}
				}
				if n := b.Len(); n > 64 {
					t.Errorf("%d sessions", n)
				}
			}
		})
	}
	wg.Wait()
	b.advance(time.Hour)
	b.mustOpen("alice", "last")
	if n := b.Len(); n != 1 {
		t.Errorf("%d sessions are held after all expired", n)
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	sessions := store.NewMemorySessions(store.MemorySessionsConfig{})
	if err := sessions.Create(t.Context(), store.Session{ID: "a", Owner: "alice"}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = sessions.Get(ctx, "a") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMemorySessionsGet(b *testing.B) {
	sessions := store.NewMemorySessions(store.MemorySessionsConfig{})
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("7f2c%028d", i))
		if err := sessions.Create(b.Context(), store.Session{ID: ids[i], Owner: "owner" + strconv.Itoa(i%50)}); err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sessions.Get(ctx, ids[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(1000); pb.Next(); i++ {
				if _, err := sessions.Get(ctx, ids[i%1000]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkMemorySessionsCreateWhenFull(b *testing.B) {
	sessions := store.NewMemorySessions(store.MemorySessionsConfig{})
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := sessions.Create(ctx, store.Session{ID: strconv.Itoa(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestManyNetworksOfOneIPv6SiteMakeRoomForOthers(t *testing.T) {
	m := store.NewMemorySessions(store.MemorySessionsConfig{Total: 20})
	for i := range 50 {
		if err := m.Create(t.Context(), store.Session{ID: fmt.Sprint("flood", i), Network: fmt.Sprintf("2001:db8:1:%x::/64", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, network := range []string{"2001:db8:2:1::/64", "192.0.2.1/32"} {
		if err := m.Create(t.Context(), store.Session{ID: network, Network: network}); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
	if n := m.Len(); n != 10 {
		t.Errorf("%d anonymous sessions, want half of 20", n)
	}
}
