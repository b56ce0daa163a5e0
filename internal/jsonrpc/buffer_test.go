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
				b, err := ReadAll(wrap(source), announced, limit)
				switch {
				case size > limit && !errors.Is(err, ErrTooLarge):
					t.Errorf("%d bytes, %d announced, %s: got %v, want ErrTooLarge", size, announced, name, err)
				case size <= limit && (err != nil || string(b) != content):
					t.Errorf("%d bytes, %d announced, %s: got %d bytes, %v", size, announced, name, len(b), err)
				}
				if read := size - source.Len(); name == "whole" && read > limit+1 {
					t.Errorf("%d bytes were read, over a limit of %d", read, limit)
				}
				if cap(b) > max(2*size, limit+1) {
					t.Errorf("%d bytes, %d announced, %s: %d bytes of memory", size, announced, name, cap(b))
				}
			}
		}
	}
}

func TestReadAllDoesNotTrustContentLength(t *testing.T) {
	b, err := ReadAll(strings.NewReader("x"), 1<<30, 1<<40)
	if err != nil || string(b) != "x" {
		t.Fatalf("%q, %v", b, err)
	}
	if cap(b) > 2*maxTrusted {
		t.Errorf("an announcement alone took %d bytes", cap(b))
	}
	if _, err := ReadAll(iotest.ErrReader(errors.New("was read")), 101, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge without a read", err)
	}
}

func TestReadAllPassesReadErrorsOn(t *testing.T) {
	failed := errors.New("connection reset")
	if _, err := ReadAll(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(failed)), 6, 10); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

func TestReadAllOfAnAnnouncedBodyDoesNotAllocateTwice(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 10_000)
	source := bytes.NewReader(body)
	if n := testing.AllocsPerRun(20, func() {
		source.Reset(body)
		if b, err := ReadAll(source, int64(len(body)), 1<<20); err != nil || cap(b) > len(body)+1 {
			t.Fatal(cap(b), err)
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
