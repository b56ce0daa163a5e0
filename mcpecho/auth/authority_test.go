package auth_test

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
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
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
	type mount struct {
		key    []byte
		issuer string
	}
	verified := func(m mount) echo.MiddlewareFunc {
		return guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(m.key), Issuer: m.issuer}))
	}
	for name, tc := range map[string]struct {
		a, b   mount
		status int // of a request at b with the session of a
	}{
		"two keys":                {mount{key, ""}, mount{otherKey, ""}, http.StatusNotFound},
		"one key":                 {mount{otherKey, ""}, mount{otherKey, ""}, http.StatusOK},
		"two keys of one issuer":  {mount{key, "https://issuer"}, mount{otherKey, "https://issuer"}, http.StatusOK},
		"one of them is declared": {mount{key, "https://issuer"}, mount{otherKey, ""}, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer()
			srv.Use(mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: rate.Every(time.Hour), Burst: 1}))
			srv.Add(mcpecho.Service("tool", ok))
			e := echo.New()
			srv.Mount(e.Group("/a"), verified(tc.a))
			srv.Mount(e.Group("/b"), verified(tc.b))
			one, two := sign(t, jwt.SigningMethodHS256, tc.a.key, claims(nil)), sign(t, jwt.SigningMethodHS256, tc.b.key, claims(nil))
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
			_, p := door(guard(auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public)})), get("Bearer "+token))
			seen[p.Key()] = true
		}
		_, p := door(guard(auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public), Issuer: "https://issuer"})), get("Bearer "+token))
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
