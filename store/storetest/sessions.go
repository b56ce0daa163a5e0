package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/mcpecho/kit/store"
)

// Sessions runs the contract of store.Sessions. Each call of open must give a store without
// sessions that admits at least 100 for one owner and does not expire them within the test.
func Sessions(t *testing.T, open func() store.Sessions) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Sessions)
	}{
		{"Get returns what Create stored", getReturnsCreated},
		{"Create refuses an id in use and leaves its session alone", createRefusesIDInUse},
		{"Unknown ids are ErrNotFound", unknownIsNotFound},
		{"Get moves Seen and leaves Created", getMovesSeen},
		{"Update changes what it may and nothing else", updateChanges},
		{"Updates at the same time lose nothing", updatesLoseNothing},
		{"Delete ends one session and may be repeated", deleteEndsOne},
		{"The caller's bytes are not kept", callersBytesAreNotKept},
		{"The network and the digests are kept", keepsNetworkAndDigests},
		{"All methods may run at the same time", concurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open()) })
	}
}

// SessionsWhenFull runs the rules of store.Sessions for a store without room. open must give a
// store without sessions that admits total in all, half of them anonymous, and as many for one
// owner.
func SessionsWhenFull(t *testing.T, open func(total int) store.Sessions) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Sessions, func(owner, network, id string) error)
	}{
		{"The holder of most makes room for a new one", holderOfMostMakesRoom},
		{"Nobody loses a session to a holder of as many", equalsLoseNothing},
		{"Anonymous networks are holders of their own", networksAreHolders},
	} {
		t.Run(test.name, func(t *testing.T) {
			sessions := open(8)
			test.run(t, sessions, func(owner, network, id string) error {
				s := session(id)
				s.Owner, s.Network = owner, network
				if err := sessions.Create(t.Context(), s); err != nil {
					return err
				}
				_, err := sessions.Get(t.Context(), id)
				return err
			})
		})
	}
}

