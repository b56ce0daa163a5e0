package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// staff is the verifier of one's own that the tour shows.
type staff struct{ tokens auth.Verifier }

func (staff) isAdmin(_ context.Context, subject string) bool { return subject == "ann" }

func (v staff) Verify(ctx context.Context, token string) (*auth.Principal, error) {
	p, err := v.tokens.Verify(ctx, token)
	if err == nil && v.isAdmin(ctx, p.Subject) {
		p.Scopes = append(p.Scopes, "admin")
	}
	return p, err
}

// What doc.go shows is shown there as it stands here.
func TestTheVerifiersOfTheTourAreMade(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("JWT_SECRET", "a secret of at least thirty-two bytes")
	public, issuer, secret := &private.PublicKey, "https://login.example.com", "s"
	keyOfTenant := func(*jwt.Token) (any, error) { return public, nil }
	made := []auth.Verifier{}
	{
		verifier := auth.JWT(auth.JWTConfig{Keys: auth.Secret([]byte(os.Getenv("JWT_SECRET")))})
		made = append(made, verifier)
	}
	{
		one := auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public)})
		tenants := auth.JWT(auth.JWTConfig{
			Keys: auth.Keyfunc(func(t *jwt.Token) (any, error) { return keyOfTenant(t) }, "RS256"),
		})
		made = append(made, one, tenants)
	}
	{
		verifier := auth.Introspect(auth.IntrospectConfig{
			URL: "https://login.example.com/introspect", ClientID: "mcp", ClientSecret: secret,
			Resource: "https://api.example.com/mcp",
		})
		made = append(made, verifier)
	}
	{
		key, keep := auth.NewAPIKey("partner-7") // show key once, store keep
		mw.BearerWithConfig(mw.BearerConfig{
			Verifier: auth.APIKeys(map[string]auth.APIKey{"partner-7": keep}),
			Header:   "X-API-Key",
		})
		keys := auth.APIKeys(map[string]auth.APIKey{"partner-7": keep})
		if p, err := keys.Verify(t.Context(), key); err != nil || p.Subject != "partner-7" {
			t.Errorf("%+v, %v", p, err)
		}
	}
	{
		auth.JWT(auth.JWTConfig{
			Keys: auth.PublicKey(public), Issuer: issuer, Resource: "https://api.example.com/mcp",
		})
		auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public), Issuer: issuer})
	}
	for i, v := range made {
		if _, err := (staff{v}).Verify(t.Context(), "no token"); err == nil {
			t.Errorf("verifier %d takes what is no token", i)
		}
	}
	named := auth.VerifierFunc(func(_ context.Context, token string) (*auth.Principal, error) {
		return &auth.Principal{Subject: token}, nil
	})
	if p, err := (staff{named}).Verify(t.Context(), "ann"); err != nil || !p.HasScope("admin") {
		t.Errorf("%+v, %v", p, err)
	}
}
