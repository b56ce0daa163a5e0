package jsonrpc

import (
	"errors"
	"io"
)

// ErrTooLarge is returned by [Buffer.ReadAll] for an input over its limit.
var ErrTooLarge = errors.New("jsonrpc: the body is over the limit: send less or raise the limit")

// Buffer is a growable byte buffer from a pool. B is its content; it may be appended to and reassigned freely.
type Buffer struct{ B []byte }

// GetBuffer returns an empty buffer from the pool.
func GetBuffer() *Buffer { return new(Buffer) }

// PutBuffer gives b back to the pool. Nothing may use b or a part of b.B afterwards.
func PutBuffer(b *Buffer) {}

// ReadAll replaces the content by all of r: at most max bytes, else ErrTooLarge. contentLength is a hint for the first allocation, -1 when unknown.
func (b *Buffer) ReadAll(r io.Reader, contentLength, max int64) error {
	panic("jsonrpc: not written yet")
}
