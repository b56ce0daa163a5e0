package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	mw "github.com/mcpecho/kit/middleware"
)

func TestBearerVerifiesEachKindOfPublicKey(t *testing.T) {
	all := signers(t)
	for _, s := range all[1:] {
		bearer := mw.BearerWithConfig(s.bearer())
		for _, other := range all {
			token := sign(t, other.method, other.private, claims(nil))
			rec, _ := door(bearer, get("Bearer "+token))
			want := http.StatusUnauthorized
			if other.method == s.method {
				want = http.StatusOK
			}
			equal(t, s.method.Alg()+" key, "+other.method.Alg()+" token", rec.Code, want)
		}
	}
}

func TestBearerAcceptsTokensForItsResourceOnly(t *testing.T) {
	const resource = "https://api.example.com/mcp"
	for name, tc := range map[string]struct {
		resource string
		audience []string
		aud      any
		status   int
	}{
		"no resource, no aud":        {"", nil, nil, http.StatusOK},
		"exact":                      {resource, nil, resource, http.StatusOK},
		"slash at the end of aud":    {resource, nil, resource + "/", http.StatusOK},
		"slash at the end of config": {resource + "/", nil, resource, http.StatusOK},
		"one of several":             {resource, nil, []string{"https://other", resource}, http.StatusOK},
		"by another name":            {resource, []string{"billing"}, "billing", http.StatusOK},
		"none":                       {resource, nil, nil, http.StatusUnauthorized},
		"empty":                      {resource, nil, "", http.StatusUnauthorized},
		"a prefix":                   {resource, nil, "https://api.example.com", http.StatusUnauthorized},
		"a longer path":              {resource, nil, resource + "/x", http.StatusUnauthorized},
		"two slashes":                {resource, nil, resource + "//", http.StatusUnauthorized},
		"another case":               {resource, nil, "https://API.example.com/mcp", http.StatusUnauthorized},
		"a sibling":                  {resource, nil, "https://api.example.com/mcp2", http.StatusUnauthorized},
		"not a string":               {resource, nil, 7, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			bearer := mw.BearerWithConfig(mw.BearerConfig{Key: key, Resource: tc.resource, Audience: tc.audience})
			rec, _ := door(bearer, get("Bearer "+hs256(t, jwt.MapClaims{"aud": tc.aud})))
			equal(t, "status", rec.Code, tc.status)
		})
	}
}

func TestBearerNamesTheMetadataOfItsResource(t *testing.T) {
	for resource, want := range map[string]string{
		"https://api.example.com":           "https://api.example.com/.well-known/oauth-protected-resource",
		"https://api.example.com/":          "https://api.example.com/.well-known/oauth-protected-resource",
		"https://api.example.com/a/mcp":     "https://api.example.com/.well-known/oauth-protected-resource/a/mcp",
		"https://api.example.com:8443/mcp/": "https://api.example.com:8443/.well-known/oauth-protected-resource/mcp",
	} {
		rec, _ := door(mw.BearerWithConfig(mw.BearerConfig{Key: key, Resource: resource, Scopes: []string{"a", "b"}}), get())
		equal(t, "challenge", rec.Header().Get("WWW-Authenticate"), `Bearer realm="mcp", scope="a b", resource_metadata="`+want+`"`)
	}
}

func TestBearerTellsTypesOfTokensApart(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Key: key, Type: "at+jwt"})
	for typ, status := range map[any]int{
		"at+jwt": http.StatusOK, "application/AT+JWT": http.StatusOK, "JWT": http.StatusUnauthorized,
		"": http.StatusUnauthorized, 7: http.StatusUnauthorized,
	} {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
		token.Header["typ"] = typ
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		rec, _ := door(bearer, get("Bearer "+signed))
		if rec.Code != status {
			t.Errorf("typ %v: status %d, want %d", typ, rec.Code, status)
		}
	}
}

