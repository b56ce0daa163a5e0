package storetest_test

import (
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
	"github.com/mcpecho/kit/store/storetest"
)

func TestSessionsKeepTheContract(t *testing.T) {
	storetest.Sessions(t, func() store.Sessions {
		return store.NewMemorySessions(store.MemorySessionsConfig{})
	})
}

func TestSessionsKeepTheContractWhenFull(t *testing.T) {
	storetest.SessionsWhenFull(t, func(total int) store.Sessions {
		return store.NewMemorySessions(store.MemorySessionsConfig{Total: total, PerOwner: total})
	})
}

func TestLimiterKeepsTheContract(t *testing.T) {
	storetest.Limiter(t, func() (store.Limiter, func(time.Duration)) {
		now := time.Unix(1_800_000_000, 0)
		limiter := store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: func() time.Time { return now }})
		return limiter, func(d time.Duration) { now = now.Add(d) }
	})
}
