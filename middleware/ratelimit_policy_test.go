package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

// clock is a time that moves only when told to.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func TestRateLimitFollowsItsPolicy(t *testing.T) {
	type call struct {
		at         time.Duration
		retryAfter string // the header; "" when the call passes
	}
	s := time.Second
	for name, tc := range map[string]struct {
		cfg   mw.RateLimitConfig
		calls []call
	}{
		"fixed window": {
			mw.RateLimitConfig{Policy: store.FixedWindow{Max: 2, Per: 60 * s}},
			[]call{{0, ""}, {10 * s, ""}, {20 * s, "40"}, {60*s - 1, "1"}, {60 * s, ""}, {60 * s, ""}, {60 * s, "60"}},
		},
		"token bucket": {
			mw.RateLimitConfig{Rate: 1, Burst: 2},
			[]call{{0, ""}, {0, ""}, {0, "1"}, {s, ""}, {s, "1"}, {10 * s, ""}, {10 * s, ""}, {10 * s, "1"}},
		},
		"token bucket as a policy": {
			mw.RateLimitConfig{Policy: store.TokenBucket{Rate: 0.5, Burst: 1}},
			[]call{{0, ""}, {0, "2"}, {s, "1"}, {2 * s, ""}, {2 * s, "2"}},
		},
		"sliding window": {
			mw.RateLimitConfig{Policy: store.SlidingWindow{Max: 2, Per: 60 * s}},
			[]call{{59 * s, ""}, {59 * s, ""}, {61 * s, "58"}, {119*s - 1, "1"}, {119 * s, ""}, {120 * s, ""}, {120 * s, "59"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := new(clock)
			tc.cfg.Name, tc.cfg.Limiter = "calls", store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: at.now})
			srv := newServer(nil)
			srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(tc.cfg)))
			writer := mcptest.New(t, srv).As(ann)
			for i, call := range tc.calls {
				at.nanos.Store(int64(call.at))
				r := writer.Do("tool", nil)
				equal(t, fmt.Sprintf("call %d at %s, Retry-After", i, call.at), r.Header.Get("Retry-After"), call.retryAfter)
				equal(t, "status", r.Status, http.StatusOK)
				equal(t, "refused", r.IsError, call.retryAfter != "")
				if r.IsError && (r.Error.Type != mcpecho.TypeRate || r.Error.RetryAfter <= 0) {
					t.Errorf("%s", r.Body)
				}
			}
			equal(t, "another caller is refused", writer.As(bob).Do("tool", nil).IsError, false)
		})
	}
}

func TestRateLimitCountsByKey(t *testing.T) {
	tenant := func(c *mcpecho.Call) string { return c.Principal().Claims.(string) }
	ann1 := &mcpecho.Principal{ID: "ann", Claims: "one"}
	bob1 := &mcpecho.Principal{ID: "bob", Claims: "one"}
	cid2 := &mcpecho.Principal{ID: "cid", Claims: "two"}
	type call struct {
		as      *mcpecho.Principal
		tool    string
		refused bool
	}
	for name, tc := range map[string]struct {
		key   func(*mcpecho.Call) string
		calls []call
	}{
		"default":     {nil, []call{{ann1, "a", false}, {ann1, "b", true}, {bob1, "a", false}}},
		"ByPrincipal": {mw.ByPrincipal, []call{{ann1, "a", false}, {ann1, "b", true}, {bob1, "a", false}}},
		"ByTool":      {mw.ByTool, []call{{ann1, "a", false}, {bob1, "a", true}, {nil, "a", true}, {bob1, "b", false}, {ann1, "b", true}}},
		"ByPrincipalAndTool": {mw.ByPrincipalAndTool,
			[]call{{ann1, "a", false}, {ann1, "b", false}, {bob1, "a", false}, {ann1, "a", true}, {nil, "a", false}, {nil, "a", true}}},
		"tenant": {tenant, []call{{ann1, "a", false}, {bob1, "b", true}, {cid2, "a", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := slowly(1)
			cfg.Key = tc.key
			srv := newServer(nil)
			srv.Use(mw.RateLimitWithConfig(cfg))
			srv.Add(mcpecho.Service("a", ok), mcpecho.Service("b", ok))
			client := mcptest.New(t, srv)
			for i, call := range tc.calls {
				equal(t, fmt.Sprint("call ", i, " refused"), client.As(call.as).Do(call.tool, nil).IsError, call.refused)
			}
		})
	}
}

func TestRateLimitKeepsAnonymousCallersApartFromPrincipals(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.RateLimitWithConfig(slowly(1))))
	client := mcptest.New(t, srv)
	equal(t, "anonymous", client.Do("tool", nil).IsError, false)
	for _, id := range []string{"192.0.2.1", "address 192.0.2.1", "127.0.0.1"} {
		equal(t, "a principal called "+id, client.As(&mcpecho.Principal{ID: id}).Do("tool", nil).IsError, false)
	}
	equal(t, "anonymous again", client.Do("tool", nil).IsError, true)
}

