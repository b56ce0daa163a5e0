package auth

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// tokenCache remembers what was found out about tokens, by their digests: a copy of the memory
// gives no token away. A nil cache remembers nothing.
type tokenCache[V any] struct {
	entries *lru.Cache[[sha256.Size]byte, cached[V]]
}

type cached[V any] struct {
	value V
	until time.Time // zero: as long as there is room
}

// newTokenCache makes a cache of at most size tokens, none when size is not positive.
func newTokenCache[V any](size int) *tokenCache[V] {
	if size <= 0 {
		return nil
	}
	entries, err := lru.New[[sha256.Size]byte, cached[V]](size)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return &tokenCache[V]{entries}
}

func (c *tokenCache[V]) get(token [sha256.Size]byte) (v V, ok bool) {
	if c == nil {
		return v, false
	}
	e, ok := c.entries.Get(token)
	if ok && !e.until.IsZero() && time.Now().After(e.until) {
		c.entries.Remove(token)
		return v, false
	}
	return e.value, ok
}

// put remembers a value, for at most the time unless that is 0.
func (c *tokenCache[V]) put(token [sha256.Size]byte, v V, atMost time.Duration) {
	if c == nil {
		return
	}
	e := cached[V]{value: v}
	if atMost > 0 {
		e.until = time.Now().Add(atMost)
	}
	c.entries.Add(token, e)
}

func (c *tokenCache[V]) remove(token [sha256.Size]byte) {
	if c != nil {
		c.entries.Remove(token)
	}
}