func TestBearerTakesShortKeysOnRequestButNoEmptyOne(t *testing.T) {
	cfg := mw.BearerConfig{Key: []byte("short"), AllowShortKey: true}
	rec, _ := door(mw.BearerWithConfig(cfg), get("Bearer "+sign(t, jwt.SigningMethodHS256, cfg.Key, claims(nil))))
	equal(t, "status", rec.Code, http.StatusOK)
	contains(t, "panic", panics(t, func() { mw.BearerWithConfig(mw.BearerConfig{Key: []byte{}, AllowShortKey: true}) }), "requires a key")
}

func TestBearerRefusesToStartWithWrongPublicKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const issuer, resource = "https://login", "https://api"
	for want, cfg := range map[string]mw.BearerConfig{
		"PublicKey has 1024 bits":            {PublicKey: &small.PublicKey},
		"PublicKey is a *rsa.PrivateKey":     {PublicKey: small},
		"PublicKey is a *rsa.PublicKey":      {PublicKey: (*rsa.PublicKey)(nil)},
		"does not fit the PublicKey":         {PublicKey: &e.PublicKey, Algorithms: []string{"ES256"}},
		`"HS256" does not fit`:               {PublicKey: &e.PublicKey, Algorithms: []string{"HS256"}},
		"has both Key and PublicKey":         {PublicKey: &e.PublicKey, Key: key},
		"must be an https URL":               {JWKS: "http://127.0.0.1/keys", Issuer: issuer, Resource: resource},
		"http://login/keys":                  {JWKS: "http://login/keys", JWKSLoopbackHTTP: true, Issuer: issuer, Resource: resource},
		"JWKS requires Issuer":               {JWKS: "https://login/keys", Resource: resource},
		"JWKS requires Resource":             {JWKS: "https://login/keys", Issuer: issuer},
		"JWKS is for public keys":            {JWKS: "https://login/keys", Issuer: issuer, Resource: resource, Algorithms: []string{"HS256"}},
		"JWKSRefresh -1ns is negative":       {JWKS: "https://login/keys", Issuer: issuer, Resource: resource, JWKSRefresh: -1},
		`Header "X-Key" is for Verifier`:     {Key: key, Header: "x-key"},
		`Resource "http://api"`:              {Key: key, Resource: "http://api"},
		`Resource "https://api/#"`:           {Key: key, Resource: "https://api/#"},
		`Resource "https://u:p@api"`:         {Key: key, Resource: "https://u:p@api"},
		`ResourceMetadata "http://api/meta"`: {Key: key, ResourceMetadata: "http://api/meta"},
	} {
		_, err := cfg.ToMiddleware()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// expiring are claims with a rule of their own.
type expiring struct {
	jwt.RegisteredClaims
	revoked *atomic.Bool
}

func (c *expiring) Validate() error {
	if c.revoked.Load() {
		return errors.New("revoked")
	}
	return nil
}

func TestBearerChecksSignaturesOnceAndClaimsAtEveryRequest(t *testing.T) {
	var keys atomic.Int64
	var revoked atomic.Bool
	bearer := mw.BearerWithConfig(mw.BearerConfig{
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { keys.Add(1); return key, nil },
		NewClaims:  func() jwt.Claims { return &expiring{revoked: &revoked} },
	})
	token := "Bearer " + hs256(t, nil)
	for range 3 {
		rec, p := door(bearer, get(token))
		equal(t, "status", rec.Code, http.StatusOK)
		equal(t, "subject", p.Subject, "ann")
	}
	equal(t, "verified", keys.Load(), 1)

	revoked.Store(true)
	rec, _ := door(bearer, get(token))
	equal(t, "status when revoked", rec.Code, http.StatusUnauthorized)
	rec, _ = door(bearer, get(token+"x"))
	equal(t, "status of another signature", rec.Code, http.StatusUnauthorized)
}

func TestBearerRefusesARememberedTokenOnceItHasExpired(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Key: key, Leeway: time.Nanosecond})
	expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
	token := "Bearer " + hs256(t, jwt.MapClaims{"exp": expires.Unix()})
	rec, _ := door(bearer, get(token))
	equal(t, "status before", rec.Code, http.StatusOK)
	time.Sleep(time.Until(expires) + time.Millisecond)
	rec, _ = door(bearer, get(token))
	equal(t, "status after", rec.Code, http.StatusUnauthorized)
	contains(t, "body", rec.Body.String(), "the token is expired")
}

