package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/middleware"
)

// whoKey is where a middleware of net/http leaves the user of a request.
type whoKey struct{}

// whoFromHeader is the login of an application without Echo.
func whoFromHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, r.Header.Get("X-User"))))
	})
}

// identifies takes what that login has found.
func identifies(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		user, _ := c.Request().Context().Value(whoKey{}).(string)
		if user == "" {
			return echo.ErrUnauthorized
		}
		mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: user, Scopes: []string{"w:read"}})
		return next(c)
	}
}

// The server has no Echo of its own: net/http calls it.
func ExampleServer_Handler() {
	hello := func(c *mcpecho.Call, _ struct{}) (string, error) { return "hello " + c.Principal().Subject, nil }
	srv := mcpecho.New(mcpecho.Config{Name: "hello"})
	srv.Add(mcpecho.Service("hello", hello, middleware.Scopes("w:read")))

	mux := http.NewServeMux()
	mux.Handle("/mcp", whoFromHeader(srv.Handler(identifies)))
	web := httptest.NewServer(mux)
	defer web.Close()

	for _, user := range []string{"ada", ""} {
		req, _ := http.NewRequest(http.MethodPost, web.URL+"/mcp", strings.NewReader(callOf("hello", "{}")))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("MCP-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", "hello")
		req.Header.Set("X-User", user)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(res.StatusCode, strings.Contains(string(body), "hello ada"))
	}
	// Output:
	// 200 true
	// 401 false
}

