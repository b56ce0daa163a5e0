package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// handmade is a token of exactly this header and payload, signed with the key.
func handmade(by func() hash.Hash, header, payload string) string {
	segment := base64.RawURLEncoding.EncodeToString
	signed := segment([]byte(header)) + "." + segment([]byte(payload))
	mac := hmac.New(by, key)
	mac.Write([]byte(signed))
	return "Bearer " + signed + "." + segment(mac.Sum(nil))
}

const hs256Header = `{"alg":"HS256","typ":"JWT"}`

func TestBearerRefusesSignedTokensWithClaimsThatSayNothingClear(t *testing.T) {
	bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(key), Issuer: "https://issuer", Resource: "https://api/mcp"}))
	exp := time.Now().Add(time.Hour).Unix()
	const named = `"iss":"https://issuer","sub":"ann","aud":"https://api/mcp"`
	with := func(format string, a ...any) string {
		return fmt.Sprintf(`{`+named+`,"exp":%d,`, exp) + fmt.Sprintf(format, a...) + `}`
	}
	equal(t, "as a check, a good one", status(bearer, get(handmade(sha256.New, hs256Header, with(`"jti":"1"`)))), http.StatusOK)
	equal(t, "as a check, dates in halves", status(bearer, get(handmade(sha256.New, hs256Header, with(`"nbf":0,"iat":1.5`)))), http.StatusOK)
	claims := func(iss, aud string) string {
		return fmt.Sprintf(`{"iss":%s,"sub":"ann","aud":%s,"exp":%d}`, iss, aud, exp)
	}
	const goodIss, goodAud = `"https://issuer"`, `"https://api/mcp"`
	for name, payload := range map[string]string{
		"nbf beyond every date":    with(`"nbf":1e300`),
		"nbf before every date":    with(`"nbf":-1e300`),
		"nbf beyond the year 9999": with(`"nbf":253402300800`),
		"nbf below zero":           with(`"nbf":-1`),
		"nbf is a string":          with(`"nbf":"0"`),
		"nbf is true":              with(`"nbf":true`),
		"nbf is a list":            with(`"nbf":[0]`),
		"iat beyond every date":    with(`"iat":1e300`),
		"iat beyond 64 bits":       with(`"iat":18446744073709551616`),
		"iat below zero":           with(`"iat":-1`),
		"iat is an object":         with(`"iat":{}`),
		"exp beyond every date":    `{` + named + `,"exp":1e300}`,
		"exp beyond the year 9999": `{` + named + `,"exp":253402300800}`,
		"exp before every date":    `{` + named + `,"exp":-1e300}`,
		"exp is zero":              `{` + named + `,"exp":0}`,
		"exp is null":              `{` + named + `,"exp":null}`,
		"exp is a string":          `{` + named + fmt.Sprintf(`,"exp":"%d"}`, exp),
		"exp is a list":            `{` + named + fmt.Sprintf(`,"exp":[%d]}`, exp),
		"Exp in capitals":          `{` + named + fmt.Sprintf(`,"Exp":%d}`, exp),
		"iss is null":              claims(`null`, goodAud),
		"iss is a list":            claims(`["https://issuer"]`, goodAud),
		"iss is a number":          claims(`1`, goodAud),
		"iss with a slash":         claims(`"https://issuer/"`, goodAud),
		"iss with a space":         claims(`"https://issuer "`, goodAud),
		"iss in capitals":          claims(`"HTTPS://ISSUER"`, goodAud),
		"iss begins alike":         claims(`"https://issuer.evil"`, goodAud),
		"aud is null":              claims(goodIss, `null`),
		"aud is empty":             claims(goodIss, `""`),
		"aud is an empty list":     claims(goodIss, `[]`),
		"aud is an object":         claims(goodIss, `{"0":"https://api/mcp"}`),
		"aud is a number":          claims(goodIss, `1`),
		"aud is a list in a list":  claims(goodIss, `[["https://api/mcp"]]`),
		"aud is a list of words":   claims(goodIss, `"https://other https://api/mcp"`),
		"aud is a prefix":          claims(goodIss, `"https://api"`),
		"aud is longer":            claims(goodIss, `"https://api/mcp/other"`),
		"sub is a list":            fmt.Sprintf(`{"iss":"https://issuer","sub":["ann"],"aud":"https://api/mcp","exp":%d}`, exp),
		"claims are a list":        `[]`,
		"claims are null":          `null`,
		"no JSON":                  `{`,
		"more than JSON":           with(`"jti":"1"`) + `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			rec, p := door(bearer, get(handmade(sha256.New, hs256Header, payload)))
			if rec.Code != http.StatusUnauthorized || p != nil {
				t.Errorf("status %d, principal %+v", rec.Code, p)
			}
		})
	}
}

func TestBearerRefusesHeadersThatAskForMoreOrLess(t *testing.T) {
	bearer := mw.Bearer(key)
	payload := fmt.Sprintf(`{"sub":"ann","exp":%d}`, time.Now().Add(time.Hour).Unix())
	equal(t, "as a check, a good one", status(bearer, get(handmade(sha256.New, hs256Header, payload))), http.StatusOK)
	for name, token := range map[string]string{
		"none":                  handmade(sha256.New, `{"alg":"none"}`, payload),
		"None":                  handmade(sha256.New, `{"alg":"None"}`, payload),
		"empty alg":             handmade(sha256.New, `{"alg":""}`, payload),
		"no alg":                handmade(sha256.New, `{"typ":"JWT"}`, payload),
		"alg is null":           handmade(sha256.New, `{"alg":null}`, payload),
		"alg is a list":         handmade(sha256.New, `{"alg":["HS256"]}`, payload),
		"alg in small letters":  handmade(sha256.New, `{"alg":"hs256"}`, payload),
		"ALG":                   handmade(sha256.New, `{"ALG":"HS256"}`, payload),
		"a longer hash":         handmade(sha512.New, `{"alg":"HS512"}`, payload),
		"alg of a public key":   handmade(sha256.New, `{"alg":"RS256"}`, payload),
		"two, the last is none": handmade(sha256.New, `{"alg":"HS256","alg":"none"}`, payload),
		"crit":                  handmade(sha256.New, `{"alg":"HS256","crit":["exp"],"exp":1}`, payload),
		"empty crit":            handmade(sha256.New, `{"alg":"HS256","crit":[]}`, payload),
		"crit is null":          handmade(sha256.New, `{"alg":"HS256","crit":null}`, payload),
		"header is a list":      handmade(sha256.New, `["HS256"]`, payload),
		"header is null":        handmade(sha256.New, `null`, payload),
		"no header":             handmade(sha256.New, ``, payload),
		"four parts":            handmade(sha256.New, hs256Header, payload) + ".e30",
		"padding":               handmade(sha256.New, hs256Header, payload) + "=",
	} {
		t.Run(name, func(t *testing.T) {
			rec, p := door(bearer, get(token))
			if rec.Code != http.StatusUnauthorized || p != nil {
				t.Errorf("status %d, principal %+v", rec.Code, p)
			}
		})
	}
}

func TestBearerRefusesDatesBeyondSenseInClaimsOfTheApplication(t *testing.T) {
	bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Secret(key), NewClaims: func() jwt.Claims { return &jwt.RegisteredClaims{} }}))
	exp := time.Now().Add(time.Hour).Unix()
	for claim, want := range map[string]int{
		`"nbf":0`: http.StatusOK, `"nbf":1e300`: http.StatusUnauthorized, `"iat":1e300`: http.StatusUnauthorized, `"iat":-1`: http.StatusUnauthorized,
	} {
		token := handmade(sha256.New, hs256Header, fmt.Sprintf(`{"sub":"ann","exp":%d,%s}`, exp, claim))
		equal(t, claim, status(bearer, get(token)), want)
	}
}

func TestBearerReadsScopesFromEitherClaim(t *testing.T) {
	type typed struct {
		jwt.RegisteredClaims
		Tenant string `json:"tenant"`
	}
	for name, tc := range map[string]struct {
		change jwt.MapClaims
		want   string
	}{
		"scope string":  {jwt.MapClaims{"scope": " a  b "}, "a b"},
		"scp array":     {jwt.MapClaims{"scope": nil, "scp": []string{"a", "b"}}, "a b"},
		"scp string":    {jwt.MapClaims{"scope": nil, "scp": "a b"}, "a b"},
		"both":          {jwt.MapClaims{"scope": "a", "scp": []string{"b"}}, "a b"},
		"neither":       {jwt.MapClaims{"scope": nil}, ""},
		"no such forms": {jwt.MapClaims{"scope": 7, "scp": []any{1, nil, map[string]any{}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.change["tenant"] = "t1"
			token := hs256(t, tc.change)
			_, p := door(mw.Bearer(key), get("Bearer "+token))
			equal(t, "scopes with map claims", strings.Join(p.Scopes, " "), tc.want)
			equal(t, "claim", p.Claims.(jwt.MapClaims)["tenant"], any("t1"))

			_, p = door(guard(auth.JWT(auth.JWTConfig{
				Keys: auth.Secret(key), NewClaims: func() jwt.Claims { return new(typed) },
			})), get("Bearer "+token))
			equal(t, "scopes with typed claims", strings.Join(p.Scopes, " "), tc.want)
			equal(t, "typed claim", p.Claims.(*typed).Tenant, "t1")
		})
	}
}

func TestBearerTellsCallersWithoutSubjectApart(t *testing.T) {
	keys := map[string]bool{}
	for _, change := range []jwt.MapClaims{{"sub": nil}, {"sub": ""}, {"sub": nil, "jti": "1"}, {"sub": nil, "jti": "2"}} {
		_, p := door(mw.Bearer(key), get("Bearer "+hs256(t, change)))
		if !strings.HasPrefix(p.ID, "token:") || len(p.ID) != len("token:")+64 {
			t.Errorf("ID %q is not made of the token", p.ID)
		}
		keys[p.Key()] = true
	}
	equal(t, "different keys", len(keys), 4)
}
