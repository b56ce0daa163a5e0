package store

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MemorySessionsConfig bounds a MemorySessions. The zero value gives the defaults.
type MemorySessionsConfig struct {
	// Idle ends a session that was not used for so long. Optional. Default 30 minutes.
	Idle time.Duration
	// Unused ends a session that was never used after its creation. Optional. Default 1 minute.
	Unused time.Duration
	// Absolute ends a session this long after its creation, used or not. Optional. Default 24
	// hours.
	Absolute time.Duration
	// PerOwner is how many sessions one named owner may hold; one more ends the owner's least
	// recently used. Optional. Default 100.
	PerOwner int
	// Total is how many sessions there may be. Anonymous ones take at most half of it. Optional.
	// Default 10 000.
	Total int
	// Now is the clock. Optional. Default time.Now.
	Now func() time.Time
}

// MemorySessions keeps sessions in the memory of this process, by the rules of Sessions. It runs no
// goroutine: an expired session is removed by the next Create, or when it is asked for. PerOwner is
// a limit for named owners only. A network may be that of many people, so its sessions are limited
// only by the half of Total that all anonymous callers share.
type MemorySessions struct {
	cfg   MemorySessionsConfig
	start time.Time // times are kept as nanoseconds since then, so a wall clock set back ends nothing early or late
	seed  maphash.Seed
	byID  [shards]shard

	mu      sync.Mutex // guards what follows; taken before the lock of a shard
	count   uint64     // of sessions ever made
	all     ranking    // by when they expire
	holders map[holderKey]*holder
	crowds  [2]crowd // named, anonymous
}

const shards = 64

// shard holds a part of the sessions by id, so that Gets do not all wait for one lock.
type shard struct {
	sync.RWMutex
	entries map[string]*entry
}

// entry is a stored session. Its state is replaced, never changed.
type entry struct {
	state   atomic.Pointer[Session]
	seen    atomic.Int64
	used    atomic.Bool
	id      string
	holder  *holder
	created int64
	number  uint64

	byExpiry rank // among all
	byUse    rank // among those of its holder
}

var _ Sessions = (*MemorySessions)(nil)

// NewMemorySessions returns an empty store.
func NewMemorySessions(cfg MemorySessionsConfig) *MemorySessions {
	cfg.Idle = cmp.Or(max(cfg.Idle, 0), 30*time.Minute)
	cfg.Unused = cmp.Or(max(cfg.Unused, 0), time.Minute)
	cfg.Absolute = cmp.Or(max(cfg.Absolute, 0), 24*time.Hour)
	cfg.PerOwner = cmp.Or(max(cfg.PerOwner, 0), 100)
	cfg.Total = cmp.Or(max(cfg.Total, 0), 10_000)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &MemorySessions{cfg: cfg, start: cfg.Now(), seed: maphash.MakeSeed(), holders: make(map[holderKey]*holder)}
	m.all = ranking{value: m.expiry}
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
	if !m.makeRoom(keyOf(&s)) {
		return ErrSessionLimit
	}
	s.Created, s.Seen = now, now
	s.Capabilities, s.Subscriptions = bytes.Clone(s.Capabilities), slices.Clone(s.Subscriptions)
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
		s.ID, s.Owner, s.Network, s.Created = old.ID, old.Owner, old.Network, old.Created
		s.Capabilities, s.Subscriptions = bytes.Clone(s.Capabilities), slices.Clone(s.Subscriptions)
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

// Len is how many sessions are held, including expired ones that were not removed yet.
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
	if !e.used.Load() {
		e.used.Store(true)
	}
	for seen := e.seen.Load(); seen < at && !e.seen.CompareAndSwap(seen, at); seen = e.seen.Load() {
	}
	return e, now
}

// makeRoom makes room for one more session of a holder, ending another one if it has to. It returns
// false when there is no room and none may be ended; m.mu is held.
func (m *MemorySessions) makeRoom(key holderKey) bool {
	own, kind := m.holders[key], key.kind()
	switch half := max(1, m.cfg.Total/2); {
	case kind == named && own.len() >= m.cfg.PerOwner:
		m.remove(own.sessions.least())
		return true
	case kind == anonymous && m.crowds[anonymous].sessions >= half:
		return m.replace(own, m.crowds[anonymous].most())
	case m.all.len() >= m.cfg.Total:
		most := m.crowds[named].most()
		if other := m.crowds[anonymous].most(); other.len() > most.len() {
			most = other
		}
		return m.replace(own, most)
	}
	return true
}

// replace ends a session of most if that leaves it at least as many as own will have, and else one
// of own. It returns false when own has none.
func (m *MemorySessions) replace(own, most *holder) bool {
	if most.len() <= own.len()+1 {
		most = own
	}
	if most.len() == 0 {
		return false
	}
	m.remove(most.sessions.least())
	return true
}

func (m *MemorySessions) since(now time.Time) int64 { return int64(now.Sub(m.start)) }

// expiry is when e ends unless it is used again.
func (m *MemorySessions) expiry(e *entry) int64 {
	idle := m.cfg.Idle
	if !e.used.Load() {
		idle = min(idle, m.cfg.Unused)
	}
	return min(e.seen.Load()+int64(idle), e.created+int64(m.cfg.Absolute))
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
	key := keyOf(s)
	h := m.holders[key]
	if h == nil {
		h = newHolder(key)
		m.holders[key] = h
	}
	e := &entry{id: s.ID, holder: h, created: at, number: m.count}
	e.state.Store(s)
	e.seen.Store(at)
	m.crowds[key.kind()].add(h, e)
	m.all.add(e, &e.byExpiry)
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
	m.all.remove(&e.byExpiry)
	h := e.holder
	if m.crowds[h.key.kind()].remove(h, e); h.len() == 0 {
		delete(m.holders, h.key)
	}
}