func callOf(tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s,%s}}`, tool, arguments, meta)
}

// through sends one message to a handler of net/http.
func through(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "w_hello"} {
		req.Header.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestAHandlerServesWhateverPathItIsGiven(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test"})
	srv.Add(mcpecho.Service("w.hello", func(c *mcpecho.Call, _ none) (string, error) { return "hi " + c.Path(), nil }))
	h := srv.Handler()
	mux := http.NewServeMux()
	mux.Handle("/a/mcp", h)
	mux.Handle("/b/", http.StripPrefix("/b", h))
	mux.Handle("/c", http.StripPrefix("/c", h)) // an empty path
	mux.Handle("/tenants/{tenant}/mcp", h)
	for _, target := range []string{"/a/mcp", "/b/", "/b/x/y", "/c", "/tenants/7/mcp"} {
		if r := through(mux, "POST", target, callOf("w_hello", "{}")); r.Code != 200 || !strings.Contains(r.Body.String(), "hi ") {
			t.Errorf("%s: %d %s", target, r.Code, r.Body)
		}
	}
	for method, status := range map[string]int{"GET": 405, "HEAD": 405, "PUT": 405, "BREW": 405, "OPTIONS": 204, "DELETE": 405} {
		if r := through(mux, method, "/a/mcp", ""); r.Code != status {
			t.Errorf("%s: %d, want %d: %s", method, r.Code, status, r.Body)
		}
	}
	if r := through(mux, "POST", "/a/mcp", callOf("w_hello", "{}"), "Origin", "https://evil.example"); r.Code != 403 {
		t.Errorf("a foreign origin: %d", r.Code)
	}
}

func TestAHandlerServesSessionsOfDatedClients(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test"})
	srv.Add(mcpecho.Service("w.hello", func(*mcpecho.Call, none) (string, error) { return "hi", nil }))
	h := srv.Handler()
	dated := []string{"MCP-Protocol-Version", "2025-11-25", "Mcp-Method", "", "Mcp-Name", ""}
	first := through(h, "POST", "/", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`, dated...)
	id := first.Header().Get("Mcp-Session-Id")
	if id == "" {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	dated = append(dated, "Mcp-Session-Id", id)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"w_hello"}}`
	if r := through(h, "POST", "/", call, dated...); !strings.Contains(r.Body.String(), "hi") {
		t.Error(r.Code, r.Body)
	}
	if r := through(h, "DELETE", "/", "", dated...); r.Code != 204 {
		t.Error(r.Code, r.Body)
	}
	if r := through(h, "POST", "/", call, dated...); r.Code != 404 {
		t.Error(r.Code, r.Body)
	}
}

func TestWhatTheMiddlewaresOfAHandlerRefuseIsAnsweredAndLogged(t *testing.T) {
	log := &strings.Builder{}
	b := setup(t, func(c *mcpecho.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	b.srv.Add(mcpecho.Service("w.hello", func(*mcpecho.Call, none) (string, error) { return "hi", nil }))
	refuses := func(err error) echo.MiddlewareFunc {
		return func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return err } }
	}
	for status, err := range map[int]error{401: echo.ErrUnauthorized, 500: errors.New("dsn=secret")} {
		log.Reset()
		r := through(b.srv.Handler(refuses(err)), "POST", "/", callOf("w_hello", "{}"))
		if r.Code != status || strings.Contains(r.Body.String(), "secret") || !strings.Contains(log.String(), "mcpecho: refused") {
			t.Errorf("%d %s\n%s", r.Code, r.Body, log)
		}
	}
	panics := func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { panic("secret") } }
	if r := through(b.srv.Handler(panics), "POST", "/", callOf("w_hello", "{}")); r.Code != 500 || strings.Contains(r.Body.String(), "secret") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

func TestAHandlerStreamsAndEndsWithItsClient(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test"})
	ended := make(chan error, 1)
	srv.Add(mcpecho.Service("w.hello", func(c *mcpecho.Call, _ none) (string, error) {
		c.Progress(1, 2, "half")
		<-c.Ctx().Done()
		ended <- c.Ctx().Err()
		return "", c.Ctx().Err()
	}))
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	body := strings.Replace(callOf("w_hello", "{}"), `"_meta":{`, `"_meta":{"progressToken":1,`, 1)
	req, err := http.NewRequestWithContext(ctx, "POST", web.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "w_hello"} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	some := make([]byte, 200)
	n, err := io.ReadAtLeast(res.Body, some, 20)
	if err != nil || !strings.Contains(res.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%v %q %v", err, some[:n], res.Header)
	}
	res.Body.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the call goes on without its client")
	}
}

func TestThePeerOfAHandlerIsWhatTheServerAroundSays(t *testing.T) {
	found := func(cfg mcpecho.Config, remote string, headers ...string) (network netip.Prefix) {
		srv := mcpecho.New(cfg)
		srv.Add(mcpecho.Service("w.hello", func(c *mcpecho.Call, _ none) (string, error) { network = c.Network(); return "", nil }))
		h := srv.Handler()
		through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.RemoteAddr = remote; h.ServeHTTP(w, r) }),
			"POST", "/", callOf("w_hello", "{}"), headers...)
		return network
	}
	plain := mcpecho.Config{Name: "test"}
	behind := mcpecho.Config{Name: "test", Echo: echo.New()}
	behind.Echo.IPExtractor = echo.ExtractIPFromXFFHeader()
	for name, tt := range map[string]struct {
		cfg    mcpecho.Config
		remote string
		want   string
	}{
		"the connection":                      {plain, "192.0.2.1:1234", "192.0.2.1/32"},
		"what a middleware of net/http found": {plain, "203.0.113.9", "203.0.113.9/32"},
		"what the application's Echo finds":   {behind, "10.0.0.1:1234", "198.51.100.7/32"},
	} {
		if got := found(tt.cfg, tt.remote, "X-Forwarded-For", "198.51.100.7").String(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestAHandlerReportsWhatCheckFinds(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test", Strict: true})
	srv.Add(mcpecho.Service("w.hello", func(*mcpecho.Call, none) (string, error) { return "hi", nil }))
	defer func() {
		if recover() == nil {
			t.Error("Strict lets an unguarded tool pass")
		}
	}()
	srv.Handler()
}
