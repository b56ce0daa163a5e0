package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
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

func get(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	return r
}

func TestBearerAnswersEachKindOfToken(t *testing.T) {
	strict := mw.BearerConfig{Key: key, Issuer: "https://issuer", Audience: []string{"https://api", "https://api2"}}
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
			rec, seen := door(mw.BearerWithConfig(strict), get(tc.authorization...))
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
		Key: key, Realm: `a "b" \c`, Scopes: []string{"invoices:read", "admin"},
		ResourceMetadata: "https://api.example.com/.well-known/oauth-protected-resource/mcp",
	})
	rec, _ := door(bearer, get())
	equal(t, "challenge", rec.Header().Get("WWW-Authenticate"),
		`Bearer realm="a \"b\" \\c", scope="invoices:read admin", `+
			`resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"`)
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

			_, p = door(mw.BearerWithConfig(mw.BearerConfig{
				Key: key, NewClaims: func() jwt.Claims { return new(typed) },
			}), get("Bearer "+token))
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

func TestBearerWithAsymmetricKeys(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cfg := mw.BearerConfig{
		Keyfunc:    func(*jwt.Token) (any, error) { return &private.PublicKey, nil },
		Algorithms: []string{"RS256"},
	}
	for name, tc := range map[string]struct {
		token  string
		status int
	}{
		"signed with the private key":              {sign(t, jwt.SigningMethodRS256, private, claims(nil)), http.StatusOK},
		"HMAC with the public key as PEM":          {sign(t, jwt.SigningMethodHS256, public, claims(nil)), http.StatusUnauthorized},
		"HMAC with the public key as DER":          {sign(t, jwt.SigningMethodHS256, der, claims(nil)), http.StatusUnauthorized},
		"another algorithm of the same key":        {sign(t, jwt.SigningMethodPS256, private, claims(nil)), http.StatusUnauthorized},
		"another kind of asymmetric key":           {sign(t, jwt.SigningMethodES256, elliptical, claims(nil)), http.StatusUnauthorized},
		"signed with the private key, yet expired": {sign(t, jwt.SigningMethodRS256, private, claims(jwt.MapClaims{"exp": 1})), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			rec, _ := door(mw.BearerWithConfig(cfg), get("Bearer "+tc.token))
			equal(t, "status", rec.Code, tc.status)
		})
	}
}

func TestBearerRefusesTheEmptySecretOfAFailedLookup(t *testing.T) {
	for name, empty := range map[string]any{
		"nil": []byte(nil), "set": jwt.VerificationKeySet{Keys: []jwt.VerificationKey{key, []byte{}}},
	} {
		bearer := mw.BearerWithConfig(mw.BearerConfig{
			Algorithms: []string{"HS256"}, Keyfunc: func(*jwt.Token) (any, error) { return empty, nil },
		})
		rec, _ := door(bearer, get("Bearer "+sign(t, jwt.SigningMethodHS256, []byte{}, claims(nil))))
		equal(t, name, rec.Code, http.StatusUnauthorized)
	}
}

func TestBearerPassesOnAnHTTPErrorOfKeyfunc(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{
		Algorithms: []string{"RS256"},
		Keyfunc: func(*jwt.Token) (any, error) {
			return nil, echo.NewHTTPError(http.StatusServiceUnavailable, "keys are being fetched")
		},
	})
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := door(bearer, get("Bearer "+sign(t, jwt.SigningMethodRS256, private, claims(nil))))
	equal(t, "status", rec.Code, http.StatusServiceUnavailable)
}

func TestBearerSkipperLetsPassAsAnonymous(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Key: key, Skipper: func(echo.Context) bool { return true }})
	rec, seen := door(bearer, get("Bearer "+hs256(t, nil)))
	equal(t, "status", rec.Code, http.StatusOK)
	if seen != nil {
		t.Errorf("principal %+v from a token that must not be read", seen)
	}
}

func TestBearerRefusesToStart(t *testing.T) {
	public := func(*jwt.Token) (any, error) { return nil, nil }
	for name, tc := range map[string]struct {
		cfg  mw.BearerConfig
		want string
	}{
		"nothing":             {mw.BearerConfig{}, "requires a key"},
		"empty key":           {mw.BearerConfig{Key: []byte{}}, "requires a key"},
		"31 bytes":            {mw.BearerConfig{Key: key[:31]}, "at least 32 bytes for HS256"},
		"HS512, 32 bytes":     {mw.BearerConfig{Key: key, Algorithms: []string{"HS512"}}, "at least 64 bytes for HS512"},
		"both":                {mw.BearerConfig{Key: key, Keyfunc: public}, "both Key and Keyfunc"},
		"no algorithms":       {mw.BearerConfig{Keyfunc: public}, "requires Algorithms"},
		"empty algorithms":    {mw.BearerConfig{Key: key, Algorithms: []string{}}, "requires Algorithms"},
		"none":                {mw.BearerConfig{Keyfunc: public, Algorithms: []string{"none"}}, "is not allowed"},
		"None":                {mw.BearerConfig{Keyfunc: public, Algorithms: []string{"RS256", "None"}}, "is not allowed"},
		"mixed":               {mw.BearerConfig{Keyfunc: public, Algorithms: []string{"RS256", "HS256"}}, "mix HMAC"},
		"RS256 with Key":      {mw.BearerConfig{Key: key, Algorithms: []string{"RS256"}}, "by PublicKey, JWKS or Keyfunc"},
		"leeway":              {mw.BearerConfig{Key: key, Leeway: 2 * time.Minute}, "between 0 and 1m0s"},
		"negative leeway":     {mw.BearerConfig{Key: key, Leeway: -1}, "between 0 and 1m0s"},
		"empty audience":      {mw.BearerConfig{Key: key, Audience: []string{""}}, "Audience has an empty value"},
		"line break in realm": {mw.BearerConfig{Key: key, Realm: "a\r\nb"}, "printable ASCII"},
		"relative metadata":   {mw.BearerConfig{Key: key, ResourceMetadata: "/.well-known/x"}, "absolute https URL"},
		"scope with a space":  {mw.BearerConfig{Key: key, Scopes: []string{"a b"}}, "not an OAuth scope"},
		"nil claims":          {mw.BearerConfig{Key: key, NewClaims: func() jwt.Claims { return nil }}, "NewClaims returned nil"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.cfg.ToMiddleware(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "middleware: ") {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			contains(t, "panic", panics(t, func() { mw.BearerWithConfig(tc.cfg) }), tc.want)
		})
	}
	contains(t, "panic", panics(t, func() { mw.Bearer(nil) }), "middleware: bearer requires a key")
}
