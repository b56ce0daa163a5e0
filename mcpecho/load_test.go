package mcpecho_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// crowded is a blocking server whose caller is what the header X-User says, anonymous without it,
// and whose clients have the address of the header X-Peer.
type crowded struct {
	*bundle
	started chan struct{}
	release func()
	done    chan streamed
}

func crowd(t *testing.T, change ...func(*mcpecho.Config)) *crowded {
	b, started, release := blocking(t, change...)
	b.e = echo.New()
	b.srv.Mount(b.e.Group("/mcp"), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if user := c.Request().Header.Get("X-User"); user != "" {
				mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: user})
			}
			return next(c)
		}
	})
	return &crowded{b, started, release, make(chan streamed, 100)}
}

// peer sends a modern request from an address.
func (c *crowded) peer(addr, user, method, params string, headers ...string) reply {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s%s}}`, method, params, meta)
	req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
	req.RemoteAddr = addr
	headers = append(headers, "Content-Type", "application/json", "X-User", user,
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", "block")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	c.e.ServeHTTP(rec, req)
	return reply{Status: rec.Code, Header: rec.Header(), Body: rec.Body.String()}
}

// hold starts n calls that run until release, and waits until they do.
func (c *crowded) hold(n int, addr, user string, headers ...string) {
	c.t.Helper()
	for range n {
		go func() {
			c.done <- streamed{reply: c.peer(addr, user, "tools/call", `"name":"block",`, headers...)}
		}()
		await(c.t, "a call to run", c.started)
	}
}

func (c *crowded) served(want bool, addr, user string, headers ...string) {
	c.t.Helper()
	r := c.peer(addr, user, "server/discover", "", headers...)
	if (r.Status == http.StatusOK) != want || !want && (r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "") {
		c.t.Errorf("%s at %s: status %d, want it served: %v", user, addr, r.Status, want)
	}
}

func TestOnePrincipalHoldsAtMostAQuarterOfWhatIsServed(t *testing.T) {
	c := crowd(t, func(cfg *mcpecho.Config) { cfg.MaxInFlight = 8 })
	c.hold(2, "192.0.2.1:1", "mallory")
	c.served(false, "198.51.100.7:1", "mallory")
	if log := c.log.String(); !strings.Contains(log, "reason=share") || !strings.Contains(log, "principal=mallory") {
		t.Errorf("log: %s", log)
	}
	c.served(true, "192.0.2.1:1", "alice")
	for _, user := range []string{"a", "b", "c"} {
		c.hold(2, "192.0.2.1:1", user)
	}
	c.served(false, "192.0.2.1:1", "alice") // now all eight places are taken
	c.release()
	for range 8 {
		await(t, "the calls to end", c.done)
	}
	for _, user := range []string{"mallory", "alice", "a"} {
		c.served(true, "192.0.2.1:1", user)
	}
}

func TestAnonymousCallersOfManyNetworksLeaveHalfToOthers(t *testing.T) {
	c := crowd(t, func(cfg *mcpecho.Config) { cfg.MaxInFlight = 8 })
	for i := range 4 {
		c.hold(1, fmt.Sprintf("192.0.2.%d:1", i), "")
	}
	c.served(false, "198.51.100.7:1", "")
	for _, user := range []string{"a", "b"} {
		c.hold(2, "192.0.2.1:1", user)
	}
	c.served(false, "192.0.2.9:1", "c")
	c.release()
	for range 8 {
		await(t, "the calls to end", c.done)
	}
	c.served(true, "198.51.100.7:1", "")
}

func TestAnonymousCallersAreCountedByNetwork(t *testing.T) {
	tests := map[string]struct{ held, same, other string }{
		"IPv4":        {"192.0.2.1:1", "192.0.2.1:999", "192.0.2.2:1"},
		"IPv6":        {"[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:1::1]:1"},
		"mapped IPv4": {"192.0.2.1:1", "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"},
		"no address":  {"@", "@", "192.0.2.1:1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := crowd(t, func(cfg *mcpecho.Config) { cfg.MaxInFlight = 4 })
			defer c.release()
			c.hold(1, tt.held, "")
			c.served(false, tt.same, "", "X-Forwarded-For", "203.0.113.5") // anybody can write that
			c.served(true, tt.other, "")
			c.served(true, tt.held, "alice")
		})
	}
	t.Run("behind a proxy that Echo knows", func(t *testing.T) {
		c := crowd(t, func(cfg *mcpecho.Config) { cfg.MaxInFlight = 4 })
		defer c.release()
		c.e.IPExtractor = echo.ExtractIPFromXFFHeader()
		c.hold(1, "10.0.0.1:1", "", "X-Forwarded-For", "203.0.113.5")
		c.served(false, "10.0.0.1:1", "", "X-Forwarded-For", "203.0.113.5")
		c.served(true, "10.0.0.1:1", "", "X-Forwarded-For", "203.0.113.6")
	})
}

func TestSlowBodiesTakeNoPlaceFromCalls(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxInFlight = 4 })
	started, let := make(chan struct{}), make(chan struct{})
	b.srv.Add(mcpecho.Service("block", func(*mcpecho.Call, none) (string, error) {
		started <- struct{}{}
		<-let
		return "done", nil
	}))
	entered := make(chan struct{}, 10)
	b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().Header.Get("X-Slow") != "" {
				c.Request().Body = announced{c.Request().Body, entered}
			}
			return next(c)
		}
	})
	l := listen(b)
	done := make(chan reply, 1)
	go func() { done <- b.call("block", `{}`) }() // from another network
	await(t, "the call", started)

	slow := l.raw(1000, "{", "X-Slow", "1")
	await(t, "the slow body", entered)
	r := l.raw(len(callBig), callBig, append([]string{"Connection", "close"}, bigHeaders...)...)
	if status, _ := l.cut(r); status != http.StatusServiceUnavailable {
		t.Errorf("a second body of the network: status %d", status)
	}
	expect(t, b.modern("server/discover", "", "X-Real-Ip", "x"), 503, -32603) // its one place is the call's
	close(let)
	if r := <-done; r.text() != "done" {
		t.Errorf("the call: %s", r.Body)
	}
	expect(t, b.modern("server/discover", ""), 200, 0)
	_ = slow.Close()
}

// announced is a body that says when it is read.
type announced struct {
	body interface {
		Read([]byte) (int, error)
		Close() error
	}
	read chan struct{}
}

func (a announced) Read(p []byte) (int, error) {
	select {
	case a.read <- struct{}{}:
	default:
	}
	return a.body.Read(p)
}

func (a announced) Close() error { return a.body.Close() }

func TestAuthenticationTakesNoPlace(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxInFlight = 1 })
	b.e = echo.New()
	asked, answer := make(chan struct{}), make(chan struct{})
	b.srv.Mount(b.e.Group("/mcp"), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().Header.Get("Authorization") != "" {
				asked <- struct{}{}
				<-answer
				return echo.ErrUnauthorized
			}
			return next(c)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.send(http.MethodPost, discover, append([]string{"Authorization", "Bearer x"}, discoverHeaders...)...)
	}()
	await(t, "the authentication", asked)
	expect(t, b.modern("server/discover", ""), 200, 0)
	close(answer)
	await(t, "the refusal", done)
}

// Shutdown that cannot wait any longer must not leave a call behind that uses a database which the
// application closes next.
func TestShutdownAtItsDeadlineEndsTheCallsWithACause(t *testing.T) {
	for _, wire := range []string{"modern", "dated"} {
		t.Run(wire, func(t *testing.T) {
			x := startExporting(t)
			causes := make(chan error, 1)
			x.srv.Add(mcpecho.Service("patient", func(c *mcpecho.Call, _ none) (string, error) {
				x.started <- "patient"
				<-c.Ctx().Done()
				causes <- context.Cause(c.Ctx())
				return "", c.Ctx().Err()
			}))
			session := x.initialize()
			done := make(chan reply, 2)
			for _, tool := range []string{"patient", "export"} {
				go func() {
					if wire == "dated" {
						done <- x.send(http.MethodPost, fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":{"name":%q}}`, tool, tool),
							"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
					} else {
						done <- x.call(tool, `{}`)
					}
				}()
				await(t, "the call", x.started)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := x.srv.Shutdown(ctx); err == nil {
				t.Error("Shutdown says that all has ended")
			}
			if cause := await(t, "the handler", causes); cause != mcpecho.ErrShutdown {
				t.Errorf("the cause is %v", cause)
			}
			for range 2 {
				expect(t, await(t, "the reply", done), http.StatusServiceUnavailable, -32603)
			}
			if err := x.srv.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if n := x.count(); n != 0 {
				t.Errorf("%d rows committed", n)
			}
		})
	}
}
