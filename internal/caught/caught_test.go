package caught_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpecho/kit/internal/caught"
)

func run(f func()) (err error) {
	defer caught.Into(&err)
	f()
	return nil
}

func TestAPanicBecomesAnErrorWithItsStack(t *testing.T) {
	p, ok := errors.AsType[*caught.Panic](run(func() { panic("boom") }))
	if !ok || p.Value != "boom" || p.Error() != "panic: boom" || !strings.Contains(string(p.Stack), "caught_test") {
		t.Errorf("%+v", p)
	}
}

func TestWithoutAPanicTheErrorStays(t *testing.T) {
	if err := run(func() {}); err != nil {
		t.Error(err)
	}
}

func TestAnAbortedHandlerGoesOn(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("%v", v)
		}
	}()
	_ = run(func() { panic(http.ErrAbortHandler) })
	t.Error("it did not go on")
}
