package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

// ledger is a limiter that never regains anything.
type ledger struct {
	mu    sync.Mutex
	taken map[string]int
}

func (l *ledger) Take(_ context.Context, name string, policy store.Policy, key string, n int) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := fmt.Sprintf("%s|%+v|%s", name, policy, key)
	if l.taken[at]+n > policy.Most() {
		return 1500 * time.Millisecond, nil
	}
	l.taken[at] += n
	return 0, nil
}

// broken is a limiter whose store is down.
type broken struct{}

func (broken) Take(context.Context, string, store.Policy, string, int) (time.Duration, error) {
	return 0, errors.New("connection refused")
}

// stuck is a limiter whose store does not answer.
type stuck struct{}

func (stuck) Take(ctx context.Context, _ string, _ store.Policy, _ string, _ int) (time.Duration, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestRateLimitOfReplicasMeetsInOneLimiter(t *testing.T) {
	shared := &ledger{taken: map[string]int{}}
	replica := func() *mcptest.Client {
		srv := newServer(nil)
		srv.Use(mw.RateLimitWithConfig(mw.RateLimitConfig{Name: "calls", Limiter: shared, Policy: store.SlidingWindow{Max: 2, Per: time.Minute}}))
		srv.Add(mcpecho.Service("tool", ok))
		return mcptest.New(t, srv).As(ann)
	}
	one, two := replica(), replica()
	equal(t, "one", one.Do("tool", nil).IsError, false)
	equal(t, "two", two.Do("tool", nil).IsError, false)
	for _, c := range []*mcptest.Client{one, two} {
		r := c.Do("tool", nil)
		if !r.IsError || r.Error.Type != mcpecho.TypeRate || r.Error.RetryAfter != 1500*time.Millisecond {
			t.Errorf("got %s", r.Body)
		}
		equal(t, "Retry-After", r.Header.Get("Retry-After"), "2")
	}
	equal(t, "takes", shared.taken["calls|{Max:2 Per:1m0s}|principal "+ann.Key()], 2)
	equal(t, "counts", len(shared.taken), 1)
}

func TestRateLimitWithoutItsStoreRefusesOrPassesAsConfigured(t *testing.T) {
	for _, tc := range []struct {
		name     string
		limiter  store.Limiter
		failOpen bool
		cause    string
	}{
		{"down, closed", broken{}, false, "connection refused"},
		{"down, open", broken{}, true, "connection refused"},
		{"no answer, closed", stuck{}, false, "deadline exceeded"},
		{"no answer, open", stuck{}, true, "deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			srv := newServer(nil, logTo(&log))
			srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(mw.RateLimitConfig{
				Rate: 1, Name: "calls", Limiter: tc.limiter, LimiterTimeout: time.Millisecond, FailOpen: tc.failOpen})))
			client := mcptest.New(t, srv).As(ann)
			for range 5 {
				r := client.Do("tool", nil)
				equal(t, "refused", r.IsError, !tc.failOpen)
				if r.IsError && (r.Error.Type != mcpecho.TypeRate || r.Error.RetryAfter != time.Second) {
					t.Errorf("got %s", r.Body)
				}
				if strings.Contains(string(r.Body), tc.cause) {
					t.Errorf("the cause is sent: %s", r.Body)
				}
			}
			contains(t, "log", log.String(), "a limiter is down")
			contains(t, "log", log.String(), "limit=calls")
			contains(t, "log", log.String(), tc.cause)
			contains(t, "log", log.String(), fmt.Sprint("calls_pass=", tc.failOpen))
			if strings.Contains(log.String(), "principal ") {
				t.Errorf("the key is logged: %s", log.String())
			}
		})
	}
}

func TestRateLimitLogsAnOutageOnceForManyCalls(t *testing.T) {
	var log bytes.Buffer
	srv := newServer(nil, logTo(&log))
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 1, Name: "calls", Limiter: broken{}, FailOpen: true})))
	client := mcptest.New(t, srv)
	began := time.Now()
	for range 50 {
		client.Do("tool", nil)
	}
	lines := strings.Count(log.String(), "a limiter is down")
	if most := 1 + int(time.Since(began)/time.Second); lines < 1 || lines > most {
		t.Errorf("%d lines, want at most %d", lines, most)
	}
}

func TestRateLimitDoesNotBlameTheStoreForACallThatTookTooLong(t *testing.T) {
	for _, failOpen := range []bool{false, true} {
		var log bytes.Buffer
		srv := newServer(nil, logTo(&log))
		srv.Add(mcpecho.Service("tool", ok, mw.Timeout(time.Millisecond), mw.RateLimitWithConfig(mw.RateLimitConfig{
			Rate: 1, Name: "calls", Limiter: stuck{}, LimiterTimeout: time.Hour, FailOpen: failOpen})))
		r := mcptest.New(t, srv).Do("tool", nil)
		if !r.IsError || r.Error.Type != mcpecho.TypeTimeout {
			t.Errorf("got %s", r.Body)
		}
		if strings.Contains(log.String(), "limiter is down") {
			t.Errorf("log: %s", log.String())
		}
	}
}

func TestRateLimitBoundsTheLengthOfKeysAndKeepsThemApart(t *testing.T) {
	shared := &ledger{taken: map[string]int{}}
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 1, Name: "calls", Limiter: shared})))
	client := mcptest.New(t, srv)
	for _, last := range []string{"a", "b"} {
		long := &mcpecho.Principal{ID: strings.Repeat("x", 1<<20) + last}
		equal(t, last+" refused", client.As(long).Do("tool", nil).IsError, false)
		equal(t, last+" refused again", client.As(long).Do("tool", nil).IsError, true)
	}
	for at := range shared.taken {
		if len(at) > 300 {
			t.Errorf("a key of %d bytes was given to the limiter", len(at))
		}
	}
}
