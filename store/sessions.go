package store

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
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
//
// A named owner over PerOwner loses its own least recently used session and is not refused. Anonymous callers share the owner "", so PerOwner does not bind it;
// together they hold at most half of Total and likewise lose their least recently used. When Total is reached, an owner that has sessions gives up its least recently
// used, and one that has none is refused: nobody can push out another's session.
type MemorySessions struct {
	cfg   MemorySessionsConfig
	start time.Time // times are kept as nanoseconds since then, so a wall clock set back ends nothing early or late
	seed  maphash.Seed
	byID  [shards]shard

	mu     sync.Mutex // guards the rankings; taken before the lock of a shard
	count  uint64     // of sessions ever made
	all    ranking    // by when they expire
	owners map[string]*ranking
}

const shards = 64

// shard is a part of the sessions by id, so that Gets do not meet at one lock.
type shard struct {
	sync.RWMutex
	entries map[string]*entry
}

// entry is a stored session. Its state is replaced, never changed.
type entry struct {
	state   atomic.Pointer[Session]
	seen    atomic.Int64
	id      string
	owner   string
	created int64
	number  uint64
	ranks   [2]rank // in all and in that of its owner
}

var _ Sessions = (*MemorySessions)(nil)

// NewMemorySessions returns an empty store.
func NewMemorySessions(cfg MemorySessionsConfig) *MemorySessions {
	cfg.Idle = cmp.Or(max(cfg.Idle, 0), 30*time.Minute)
	cfg.Absolute = cmp.Or(max(cfg.Absolute, 0), 24*time.Hour)
	cfg.PerOwner = cmp.Or(max(cfg.PerOwner, 0), 100)
	cfg.Total = cmp.Or(max(cfg.Total, 0), 10_000)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &MemorySessions{cfg: cfg, start: cfg.Now(), seed: maphash.MakeSeed(), owners: make(map[string]*ranking)}
	m.all = ranking{index: byExpiry, value: m.expiry}
	for i := range m.byID {
		m.byID[i].entries = make(map[string]*entry)
	}
	return m
}

// Create implements Sessions.
func (m *MemorySessions) Create(_ context.Context, s Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	at := m.since(now)
	for e := m.all.least(); e != nil && m.expiry(e) <= at; e = m.all.least() {
		m.remove(e)
	}
	if m.find(s.ID) != nil {
		return ErrSessionExists
	}
	own := m.owners[s.Owner]
	if n := own.len(); n > 0 && (n >= m.share(s.Owner) || m.all.len() >= m.cfg.Total) {
		m.remove(own.least())
	}
	if m.all.len() >= m.cfg.Total {
		return ErrSessionLimit
	}
	s.Created, s.Seen = now, now
	s.Capabilities = bytes.Clone(s.Capabilities)
	m.count++
	m.insert(&s, at)
	return nil
}

// Get implements Sessions.
func (m *MemorySessions) Get(_ context.Context, id string) (Session, error) {
	e, now := m.use(id)
	if e == nil {
		return Session{}, ErrNotFound
	}
	s := *e.state.Load()
	s.Seen = now
	return s, nil
}

// Update implements Sessions.
func (m *MemorySessions) Update(_ context.Context, id string, change func(*Session)) error {
	e, now := m.use(id)
	if e == nil {
		return ErrNotFound
	}
	for {
		old := e.state.Load()
		s := *old
		s.Seen = now
		change(&s)
		s.ID, s.Owner, s.Created = old.ID, old.Owner, old.Created
		s.Capabilities = bytes.Clone(s.Capabilities)
		if e.state.CompareAndSwap(old, &s) {
			return nil
		}
	}
}

// Delete implements Sessions.
func (m *MemorySessions) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.find(id); e != nil {
		m.remove(e)
	}
	return nil
}

// Len is how many sessions are held, expired ones that nothing passed by yet included.
func (m *MemorySessions) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.len()
}

// use finds a session and moves its time of use to now; it ends one that has expired.
func (m *MemorySessions) use(id string) (*entry, time.Time) {
	e := m.find(id)
	if e == nil {
		return nil, time.Time{}
	}
	now := m.cfg.Now()
	at := m.since(now)
	if m.expiry(e) <= at {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.find(id) == e {
			m.remove(e)
		}
		return nil, time.Time{}
	}
	for seen := e.seen.Load(); seen < at && !e.seen.CompareAndSwap(seen, at); seen = e.seen.Load() {
	}
	return e, now
}

// share is how many sessions owner may hold.
func (m *MemorySessions) share(owner string) int {
	if owner == "" {
		return max(1, m.cfg.Total/2)
	}
	return m.cfg.PerOwner
}

func (m *MemorySessions) since(now time.Time) int64 { return int64(now.Sub(m.start)) }

// expiry is when e ends unless it is used again.
func (m *MemorySessions) expiry(e *entry) int64 {
	return min(e.seen.Load()+int64(m.cfg.Idle), e.created+int64(m.cfg.Absolute))
}

func (m *MemorySessions) shard(id string) *shard {
	return &m.byID[maphash.String(m.seed, id)%shards]
}

func (m *MemorySessions) find(id string) *entry {
	s := m.shard(id)
	s.RLock()
	e := s.entries[id]
	s.RUnlock()
	return e
}

// insert stores a new session; m.mu is held.
func (m *MemorySessions) insert(s *Session, at int64) {
	e := &entry{id: s.ID, owner: s.Owner, created: at, number: m.count}
	e.state.Store(s)
	e.seen.Store(at)
	own := m.owners[e.owner]
	if own == nil {
		own = &ranking{index: byUse, value: func(e *entry) int64 { return e.seen.Load() }}
		m.owners[e.owner] = own
	}
	own.add(e)
	m.all.add(e)
	sh := m.shard(e.id)
	sh.Lock()
	sh.entries[e.id] = e
	sh.Unlock()
}

// remove ends a stored session; m.mu is held.
func (m *MemorySessions) remove(e *entry) {
	sh := m.shard(e.id)
	sh.Lock()
	delete(sh.entries, e.id)
	sh.Unlock()
	m.all.remove(e)
	own := m.owners[e.owner]
	if own.remove(e); own.len() == 0 {
		delete(m.owners, e.owner)
	}
}
