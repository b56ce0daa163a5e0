// Package wait lets a test wait for what must happen, instead of for a time in which it probably
// has happened.
package wait

import (
	"runtime"
	"testing"
	"time"
)

// patience is far above what anything takes on a busy machine: a test that reaches it has found
// something that hangs.
const patience = 30 * time.Second

// Until returns when done does. It asks every millisecond, and fails the test with the stacks of
// all goroutines after 30 seconds.
func Until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<18)
			t.Fatalf("waited too long for %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// For receives from a channel, and fails the test after 30 seconds.
func For[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatal("waited too long for ", what)
	}
	return v
}
