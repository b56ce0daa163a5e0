package deadline_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpecho/kit/internal/deadline"
)

// wrapped is a context of another type around it, as a call has one.
type wrapped struct{ context.Context }

func begun(parent context.Context, d time.Duration) *deadline.Context {
	c := &deadline.Context{}
	c.Begin(parent, time.Now().Add(d))
	return c
}

func TestDeadlineIsAContextLikeThatOfTheStandardLibrary(t *testing.T) {
	type key struct{}
	tests := map[string]struct {
		end  func(d *deadline.Context, cancel context.CancelFunc)
		want error
	}{
		"its time passes":        {func(*deadline.Context, context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"it is ended":            {func(d *deadline.Context, _ context.CancelFunc) { d.End(nil) }, context.Canceled},
		"the request ends":       {func(_ *deadline.Context, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"nothing happens":        {func(*deadline.Context, context.CancelFunc) { time.Sleep(time.Second - 1) }, nil},
		"it is ended repeatedly": {func(d *deadline.Context, _ context.CancelFunc) { d.End(nil); d.End(nil) }, context.Canceled},
	}
	for name, tt := range tests {
		for _, waited := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
				defer cancel()
				d := begun(parent, time.Second)
				defer d.End(nil)
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
	d := begun(t.Context(), time.Hour)
	defer d.End(nil)
	before := runtime.NumGoroutine()
	for range 10 {
		child, cancel := context.WithCancel(wrapped{d})
		defer cancel()
		if child.Err() != nil {
			t.Fatal(child.Err())
		}
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Errorf("%d goroutines for 10 children", n)
	}
}

func TestTheEarlierDeadlineCounts(t *testing.T) {
	earlier, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := earlier.Deadline()
	if at, ok := begun(earlier, time.Hour).Deadline(); !ok || !at.Equal(want) {
		t.Errorf("deadline %v, want that of the parent %v", at, want)
	}
	if at, ok := begun(earlier, time.Second).Deadline(); !ok || !at.Before(want) {
		t.Errorf("deadline %v is not the own one", at)
	}
}

func TestTheCauseOfAnEndByHandIsKept(t *testing.T) {
	cause := errors.New("shutdown")
	waited, never := begun(t.Context(), time.Hour), begun(t.Context(), time.Hour)
	<-ended(waited, cause)
	never.End(cause)
	for _, d := range []*deadline.Context{waited, never} {
		if d.Cause() != cause || context.Cause(d) != cause || !errors.Is(d.Err(), context.Canceled) {
			t.Errorf("cause %v and %v, err %v", d.Cause(), context.Cause(d), d.Err())
		}
	}
}

func ended(d *deadline.Context, cause error) <-chan struct{} {
	done := d.Done()
	d.End(cause)
	d.End(errors.New("too late"))
	return done
}
