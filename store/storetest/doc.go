// Package storetest holds the contracts of package store as tests. Run them against a store of your
// own, for instance one on Redis or a database.
//
// # Sessions
//
// [Sessions] checks what [store.Sessions] says of its methods. It opens a store for each part of
// the contract:
//
//	func TestSessionsKeepTheContract(t *testing.T) {
//		storetest.Sessions(t, func() store.Sessions {
//			return store.NewMemorySessions(store.MemorySessionsConfig{})
//		})
//	}
//
// [SessionsWhenFull] checks who loses a session when there is no room. The store it opens must
// admit as many sessions as it is told, half of them anonymous:
//
//	func TestSessionsKeepTheContractWhenFull(t *testing.T) {
//		storetest.SessionsWhenFull(t, func(total int) store.Sessions {
//			return store.NewMemorySessions(store.MemorySessionsConfig{Total: total, PerOwner: total})
//		})
//	}
//
// # Limits
//
// [Limiter] checks the three policies, that a wait is as long as told, and that callers at the same
// time never take more than there is. It moves the clock of the limiter itself, so open returns a
// function for that too:
//
//	func TestLimiterKeepsTheContract(t *testing.T) {
//		storetest.Limiter(t, func() (store.Limiter, func(time.Duration)) {
//			now := time.Unix(1_800_000_000, 0)
//			limiter := store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: func() time.Time { return now }})
//			return limiter, func(d time.Duration) { now = now.Add(d) }
//		})
//	}
//
// The clock must stand still otherwise, so a limiter on a database must take its time from the
// caller in tests, not from the database.
package storetest
