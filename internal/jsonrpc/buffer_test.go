package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadAllReadsUpToItsLimit(t *testing.T) {
	const limit = 200_000
	for _, size := range []int{0, 1, 511, 512, 513, 64 << 10, limit - 1, limit, limit + 1, 2 * limit} {
		content := strings.Repeat("x", size)
		for _, announced := range []int64{-1, 0, int64(size), 10, limit} { // unknown, true and false lengths
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "end with data": iotest.DataErrReader,
			} {
				source := strings.NewReader(content)
				b := GetBuffer()
				b.B = append(b.B, "stale"...)
				err := b.ReadAll(wrap(source), announced, limit)
				switch {
				case size > limit && !errors.Is(err, ErrTooLarge):
					t.Errorf("%d bytes, %d announced, %s: got %v, want ErrTooLarge", size, announced, name, err)
				case size <= limit && (err != nil || string(b.B) != content):
					t.Errorf("%d bytes, %d announced, %s: got %d bytes, %v", size, announced, name, len(b.B), err)
				}
				if read := size - source.Len(); name == "whole" && read > limit+1 {
					t.Errorf("%d bytes were read, over a limit of %d", read, limit)
				}
				PutBuffer(b)
			}
		}
	}
}

func TestReadAllDoesNotTrustContentLength(t *testing.T) {
	var b Buffer
	if err := b.ReadAll(strings.NewReader("x"), 1<<30, 1<<40); err != nil || string(b.B) != "x" {
		t.Fatalf("%q, %v", b.B, err)
	}
	if cap(b.B) > 2*maxTrusted {
		t.Errorf("an announcement alone took %d bytes", cap(b.B))
	}
	if err := b.ReadAll(iotest.ErrReader(errors.New("was read")), 101, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge without a read", err)
	}
}

func TestReadAllPassesReadErrorsOn(t *testing.T) {
	failed := errors.New("connection reset")
	b := GetBuffer()
	defer PutBuffer(b)
	if err := b.ReadAll(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(failed)), 6, 10); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

func TestReadAllOfAnAnnouncedBodyDoesNotAllocateTwice(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 10_000)
	var b Buffer
	source := bytes.NewReader(body)
	if n := testing.AllocsPerRun(20, func() {
		b.B = nil
		source.Reset(body)
		if err := b.ReadAll(source, int64(len(body)), 1<<20); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestLargeBuffersAreNotPooled(t *testing.T) {
	for range 100 {
		PutBuffer(&Buffer{B: make([]byte, 10, maxPooled+1)})
		b := GetBuffer()
		if cap(b.B) > maxPooled || len(b.B) != 0 {
			t.Fatalf("got a buffer of %d bytes with room for %d", len(b.B), cap(b.B))
		}
	}
}
