package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// APIKey is what a server keeps of one API key: enough to recognise it, not enough to use it.
type APIKey struct {
	// Digest is the SHA-256 digest of the secret, the part after the first dot of the key. A fast
	// digest is right for secrets of at least 128 random bits, as [NewAPIKey] makes them, and wrong
	// for passwords.
	Digest [sha256.Size]byte
	// Subject is the caller. Default: the id of the key, so that two keys are two callers.
	Subject string
	// Scopes are granted to who holds the key. Optional.
	Scopes []string
}

// apiKeyIssuer keeps the subjects of API keys apart from those of tokens.
const apiKeyIssuer = "apikey"

// NewAPIKey makes a key with the id, to be shown once, and what to keep of it. It panics when the
// id is empty or has a dot.
func NewAPIKey(id string) (key string, keep APIKey) {
	if err := checkAPIKeyID(id); err != nil {
		panic(err.Error())
	}
	secret := rand.Text()
	return id + "." + secret, APIKey{Digest: sha256.Sum256([]byte(secret))}
}

// APIKeysConfig configures [APIKeys].
type APIKeysConfig struct {
	// Keys are what was kept of the keys, by id. The map is copied. Required.
	Keys map[string]APIKey
}

// APIKeys is a [Verifier] of keys of the form "id.secret", given as a map from id to what was kept.
// It panics when an id or a digest cannot be one; [APIKeysConfig.ToVerifier] returns the error, for
// keys that come from a table.
//
// A caller's principal has the Issuer "apikey", so two sets of keys on one server share the names
// of their callers. The map is copied: withdraw a key by making a new verifier, or write a
// [Verifier] that looks ids up. How long a look-up takes gives away neither a secret nor, to who
// does not know one, which ids exist.
func APIKeys(keys map[string]APIKey) Verifier { return must(APIKeysConfig{keys}.ToVerifier()) }

// ToVerifier makes the verifier, or says what is wrong with a key.
func (cfg APIKeysConfig) ToVerifier() (Verifier, error) {
	known := make(apiKeys, len(cfg.Keys))
	for id, key := range cfg.Keys {
		if err := checkAPIKeyID(id); err != nil {
			return nil, err
		}
		if key.Digest == ([sha256.Size]byte{}) || key.Digest == sha256.Sum256(nil) {
			return nil, fmt.Errorf("auth: API key %q has no Digest, or that of an empty secret: keep what NewAPIKey returns", id)
		}
		known[id] = apiKeyEntry{key.Digest, Principal{
			Issuer: apiKeyIssuer, Subject: cmp.Or(key.Subject, id), Scopes: slices.Clip(slices.Clone(key.Scopes)),
		}}
	}
	return known, nil
}

// apiKeys is the verifier: what is known of each key, by id.
type apiKeys map[string]apiKeyEntry

// Verify implements [Verifier].
func (known apiKeys) Verify(_ context.Context, token string) (*Principal, error) {
	id, secret, _ := strings.Cut(token, ".")
	entry := known[id] // an unknown id has a digest that no secret has
	digest := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(digest[:], entry.digest[:]) != 1 {
		return nil, ErrInvalidToken
	}
	p := entry.principal
	return &p, nil
}

type apiKeyEntry struct {
	digest    [sha256.Size]byte
	principal Principal
}

func checkAPIKeyID(id string) error {
	if id == "" || strings.Contains(id, ".") {
		return errors.New("auth: the id of an API key must be neither empty nor have a dot: the first dot of a key ends its id")
	}
	return nil
}
