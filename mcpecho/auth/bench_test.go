package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http/httptest"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho/auth"
)

// signer is an issuer's pair of keys.
type signer struct {
	method          jwt.SigningMethod
	private, public any
}

func (s signer) keys() auth.Keys {
	if secret, ok := s.public.([]byte); ok {
		return auth.Secret(secret)
	}
	return auth.PublicKey(s.public)
}

func signers(t testing.TB) []signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []signer{
		{jwt.SigningMethodHS256, key, key},
		{jwt.SigningMethodRS256, r, &r.PublicKey},
		{jwt.SigningMethodES256, e, &e.PublicKey},
		{jwt.SigningMethodEdDSA, ed, edPublic},
	}
}

// BenchmarkBearer is the cost of a good token, first seen and seen before,
// over that of an Echo middleware which does nothing.
func BenchmarkBearer(b *testing.B) {
	e := echo.New()
	ok := func(echo.Context) error { return nil }
	run := func(name string, h echo.HandlerFunc, token string) {
		b.Run(name, func(b *testing.B) {
			r, w := get("Bearer "+token), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				ec := e.AcquireContext()
				ec.Reset(r, w)
				if err := h(ec); err != nil || w.Code != 200 {
					b.Fatal(err, w.Code)
				}
				e.ReleaseContext(ec)
			}
		})
	}
	run("none", ok, "")
	for _, s := range signers(b) {
		token := sign(b, s.method, s.private, claims(nil))
		cfg := auth.JWTConfig{Keys: s.keys()}
		run(s.method.Alg()+"/cached", guard(auth.JWT(cfg))(ok), token)
		cfg.CacheSize = -1
		run(s.method.Alg()+"/uncached", guard(auth.JWT(cfg))(ok), token)
	}
}
