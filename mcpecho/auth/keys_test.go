package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho/auth"
)

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
	keys := auth.Keyfunc(func(*jwt.Token) (any, error) { return &private.PublicKey, nil }, "RS256")
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
			rec, _ := door(guard(auth.JWT(auth.JWTConfig{Keys: keys})), get("Bearer "+tc.token))
			equal(t, "status", rec.Code, tc.status)
		})
	}
}

func TestBearerRefusesTheEmptySecretOfAFailedLookup(t *testing.T) {
	for name, empty := range map[string]any{
		"nil": []byte(nil), "set": jwt.VerificationKeySet{Keys: []jwt.VerificationKey{key, []byte{}}},
	} {
		bearer := guard(auth.JWT(auth.JWTConfig{
			Keys: auth.Keyfunc(func(*jwt.Token) (any, error) { return empty, nil }, "HS256"),
		}))
		rec, _ := door(bearer, get("Bearer "+sign(t, jwt.SigningMethodHS256, []byte{}, claims(nil))))
		equal(t, name, rec.Code, http.StatusUnauthorized)
	}
}

func TestBearerPassesOnAnHTTPErrorOfKeyfunc(t *testing.T) {
	bearer := guard(auth.JWT(auth.JWTConfig{Keys: auth.Keyfunc(func(*jwt.Token) (any, error) {
		return nil, echo.NewHTTPError(http.StatusServiceUnavailable, "keys are being fetched")
	}, "RS256")}))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := door(bearer, get("Bearer "+sign(t, jwt.SigningMethodRS256, private, claims(nil))))
	equal(t, "status", rec.Code, http.StatusServiceUnavailable)
}
