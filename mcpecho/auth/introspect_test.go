package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho/auth"
)

// introspection is an authorization server that answers about every token,
// and the configuration of who asks it.
func introspection(t *testing.T, answer http.HandlerFunc) (cfg auth.IntrospectConfig, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if id, secret, _ := r.BasicAuth(); id != "mcp" || secret != "s%3At" || r.FormValue("token") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return auth.IntrospectConfig{
		URL: server.URL, Client: server.Client(), ClientID: "mcp", ClientSecret: "s:t", Resource: "https://api/mcp",
	}, asked
}

func says(format string, a ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, a...) }
}

func TestIntrospectReadsTheAnswer(t *testing.T) {
	soon, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Second).Unix()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		status int
		key    string
	}{
		"active":           {says(`{"active":true,"iss":"i","sub":"ann","scope":"a b","aud":"https://api/mcp","exp":%d}`, soon), 200, "i\x00ann"},
		"audiences":        {says(`{"active":true,"iss":"i","sub":"ann","scope":"a","aud":["x","https://api/mcp/"]}`), 200, "i\x00ann"},
		"inactive":         {says(`{"active":false}`), 401, ""},
		"active is a word": {says(`{"active":"true","aud":"https://api/mcp"}`), 401, ""},
		"Active":           {says(`{"Active":true,"aud":"https://api/mcp"}`), 401, ""},
		"expired":          {says(`{"active":true,"aud":"https://api/mcp","exp":%d}`, past), 401, ""},
		"not yet":          {says(`{"active":true,"aud":"https://api/mcp","nbf":%d}`, soon), 401, ""},
		"for others":       {says(`{"active":true,"aud":"https://api/mcp2"}`), 401, ""},
		"for nobody":       {says(`{"active":true}`), 401, ""},
		"exp is a word":    {says(`{"active":true,"aud":"https://api/mcp","exp":"%d"}`, soon), 401, ""},
		"exp is a list":    {says(`{"active":true,"aud":"https://api/mcp","exp":[%d]}`, soon), 401, ""},
		"exp is beyond":    {says(`{"active":true,"aud":"https://api/mcp","exp":1e300}`), 401, ""},
		"exp is null":      {says(`{"active":true,"iss":"i","sub":"ann","scope":"a","aud":"https://api/mcp","exp":null}`), 200, "i\x00ann"},
		"nbf is a word":    {says(`{"active":true,"aud":"https://api/mcp","nbf":"%d"}`, past), 401, ""},
		"nbf is false":     {says(`{"active":true,"aud":"https://api/mcp","nbf":false}`), 401, ""},
		"nbf is before":    {says(`{"active":true,"aud":"https://api/mcp","nbf":-1e300}`), 401, ""},
		"nbf is beyond":    {says(`{"active":true,"aud":"https://api/mcp","nbf":1e300}`), 401, ""},
		"said twice":       {says(`{"active":false,"active":true,"aud":"https://api/mcp"}`), 503, ""},
		"not JSON":         {says(`secret`), 503, ""},
		"an array":         {says(`["secret"]`), 503, ""},
		"an error":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 503, ""},
		"sends us elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, 503, ""},
		"more than is usable": {says(`{"active":true,"aud":"https://api/mcp","x":"%s"}`, strings.Repeat("x", 64<<10)), 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := introspection(t, tc.answer)
			rec, p := door(guard(auth.Introspect(cfg)), get("Bearer opaque"))
			equal(t, "status", rec.Code, tc.status)
			if p != nil {
				equal(t, "caller", p.Key(), tc.key)
				equal(t, "scope", p.HasScope("a"), true)
				equal(t, "claim", p.Claims.(map[string]any)["sub"], any("ann"))
			}
			if strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("the answer of the authorization server is in the reply: %s", rec.Body)
			}
		})
	}
}

func TestIntrospectTellsCallersWithoutSubjectApart(t *testing.T) {
	cfg, _ := introspection(t, says(`{"active":true,"aud":"https://api/mcp"}`))
	bearer := guard(auth.Introspect(cfg))
	_, one := door(bearer, get("Bearer one"))
	_, two := door(bearer, get("Bearer two"))
	if one.Key() == two.Key() || one.Issuer != cfg.URL || !strings.HasPrefix(one.Key(), "token:") {
		t.Errorf("keys %q and %q", one.Key(), two.Key())
	}
}

func TestIntrospectRemembersActiveTokensLongAndRefusedOnesShortly(t *testing.T) {
	t.Parallel()
	var active atomic.Bool
	cfg, asked := introspection(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"active":%t,"sub":"ann","aud":"https://api/mcp"}`, active.Load())
	})
	bearer := guard(auth.Introspect(cfg))
	for range 2 {
		equal(t, "inactive", status(bearer, get("Bearer a")), http.StatusUnauthorized)
	}
	equal(t, "asked while inactive", asked.Load(), 1)
	active.Store(true)
	eventually(t, "active", http.StatusOK, func() int { return status(bearer, get("Bearer a")) })
	for range 3 {
		equal(t, "active", status(bearer, get("Bearer a")), http.StatusOK)
	}
	equal(t, "asked while active", asked.Load(), 2)

	asked.Store(3)
	cfg.CacheFor = -1
	bearer = guard(auth.Introspect(cfg))
	for range 2 {
		equal(t, "active, not remembered", status(bearer, get("Bearer a")), http.StatusOK)
	}
	equal(t, "asked without memory", asked.Load(), 5)

	cfg.CacheFor = time.Nanosecond
	bearer = guard(auth.Introspect(cfg))
	equal(t, "active", status(bearer, get("Bearer a")), http.StatusOK)
	active.Store(false)
	equal(t, "revoked", status(bearer, get("Bearer a")), http.StatusUnauthorized)
}

func TestIntrospectRefusesToStart(t *testing.T) {
	good := auth.IntrospectConfig{URL: "https://login/introspect", ClientID: "a", ClientSecret: "b"}
	for want, change := range map[string]func(*auth.IntrospectConfig){
		"must be an https URL":         func(c *auth.IntrospectConfig) { c.URL = "http://login/introspect" },
		"requires ClientID":            func(c *auth.IntrospectConfig) { c.ClientSecret = "" },
		"Audience has an empty value":  func(c *auth.IntrospectConfig) { c.Audience = []string{""} },
		`Resource "api" must be an ab`: func(c *auth.IntrospectConfig) { c.Resource = "api" },
	} {
		cfg := good
		change(&cfg)
		contains(t, "panic", panics(t, func() { auth.Introspect(cfg) }), want)
	}
	auth.Introspect(good)
}

func TestIntrospectionSurvivesAPanicOfItsTransport(t *testing.T) {
	cfg, _ := introspection(t, says(`{}`))
	cfg.Client = &http.Client{Transport: panicking{}}
	lines, status := logged(guard(auth.Introspect(cfg)), "Bearer opaque")
	equal(t, "status", status, http.StatusServiceUnavailable)
	contains(t, "log", lines, "the look-up panicked: no transport")
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("no transport") }
