package middleware_test

import (
	"context"
	"encoding/base64"
	"fmt"
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

// door sends one request through the middleware. It returns the response and
// the principal that the handler behind it saw, nil when it was not reached.
func door(bearer echo.MiddlewareFunc, request *http.Request) (*httptest.ResponseRecorder, *mcpecho.Principal) {
	e := echo.New()
	var seen *mcpecho.Principal
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

// byKey verifies the tokens that hs256 makes.
func byKey(cfg auth.JWTConfig) auth.Verifier {
	cfg.Keys = auth.Secret(key)
	return auth.JWT(cfg)
}

func get(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	return r
}

func TestBearerAnswersEachKindOfToken(t *testing.T) {
	strict := byKey(auth.JWTConfig{Issuer: "https://issuer", Audience: []string{"https://api", "https://api2"}})
	soon := time.Now().Add(5 * time.Minute).Unix()
	tampered := hs256(t, nil)
	body, _ := jwt.NewParser().DecodeSegment(strings.Split(tampered, ".")[1])
	tampered = strings.Replace(tampered, strings.Split(tampered, ".")[1],
		base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), "ann", "bob", 1))), 1)
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims(nil)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	critical := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
	critical.Header["crit"] = []string{"https://example.com/rule"}
	withCrit, err := critical.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}

	const (
		challenge = `Bearer realm="mcp"`
		missing   = `{"error":"unauthorized","error_description":"a bearer token is required"}`
		invalid   = `{"error":"invalid_token","error_description":"the token is not valid"}`
		expired   = `{"error":"invalid_token","error_description":"the token is expired"}`
	)
	for name, tc := range map[string]struct {
		authorization []string
		body          string // of the refusal, "" when the token is good
	}{
		"none":                          {nil, missing},
		"another scheme":                {[]string{"Basic YTpi"}, missing},
		"empty header":                  {[]string{""}, missing},
		"scheme without a token":        {[]string{"Bearer"}, invalid},
		"good":                          {[]string{"Bearer " + hs256(t, nil)}, ""},
		"scheme in capitals":            {[]string{"BEARER " + hs256(t, nil)}, ""},
		"several audiences":             {[]string{"Bearer " + hs256(t, jwt.MapClaims{"aud": []string{"x", "https://api2"}})}, ""},
		"expired within the leeway":     {[]string{"Bearer " + hs256(t, jwt.MapClaims{"exp": time.Now().Add(-20 * time.Second).Unix()})}, ""},
		"expired":                       {[]string{"Bearer " + hs256(t, jwt.MapClaims{"exp": time.Now().Add(-40 * time.Second).Unix()})}, expired},
		"no exp":                        {[]string{"Bearer " + hs256(t, jwt.MapClaims{"exp": nil})}, invalid},
		"exp is a string":               {[]string{"Bearer " + hs256(t, jwt.MapClaims{"exp": "9999999999"})}, invalid},
		"nbf in the future":             {[]string{"Bearer " + hs256(t, jwt.MapClaims{"nbf": soon})}, invalid},
		"iat in the future":             {[]string{"Bearer " + hs256(t, jwt.MapClaims{"iat": soon})}, invalid},
		"wrong iss":                     {[]string{"Bearer " + hs256(t, jwt.MapClaims{"iss": "https://issuer.evil"})}, invalid},
		"no iss":                        {[]string{"Bearer " + hs256(t, jwt.MapClaims{"iss": nil})}, invalid},
		"wrong aud":                     {[]string{"Bearer " + hs256(t, jwt.MapClaims{"aud": "https://ap"})}, invalid},
		"no aud":                        {[]string{"Bearer " + hs256(t, jwt.MapClaims{"aud": nil})}, invalid},
		"sub is a number":               {[]string{"Bearer " + hs256(t, jwt.MapClaims{"sub": 7})}, invalid},
		"alg none":                      {[]string{"Bearer " + none}, invalid},
		"alg not allowed":               {[]string{"Bearer " + sign(t, jwt.SigningMethodHS512, key, claims(nil))}, invalid},
		"another key":                   {[]string{"Bearer " + sign(t, jwt.SigningMethodHS256, []byte("another"), claims(nil))}, invalid},
		"tampered":                      {[]string{"Bearer " + tampered}, invalid},
		"critical extension":            {[]string{"Bearer " + withCrit}, invalid},
		"signature spelled differently": {[]string{"Bearer " + respelled(hs256(t, nil))}, invalid},
		"two headers":                   {[]string{"Bearer " + hs256(t, nil), "Bearer " + hs256(t, nil)}, invalid},
		"two tokens in one header":      {[]string{"Bearer " + hs256(t, nil) + ", Bearer " + hs256(t, nil)}, invalid},
		"over 8 KiB":                    {[]string{"Bearer " + hs256(t, jwt.MapClaims{"pad": strings.Repeat("x", 8<<10)})}, invalid},
		"not a token":                   {[]string{"Bearer x.y"}, invalid},
		"genuine, expired and not ours": {[]string{"Bearer " + hs256(t, jwt.MapClaims{"aud": "x", "exp": 1})}, expired},
	} {
		t.Run(name, func(t *testing.T) {
			rec, seen := door(mw.BearerWithConfig(mw.BearerConfig{Verifier: strict}), get(tc.authorization...))
			if tc.body == "" {
				equal(t, "status", rec.Code, http.StatusOK)
				if seen == nil || seen.Subject != "ann" || seen.Issuer != "https://issuer" {
					t.Errorf("principal: %+v", seen)
				}
				return
			}
			if seen != nil {
				t.Errorf("the handler was reached as %+v", seen)
			}
			want := challenge
			if tc.body != missing {
				want += `, error="invalid_token", error_description="the token is not valid"`
			}
			if tc.body == expired {
				want = strings.Replace(want, "not valid", "expired", 1)
			}
			equal(t, "status", rec.Code, http.StatusUnauthorized)
			equal(t, "body", rec.Body.String(), tc.body)
			equal(t, "content type", rec.Header().Get("Content-Type"), "application/json")
			equal(t, "challenge", rec.Header().Get("WWW-Authenticate"), want)
		})
	}
}

