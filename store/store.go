// Package store holds the small interfaces behind which lives everything that the replicas of a server must share, and their in-memory forms for a single
// process. Every method takes the context first, and every implementation is safe for concurrent use.
package store

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound means the id is unknown or has expired; callers cannot tell which.
	ErrNotFound = errors.New("store: no such session: start a new one with initialize")
	// ErrSessionLimit means a cap refuses another session.
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
	Created, Seen time.Time // Create sets both when they are zero
}

// Sessions stores sessions.
type Sessions interface {
	// Create stores s. It returns ErrSessionLimit when a cap refuses it and ErrSessionExists when the id is taken.
	Create(ctx context.Context, s Session) error
	// Get returns the session and counts as a use of it: Seen moves to now. It returns ErrNotFound when the id is unknown or expired.
	Get(ctx context.Context, id string) (Session, error)
	// Update changes a session atomically: no other Update of the same session runs between the read and the write. ID, Owner and Created cannot be changed.
	// It counts as a use. It returns ErrNotFound when the id is unknown or expired.
	Update(ctx context.Context, id string, change func(*Session)) error
	// Delete ends a session. Delete of an unknown id is a no-op and returns nil.
	Delete(ctx context.Context, id string) error
}
