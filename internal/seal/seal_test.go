package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func ring(t testing.TB, keys ...[]byte) *Ring {
	t.Helper()
	r, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	for _, plaintext := range []string{"", "a", "row 17", strings.Repeat("x", 4096)} {
		r := ring(t)
		token := r.Seal("cursor", []byte(plaintext), []byte("ann"))
		got, err := r.Open("cursor", token, []byte("ann"))
		if err != nil || string(got) != plaintext {
			t.Errorf("Open = %q, %v; want %q", got, err, plaintext)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("token %q needs escaping in a URL", token)
		}
	}
}

func TestSealNeverRepeatsAToken(t *testing.T) {
	r := ring(t, key(1))
	seen := map[string]bool{}
	for range 1000 {
		token := r.Seal("cursor", []byte("same"), nil)
		if seen[token] {
			t.Fatal("a token came twice")
		}
		seen[token] = true
	}
}

func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	r := ring(t, key(1), key(2))
	token := r.Seal("cursor", []byte("row 17"), []byte("ann"))
	for i := range token {
		for bit := range 8 {
			b := []byte(token)
			b[i] ^= 1 << bit
			if got, err := r.Open("cursor", string(b), []byte("ann")); !errors.Is(err, ErrInvalid) || got != nil {
				t.Fatalf("bit %d of character %d flipped: Open = %q, %v", bit, i, got, err)
			}
		}
	}
}

func TestOpenRefusesWhatItDidNotSealThisWay(t *testing.T) {
	r, other := ring(t, key(1)), ring(t, key(2))
	token := r.Seal("cursor", []byte("row 17"), []byte("ann"))
	tests := map[string]struct {
		ring           *Ring
		purpose, token string
		context        string
	}{
		"other key":                 {other, "cursor", token, "ann"},
		"other purpose":             {r, "state", token, "ann"},
		"other context":             {r, "cursor", token, "bob"},
		"no context":                {r, "cursor", token, ""},
		"purpose slid into context": {r, "cursora", token, "nn"},
		"context slid into purpose": {r, "curso", token, "rann"},
		"empty":                     {r, "cursor", "", "ann"},
		"shorter than a key id":     {r, "cursor", "AAA", "ann"},
		"only a key id":             {r, "cursor", token[:6], "ann"},
		"cut":                       {r, "cursor", token[:len(token)-4], "ann"},
		"longer":                    {r, "cursor", token + "AAAA", "ann"},
		"padded":                    {r, "cursor", token + "=", "ann"},
		"line break inside":         {r, "cursor", token[:8] + "\n" + token[8:], "ann"},
		"line break at the end":     {r, "cursor", token + "\r\n", "ann"},
		"not base64url":             {r, "cursor", "no token at all!", "ann"},
		"over the limit":            {r, "cursor", r.Seal("cursor", make([]byte, MaxToken), []byte("ann")), "ann"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := tt.ring.Open(tt.purpose, tt.token, []byte(tt.context)); err != ErrInvalid || got != nil {
				t.Errorf("Open = %q, %v; want ErrInvalid", got, err)
			}
		})
	}
}

func TestRotationOpensTokensOfTheOldKey(t *testing.T) {
	before := ring(t, key(1))
	during := ring(t, key(2), key(1))
	after := ring(t, key(2))
	old := before.Seal("cursor", []byte("old"), nil)
	fresh := during.Seal("cursor", []byte("fresh"), nil)

	if got, err := during.Open("cursor", old, nil); err != nil || string(got) != "old" {
		t.Errorf("ring with the old key second: Open = %q, %v", got, err)
	}
	if got, err := after.Open("cursor", fresh, nil); err != nil || string(got) != "fresh" {
		t.Errorf("the first key does not seal: Open = %q, %v", got, err)
	}
	if _, err := after.Open("cursor", old, nil); err != ErrInvalid {
		t.Errorf("dropped key still opens: %v", err)
	}
}

func TestNewRefusesBadKeys(t *testing.T) {
	tests := map[string]struct {
		keys [][]byte
		want string
	}{
		"short":    {[][]byte{make([]byte, 16)}, "seal: key 1 has 16 bytes; make it exactly 32 random bytes"},
		"empty":    {[][]byte{key(1), nil}, "seal: key 2 has 0 bytes; make it exactly 32 random bytes"},
		"long":     {[][]byte{make([]byte, 33)}, "seal: key 1 has 33 bytes; make it exactly 32 random bytes"},
		"repeated": {[][]byte{key(1), key(2), key(1)}, "seal: key 3 repeats an earlier key; remove it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := New(tt.keys...); err == nil || err.Error() != tt.want {
				t.Errorf("New = %v; want %s", err, tt.want)
			}
		})
	}
}

func TestRingsWithoutKeysDoNotOpenEachOther(t *testing.T) {
	a, b := ring(t), ring(t)
	if _, err := b.Open("cursor", a.Seal("cursor", []byte("x"), nil), nil); err != ErrInvalid {
		t.Errorf("Open = %v; want ErrInvalid", err)
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, key(1))
	f.Add("")
	f.Add("AAAAAA")
	f.Add(r.Seal("state", []byte("x"), nil))
	f.Fuzz(func(t *testing.T, token string) {
		if got, err := r.Open("cursor", token, nil); err != ErrInvalid || got != nil {
			t.Errorf("Open(%q) = %q, %v", token, got, err)
		}
	})
}
