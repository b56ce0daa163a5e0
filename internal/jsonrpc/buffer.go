package jsonrpc

import (
	"errors"
	"io"
	"sync"
)

const (
	// maxPooled is the capacity above which a buffer is dropped: one large message must not pin its
	// memory.
	maxPooled = 1 << 20
	// maxTrusted is how much a Content-Length alone can make us allocate; the rest follows as bytes
	// arrive.
	maxTrusted = 64 << 10
	// unknownLength is the first room for a body of unknown length.
	unknownLength = 512
)

// ErrTooLarge is returned by [ReadAll] for an input over its limit.
var ErrTooLarge = errors.New("jsonrpc: the body is over the limit: send less or raise the limit")

// Buffer is a growable byte buffer from a pool, for what is written and not needed afterwards. No
// part of it may reach user code, which could keep it. B is its content; it may be appended to and
// reassigned freely.
type Buffer struct{ B []byte }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// GetBuffer returns an empty buffer from the pool.
func GetBuffer() *Buffer { return buffers.Get().(*Buffer) }

// PutBuffer gives b back to the pool. Nothing may use b or a part of b.B afterwards. A buffer above
// 1 MiB is left to the garbage collector.
func PutBuffer(b *Buffer) {
	if cap(b.B) > maxPooled {
		return
	}
	b.B = b.B[:0]
	buffers.Put(b)
}

// ReadAll reads all of r into new memory and not into a pooled buffer, because parts of a message
// are handed to user code, which may keep them. It returns ErrTooLarge when there are more than max
// bytes, having read at most one of them too many, or the error of r. contentLength is the
// announced size, -1 when unknown. One over max is refused unread, and a false one costs at most 64
// KiB.
func ReadAll(r io.Reader, contentLength, max int64) ([]byte, error) {
	if contentLength > max {
		return nil, ErrTooLarge
	}
	size := int64(unknownLength)
	if contentLength >= 0 {
		size = contentLength + 1 // the read that finds the end needs room, or the memory would grow for it
	}
	b := make([]byte, 0, min(maxTrusted, size, max+1))
	for {
		if len(b) == cap(b) {
			b = grow(b, contentLength, max)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > max:
			return nil, ErrTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}

// grow doubles the room of b, but not above what was announced or allowed, so that a body takes
// little more memory than its size.
func grow(b []byte, contentLength, max int64) []byte {
	room := min(2*int64(cap(b)), max+1)
	if contentLength >= int64(len(b)) {
		room = min(room, contentLength+1)
	}
	return append(make([]byte, 0, room), b...)
}
