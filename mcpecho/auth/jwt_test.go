package auth_test

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

	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

func TestBearerVerifiesEachKindOfPublicKey(t *testing.T) {
	all := signers(t)
	for _, s := range all[1:] {
		bearer := guard(auth.JWT(auth.JWTConfig{Keys: s.keys()}))
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
			bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(key), Resource: tc.resource, Audience: tc.audience}))
			rec, _ := door(bearer, get("Bearer "+hs256(t, jwt.MapClaims{"aud": tc.aud})))
			equal(t, "status", rec.Code, tc.status)
		})
	}
}

func TestBearerTellsTypesOfTokensApart(t *testing.T) {
	bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(key), Type: "at+jwt"}))
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
	short := []byte("short")
	rec, _ := door(guard(auth.JWT(auth.JWTConfig{Keys: auth.ShortSecret(short)})), get("Bearer "+sign(t, jwt.SigningMethodHS256, short, claims(nil))))
	equal(t, "status", rec.Code, http.StatusOK)
	contains(t, "panic", panics(t, func() { auth.JWT(auth.JWTConfig{Keys: auth.ShortSecret([]byte{})}) }), "a ShortSecret must not be empty")
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
	e384 := &e.PublicKey
	for want, cfg := range map[string]auth.JWTConfig{
		"PublicKey has 1024 bits":        {Keys: auth.PublicKey(&small.PublicKey)},
		"PublicKey is a *rsa.PrivateKey": {Keys: auth.PublicKey(small)},
		"PublicKey is a *rsa.PublicKey":  {Keys: auth.PublicKey((*rsa.PublicKey)(nil))},
		"does not fit the PublicKey":     {Keys: auth.PublicKey(e384, "ES256")},
		`"HS256" does not fit`:           {Keys: auth.PublicKey(e384, "HS256")},
		"must be an https URL":           {Keys: auth.JWKS("http://127.0.0.1/keys"), Issuer: issuer, Resource: resource},
		"http://login/keys":              {Keys: auth.JWKSConfig{URL: "http://login/keys", LoopbackHTTP: true}, Issuer: issuer, Resource: resource},
		"JWKS requires Issuer":           {Keys: auth.JWKS("https://login/keys"), Resource: resource},
		"JWKS requires Resource":         {Keys: auth.JWKS("https://login/keys"), Issuer: issuer},
		"JWKS is for public keys": {Keys: auth.JWKSConfig{URL: "https://login/keys", Algorithms: []string{"HS256"}}, Issuer: issuer,
			Resource: resource},
		"Refresh -1ns is negative":   {Keys: auth.JWKSConfig{URL: "https://login/keys", Refresh: -1}, Issuer: issuer, Resource: resource},
		`Resource "http://api"`:      {Keys: auth.Secret(key), Resource: "http://api"},
		`Resource "https://api/#"`:   {Keys: auth.Secret(key), Resource: "https://api/#"},
		`Resource "https://u:p@api"`: {Keys: auth.Secret(key), Resource: "https://u:p@api"},
	} {
		_, err := cfg.ToVerifier()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestJWTRefusesToStart(t *testing.T) {
	find := func(*jwt.Token) (any, error) { return nil, nil }
	secret := auth.Secret(key)
	for name, tc := range map[string]struct {
		cfg  auth.JWTConfig
		want string
	}{
		"nothing":             {auth.JWTConfig{}, "requires Keys"},
		"empty key":           {auth.JWTConfig{Keys: auth.Secret([]byte{})}, "at least 32 bytes for HS256"},
		"31 bytes":            {auth.JWTConfig{Keys: auth.Secret(key[:31])}, "at least 32 bytes for HS256"},
		"HS512, 32 bytes":     {auth.JWTConfig{Keys: auth.Secret(key, "HS512")}, "at least 64 bytes for HS512"},
		"RS256 with a secret": {auth.JWTConfig{Keys: auth.Secret(key, "RS256")}, "by PublicKey, JWKS or Keyfunc"},
		"no function":         {auth.JWTConfig{Keys: auth.Keyfunc(nil, "RS256")}, "requires a function"},
		"no algorithms":       {auth.JWTConfig{Keys: auth.Keyfunc(find)}, "requires algorithms"},
		"empty algorithms":    {auth.JWTConfig{Keys: auth.Secret(key, []string{}...)}, "requires algorithms"},
		"none":                {auth.JWTConfig{Keys: auth.Keyfunc(find, "none")}, "is not allowed"},
		"None":                {auth.JWTConfig{Keys: auth.Keyfunc(find, "RS256", "None")}, "is not allowed"},
		"none of a secret":    {auth.JWTConfig{Keys: auth.Secret(key, "none")}, "is not allowed"},
		"none of a key set": {auth.JWTConfig{Keys: auth.JWKSConfig{URL: "https://login/keys", Algorithms: []string{"none"}}},
			"is not allowed"},
		"mixed":           {auth.JWTConfig{Keys: auth.Keyfunc(find, "RS256", "HS256")}, "mix HMAC"},
		"leeway":          {auth.JWTConfig{Keys: secret, Leeway: 2 * time.Minute}, "between 0 and 1m0s"},
		"negative leeway": {auth.JWTConfig{Keys: secret, Leeway: -1}, "between 0 and 1m0s"},
		"empty audience":  {auth.JWTConfig{Keys: secret, Audience: []string{""}}, "Audience has an empty value"},
		"nil claims":      {auth.JWTConfig{Keys: secret, NewClaims: func() jwt.Claims { return nil }}, "NewClaims returned nil"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.cfg.ToVerifier(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "auth: ") {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			contains(t, "panic", panics(t, func() { auth.JWT(tc.cfg) }), tc.want)
		})
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
	bearer := guard(auth.JWT(auth.JWTConfig{
		Keys:      auth.Keyfunc(func(*jwt.Token) (any, error) { keys.Add(1); return key, nil }, "HS256"),
		NewClaims: func() jwt.Claims { return &expiring{revoked: &revoked} },
	}))
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
	bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(key), Leeway: time.Nanosecond}))
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
	bearer := guard(auth.JWT(auth.JWTConfig{
		Keys:      auth.Keyfunc(func(*jwt.Token) (any, error) { keys++; return key, nil }, "HS256"),
		CacheSize: 2,
	}))
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
