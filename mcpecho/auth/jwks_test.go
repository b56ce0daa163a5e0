package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho/auth"
)

// issuer serves a key set over https and counts how often it is asked.
type issuer struct {
	t       *testing.T
	server  *httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int64
	private map[string]ed25519.PrivateKey
}

func newIssuer(t *testing.T, kids ...string) *issuer {
	i := &issuer{t: t, private: map[string]ed25519.PrivateKey{}}
	for _, kid := range kids {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		i.private[kid] = private
	}
	i.publish(kids...)
	i.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) respond(h http.HandlerFunc) { i.answer.Store(&h) }

// publish makes these the keys of the set.
func (i *issuer) publish(kids ...string) {
	var keys []string
	for _, kid := range kids {
		keys = append(keys, i.jwk(kid))
	}
	i.respond(set(keys...))
}

func (i *issuer) jwk(kid string) string {
	x := base64.RawURLEncoding.EncodeToString(i.private[kid].Public().(ed25519.PublicKey))
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"use":"sig","alg":"EdDSA","x":%q}`, kid, x)
}

func set(keys ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[%s]}`, strings.Join(keys, ","))
	}
}

func (i *issuer) token(kid, by string) *http.Request {
	i.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims(jwt.MapClaims{"jti": rand.Text()}))
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(i.private[by])
	if err != nil {
		i.t.Fatal(err)
	}
	return get("Bearer " + signed)
}

func (i *issuer) bearer(refresh time.Duration) echo.MiddlewareFunc {
	return guard(auth.JWT(auth.JWTConfig{
		Keys:   auth.JWKSConfig{URL: i.server.URL + "/keys", Client: i.server.Client(), Refresh: refresh},
		Issuer: "https://issuer", Resource: "https://api",
	}))
}

// eventually repeats f until it gives the status.
func eventually(t *testing.T, what string, want int, f func() int) {
	t.Helper()
	wait.Until(t, fmt.Sprint(what, " with status ", want), func() bool { return f() == want })
}

func TestJWKSIsFetchedOnceForManyTokens(t *testing.T) {
	i := newIssuer(t, "a", "b")
	bearer := i.bearer(0)
	equal(t, "fetches at the start", i.fetches.Load(), 0)
	requests := []*http.Request{i.token("a", "a"), i.token("b", "b"), i.token("", "b"), i.token("a", "a")}
	var wg sync.WaitGroup
	for _, r := range requests {
		wg.Go(func() { equal(t, "status", status(bearer, r), http.StatusOK) })
	}
	wg.Wait()
	equal(t, "wrong key", status(bearer, i.token("a", "b")), http.StatusUnauthorized)
	equal(t, "fetches", i.fetches.Load(), 1)
}

func TestJWKSFloodOfUnknownKeysDoesNotHammerTheIssuer(t *testing.T) {
	i := newIssuer(t, "a", "b")
	i.publish("a")
	bearer := i.bearer(0)
	equal(t, "status", status(bearer, i.token("a", "a")), http.StatusOK)
	for n := range 50 {
		equal(t, "status", status(bearer, i.token(fmt.Sprint("made up ", n), "b")), http.StatusUnauthorized)
	}
	equal(t, "fetches", i.fetches.Load(), 1)
}

func TestJWKSFindsANewKeyAndForgetsAWithdrawnOne(t *testing.T) {
	i := newIssuer(t, "old", "new")
	i.publish("old")
	bearer := i.bearer(20 * time.Millisecond)
	old := i.token("old", "old")
	equal(t, "old key", status(bearer, old), http.StatusOK)
	equal(t, "old key, remembered", status(bearer, old), http.StatusOK)

	i.publish("new")
	eventually(t, "new key", http.StatusOK, func() int { return status(bearer, i.token("new", "new")) })
	eventually(t, "old key with a remembered token", http.StatusUnauthorized, func() int { return status(bearer, old) })
}

