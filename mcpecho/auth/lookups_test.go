package auth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
)

// flooded is a server that takes 100 requests at once, behind a bearer.
func flooded(bearer echo.MiddlewareFunc) func(authorization string) int {
	srv := newServer(func(cfg *mcpecho.Config) { cfg.MaxInFlight = 100 })
	srv.Add(mcpecho.Service("tool", ok))
	e := echo.New()
	srv.Mount(e.Group("/mcp"), bearer)
	return func(authorization string) int {
		return send(e, "tool", authorization).Code
	}
}

// flood sends 150 requests at once and waits until all have been answered but at most the 64 that
// may wait. The function that it returns waits for these too.
func flood(t *testing.T, call func(string) int, authorization func(i int) string) (rest func() map[int]int) {
	t.Helper()
	const requests, mayWait = 150, 64
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	var answered atomic.Int64
	for i := range requests {
		token := authorization(i)
		wg.Go(func() {
			code := call(token)
			answered.Add(1)
			mu.Lock()
			defer mu.Unlock()
			got[code]++
		})
	}
	wait.Until(t, "all answers but 64", func() bool { return answered.Load() >= requests-mayWait })
	return func() map[int]int {
		wg.Wait()
		return got
	}
}

// hold keeps the requests of a client back, from the call of begin to that of release. Meanwhile
// they do not heed the deadline of a look-up, so that the test may take its time.
func hold(t *testing.T, client *http.Client) (begin, release func()) {
	h := &holding{RoundTripper: client.Transport, released: make(chan struct{})}
	client.Transport = h
	release = sync.OnceFunc(func() { close(h.released) })
	t.Cleanup(release)
	return func() { h.held.Store(true) }, release
}

type holding struct {
	http.RoundTripper
	held     atomic.Bool
	released chan struct{}
}

func (h *holding) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.held.Load() {
		<-h.released
	}
	return h.RoundTripper.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
}

// hangs is an answer that does not come before release is called.
func hangs(t *testing.T, then http.HandlerFunc) (slow http.HandlerFunc, release func()) {
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
			then(w, r)
		case <-r.Context().Done():
		}
	}, release
}

func TestIntrospectionUnderAFloodServesWhoIsKnown(t *testing.T) {
	for name, tc := range map[string]struct {
		tokens    int // different ones
		mostAsked int64
	}{"of two tokens": {2, 2}, "of many tokens": {150, 64}} {
		t.Run(name, func(t *testing.T) {
			cfg, asked := introspection(t, func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("token") == "alice" {
					says(`{"active":true,"sub":"alice","aud":"https://api/mcp"}`)(w, r)
					return
				}
				says(`{"active":false}`)(w, r)
			})
			begin, release := hold(t, cfg.Client)
			call := flooded(guard(auth.Introspect(cfg)))
			equal(t, "alice before", call("Bearer alice"), http.StatusOK)
			asked.Store(0)
			begin()
			rest := flood(t, call, func(i int) string { return fmt.Sprint("Bearer bad-", i%tc.tokens) })
			for range 50 {
				equal(t, "alice meanwhile", call("Bearer alice"), http.StatusOK)
			}
			release()
			for code := range rest() {
				if code != http.StatusUnauthorized && code != http.StatusServiceUnavailable {
					t.Errorf("a request of the flood got %d", code)
				}
			}
			if got := asked.Load(); got > tc.mostAsked {
				t.Errorf("the authorization server was asked %d times, want at most %d", got, tc.mostAsked)
			}
			equal(t, "a refused token", call("Bearer bad-0"), http.StatusUnauthorized)
		})
	}
}

func TestIntrospectionOfALeavingCallerAnswersTheOthers(t *testing.T) {
	slow, release := hangs(t, says(`{"active":true,"sub":"ann","aud":"https://api/mcp"}`))
	began := make(chan struct{}, 1)
	cfg, asked := introspection(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		slow(w, r)
	})
	verifier := auth.Introspect(cfg)
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan error, 1)
	go func() {
		_, err := verifier.Verify(leaving, "token")
		left <- err
	}()
	<-began
	stayed := make(chan error, 1)
	go func() {
		_, err := verifier.Verify(t.Context(), "token")
		stayed <- err
	}()
	leave()
	if err := <-left; err == nil {
		t.Error("who left got an answer")
	}
	release()
	if err := <-stayed; err != nil {
		t.Errorf("who stayed: %v", err)
	}
	equal(t, "asked", asked.Load(), 1)
}

// unsigned is a token that names a key and is signed by nobody.
func unsigned(kid string) string {
	segment := base64.RawURLEncoding.EncodeToString
	head := segment([]byte(`{"alg":"EdDSA","kid":"` + kid + `"}`))
	return "Bearer " + head + "." + segment([]byte("{}")) + "." + segment([]byte(kid))
}

func TestJWKSUnderAFloodOfUnknownKeysServesWhoIsKnown(t *testing.T) {
	for name, refresh := range map[string]time.Duration{"fresh keys": time.Hour, "old keys": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, "a")
			begin, release := hold(t, i.server.Client())
			call := flooded(i.bearer(refresh))
			alice := i.token("a", "a").Header.Get("Authorization")
			equal(t, "alice before", call(alice), http.StatusOK)
			begin()
			rest := flood(t, call, func(n int) string { return unsigned(fmt.Sprint("made-up-", n)) })
			for range 50 {
				equal(t, "alice meanwhile", call(alice), http.StatusOK)
				equal(t, "another token of a known key", call(i.token("a", "a").Header.Get("Authorization")), http.StatusOK)
			}
			release()
			for code := range rest() {
				if code != http.StatusUnauthorized && code != http.StatusServiceUnavailable {
					t.Errorf("a request of the flood got %d", code)
				}
			}
		})
	}
}

func TestJWKSWithoutKeysYetLetsABoundedNumberWait(t *testing.T) {
	i := newIssuer(t, "a")
	begin, release := hold(t, i.server.Client())
	begin()
	call := flooded(i.bearer(time.Hour))
	rest := flood(t, call, func(n int) string {
		if n%2 == 0 {
			return unsigned(fmt.Sprint("made-up-", n))
		}
		return i.token("", "a").Header.Get("Authorization")
	})
	release()
	rest()
	equal(t, "fetches", i.fetches.Load(), 1)
	equal(t, "after it", call(i.token("a", "a").Header.Get("Authorization")), http.StatusOK)
}
