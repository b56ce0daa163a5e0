package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys are what the signatures of a [JWT] are verified with: a [Secret], a [PublicKey], the key set
// of an issuer by [JWKS] or [JWKSConfig], or a [Keyfunc]. Each accepts a list of algorithms, the
// values of `alg`, and no other. "none" is never accepted, and HMAC never beside asymmetric
// algorithms: a public key would do as an HMAC secret.
type Keys interface {
	// source says how keys are found, or what is wrong with them.
	source() (source, error)
}

// source is where the keys of a verifier come from.
type source struct {
	find       jwt.Keyfunc
	algorithms []string
	authority  string        // names the key, "" where there may be several
	honoured   time.Duration // how long a token is believed without its key being looked for, 0 for ever
	shared     bool          // whether the keys sign tokens for other servers too
}

// maxHonoured bounds how long a key that may have been withdrawn is trusted.
const maxHonoured = time.Minute

const minRSABits = 2048 // RFC 7518 section 3.3

type secret struct {
	key        []byte
	algorithms []string
	short      bool
}

// Secret is the key of HMAC tokens, shared with whoever makes them: at least 32 bytes for HS256, 48
// for HS384, 64 for HS512 (RFC 7518 section 3.2). Everyone who knows it can make tokens. The
// algorithms are HS256 when none is named.
func Secret(key []byte, algorithms ...string) Keys {
	return secret{slices.Clone(key), slices.Clone(algorithms), false}
}

// ShortSecret is a [Secret] that may be shorter, though never empty. One valid token is enough to
// try out short or guessable keys offline, so it is for keys that an operator has chosen for a
// trial.
func ShortSecret(key []byte, algorithms ...string) Keys {
	return secret{slices.Clone(key), slices.Clone(algorithms), true}
}

func (s secret) source() (source, error) {
	if s.algorithms == nil {
		s.algorithms = []string{"HS256"}
	}
	if err := checkAlgorithms(s.algorithms); err != nil {
		return source{}, err
	}
	for _, name := range s.algorithms {
		m, ok := jwt.GetSigningMethod(name).(*jwt.SigningMethodHMAC)
		if !ok {
			return source{}, fmt.Errorf("auth: a Secret is for HS256, HS384 and HS512, not %s: give the public key by PublicKey, JWKS or Keyfunc", name)
		}
		if s.short && len(s.key) == 0 {
			return source{}, errors.New("auth: a ShortSecret must not be empty")
		}
		if size := m.Hash.Size(); len(s.key) == 0 || len(s.key) < size && !s.short {
			return source{}, fmt.Errorf("auth: a Secret must have at least %d bytes for %s (RFC 7518 section 3.2), not %d: make one from crypto/rand", size, name, len(s.key))
		}
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("mcpecho: the callers of this key"))
	return source{
		find:       func(*jwt.Token) (any, error) { return s.key, nil },
		algorithms: s.algorithms, authority: authority(mac.Sum(nil)),
	}, nil
}

type publicKey struct {
	key        any
	algorithms []string
}

// PublicKey is the key of an issuer that signs with its private half: an [*rsa.PublicKey] of at
// least 2048 bits, an [*ecdsa.PublicKey] or an [ed25519.PublicKey]. When no algorithm is named it
// is RS256, ES256, ES384, ES512 or EdDSA, by the key.
func PublicKey(key any, algorithms ...string) Keys {
	return publicKey{key, slices.Clone(algorithms)}
}

