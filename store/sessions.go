package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound means the id is unknown or has expired; callers cannot tell which.
	ErrNotFound = errors.New("store: no such session: start a new one with initialize")
	// ErrSessionLimit means that there is no room for another session, and none that may be ended
	// for it.
	ErrSessionLimit = errors.New("store: too many sessions: end one or raise the limit")
	// ErrSessionExists means the id given to Create is in use.
	ErrSessionExists = errors.New("store: the session id is in use: make ids from crypto/rand")
)

// Session is what a server keeps of a client that opened a session with initialize.
type Session struct {
	ID            string // made by the caller from at least 128 random bits
	Owner         string // the principal it belongs to; empty for anonymous callers
	Protocol      string // the negotiated protocol version
	ClientName    string
	ClientVersion string
	Capabilities  []byte // the client's, as a JSON object; never modified in place
	LogLevel      string
	Subscriptions []Digest  // of the URIs that the client watches; replaced as a whole, never changed in place
	Created, Seen time.Time // set by the store

	// Network is where an anonymous session was opened from. Anonymous sessions are counted by it,
	// and it decides nothing else: the client may go on from another network. Empty for named
	// owners.
	Network string
}

// Digest stands for a text of any length that has to be recognised but not read.
type Digest [16]byte

// Sessions stores sessions. A client can open sessions without any cost, so a store limits how many
// there are, by these rules:
//
//   - A session that is not used within about a minute of its creation ends.
//   - A holder is a named owner or, of anonymous sessions, a network. A holder over a limit of its
//     own loses its least recently used session.
//   - When there is no room, the holder with the most sessions loses its least recently used one,
//     if it then still has as many as the one that comes; otherwise the one that comes replaces its
//     own, and is refused when it has none. So no holder loses a session to one that has as many,
//     and a few holders cannot keep a new one out, however many sessions they open.
//
// Counts may be approximate for a moment where several processes share a store.
type Sessions interface {
	// Create stores a copy of s and sets its Created and Seen to now. It returns ErrSessionLimit
	// when there is no room, and ErrSessionExists when the id is taken; the session that has the id
	// stays as it is.
	Create(ctx context.Context, s Session) error
	// Get returns the session and counts as a use of it: Seen moves to now. It returns ErrNotFound
	// when the id is unknown or expired.
	Get(ctx context.Context, id string) (Session, error)
	// Update changes a session atomically: no other Update of the same session comes between the
	// read and the write. change may run several times, each time on a fresh copy, so it must do
	// nothing else; what it does to ID, Owner, Created and Seen is ignored. Update counts as a use.
	// It returns ErrNotFound, without running change, when the id is unknown or expired.
	Update(ctx context.Context, id string, change func(*Session)) error
	// Delete ends a session. Delete of an unknown id is a no-op and returns nil.
	Delete(ctx context.Context, id string) error
}