// alive lists the sessions that live.
func alive(t *testing.T, sessions store.Sessions, ids ...string) (live []string) {
	t.Helper()
	for _, id := range ids {
		if _, err := sessions.Get(t.Context(), id); err == nil {
			live = append(live, id)
		} else if !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	return live
}

func expectAlive(t *testing.T, sessions store.Sessions, want []string, ids ...string) {
	t.Helper()
	if live := alive(t, sessions, ids...); !slices.Equal(live, want) {
		t.Errorf("alive: %v, want %v", live, want)
	}
}

func holderOfMostMakesRoom(t *testing.T, sessions store.Sessions, open func(owner, network, id string) error) {
	for i := range 8 {
		if err := open("mallory", "", fmt.Sprint("m", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, owner := range []string{"alice", "bob"} {
		if err := open(owner, "", owner); err != nil {
			t.Errorf("%s: %v", owner, err)
		}
	}
	if err := open("alice", "", "alice2"); err != nil {
		t.Error(err)
	}
	expectAlive(t, sessions, []string{"m3", "m4", "m7", "alice", "bob", "alice2"},
		"m0", "m1", "m2", "m3", "m4", "m7", "alice", "bob", "alice2")
}

func equalsLoseNothing(t *testing.T, sessions store.Sessions, open func(owner, network, id string) error) {
	for i := range 8 {
		if err := open(fmt.Sprint("owner", i), "", fmt.Sprint("o", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := open("late", "", "late"); !errors.Is(err, store.ErrSessionLimit) {
		t.Errorf("got %v, want ErrSessionLimit", err)
	}
	if err := open("owner3", "", "again"); err != nil {
		t.Errorf("an owner cannot replace its own session: %v", err)
	}
	expectAlive(t, sessions, []string{"o0", "o2", "o7", "again"}, "o0", "o2", "o3", "o7", "again", "late")
}

func networksAreHolders(t *testing.T, sessions store.Sessions, open func(owner, network, id string) error) {
	if err := open("", "192.0.2.1/32", "victim"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := open("", "198.51.100.7/32", fmt.Sprint("m", i)); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := open("", "203.0.113.5/32", "newcomer"); err != nil {
		t.Error(err)
	}
	for i := range 4 { // the other half
		if err := open("alice", "", fmt.Sprint("a", i)); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	expectAlive(t, sessions, []string{"victim", "m8", "m9", "newcomer", "a0", "a3"},
		"victim", "m0", "m7", "m8", "m9", "newcomer", "a0", "a3")
}

func keepsNetworkAndDigests(t *testing.T, sessions store.Sessions) {
	opened := store.Session{ID: "a", Network: "192.0.2.1/32"}
	create(t, sessions, opened)
	digests := []store.Digest{{1, 2, 3}, {15: 255}}
	if err := sessions.Update(t.Context(), "a", func(s *store.Session) {
		s.Subscriptions, s.Network = digests, "elsewhere"
	}); err != nil {
		t.Fatal(err)
	}
	digests[0] = store.Digest{9}
	got := get(t, sessions, "a")
	if !slices.Equal(got.Subscriptions, []store.Digest{{1, 2, 3}, {15: 255}}) || got.Network != opened.Network {
		t.Errorf("got %v of %s", got.Subscriptions, got.Network)
	}
}

func session(id string) store.Session {
	return store.Session{
		ID: id, Owner: "https://issuer.example|alice", Protocol: "2025-11-25", ClientName: "client", ClientVersion: "1.2.3",
		Capabilities: []byte(`{"sampling":{}}`), LogLevel: "info",
	}
}

func create(t *testing.T, sessions store.Sessions, s store.Session) {
	t.Helper()
	if err := sessions.Create(t.Context(), s); err != nil {
		t.Fatalf("Create: %v", err)
	}
}

func get(t *testing.T, sessions store.Sessions, id string) store.Session {
	t.Helper()
	s, err := sessions.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%q): %v", id, err)
	}
	return s
}

// same compares all but the times.
func same(a, b store.Session) bool {
	return a.ID == b.ID && a.Owner == b.Owner && a.Protocol == b.Protocol &&
		a.ClientName == b.ClientName && a.ClientVersion == b.ClientVersion &&
		string(a.Capabilities) == string(b.Capabilities) && a.LogLevel == b.LogLevel
}

func getReturnsCreated(t *testing.T, sessions store.Sessions) {
	for _, want := range []store.Session{session("a"), session("b"), {ID: "bare"}} {
		create(t, sessions, want)
		got := get(t, sessions, want.ID)
		if !same(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got.Created.IsZero() || got.Seen.Before(got.Created) {
			t.Errorf("created %v, seen %v", got.Created, got.Seen)
		}
	}
}

func createRefusesIDInUse(t *testing.T, sessions store.Sessions) {
	create(t, sessions, session("a"))
	thief := session("a")
	thief.Owner = "mallory"
	if err := sessions.Create(t.Context(), thief); !errors.Is(err, store.ErrSessionExists) {
		t.Errorf("got %v, want ErrSessionExists", err)
	}
	if got := get(t, sessions, "a"); !same(got, session("a")) {
		t.Errorf("the session became %+v", got)
	}
}

func unknownIsNotFound(t *testing.T, sessions store.Sessions) {
	create(t, sessions, session("a"))
	for _, id := range []string{"", "b", "A", "a "} {
		if s, err := sessions.Get(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get(%q) = %+v, %v", id, s, err)
		}
		ran := false
		if err := sessions.Update(t.Context(), id, func(*store.Session) { ran = true }); !errors.Is(err, store.ErrNotFound) || ran {
			t.Errorf("Update(%q) = %v, ran %v", id, err, ran)
		}
		if err := sessions.Delete(t.Context(), id); err != nil {
			t.Errorf("Delete(%q) = %v", id, err)
		}
	}
	get(t, sessions, "a")
}

func getMovesSeen(t *testing.T, sessions store.Sessions) {
	create(t, sessions, session("a"))
	before := get(t, sessions, "a")
	after := get(t, sessions, "a")
	if after.Seen.Before(before.Seen) {
		t.Errorf("Seen went from %v back to %v", before.Seen, after.Seen)
	}
	if !after.Created.Equal(before.Created) {
		t.Errorf("Created went from %v to %v", before.Created, after.Created)
	}
}

func updateChanges(t *testing.T, sessions store.Sessions) {
	create(t, sessions, session("a"))
	before := get(t, sessions, "a")
	err := sessions.Update(t.Context(), "a", func(s *store.Session) {
		if !same(*s, before) {
			t.Errorf("change sees %+v", *s)
		}
		s.LogLevel, s.Capabilities = "error", []byte(`{"roots":{}}`)
		s.ID, s.Owner, s.Created = "b", "mallory", s.Created.AddDate(1, 0, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := session("a")
	want.LogLevel, want.Capabilities = "error", []byte(`{"roots":{}}`)
	got := get(t, sessions, "a")
	if !same(got, want) || !got.Created.Equal(before.Created) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := sessions.Get(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session can be had under a second id: %v", err)
	}
}

func updatesLoseNothing(t *testing.T, sessions store.Sessions) {
	const workers, times = 8, 25
	create(t, sessions, session("a"))
	err := sessions.Update(t.Context(), "a", func(s *store.Session) { s.LogLevel = "" })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range times {
				if err := sessions.Update(t.Context(), "a", func(s *store.Session) { s.LogLevel += "x" }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(get(t, sessions, "a").LogLevel); n != workers*times {
		t.Errorf("%d of %d updates are left", n, workers*times)
	}
}

func deleteEndsOne(t *testing.T, sessions store.Sessions) {
	create(t, sessions, session("a"))
	create(t, sessions, session("b"))
	for range 2 {
		if err := sessions.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sessions.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of a deleted session: %v", err)
	}
	get(t, sessions, "b")
	create(t, sessions, session("a"))
	get(t, sessions, "a")
}

func callersBytesAreNotKept(t *testing.T, sessions store.Sessions) {
	created, updated := session("a"), []byte(`{"roots":{}}`)
	create(t, sessions, created)
	created.Capabilities[2] = 'X'
	if got := get(t, sessions, "a"); string(got.Capabilities) != `{"sampling":{}}` {
		t.Errorf("after Create: %s", got.Capabilities)
	}
	if err := sessions.Update(t.Context(), "a", func(s *store.Session) { s.Capabilities = updated }); err != nil {
		t.Fatal(err)
	}
	updated[2] = 'X'
	if got := get(t, sessions, "a"); string(got.Capabilities) != `{"roots":{}}` {
		t.Errorf("after Update: %s", got.Capabilities)
	}
}

func concurrent(t *testing.T, sessions store.Sessions) {
	ctx := context.WithoutCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 30 {
				id := fmt.Sprintf("s%d", (w+i)%10)
				if err := sessions.Create(ctx, session(id)); err != nil && !errors.Is(err, store.ErrSessionExists) {
					t.Error(err)
				}
				if s, err := sessions.Get(ctx, id); err == nil && s.ID != id || err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Get(%q) = %+v, %v", id, s, err)
				}
				err := sessions.Update(ctx, id, func(s *store.Session) { s.LogLevel = "debug" })
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
				if err := sessions.Delete(ctx, id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
