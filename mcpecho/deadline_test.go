package mcpecho

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlineIsAContextLikeThatOfTheStandardLibrary(t *testing.T) {
	type key struct{}
	tests := map[string]struct {
		end  func(d *deadline, cancel context.CancelFunc)
		want error
	}{
		"its time passes":        {func(*deadline, context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"it is ended":            {func(d *deadline, _ context.CancelFunc) { d.end() }, context.Canceled},
		"the request ends":       {func(_ *deadline, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"nothing happens":        {func(*deadline, context.CancelFunc) { time.Sleep(time.Second - 1) }, nil},
		"it is ended repeatedly": {func(d *deadline, _ context.CancelFunc) { d.end(); d.end() }, context.Canceled},
	}
	for name, tt := range tests {
		for _, waited := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
				defer cancel()
				d := &deadline{Context: parent, at: time.Now().Add(time.Second)}
				defer d.end()
				if waited {
					d.Done()
				}
				tt.end(d, cancel)
				synctest.Wait()
				if err := d.Err(); !errors.Is(err, tt.want) {
					t.Errorf("%s, waited %v: Err = %v, want %v", name, waited, err, tt.want)
				}
				select {
				case <-d.Done():
					if tt.want == nil {
						t.Errorf("%s, waited %v: done", name, waited)
					}
				default:
					if tt.want != nil {
						t.Errorf("%s, waited %v: not done", name, waited)
					}
				}
				if d.Value(key{}) != "v" {
					t.Errorf("%s, waited %v: the value of the request is lost", name, waited)
				}
			})
		}
	}
}

func TestAChildOfADeadlineNeedsNoGoroutine(t *testing.T) {
	d := &deadline{Context: t.Context(), at: time.Now().Add(time.Hour)}
	defer d.end()
	before := runtime.NumGoroutine()
	for range 10 {
		child, cancel := context.WithCancel(&callContext{d, nil})
		defer cancel()
		if child.Err() != nil {
			t.Fatal(child.Err())
		}
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Errorf("%d goroutines for 10 children", n)
	}
}
