// Package seal turns server state into opaque tokens that a client can keep and hand back, but
// neither read nor change.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// KeySize is the length of a key in bytes (AES-256).
	KeySize = 32
	// MaxToken is the length in bytes above which Open refuses a token without decoding it. A
	// caller of Seal must not hand out a longer one.
	MaxToken = 8 << 10

	idSize = 4
)

// ErrInvalid is the only error of Open. It does not say what was wrong, so that a token cannot be
// probed.
var ErrInvalid = errors.New("seal: invalid token")

// strict refuses bits at the end that carry no data, so that a token can be written in one way
// only.
var strict = base64.RawURLEncoding.Strict()

// Ring is an ordered set of keys. It is immutable and safe for concurrent use.
type Ring struct {
	first keyID
	aeads map[keyID]cipher.AEAD
}

// keyID names a key in a token, so that opening takes one try however many keys the ring holds.
type keyID [idSize]byte

// New returns a ring of keys, each exactly KeySize bytes. The first one seals and all of them open:
// to rotate, put the new key in front and drop the old one when its tokens may die. Replicas that
// open each other's tokens need the same keys. Without keys the ring has one random key, and its
// tokens die with the process.
//
// Nonces are random, so one key should not seal more than 2^32 tokens.
func New(keys ...[]byte) (*Ring, error) {
	if len(keys) == 0 {
		key := make([]byte, KeySize)
		rand.Read(key) // never fails: crypto/rand aborts the process instead
		keys = [][]byte{key}
	}
	r := &Ring{aeads: make(map[keyID]cipher.AEAD, len(keys))}
	for i, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("seal: key %d has %d bytes; make it exactly %d random bytes", i+1, len(key), KeySize)
		}
		id := identify(key)
		if _, ok := r.aeads[id]; ok {
			return nil, fmt.Errorf("seal: key %d repeats an earlier key; remove it", i+1)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i+1, err)
		}
		if i == 0 {
			r.first = id
		}
		r.aeads[id] = aead
	}
	return r, nil
}

func identify(key []byte) (id keyID) {
	sum := sha256.Sum256(append([]byte("key id\x00"), key...))
	copy(id[:], sum[:])
	return id
}

// Seal encrypts plaintext into a token of URL-safe characters. The token opens only with the same
// purpose, which keeps the kinds of token of one server apart, and the same context, which binds it
// for instance to a principal; neither is stored in it. Equal input gives a different token each
// time.
func (r *Ring) Seal(purpose string, plaintext, context []byte) string {
	aead := r.aeads[r.first]
	buf := make([]byte, idSize, idSize+len(plaintext)+aead.Overhead())
	copy(buf, r.first[:])
	return strict.EncodeToString(aead.Seal(buf, nil, plaintext, additional(purpose, context)))
}

// Open returns the plaintext of a token that Seal made with a key of this ring, purpose and
// context. Any other token is refused with ErrInvalid.
func (r *Ring) Open(purpose, token string, context []byte) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, ErrInvalid
	}
	data, err := strict.DecodeString(token)
	// The decoder skips line breaks; the length check refuses them.
	if err != nil || len(data) < idSize || strict.EncodedLen(len(data)) != len(token) {
		return nil, ErrInvalid
	}
	aead, ok := r.aeads[keyID(data[:idSize])]
	if !ok {
		return nil, ErrInvalid
	}
	plaintext, err := aead.Open(nil, nil, data[idSize:], additional(purpose, context))
	if err != nil {
		return nil, ErrInvalid
	}
	return plaintext, nil
}

// additional joins purpose and context so that no two pairs give the same bytes.
func additional(purpose string, context []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(purpose)))
	b = append(b, purpose...)
	return append(b, context...)
}