// respelled changes the bits of the last character that carry no data: a lax
// decoder reads the same signature.
func respelled(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

func TestBearerIgnoresATokenInTheQuery(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/?access_token="+hs256(t, nil), nil)
	rec, _ := door(mw.Bearer(key), r)
	equal(t, "status", rec.Code, http.StatusUnauthorized)
}

func TestBearerChallengeNamesMetadataAndScopes(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{
		Verifier: byKey(auth.JWTConfig{}), Realm: `a "b" \c`, Scopes: []string{"invoices:read", "admin"},
		ResourceMetadata: "https://api.example.com/.well-known/oauth-protected-resource/mcp",
	})
	rec, _ := door(bearer, get())
	equal(t, "challenge", rec.Header().Get("WWW-Authenticate"),
		`Bearer realm="a \"b\" \\c", scope="invoices:read admin", `+
			`resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"`)
}

func TestBearerSkipperLetsPassAsAnonymous(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Verifier: byKey(auth.JWTConfig{}), Skipper: func(echo.Context) bool { return true }})
	rec, seen := door(bearer, get("Bearer "+hs256(t, nil)))
	equal(t, "status", rec.Code, http.StatusOK)
	if seen != nil {
		t.Errorf("principal %+v from a token that must not be read", seen)
	}
}

