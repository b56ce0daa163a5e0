package jsonrpc

import (
	"errors"
	"io"
	"slices"
	"sync"
)

const (
	// maxPooled is the capacity above which a buffer is dropped: one large message must not pin its memory.
	maxPooled = 1 << 20
	// maxTrusted is how much a Content-Length alone can make us allocate; the rest follows as bytes arrive.
	maxTrusted = 64 << 10
	minRead    = 512
)

// ErrTooLarge is returned by [Buffer.ReadAll] for an input over its limit.
var ErrTooLarge = errors.New("jsonrpc: the body is over the limit: send less or raise the limit")

// Buffer is a growable byte buffer from a pool. B is its content; it may be appended to and reassigned freely.
type Buffer struct{ B []byte }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// GetBuffer returns an empty buffer from the pool.
func GetBuffer() *Buffer { return buffers.Get().(*Buffer) }

// PutBuffer gives b back to the pool. Nothing may use b or a part of b.B afterwards. A buffer above 1 MiB is left to the garbage collector.
func PutBuffer(b *Buffer) {
	if cap(b.B) > maxPooled {
		return
	}
	b.B = b.B[:0]
	buffers.Put(b)
}

// ReadAll replaces the content by all of r. It returns ErrTooLarge when there are more than max bytes, having read at most one of them too many, or the error of r.
// contentLength sizes the buffer, -1 when unknown; one over max is refused unread, one that lies costs at most 64 KiB.
func (b *Buffer) ReadAll(r io.Reader, contentLength, max int64) error {
	b.B = b.B[:0]
	if contentLength > max {
		return ErrTooLarge
	}
	// More room than announced, so that the read that finds the end needs no growth.
	if need := int(min(maxTrusted, contentLength, max)) + minRead; cap(b.B) < need {
		b.B = make([]byte, 0, need)
	}
	for {
		if len(b.B) == cap(b.B) {
			b.B = slices.Grow(b.B, len(b.B))
		}
		room := b.B[len(b.B):cap(b.B)]
		if left := max - int64(len(b.B)); left < int64(len(room)) {
			room = room[:left+1]
		}
		n, err := r.Read(room)
		b.B = b.B[:len(b.B)+n]
		switch {
		case int64(len(b.B)) > max:
			return ErrTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