func TestJWKSOutageKeepsTheLastGoodKeys(t *testing.T) {
	for name, outage := range map[string]http.HandlerFunc{
		"error":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"not JSON":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no keys":     set(),
		"only secret": set(`{"kty":"oct","kid":"a","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}`),
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"keys":[], "x":"`, strings.Repeat("x", 64<<10), `"}`)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, "a", "b")
			i.publish("a")
			bearer := i.bearer(time.Millisecond)
			equal(t, "before", status(bearer, i.token("a", "a")), http.StatusOK)
			i.respond(outage)
			failed := i.fetches.Load() + 3
			for i.fetches.Load() < failed {
				equal(t, "during", status(bearer, i.token("a", "a")), http.StatusOK)
			}
			rec, _ := door(bearer, i.token("b", "b"))
			equal(t, "an unknown key", rec.Code, http.StatusServiceUnavailable)
			equal(t, "retry", rec.Header().Get("Retry-After"), "5")
			if strings.Contains(rec.Body.String(), i.server.URL) {
				t.Errorf("the reply tells of the issuer: %s", rec.Body)
			}
		})
	}
}

func TestJWKSWithoutAnyKeysYetAnswers503AndRecovers(t *testing.T) {
	i := newIssuer(t, "a")
	i.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	bearer := i.bearer(time.Millisecond)
	equal(t, "with kid", status(bearer, i.token("a", "a")), http.StatusServiceUnavailable)
	equal(t, "without kid", status(bearer, i.token("", "a")), http.StatusServiceUnavailable)
	i.publish("a")
	eventually(t, "back", http.StatusOK, func() int { return status(bearer, i.token("a", "a")) })
}

func TestJWKSFollowsNoRedirect(t *testing.T) {
	i := newIssuer(t, "a")
	other := newIssuer(t, "a")
	i.respond(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.server.URL, http.StatusFound) })
	equal(t, "status", status(i.bearer(0), i.token("a", "a")), http.StatusServiceUnavailable)
	equal(t, "fetches from the other host", other.fetches.Load(), 0)
}

func TestJWKSLeavesOutKeysThatAreNotForSignatures(t *testing.T) {
	i := newIssuer(t, "a", "enc", "weird")
	i.respond(set(
		strings.Replace(i.jwk("enc"), `"sig"`, `"enc"`, 1),
		`{"kty":"unheard of","kid":"x"}`,
		`{"kty":"RSA","kid":"small","n":"`+strings.Repeat("_", 170)+`","e":"AQAB"}`,
		`{"kty":"oct","kid":"secret","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}`,
		i.jwk("a"),
	))
	bearer := i.bearer(0)
	equal(t, "for signatures", status(bearer, i.token("a", "a")), http.StatusOK)
	equal(t, "for encryption", status(bearer, i.token("enc", "enc")), http.StatusUnauthorized)
	hmac := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
	hmac.Header["kid"] = "secret"
	signed, err := hmac.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "a published secret", status(bearer, get("Bearer "+signed)), http.StatusUnauthorized)
}

func TestJWKSOverHTTPNeedsLoopbackAndAWord(t *testing.T) {
	i := newIssuer(t, "a")
	plain := httptest.NewServer(i.server.Config.Handler)
	t.Cleanup(plain.Close)
	bearer := guard(auth.JWT(auth.JWTConfig{
		Keys: auth.JWKSConfig{URL: plain.URL, LoopbackHTTP: true}, Issuer: "https://issuer", Resource: "https://api",
	}))
	equal(t, "status", status(bearer, i.token("a", "a")), http.StatusOK)
}

func TestIssuerThatCannotBeReachedIsInTheLog(t *testing.T) {
	i := newIssuer(t, "a")
	i.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	lines, status := logged(i.bearer(0), i.token("a", "a").Header.Get("Authorization"))
	equal(t, "status", status, http.StatusServiceUnavailable)
	contains(t, "log", lines, "level=ERROR")
	contains(t, "log", lines, "reason=unverifiable_token")
	contains(t, "log", lines, "answered with status 502")
}
