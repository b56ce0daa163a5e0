package middleware_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

func nan() float64 { return math.NaN() }
func inf() float64 { return math.Inf(1) }

// slowly is a limit under which nothing is regained during a test.
func slowly(burst int) mw.RateLimitConfig {
	return mw.RateLimitConfig{Rate: rate.Every(time.Hour), Burst: burst}
}

func TestRateLimitRefusesAboveTheBurstAndSaysWhenToComeBack(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(slowly(2))))
	c := mcptest.New(t, srv).As(ann)
	for range 2 {
		equal(t, "text", c.Do("tool", nil).Text, `{"ok":true}`)
	}
	var waits []time.Duration
	for range 3 {
		r := c.Do("tool", nil)
		if !r.IsError || r.Error.Type != mcpecho.TypeRate {
			t.Fatalf("not refused: %s", r.Body)
		}
		contains(t, "message", r.Error.Message, "too many calls: try again in ")
		equal(t, "Retry-After", r.Header.Get("Retry-After"), fmt.Sprint(int(math.Ceil(r.Error.RetryAfter.Seconds()))))
		waits = append(waits, r.Error.RetryAfter)
	}
	// Had a refusal cost something, the next one would wait an hour longer.
	for _, w := range waits {
		if w > time.Hour || w < 59*time.Minute {
			t.Errorf("RetryAfter %s is not nearly an hour: %v", w, waits)
		}
	}
}

func TestRateLimitRunsBeforeArgumentsAreDecoded(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(slowly(1))))
	c := mcptest.New(t, srv).As(ann)
	equal(t, "first", c.Do("tool", map[string]any{"x": 1}).Error.Type, mcpecho.TypeValidation)
	equal(t, "second", c.Do("tool", map[string]any{"x": 1}).Error.Type, mcpecho.TypeRate)
}

func TestRateLimitIsOnePerStepValueAndCaller(t *testing.T) {
	shared := mw.RateLimitWithConfig(slowly(1))
	srv := newServer(nil)
	srv.Add(
		mcpecho.Service("one", ok, shared), mcpecho.Service("two", ok, shared),
		mcpecho.Service("other", ok, mw.RateLimitWithConfig(slowly(1))))
	client := mcptest.New(t, srv)
	for _, tc := range []struct {
		as      *mcpecho.Principal
		tool    string
		refused bool
	}{
		{ann, "one", false}, {ann, "two", true}, {ann, "other", false},
		{bob, "two", false}, {bob, "one", true},
		{nil, "one", false}, {nil, "two", true},
	} {
		equal(t, fmt.Sprintf("%v %s refused", tc.as, tc.tool), client.As(tc.as).Do(tc.tool, nil).IsError, tc.refused)
	}
}

func TestRateLimitNeverLetsMoreThanTheBurstThroughConcurrently(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(slowly(5))))
	client := mcptest.New(t, srv).As(ann)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if !client.Do("tool", nil).IsError {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	equal(t, "passed", passed.Load(), 5)
}

func TestRateLimitOfSeveralStepsHoldsEach(t *testing.T) {
	srv := newServer(nil)
	srv.Use(mw.RateLimitWithConfig(slowly(3)))
	srv.Add(mcpecho.Service("strict", ok, mw.RateLimitWithConfig(slowly(1))), mcpecho.Service("lax", ok))
	c := mcptest.New(t, srv).As(ann)
	for i, want := range []bool{false, true, true} {
		equal(t, fmt.Sprint("strict call ", i), c.Do("strict", nil).IsError, want)
	}
	equal(t, "lax", c.Do("lax", nil).IsError, true)
}

func TestRateLimitKeyAndSkipper(t *testing.T) {
	cfg := slowly(1)
	cfg.Key = func(c *mcpecho.Call) string { return strings.Repeat("x", 1<<20) + c.Principal().Issuer }
	cfg.Skipper = func(ec echo.Context) bool { return mcpecho.CallFrom(ec).Principal() == nil }
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(cfg)))
	client := mcptest.New(t, srv)
	equal(t, "ann", client.As(ann).Do("tool", nil).IsError, false)
	equal(t, "bob, same key", client.As(bob).Do("tool", nil).IsError, true)
	for range 3 {
		equal(t, "anonymous is skipped", client.Do("tool", nil).IsError, false)
	}
}

func TestRateLimitForgetsWhoWasQuietLongest(t *testing.T) {
	cfg := slowly(1)
	cfg.Name, cfg.Limiter = "calls", store.NewMemoryLimiter(store.MemoryLimiterConfig{MaxKeys: 2})
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(cfg)))
	client := mcptest.New(t, srv)
	refused := func(who string) bool {
		return client.As(&mcpecho.Principal{ID: who}).Do("tool", nil).IsError
	}
	for i, tc := range []struct {
		who  string
		want bool
	}{
		{"a", false}, {"b", false}, {"a", true}, // b is now the oldest
		{"c", false}, {"a", true}, {"b", false}, // b was forgotten, and now c is
		{"a", true},
	} {
		equal(t, fmt.Sprint(i, tc.who), refused(tc.who), tc.want)
	}
}

// forwardedFor believes a proxy.
func forwardedFor(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }

func TestRateLimitOfAnonymousCallersIsByNetwork(t *testing.T) {
	for name, tc := range map[string]struct {
		extractor echo.IPExtractor
		calls     []string // addresses; the second call from a network is refused
		refused   []bool
	}{
		"behind a proxy that Echo knows": {forwardedFor,
			[]string{"203.0.113.1", "203.0.113.1", "::ffff:203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"},
			[]bool{false, true, true, false, false, true, false}},
		"whose header nobody vouches for": {nil, []string{"203.0.113.1", "203.0.113.2", "made up"}, []bool{false, true, true}},
	} {
		srv := newServer(nil)
		limit := mw.RateLimitWithConfig(slowly(1))
		srv.Add(mcpecho.Service("tool", ok, mw.Public("a test"), limit))
		e := echo.New()
		e.IPExtractor = tc.extractor
		srv.Mount(e.Group("/mcp"))
		for i, forwarded := range tc.calls {
			rec := send(e, "tool", map[string]string{"X-Forwarded-For": forwarded, "X-Real-IP": forwarded})
			equal(t, fmt.Sprint(name, i, " ", forwarded), strings.Contains(rec.Body.String(), "rate_limited"), tc.refused[i])
		}
	}
}

func TestRateLimitOfAPrincipalOutlivesMadeUpAddresses(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.Public("a test"), mw.RateLimitWithConfig(mw.RateLimitConfig{Policy: store.FixedWindow{Max: 1, Per: 24 * time.Hour}})))
	mallory := mcptest.New(t, srv).As(&mcpecho.Principal{ID: "mallory"})
	equal(t, "first", mallory.Do("tool", nil).IsError, false)
	e := echo.New()
	e.IPExtractor = forwardedFor
	srv.Mount(e.Group("/mcp"))
	for i := range 10_100 {
		rec := send(e, "tool", map[string]string{"X-Forwarded-For": fmt.Sprintf("10.0.%d.%d", i/250, i%250)})
		if passed := !strings.Contains(rec.Body.String(), "rate_limited"); passed != (i < 10_000) {
			t.Fatalf("address %d: %s", i, rec.Body)
		}
	}
	equal(t, "refused after them", mallory.Do("tool", nil).IsError, true)
	equal(t, "another principal is refused", mcptest.New(t, srv).As(ann).Do("tool", nil).IsError, false)
}