func TestBearerForgetsTheOldestTokenAboveItsBound(t *testing.T) {
	var keys int
	bearer := mw.BearerWithConfig(mw.BearerConfig{
		Algorithms: []string{"HS256"}, CacheSize: 2,
		Keyfunc: func(*jwt.Token) (any, error) { keys++; return key, nil },
	})
	for _, c := range []struct {
		jti      string
		verified int
	}{{"1", 1}, {"2", 2}, {"1", 2}, {"3", 3}, {"1", 3}, {"2", 4}} {
		token := sign(t, jwt.SigningMethodHS256, key, jwt.MapClaims{"jti": c.jti, "exp": 1 << 33})
		rec, _ := door(bearer, get("Bearer "+token))
		equal(t, "status", rec.Code, http.StatusOK)
		equal(t, "verified", keys, c.verified)
	}
}

func TestBearerKeepsRequestsWithOneTokenApart(t *testing.T) {
	bearer := mw.Bearer(key)
	token := "Bearer " + hs256(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				_, p := door(bearer, get(token))
				if len(p.Scopes) != 2 || p.Subject != "ann" {
					t.Errorf("principal %+v is not that of the token", p)
				}
				p.Scopes = append(p.Scopes, "admin") // a later middleware may add what it knows
				p.Subject = "changed"
			}
		})
	}
	wg.Wait()
}

func TestBearerRemembersTokensForItselfAlone(t *testing.T) {
	token := get("Bearer " + hs256(t, nil))
	rec, _ := door(mw.Bearer(key), token)
	equal(t, "right key", rec.Code, http.StatusOK)
	rec, _ = door(mw.Bearer([]byte(strings.Repeat("x", 32))), token)
	equal(t, "another key", rec.Code, http.StatusUnauthorized)
}

func TestBearerLooksForTokensInOneHeaderAlone(t *testing.T) {
	token := hs256(t, nil)
	for name, change := range map[string]func(*http.Request){
		"query":        func(r *http.Request) { r.URL.RawQuery = "access_token=" + token },
		"cookie":       func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access_token", Value: token}) },
		"other header": func(r *http.Request) { r.Header.Set("X-Api-Key", token) },
		"proxy header": func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Bearer "+token) },
		"list":         func(r *http.Request) { r.Header.Set("Authorization", "Basic YTpi, Bearer "+token) },
	} {
		r := get()
		change(r)
		equal(t, name, status(mw.Bearer(key), r), http.StatusUnauthorized)
	}
}

// FuzzBearer looks for a panic, an answer other than 200 and 401, and a good
// answer to a token that nobody signed.
func FuzzBearer(f *testing.F) {
	good := "Bearer " + sign(f, jwt.SigningMethodHS256, key, jwt.MapClaims{"sub": "ann", "exp": 1 << 33})
	parts := strings.Split(good, ".")
	f.Add(good)
	f.Add(good + "=")
	f.Add("Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add("Bearer " + parts[1] + "." + parts[1] + "." + parts[2])
	f.Add("Bearer " + strings.Repeat(".", 9000))
	f.Add("bearer\t" + good)
	f.Add("Basic YTpi")
	f.Add("")
	bearer := mw.Bearer(key)
	f.Fuzz(func(t *testing.T, header string) {
		rec, p := door(bearer, get(header))
		signed := len(header) > 7 && strings.Trim(header[7:], " ") == good[7:]
		switch {
		case rec.Code == http.StatusUnauthorized && p == nil:
		case rec.Code == http.StatusOK && p != nil && signed:
		default:
			t.Errorf("status %d, principal %v for %q", rec.Code, p, header)
		}
	})
}
