// Package store holds what the replicas of a server must share: the sessions of clients, and what
// callers have taken against limits. Each is a small interface with a form in memory, for a single
// process; for several, write a form on Redis or a database and let package storetest check it.
// Every method takes the context first, and every implementation is safe for concurrent use.
//
// # Sessions
//
// A server creates a session when a client sends initialize, and looks it up at every request:
//
//	sessions := store.NewMemorySessions(store.MemorySessionsConfig{Idle: time.Hour})
//	err := sessions.Create(ctx, store.Session{ID: id, Owner: "ann", Protocol: "2025-11-25"})
//	session, err := sessions.Get(ctx, id)
//
// Give it to a server as Config.Sessions; the default of a server is such a store with its
// defaults. [Sessions.Update] changes a session without losing what another request changes at the
// same time:
//
//	err = sessions.Update(ctx, id, func(s *store.Session) { s.LogLevel = "debug" })
//
// An id that is unknown and one that has expired are the same error, [ErrNotFound], so that nobody
// can find out which ids there were.
//
// # Room for sessions
//
// A client can open sessions without any cost, so [Sessions] has rules about who loses one when
// there is no room. It is the holder with the most sessions, as long as it still has as many as the
// newcomer after the loss. Otherwise the newcomer replaces a session of its own, and is refused
// when it has none. A holder is a named owner or, of anonymous sessions, a network; anonymous
// holders share half of the room. [MemorySessionsConfig] has the numbers:
//
//	sessions := store.NewMemorySessions(store.MemorySessionsConfig{PerOwner: 1})
//
// With it, a second session of an owner ends the first.
//
// # Limits
//
// A [Limiter] counts what a key takes of a limit. Take answers 0, or how long to wait:
//
//	limiter := store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: now})
//	policy := store.TokenBucket{Rate: 1, Burst: 2}
//	for range 3 {
//		wait, err := limiter.Take(ctx, "search", policy, "user ann", 1)
//		fmt.Println(wait, err)
//	}
//
// The step middleware.RateLimit is built on it, and so can an Echo middleware of yours be: the
// package knows neither MCP nor HTTP.
//
// # Three policies
//
//   - [TokenBucket] gives Burst at once and Rate per second in the long run. Take it unless you
//     need one of the others.
//   - [FixedWindow] gives Max in a window of time, which begins with the first take. It needs the
//     least memory, and allows twice Max around the end of a window.
//   - [SlidingWindow] gives no more than Max in any stretch of time. It remembers up to 64 takes of
//     each key.
//
// A policy with numbers that make no sense is refused by its Validate, and by Take.
//
//	err := store.FixedWindow{Max: 100}.Validate()
//
// # Bounded memory
//
// [MemoryLimiter] remembers a bounded number of keys, and so needs to know which of them a caller
// can make up. Begin those with [Anonymous], for instance the key of a network address: they have
// room of their own, and never push out the key of a verified caller.
//
//	wait, err := limiter.Take(ctx, "search", policy, store.Anonymous+"192.0.2.1", 1)
package store
