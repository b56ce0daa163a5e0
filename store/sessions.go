package store

import (
	"context"
	"time"
)

// MemorySessionsConfig bounds a MemorySessions. The zero value gives the defaults.
type MemorySessionsConfig struct {
	// Idle ends a session that was not used for so long. Optional. Default 30 minutes.
	Idle time.Duration
	// Absolute ends a session this long after its creation, used or not. Optional. Default 24 hours.
	Absolute time.Duration
	// PerOwner is how many sessions one named owner may hold; one more ends the owner's least recently used. Optional. Default 100.
	PerOwner int
	// Total is how many sessions there may be. Anonymous ones take at most half of it. Optional. Default 10 000.
	Total int
	// Now is the clock. Optional. Default time.Now.
	Now func() time.Time
}

// MemorySessions keeps sessions in the memory of this process. It runs no goroutine: expired sessions are removed in passing.
type MemorySessions struct{}

var _ Sessions = (*MemorySessions)(nil)

// NewMemorySessions returns an empty store.
func NewMemorySessions(cfg MemorySessionsConfig) *MemorySessions { panic("store: not written yet") }

func (m *MemorySessions) Create(ctx context.Context, s Session) error {
	panic("store: not written yet")
}
func (m *MemorySessions) Get(ctx context.Context, id string) (Session, error) {
	panic("store: not written yet")
}
func (m *MemorySessions) Update(ctx context.Context, id string, change func(*Session)) error {
	panic("store: not written yet")
}
func (m *MemorySessions) Delete(ctx context.Context, id string) error {
	panic("store: not written yet")
}
