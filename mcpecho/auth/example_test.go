package auth_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// A token is accepted by the server that it was made for, and by no other.
func ExampleJWT() {
	public, private, _ := ed25519.GenerateKey(nil)
	verifier := auth.JWT(auth.JWTConfig{
		Keys:     auth.PublicKey(public),
		Issuer:   "https://login.example.com",
		Resource: "https://api.example.com/mcp",
	})
	for _, audience := range []string{"https://api.example.com/mcp", "https://other.example.com"} {
		token, _ := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": "https://login.example.com", "sub": "ann", "aud": audience, "scope": "invoices:read",
			"exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString(private)
		p, err := auth.Verify(context.Background(), verifier, token)
		if err != nil {
			word, _ := auth.Reason(err)
			fmt.Println(word, errors.Is(err, auth.ErrInvalidToken))
			continue
		}
		fmt.Println(p.Subject, p.Scopes)
	}
	// Output:
	// ann [invoices:read]
	// wrong_audience true
}

// What is wrong with a configuration is said at the start.
func ExampleJWTConfig_ToVerifier() {
	_, err := auth.JWTConfig{
		Keys:   auth.JWKS("https://login.example.com/keys"),
		Issuer: "https://login.example.com",
	}.ToVerifier()
	fmt.Println(err)
	// Output: auth: JWKS requires Resource, the URL of this server, or Audience: tokens that the issuer made for others must not work here
}

// An opaque token is looked up at the authorization server that made it.
func ExampleIntrospect() {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("token") != "opaque-1" {
			fmt.Fprint(w, `{"active":false}`)
			return
		}
		fmt.Fprint(w, `{"active":true,"sub":"ann","scope":"invoices:read","aud":"https://api.example.com/mcp"}`)
	}))
	defer login.Close()

	verifier := auth.Introspect(auth.IntrospectConfig{
		URL: login.URL, LoopbackHTTP: true, ClientID: "mcp", ClientSecret: "secret",
		Resource: "https://api.example.com/mcp",
	})
	for _, token := range []string{"opaque-1", "opaque-2"} {
		p, err := auth.Verify(context.Background(), verifier, token)
		if err != nil {
			fmt.Println(auth.Reason(err))
			continue
		}
		fmt.Println(p.Subject, p.Scopes)
	}
	// Output:
	// ann [invoices:read]
	// inactive_token false
}

// Partners come with keys instead of a login.
func ExampleAPIKeys() {
	key, keep := auth.NewAPIKey("partner-7") // shown once; keep goes into a table
	keep.Scopes = []string{"invoices:read"}

	e := echo.New()
	e.GET("/whoami", func(ec echo.Context) error {
		p := mcpecho.PrincipalFrom(ec)
		return ec.String(http.StatusOK, fmt.Sprint(p.Subject, " ", p.Scopes))
	}, mw.BearerWithConfig(mw.BearerConfig{
		Verifier: auth.APIKeys(map[string]auth.APIKey{"partner-7": keep}),
		Header:   "X-API-Key",
	}))

	request := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	request.Header.Set("X-API-Key", key)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, request)
	fmt.Println(rec.Code, rec.Body)
	// Output: 200 partner-7 [invoices:read]
}

// A verifier of the application asks another one and adds what it knows itself.
func ExampleVerifierFunc() {
	secret := []byte("a secret of at least 32 bytes, from the environment")
	tokens := auth.JWT(auth.JWTConfig{Keys: auth.Secret(secret)})
	verifier := auth.VerifierFunc(func(ctx context.Context, token string) (*auth.Principal, error) {
		p, err := tokens.Verify(ctx, token)
		if err == nil && p.Subject == "ann" {
			p.Scopes = append(p.Scopes, "admin")
		}
		return p, err
	})
	token, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(secret)
	p, err := auth.Verify(context.Background(), verifier, token)
	fmt.Println(p.HasScope("admin"), err)
	// Output: true <nil>
}
