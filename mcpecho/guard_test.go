package mcpecho_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

const discover = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`

var discoverHeaders = []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "server/discover"}

func zipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAGzipBodyIsBoundedByItsInflatedSize(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxBodyBytes = 10_000 })
	gz := append([]string{"Content-Encoding", "gzip"}, discoverHeaders...)
	expect(t, b.send(http.MethodPost, zipped(t, discover), gz...), 200, 0)
	expect(t, b.send(http.MethodPost, discover, gz...), 200, 0) // a middleware inflated it before
	bomb := zipped(t, discover+strings.Repeat(" ", 50<<20))
	if len(bomb) > 100_000 {
		t.Fatal("not a bomb")
	}
	expect(t, b.send(http.MethodPost, bomb, gz...), 413, -32600)
	expect(t, b.send(http.MethodPost, zipped(t, discover)[:40], gz...), 400, -32600)
}

func TestGuardsRunBeforeTheAuthenticationOfTheMount(t *testing.T) {
	e := echo.New()
	asked := 0
	srv := mcpecho.New(mcpecho.Config{Name: "t", Origins: []string{"https://app.example.com"}})
	srv.Mount(e.Group("/mcp"), func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			asked++
			return c.NoContent(http.StatusUnauthorized)
		}
	})
	b := &bundle{t: t, e: e}
	for name, tt := range map[string]struct {
		method, origin string
		status, asked  int
	}{
		"foreign origin":    {http.MethodPost, "https://evil.example", 403, 0},
		"listed origin":     {http.MethodPost, "https://app.example.com", 401, 1},
		"preflight":         {http.MethodOptions, "https://app.example.com", 204, 0},
		"foreign preflight": {http.MethodOptions, "https://evil.example", 403, 0},
		"method":            {http.MethodGet, "", 405, 0},
	} {
		asked = 0
		if r := b.send(tt.method, discover, "Origin", tt.origin); r.Status != tt.status || asked != tt.asked {
			t.Errorf("%s: status %d, authentication asked %d times", name, r.Status, asked)
		}
	}
	r := b.send(http.MethodPost, discover, "Origin", "https://app.example.com")
	if r.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || !strings.Contains(r.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
		t.Errorf("a page cannot read its 401: %v", r.Header)
	}
}

func TestPreflightAllowsWhatMCPClientsSendAndNothingElse(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Origins = []string{"https://app.example.com"} })
	r := b.send(http.MethodOptions, "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization, content-type, mcp-protocol-version, Mcp-Param-Region, x-evil")
	want := map[string]string{
		"Access-Control-Allow-Origin":  "https://app.example.com",
		"Access-Control-Allow-Methods": "POST, DELETE",
		"Access-Control-Allow-Headers": "authorization, content-type, mcp-protocol-version, mcp-param-region",
		"Access-Control-Max-Age":       "600",
	}
	for name, value := range want {
		if got := r.Header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if r.Status != 204 || !strings.Contains(strings.Join(r.Header["Vary"], ","), "Origin") {
		t.Errorf("status %d, Vary %v", r.Status, r.Header["Vary"])
	}
	if h := setup(t).modern("server/discover", "").Header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "" {
		t.Errorf("a server without origins speaks of them: %v", h)
	}
}

func TestCrossSiteRequestsWithoutAnOriginAreRefused(t *testing.T) {
	b := setup(t)
	expect(t, b.modern("server/discover", "", "Sec-Fetch-Site", "cross-site"), 403, -32600)
	expect(t, b.modern("server/discover", "", "Sec-Fetch-Site", "same-origin"), 200, 0)
}

// blocking is a server with a tool that runs until the test lets it go.
func blocking(t *testing.T, change ...func(*mcpecho.Config)) (b *bundle, started chan struct{}, release func()) {
	b = setup(t, change...)
	started, let := make(chan struct{}), make(chan struct{})
	b.srv.Add(mcpecho.Service("block", func(*mcpecho.Call, none) (string, error) {
		started <- struct{}{}
		<-let
		return "done", nil
	}))
	return b, started, func() { close(let) }
}

func TestMoreRequestsThanAllowedAtOnceAreRefused(t *testing.T) {
	b, started, release := blocking(t, func(c *mcpecho.Config) { c.MaxInFlight = 1 })
	done := make(chan reply)
	go func() { done <- b.call("block", `{}`) }()
	<-started
	r := b.modern("server/discover", "")
	expect(t, r, 503, -32603)
	if r.Header.Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
	release()
	<-done
	expect(t, b.modern("server/discover", ""), 200, 0)
}

func TestShutdownRefusesNewRequestsAndWaitsForRunningOnes(t *testing.T) {
	b, started, release := blocking(t)
	done := make(chan reply, 1)
	go func() { done <- b.call("block", `{}`) }()
	<-started
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := b.srv.Shutdown(short); err == nil {
		t.Error("Shutdown did not wait")
	}
	expect(t, b.modern("server/discover", ""), 503, -32603)
	release()
	if err := b.srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if r := <-done; r.text() != "done" {
		t.Errorf("the running call ended with %s", r.Body)
	}
}

func TestAPanicOutsideOfTheChainIsContained(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("x", func(*mcpecho.Call, none) (string, error) { return "", (*brokenError)(nil) }))
	expect(t, b.call("x", `{}`), 200, -32603)
	expect(t, b.modern("server/discover", ""), 200, 0)
}

// brokenError panics when it is looked at, as a nil pointer of an error type does.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func TestEachRefusalIsLoggedWithOneReason(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool())
	for reason, send := range map[string]func() reply{
		"origin":          func() reply { return b.modern("server/discover", "", "Origin", "https://evil.example") },
		"content_type":    func() reply { return b.modern("server/discover", "", "Content-Type", "text/plain") },
		"message":         func() reply { return b.send(http.MethodPost, "x") },
		"header_mismatch": func() reply { return b.modern("server/discover", "", "Mcp-Method", "x") },
		"session_missing": func() reply { return b.dated("", "ping", "") },
		"session_unknown": func() reply { return b.dated("x", "ping", "") },
		"unknown_method":  func() reply { return b.modern("no/such", "") },
		"invalid_params":  func() reply { return b.call("nope", `{}`) },
		"validation_error": func() reply {
			return b.call("say", `{"text":7}`)
		},
	} {
		b.log.Reset()
		send()
		if log := b.log.String(); strings.Count(log, "reason="+reason+" ") != 1 {
			t.Errorf("%s: log = %s", reason, log)
		}
	}
}
