package middleware_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

var otherKey = []byte("another key of thirty-two bytes!")

// openSession begins a dated session and returns its id.
func openSession(t *testing.T, e *echo.Echo, path, token string) string {
	t.Helper()
	rec := dated(e, path, token, "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	id := rec.Header().Get("Mcp-Session-Id")
	if id == "" {
		t.Fatalf("no session: %d %s", rec.Code, rec.Body)
	}
	return id
}

func dated(e *echo.Echo, path, token, session, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+token)
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
		r.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	return rec
}

func TestCallersOfTwoKeysDoNotMeet(t *testing.T) {
	const call = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"tool","arguments":{}}}`
	for name, tc := range map[string]struct {
		a, b   mw.BearerConfig
		status int // of a request at b with the session of a
	}{
		"two keys":                {mw.BearerConfig{Key: key}, mw.BearerConfig{Key: otherKey}, http.StatusNotFound},
		"one key":                 {mw.BearerConfig{Key: otherKey}, mw.BearerConfig{Key: otherKey}, http.StatusOK},
		"two keys of one issuer":  {mw.BearerConfig{Key: key, Issuer: "https://issuer"}, mw.BearerConfig{Key: otherKey, Issuer: "https://issuer"}, http.StatusOK},
		"one of them is declared": {mw.BearerConfig{Key: key, Issuer: "https://issuer"}, mw.BearerConfig{Key: otherKey}, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(nil)
			srv.Use(mw.RateLimitWithConfig(slowly(1)))
			srv.Add(mcpecho.Service("tool", ok))
			e := echo.New()
			srv.Mount(e.Group("/a"), mw.BearerWithConfig(tc.a))
			srv.Mount(e.Group("/b"), mw.BearerWithConfig(tc.b))
			one, two := sign(t, jwt.SigningMethodHS256, tc.a.Key, claims(nil)), sign(t, jwt.SigningMethodHS256, tc.b.Key, claims(nil))
			session := openSession(t, e, "/a", one)
			equal(t, "at a", dated(e, "/a", one, session, call).Code, http.StatusOK)
			equal(t, "at b with the session of a", dated(e, "/b", two, session, call).Code, tc.status)
			rec := dated(e, "/b", two, openSession(t, e, "/b", two), call)
			equal(t, "one limit for both", strings.Contains(rec.Body.String(), "rate_limited"), tc.status == http.StatusOK)
		})
	}
}

func TestCallersOfAPublicKeyBelongToIt(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		token := sign(t, jwt.SigningMethodEdDSA, private, claims(nil))
		for range 2 { // as two replicas
			_, p := door(mw.BearerWithConfig(mw.BearerConfig{PublicKey: public}), get("Bearer "+token))
			seen[p.Key()] = true
		}
		_, p := door(mw.BearerWithConfig(mw.BearerConfig{PublicKey: public, Issuer: "https://issuer"}), get("Bearer "+token))
		equal(t, "caller of a checked issuer", p.Key(), "https://issuer\x00ann")
	}
	equal(t, "different callers", len(seen), 2)
}

func TestTheNameOfACallerDoesNotHaveItsKey(t *testing.T) {
	_, p := door(mw.Bearer(key), get("Bearer "+hs256(t, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()})))
	if strings.Contains(p.Key(), string(key)) || !strings.HasPrefix(p.Key(), "key:") || !strings.HasSuffix(p.Key(), "\x00https://issuer\x00ann") {
		t.Errorf("key %q", p.Key())
	}
	equal(t, "issuer", p.Issuer, "https://issuer")
	equal(t, "subject", p.Subject, "ann")
}
