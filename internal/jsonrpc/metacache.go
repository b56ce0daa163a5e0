package jsonrpc

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

const (
	metaSlots    = 256
	maxMetaBytes = 4 << 10
)

var metas = metaCache{seed: maphash.MakeSeed()}

// metaCache remembers decoded _meta objects by their bytes. Each hash has one slot, so it is
// bounded, needs no lock and no eviction. An entry is stored only when the same bytes miss twice in
// a row in their slot: values that differ in every request, such as a trace context, never displace
// one that repeats, and are never copied.
type metaCache struct {
	seed  maphash.Seed
	slots [metaSlots]struct {
		entry  atomic.Pointer[metaEntry]
		missed atomic.Uint64 // the hash of the last miss
	}
}

// metaEntry is a decoded _meta and the bytes around its progressToken. Equal bytes before the token
// put any reader in the same state there, so another token between the same bytes decodes to the
// same members.
type metaEntry struct {
	head, tail []byte
	meta       Meta
}

func (c *metaCache) parse(raw []byte) (*Meta, error) {
	if len(raw) > maxMetaBytes {
		return decodeMeta(raw)
	}
	head, token, tail := splitToken(raw)
	hash := maphash.Bytes(c.seed, head)
	if tail != nil {
		hash = hash*31 + maphash.Bytes(c.seed, tail)
	}
	slot := &c.slots[hash%metaSlots]
	if e := slot.entry.Load(); e != nil && bytes.Equal(e.head, head) && bytes.Equal(e.tail, tail) {
		if token == nil {
			return &e.meta, nil
		}
		m := e.meta
		m.ProgressToken = token
		return &m, nil
	}
	m, err := decodeMeta(raw)
	if err != nil {
		return nil, err
	}
	if slot.missed.Swap(hash) == hash && sameStart(token, m.ProgressToken) {
		slot.entry.Store(newMetaEntry(raw, len(head), len(tail)))
	}
	return m, nil
}

// newMetaEntry makes an entry of its own copy of raw, which decodes without error.
func newMetaEntry(raw []byte, head, tail int) *metaEntry {
	raw = bytes.Clone(raw)
	m, _ := decodeMeta(raw)
	return &metaEntry{head: raw[:head], tail: raw[len(raw)-tail:], meta: *m}
}

// sameStart reports whether a and b are the same part of one array, or both nil.
func sameStart(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return &a[0] == &b[0]
}
