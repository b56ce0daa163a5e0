package middleware

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
)

const minRSABits = 2048 // RFC 7518 section 3.3

func (cfg *BearerConfig) setDefaults() {
	if cfg.Leeway == 0 {
		cfg.Leeway = DefaultBearerConfig.Leeway
	}
	if cfg.JWKSRefresh == 0 {
		cfg.JWKSRefresh = DefaultBearerConfig.JWKSRefresh
	}
	if cfg.CacheSize == 0 {
		cfg.CacheSize = DefaultBearerConfig.CacheSize
	}
	if cfg.Realm == "" {
		cfg.Realm = DefaultBearerConfig.Realm
	}
	if cfg.Header == "" {
		cfg.Header = echo.HeaderAuthorization
	}
	cfg.Header = http.CanonicalHeaderKey(cfg.Header)
	if cfg.NewClaims == nil {
		cfg.NewClaims = func() jwt.Claims { return jwt.MapClaims{} }
	}
	if cfg.ResourceMetadata == "" && cfg.Resource != "" {
		cfg.ResourceMetadata = wellKnownURL(cfg.Resource)
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = cfg.defaultAlgorithms()
	}
}

func (cfg *BearerConfig) defaultAlgorithms() []string {
	switch {
	case cfg.PublicKey != nil:
		if names := algorithmsOf(cfg.PublicKey); len(names) > 0 {
			return names[:1]
		}
	case cfg.JWKS != "":
		return []string{"RS256", "ES256", "EdDSA"}
	case cfg.Key != nil:
		return DefaultBearerConfig.Algorithms
	}
	return nil
}

// algorithmsOf lists what a public key can verify, the usual one first.
func algorithmsOf(key any) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key == nil || key.N == nil {
			return nil
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		if key == nil || key.Curve == nil {
			return nil
		}
		switch key.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil
		}
		return []string{"EdDSA"}
	}
	return nil
}

func (cfg *BearerConfig) check() error {
	sources := cfg.sources()
	switch {
	case len(sources) == 0:
		return errors.New("middleware: bearer requires a key: set one of Key, PublicKey, JWKS, Keyfunc and Verifier")
	case len(sources) > 1:
		return fmt.Errorf("middleware: bearer has both %s: set one of them", strings.Join(sources, " and "))
	case cfg.Leeway < 0 || cfg.Leeway > maxLeeway:
		return fmt.Errorf("middleware: bearer Leeway %s must be between 0 and %s", cfg.Leeway, maxLeeway)
	case slices.Contains(cfg.Audience, ""):
		return errors.New("middleware: bearer Audience has an empty value: name the audience or leave Audience out")
	case cfg.NewClaims() == nil:
		return errors.New("middleware: bearer NewClaims returned nil: return a pointer to a new value")
	case cfg.Verifier == nil && cfg.Header != echo.HeaderAuthorization:
		return fmt.Errorf("middleware: bearer Header %q is for Verifier: a JWT is taken from the Authorization header alone", cfg.Header)
	}
	return errors.Join(cfg.checkSource(), checkQuotable("Realm", cfg.Realm), checkScopes(cfg.Scopes),
		checkPublicURL("Resource", cfg.Resource), checkPublicURL("ResourceMetadata", cfg.ResourceMetadata))
}

// sources names what is set of the ways to verify a token.
func (cfg *BearerConfig) sources() (names []string) {
	for _, s := range []struct {
		name string
		set  bool
	}{
		{"Key", len(cfg.Key) > 0}, {"PublicKey", cfg.PublicKey != nil}, {"JWKS", cfg.JWKS != ""},
		{"Keyfunc", cfg.Keyfunc != nil}, {"Verifier", cfg.Verifier != nil},
	} {
		if s.set {
			names = append(names, s.name)
		}
	}
	return names
}

func (cfg *BearerConfig) checkSource() error {
	switch {
	case cfg.Verifier != nil:
		return nil
	case cfg.JWKS != "":
		if err := checkFetchURL("bearer JWKS", cfg.JWKS, cfg.JWKSLoopbackHTTP); err != nil {
			return err
		}
		switch {
		case cfg.JWKSRefresh < 0:
			return fmt.Errorf("middleware: bearer JWKSRefresh %s is negative: leave it 0 for its default", cfg.JWKSRefresh)
		case cfg.Issuer == "":
			return errors.New("middleware: bearer JWKS requires Issuer: the `iss` of its tokens")
		case cfg.Resource == "" && len(cfg.Audience) == 0:
			return errors.New("middleware: bearer JWKS requires Resource, the URL of this server, or Audience: tokens that the issuer made for others must not work here")
		}
	case cfg.PublicKey != nil:
		if err := cfg.checkPublicKey(); err != nil {
			return err
		}
	}
	return cfg.checkAlgorithms()
}

func (cfg *BearerConfig) checkPublicKey() error {
	possible := algorithmsOf(cfg.PublicKey)
	if len(possible) == 0 {
		return fmt.Errorf("middleware: bearer PublicKey is a %T: give an *rsa.PublicKey, an *ecdsa.PublicKey on P-256, P-384 or P-521, or an ed25519.PublicKey", cfg.PublicKey)
	}
	if key, ok := cfg.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
		return fmt.Errorf("middleware: bearer PublicKey has %d bits: RSA takes at least %d (RFC 7518 section 3.3)", key.N.BitLen(), minRSABits)
	}
	for _, name := range cfg.Algorithms {
		if !slices.Contains(possible, name) {
			return fmt.Errorf("middleware: bearer algorithm %q does not fit the PublicKey, a %T: it can verify %s", name, cfg.PublicKey, strings.Join(possible, ", "))
		}
	}
	return nil
}

func (cfg *BearerConfig) checkAlgorithms() error {
	if len(cfg.Algorithms) == 0 {
		return errors.New("middleware: bearer requires Algorithms: list what the issuer signs with, for instance RS256")
	}
	hmac := 0
	for _, name := range cfg.Algorithms {
		method := jwt.GetSigningMethod(name)
		if method == nil || strings.EqualFold(name, "none") {
			return fmt.Errorf("middleware: bearer algorithm %q is not allowed: use HS256 with Key, or RS256, ES256, EdDSA and the like with PublicKey, JWKS or Keyfunc", name)
		}
		m, ok := method.(*jwt.SigningMethodHMAC)
		if !ok {
			continue
		}
		hmac++
		if size := m.Hash.Size(); len(cfg.Key) > 0 && len(cfg.Key) < size && !cfg.AllowShortKey {
			return fmt.Errorf("middleware: bearer requires a key of at least %d bytes for %s (RFC 7518 section 3.2), not %d: make one from crypto/rand, or set AllowShortKey for a trial", size, name, len(cfg.Key))
		}
	}
	switch {
	case hmac > 0 && hmac < len(cfg.Algorithms):
		return errors.New("middleware: bearer Algorithms mix HMAC with asymmetric ones, so that a public key would do as a secret: use two groups with a Bearer each")
	case hmac == 0 && len(cfg.Key) > 0:
		return errors.New("middleware: bearer Key is for HS256, HS384 and HS512: give the public keys of other Algorithms by PublicKey, JWKS or Keyfunc")
	case hmac > 0 && cfg.JWKS != "":
		return errors.New("middleware: bearer JWKS is for public keys: a secret is no secret at a URL, so use Key for HS256")
	}
	return nil
}
