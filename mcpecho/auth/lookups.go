package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxLookups bounds how many questions to another server run at once, and how many callers wait for
// one: an identity provider that hangs must not hold all the requests that a server may have in
// progress.
const maxLookups = 64

// errLookups is the answer to who would have to wait beyond that.
var errLookups = errors.New("auth: too many callers wait for tokens to be verified")

// lookups asks about keys, about each once at a time whoever wants to know. What is asked goes on
// when the caller that began it leaves, since others may wait for it. The zero value is ready.
type lookups[K comparable, V any] struct {
	mu      sync.Mutex
	waiting int
	running map[K]*lookup[V]
}

type lookup[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// do returns what ask returns, its own or that of a caller before.
func (l *lookups[K, V]) do(ctx context.Context, key K, ask func(context.Context) (V, error)) (v V, err error) {
	asked, err := l.join(ctx, key, ask)
	if err != nil {
		return v, err
	}
	defer l.leave()
	select {
	case <-asked.done:
		return asked.value, asked.err
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

func (l *lookups[K, V]) join(ctx context.Context, key K, ask func(context.Context) (V, error)) (*lookup[V], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.running[key]
	if l.waiting >= maxLookups || found == nil && len(l.running) >= maxLookups {
		return nil, errLookups
	}
	l.waiting++
	if found != nil {
		return found, nil
	}
	if l.running == nil {
		l.running = map[K]*lookup[V]{}
	}
	began := &lookup[V]{done: make(chan struct{})}
	l.running[key] = began
	go l.run(context.WithoutCancel(ctx), key, began, ask)
	return began, nil
}

func (l *lookups[K, V]) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
}

func (l *lookups[K, V]) run(ctx context.Context, key K, found *lookup[V], ask func(context.Context) (V, error)) {
	found.err = errors.New("auth: the look-up ended without an answer")
	defer func() {
		if v := recover(); v != nil { // nobody above this goroutine would
			found.err = fmt.Errorf("auth: the look-up panicked: %v", v)
		}
		l.mu.Lock()
		delete(l.running, key)
		l.mu.Unlock()
		close(found.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout+time.Second)
	defer cancel()
	found.value, found.err = ask(ctx)
}
