package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/mcpecho/kit/store"
)

// A session is created, found, changed and ended by its id.
func ExampleSessions() {
	ctx := context.Background()
	id := rand.Text()
	sessions := store.NewMemorySessions(store.MemorySessionsConfig{Idle: time.Hour})
	err := sessions.Create(ctx, store.Session{ID: id, Owner: "ann", Protocol: "2025-11-25"})
	if err != nil {
		panic(err)
	}
	session, err := sessions.Get(ctx, id)
	if err != nil {
		panic(err)
	}
	fmt.Println(session.Owner, session.Protocol)

	err = sessions.Update(ctx, id, func(s *store.Session) { s.LogLevel = "debug" })
	if err != nil {
		panic(err)
	}
	if err := sessions.Delete(ctx, id); err != nil {
		panic(err)
	}
	_, err = sessions.Get(ctx, id)
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// ann 2025-11-25
	// true
}

// An owner over the limit loses the session that was used least recently.
func ExampleMemorySessionsConfig() {
	ctx := context.Background()
	sessions := store.NewMemorySessions(store.MemorySessionsConfig{PerOwner: 1})
	for _, id := range []string{"first", "second"} {
		if err := sessions.Create(ctx, store.Session{ID: id, Owner: "ann"}); err != nil {
			panic(err)
		}
	}
	for _, id := range []string{"first", "second"} {
		_, err := sessions.Get(ctx, id)
		fmt.Println(id, err)
	}
	// Output:
	// first store: no such session: start a new one with initialize
	// second <nil>
}