func (k publicKey) source() (source, error) {
	possible := algorithmsOf(k.key)
	if len(possible) == 0 {
		return source{}, fmt.Errorf("auth: the PublicKey is a %T: give an *rsa.PublicKey, an *ecdsa.PublicKey on P-256, P-384 or P-521, or an ed25519.PublicKey", k.key)
	}
	if key, ok := k.key.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
		return source{}, fmt.Errorf("auth: the PublicKey has %d bits: RSA takes at least %d (RFC 7518 section 3.3)", key.N.BitLen(), minRSABits)
	}
	if k.algorithms == nil {
		k.algorithms = possible[:1]
	}
	if err := checkAlgorithms(k.algorithms); err != nil {
		return source{}, err
	}
	for _, name := range k.algorithms {
		if !slices.Contains(possible, name) {
			return source{}, fmt.Errorf("auth: algorithm %q does not fit the PublicKey, a %T: it can verify %s", name, k.key, strings.Join(possible, ", "))
		}
	}
	s := source{find: func(*jwt.Token) (any, error) { return k.key, nil }, algorithms: k.algorithms}
	if der, err := x509.MarshalPKIXPublicKey(k.key); err == nil {
		sum := sha256.Sum256(der)
		s.authority = authority(sum[:])
	}
	return s, nil
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

// authority names the key of tokens whose issuer is not checked. Who has the key of one verifier
// can write every `iss` and `sub`, and must not become a caller of another verifier by that. The
// name is the same on all replicas, and does not give the key away.
func authority(digest []byte) string { return "key:" + hex.EncodeToString(digest[:16]) }

type foundKeys struct {
	find       jwt.Keyfunc
	algorithms []string
}

// Keyfunc finds the key of each token by a function, for what the other [Keys] cannot say. At least
// one algorithm is required.
//
// The function runs before anything of the token is verified, so it must not fetch what the token's
// header asks for without a bound. The strength of a secret that it returns is its own concern; an
// empty one is refused. An [echo.HTTPError] that it returns is the answer to the request; use
// status 503 while keys cannot be fetched, since a 401 makes clients log in again. A key that it no
// longer returns is honoured for at most a minute. Without [JWTConfig.Issuer] it also answers for
// `iss`: callers are told apart by `iss` and `sub` alone, so it must not give the key of one issuer
// to a token of another.
func Keyfunc(find jwt.Keyfunc, algorithms ...string) Keys {
	return foundKeys{find, slices.Clone(algorithms)}
}

func (f foundKeys) source() (source, error) {
	if f.find == nil {
		return source{}, errors.New("auth: Keyfunc requires a function")
	}
	if err := checkAlgorithms(f.algorithms); err != nil {
		return source{}, err
	}
	if n := countHMAC(f.algorithms); n > 0 && n < len(f.algorithms) {
		return source{}, errors.New("auth: the algorithms of a Keyfunc mix HMAC with asymmetric ones, so that a public key would do as a secret: use two verifiers, each in front of a group of its own")
	}
	return source{find: refuseEmpty(f.find), algorithms: f.algorithms, honoured: maxHonoured}, nil
}

func checkAlgorithms(names []string) error {
	if len(names) == 0 {
		return errors.New("auth: JWT requires algorithms: list what the issuer signs with, for instance RS256")
	}
	for _, name := range names {
		if jwt.GetSigningMethod(name) == nil || strings.EqualFold(name, "none") {
			return fmt.Errorf("auth: JWT algorithm %q is not allowed: use HS256 with Secret, or RS256, ES256, EdDSA and the like with PublicKey, JWKS or Keyfunc", name)
		}
	}
	return nil
}

func countHMAC(names []string) (n int) {
	for _, name := range names {
		if _, ok := jwt.GetSigningMethod(name).(*jwt.SigningMethodHMAC); ok {
			n++
		}
	}
	return n
}

// refuseEmpty refuses an empty secret, the zero value that a failed look-up in a Keyfunc returns:
// everyone can make tokens for it.
func refuseEmpty(find jwt.Keyfunc) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		key, err := find(t)
		if err != nil {
			return nil, err
		}
		keys := []jwt.VerificationKey{key}
		if set, ok := key.(jwt.VerificationKeySet); ok {
			keys = set.Keys
		}
		for _, k := range keys {
			if secret, ok := k.([]byte); ok && len(secret) == 0 {
				return nil, errEmptyKey
			}
		}
		return key, nil
	}
}

var errEmptyKey = errors.New("auth: Keyfunc returned an empty secret")