func TestBearerRefusesToStart(t *testing.T) {
	const resource = "https://api/mcp"
	verifier := byKey(auth.JWTConfig{})
	for name, tc := range map[string]struct {
		cfg  mw.BearerConfig
		want string
	}{
		"nothing":             {mw.BearerConfig{}, "requires a Verifier"},
		"no function":         {mw.BearerConfig{Verifier: auth.VerifierFunc(nil)}, "requires a Verifier"},
		"line break in realm": {mw.BearerConfig{Verifier: verifier, Realm: "a\r\nb"}, "printable ASCII"},
		"relative metadata":   {mw.BearerConfig{Verifier: verifier, ResourceMetadata: "/.well-known/x"}, "absolute https URL"},
		"metadata over http":  {mw.BearerConfig{Verifier: verifier, ResourceMetadata: "http://api/meta"}, `ResourceMetadata "http://api/meta"`},
		"resource over http":  {mw.BearerConfig{Verifier: anyone, Resource: "http://api"}, `Resource "http://api"`},
		"scope with a space":  {mw.BearerConfig{Verifier: verifier, Scopes: []string{"a b"}}, "not an OAuth scope"},
		"a JWT elsewhere":     {mw.BearerConfig{Verifier: verifier, Header: "x-key"}, `Header "X-Key" is for other tokens`},
		"any audience":        {mw.BearerConfig{Verifier: verifier, Resource: resource}, "accepts tokens made for any server"},
		"another resource": {mw.BearerConfig{Verifier: byKey(auth.JWTConfig{Resource: "https://other"}), Resource: resource},
			`accepts tokens for "https://other"`},
		"any audience, embedded": {mw.BearerConfig{Verifier: embedded{verifier.(auth.AudienceVerifier)}, Resource: resource},
			"accepts tokens made for any server"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.cfg.ToMiddleware(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "middleware: ") {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			contains(t, "panic", panics(t, func() { mw.BearerWithConfig(tc.cfg) }), tc.want)
		})
	}
	contains(t, "panic", panics(t, func() { mw.Bearer(nil) }), "at least 32 bytes for HS256")
}

// anyone takes every token.
var anyone = auth.VerifierFunc(func(context.Context, string) (*auth.Principal, error) { return ann, nil })

// embedded is a verifier of the application, which adds something to a JWT.
type embedded struct{ auth.AudienceVerifier }

func (e embedded) Verify(ctx context.Context, token string) (*auth.Principal, error) {
	return e.AudienceVerifier.Verify(ctx, token)
}

func TestBearerWithAResourceTakesOnlyTokensMadeForIt(t *testing.T) {
	const resource = "https://api/mcp"
	for name, cfg := range map[string]mw.BearerConfig{
		"named by the verifier":        {Verifier: byKey(auth.JWTConfig{Resource: resource})},
		"named by both":                {Verifier: byKey(auth.JWTConfig{Resource: resource}), Resource: resource},
		"named by both, with a slash":  {Verifier: byKey(auth.JWTConfig{Resource: resource}), Resource: resource + "/"},
		"known to the issuer as other": {Verifier: byKey(auth.JWTConfig{Audience: []string{resource}}), Resource: "https://public/mcp"},
		"embedded":                     {Verifier: embedded{byKey(auth.JWTConfig{Resource: resource}).(auth.AudienceVerifier)}, Resource: resource},
	} {
		t.Run(name, func(t *testing.T) {
			bearer := mw.BearerWithConfig(cfg)
			for aud, want := range map[any]int{resource: http.StatusOK, "https://other": http.StatusUnauthorized, nil: http.StatusUnauthorized} {
				rec, _ := door(bearer, get("Bearer "+hs256(t, jwt.MapClaims{"aud": aud})))
				equal(t, fmt.Sprint("aud ", aud), rec.Code, want)
			}
			rec, _ := door(bearer, get())
			contains(t, "challenge", rec.Header().Get("WWW-Authenticate"), `resource_metadata="https://`)
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
		for name, cfg := range map[string]mw.BearerConfig{
			"of a JWT verifier": {Verifier: byKey(auth.JWTConfig{Resource: resource})},
			"of another one":    {Verifier: anyone, Resource: resource},
		} {
			cfg.Scopes = []string{"a", "b"}
			rec, _ := door(mw.BearerWithConfig(cfg), get())
			equal(t, name, rec.Header().Get("WWW-Authenticate"), `Bearer realm="mcp", scope="a b", resource_metadata="`+want+`"`)
		}
	}
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
