// Package logbuf collects the log of a server that runs, for a test to look into.
package logbuf

import (
	"strings"
	"sync"
)

// Buffer is written by the goroutines of a server and read by the test. The zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *Buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is what has been written so far.
func (l *Buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
