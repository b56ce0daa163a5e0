package auth_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

var key = []byte("0123456789abcdef0123456789abcdef")

func claims(change jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://issuer", "sub": "ann", "aud": "https://api", "scope": "invoices:read invoices:write",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.Claims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hs256(t testing.TB, change jwt.MapClaims) string {
	return sign(t, jwt.SigningMethodHS256, key, claims(change))
}

// guard is the middleware that asks a verifier.
func guard(v auth.Verifier) echo.MiddlewareFunc {
	return mw.BearerWithConfig(mw.BearerConfig{Verifier: v})
}

// door sends one request through the middleware. It returns the response and the principal that the
// handler behind it saw, nil when it was not reached.
func door(bearer echo.MiddlewareFunc, request *http.Request) (*httptest.ResponseRecorder, *auth.Principal) {
	e := echo.New()
	var seen *auth.Principal
	e.GET("/", func(ec echo.Context) error {
		seen = mcpecho.PrincipalFrom(ec)
		return ec.NoContent(http.StatusOK)
	}, bearer)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, request)
	return rec, seen
}

func status(bearer echo.MiddlewareFunc, r *http.Request) int {
	rec, _ := door(bearer, r)
	return rec.Code
}

func get(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	return r
}

func newServer(change ...func(*mcpecho.Config)) *mcpecho.Server {
	cfg := mcpecho.Config{Name: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	return mcpecho.New(cfg)
}

type nothing struct{}

func ok(*mcpecho.Call, nothing) (map[string]bool, error) { return map[string]bool{"ok": true}, nil }

// send sends one tools/call of the modern wire.
func send(e *echo.Echo, tool, authorization string) *httptest.ResponseRecorder {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	r.Header.Set("Mcp-Method", "tools/call")
	r.Header.Set("Mcp-Name", tool)
	r.Header.Set("Authorization", authorization)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	return rec
}

// logged is what a server writes to its log while one request goes through the door, and the status
// of the answer.
func logged(door echo.MiddlewareFunc, authorization string) (lines string, status int) {
	var log bytes.Buffer
	srv := newServer(func(cfg *mcpecho.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	srv.Add(mcpecho.Service("tool", ok, mw.Public("a test"), mcpecho.Describe("It is a test.")))
	e := echo.New()
	srv.Mount(e.Group("/mcp"), door)
	log.Reset()
	rec := send(e, "tool", authorization)
	return log.String(), rec.Code
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func contains(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %q does not contain %q", what, got, want)
	}
}

// panics runs f and returns the text it panicked with.
func panics(t testing.TB, f func()) (text string) {
	t.Helper()
	defer func() {
		v := recover()
		if v == nil {
			t.Error("did not panic")
			return
		}
		text, _ = v.(string)
	}()
	f()
	return ""
}

var ann = &auth.Principal{Issuer: "https://issuer", Subject: "ann", Scopes: []string{"invoices:read"}}