func TestRateLimitOfResourcesPromptsAndCompletions(t *testing.T) {
	type topic struct {
		Name string `json:"name" validate:"required"`
	}
	suggest := mcpecho.Complete("name", func(*mcpecho.Call, string, map[string]string) ([]string, error) { return []string{"x"}, nil })
	for name, use := range map[string]func(*mcptest.Client) *mcptest.Response{
		"resource":          func(c *mcptest.Client) *mcptest.Response { return &c.Read("notes://today").Response },
		"resource template": func(c *mcptest.Client) *mcptest.Response { return &c.Read("notes://on/x").Response },
		"prompt": func(c *mcptest.Client) *mcptest.Response {
			return &c.Prompt("sum", map[string]string{"name": "x"}).Response
		},
		"completion": func(c *mcptest.Client) *mcptest.Response { return &c.Complete("sum", "name", "", nil).Response },
		"template completion": func(c *mcptest.Client) *mcptest.Response {
			return &c.Complete("notes://on/{name}", "name", "", nil).Response
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := new(clock)
			srv := newServer(nil)
			srv.Use(mw.RateLimitWithConfig(mw.RateLimitConfig{Policy: store.FixedWindow{Max: 2, Per: time.Minute},
				Name: "calls", Limiter: store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: at.now})}))
			srv.Add(
				mcpecho.Resource("notes://today", func(*mcpecho.Call, nothing) (string, error) { return "x", nil }),
				mcpecho.Resource("notes://on/{name}", func(_ *mcpecho.Call, in topic) (string, error) { return in.Name, nil }, suggest),
				mcpecho.Prompt("sum", func(_ *mcpecho.Call, in topic) (string, error) { return in.Name, nil }, suggest),
			)
			client := mcptest.New(t, srv).As(ann)
			for range 2 {
				if r := use(client); r.RPCError != nil {
					t.Fatalf("refused: %s", r.Body)
				}
			}
			at.advance(20 * time.Second)
			r := use(client)
			if r.RPCError == nil || r.RPCError.Code != http.StatusTooManyRequests {
				t.Fatalf("not refused: %s", r.Body)
			}
			contains(t, "data", string(r.RPCError.Data), `"retryAfterMs":40000`)
			equal(t, "Retry-After", r.Header.Get("Retry-After"), "40")
			at.advance(40 * time.Second)
			if r := use(client); r.RPCError != nil {
				t.Errorf("refused in the next window: %s", r.Body)
			}
		})
	}
}

func TestRateLimitDoesNotChargeWhoIsNotPermitted(t *testing.T) {
	srv := newServer(nil)
	srv.Use(mw.RateLimitWithConfig(slowly(1)))
	srv.Add(mcpecho.Service("secret", ok, mw.Scopes("admin")), mcpecho.Service("open", ok))
	client := mcptest.New(t, srv).As(ann)
	for range 3 {
		equal(t, "status of secret", client.Do("secret", nil).Status, http.StatusForbidden)
	}
	equal(t, "open is refused", client.Do("open", nil).IsError, false)
	equal(t, "open is refused then", client.Do("open", nil).IsError, true)
}

func TestRateLimitThatRefusesChargesNoneAfterIt(t *testing.T) {
	at := new(clock)
	memory := store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: at.now})
	limited := func(policy store.Policy) mcpecho.Step {
		return mw.RateLimitWithConfig(mw.RateLimitConfig{Policy: policy, Name: "calls", Limiter: memory})
	}
	first, second := limited(store.FixedWindow{Max: 1, Per: time.Minute}), limited(store.FixedWindow{Max: 2, Per: time.Hour})
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, first, second))
	client := mcptest.New(t, srv).As(ann)
	for minute := range 3 {
		for i := range 5 {
			want := ""
			switch {
			case minute == 2 && i == 0:
				want = fmt.Sprint(58 * 60) // now it is the second
			case i > 0:
				want = "60"
			}
			equal(t, fmt.Sprintf("minute %d, call %d", minute, i), client.Do("tool", nil).Header.Get("Retry-After"), want)
		}
		at.advance(time.Minute)
	}
}

func TestRateLimitSaysWhatIsWrongWithItsConfiguration(t *testing.T) {
	for want, cfg := range map[string]mw.RateLimitConfig{
		"of 0 calls per second must be positive":          {},
		"Rate or Burst: use one of the two":               {Rate: 1, Policy: store.FixedWindow{Max: 1, Per: time.Second}},
		"a Policy and a Rate or Burst":                    {Burst: 1, Policy: store.FixedWindow{Max: 1, Per: time.Second}},
		"make Max at least 1":                             {Policy: store.FixedWindow{Per: time.Second}},
		"Per at least 1ms":                                {Policy: store.SlidingWindow{Max: 1}},
		"make Burst at least 1":                           {Policy: store.TokenBucket{Rate: 1}},
		"is a *store.FixedWindow: use a TokenBucket":      {Policy: &store.FixedWindow{Max: 1, Per: time.Second}},
		"requires a Name":                                 {Rate: 1, Limiter: broken{}},
		"LimiterTimeout or Burst is negative: leave it 0": {Rate: 1, LimiterTimeout: -1},
	} {
		_, err := cfg.ToStep()
		if err == nil || !strings.HasPrefix(err.Error(), "middleware: ratelimit ") && !strings.HasPrefix(err.Error(), "middleware: ratelimit:") {
			t.Errorf("%+v: %v", cfg, err)
			continue
		}
		contains(t, "error", err.Error(), want)
	}
}
