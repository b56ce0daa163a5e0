package mcpecho_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/mcpecho/kit/mcpecho"
)

// impatient is a middleware that runs its successor in a goroutine and answers before it has ended.
func impatient(answer func(c echo.Context) error, begun <-chan struct{}) mcpecho.Step {
	return mcpecho.Named("impatient", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			go func() { _ = next(c) }()
			<-begun
			return answer(c)
		}
	})
}

func TestACallEndsOnlyWhenItsHandlerHasEnded(t *testing.T) {
	tests := map[string]struct {
		answer func(c echo.Context) error
		typ    string
	}{
		"a written 503":  {func(c echo.Context) error { return c.String(http.StatusServiceUnavailable, "too slow") }, mcpecho.TypeTimeout},
		"a returned 504": {func(echo.Context) error { return echo.NewHTTPError(http.StatusGatewayTimeout) }, mcpecho.TypeTimeout},
		"nothing":        {func(echo.Context) error { return nil }, mcpecho.TypeTimeout},
		"a rule":         {func(echo.Context) error { return mcpecho.Errorf("not today") }, mcpecho.TypeError},
		"a result":       {func(c echo.Context) error { return c.JSON(200, widget{Name: "early"}) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			begun := make(chan struct{})
			var running atomic.Bool
			slow := func(c *mcpecho.Call, _ none) (widget, error) {
				running.Store(true)
				close(begun)
				<-c.Ctx().Done() // the call is ended although its deadline is far
				time.Sleep(20 * time.Millisecond)
				err := c.DB().Create(&widget{Name: "late"}).Error
				running.Store(false)
				return widget{}, err
			}
			b.srv.Add(mcpecho.Service("slow", slow, impatient(tt.answer, begun), mcpecho.After("impatient", transaction())))
			r := b.call("slow", `{}`)
			if running.Load() {
				t.Error("the handler was still running when the client was answered")
			}
			if tt.typ == "" {
				if !strings.Contains(r.text(), "early") {
					t.Error(r.Body)
				}
			} else if f := r.failure(t); f["type"] != tt.typ {
				t.Error(f)
			}
			if n := b.count(); n != 0 {
				t.Errorf("%d rows of a handler that was ended", n)
			}
		})
	}
}

func TestASuccessorThatBeginsTooLateIsRefused(t *testing.T) {
	b := setup(t)
	refused := make(chan error, 1)
	release := make(chan struct{})
	b.srv.Add(mcpecho.Service("w.insert", insert, mcpecho.Named("late", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			go func() {
				<-release
				refused <- next(c)
			}()
			return c.JSON(200, widget{Name: "early"})
		}
	})))
	r := b.call("w.insert", `{"name":"x"}`)
	close(release)
	if err := <-refused; err == nil || b.count() != 0 {
		t.Errorf("a handler ran after the reply: %v, %d rows", err, b.count())
	}
	if !strings.Contains(r.text(), "early") {
		t.Error(r.Body)
	}
}

func TestAPanicBehindAnImpatientMiddlewareDoesNotHang(t *testing.T) {
	b := setup(t)
	begun := make(chan struct{})
	catches := mcpecho.Named("catches", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			defer func() { _ = recover() }()
			return next(c)
		}
	})
	b.srv.Add(mcpecho.Service("slow", func(c *mcpecho.Call, _ none) (widget, error) {
		close(begun)
		<-c.Ctx().Done()
		panic("late")
	}, impatient(func(c echo.Context) error { return c.NoContent(503) }, begun), catches))
	if f := b.call("slow", `{}`).failure(t); f["type"] != mcpecho.TypeTimeout {
		t.Error(f)
	}
}

func TestEchosTimeoutAsAStepEndsTheCallAndWaits(t *testing.T) {
	b := setup(t)
	ended := make(chan string, 1)
	slow := func(c *mcpecho.Call, in struct {
		Text string `json:"text"`
	}) (string, error) {
		<-c.Ctx().Done()
		ended <- in.Text
		return in.Text, c.Ctx().Err()
	}
	//lint:ignore SA1019 applications have it all the same
	timeout := echomw.TimeoutWithConfig(echomw.TimeoutConfig{Timeout: 30 * time.Millisecond})
	b.srv.Add(mcpecho.Service("slow", slow, mcpecho.Named("timeout", timeout)),
		mcpecho.Service("fast", func(*mcpecho.Call, none) (string, error) { return "fast", nil }, mcpecho.Named("timeout", timeout)))
	if f := b.call("slow", `{"text":"mine"}`).failure(t); f["type"] != mcpecho.TypeTimeout {
		t.Error(f)
	}
	select {
	case text := <-ended:
		if text != "mine" {
			t.Errorf("the handler saw %q", text)
		}
	default:
		t.Error("the reply came before the handler had ended")
	}
	if r := b.call("fast", `{}`); r.text() != "fast" {
		t.Error(r.Body)
	}
}

func TestAMiddlewareMayPassOnAContextOfItsOwn(t *testing.T) {
	type mine struct{ echo.Context }
	type key struct{}
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.insert", func(c *mcpecho.Call, _ none) (any, error) { return c.Ctx().Value(key{}), nil },
		mcpecho.Named("wraps", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key{}, "kept")))
				return next(mine{c})
			}
		})))
	if r := b.call("w.insert", `{}`); r.text() != "kept" {
		t.Error(r.Body)
	}
	if mcpecho.CallFrom(echo.New().NewContext(&http.Request{}, nil)) != nil {
		t.Error("a call was found outside of one")
	}
}

// keeper is a middleware that keeps its first successor for later, and answers others by itself.
type keeper struct {
	later chan func() error
	err   error
	hold  chan struct{} // closed when the others may end
	begun chan struct{} // closed when another one has begun
}

func (k *keeper) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		select {
		case k.later <- func() error { return next(c) }:
			return k.err
		default:
		}
		close(k.begun)
		<-k.hold
		return c.JSON(200, widget{Name: "by itself"})
	}
}

func TestASuccessorThatIsKeptNeverRunsInTheCallOfAnother(t *testing.T) {
	for name, steps := range map[string][]mcpecho.Option{
		"behind the same middleware": nil,
		"without any":                {mcpecho.Without("keeper")},
	} {
		b := setup(t)
		k := &keeper{later: make(chan func() error, 1), err: mcpecho.Errorf("gave up"), hold: make(chan struct{}), begun: make(chan struct{})}
		b.srv.Use(mcpecho.Named("keeper", k.middleware))
		wait := func(c *mcpecho.Call, in struct {
			Name string `json:"name"`
		}) (widget, error) {
			close(k.begun)
			<-k.hold
			return widget{Name: "by itself"}, nil
		}
		b.srv.Add(mcpecho.Service("w.insert", insert), mcpecho.Service("w.wait", wait, steps...))
		b.call("w.insert", `{"name":"of the first"}`)
		done := make(chan reply)
		go func() { done <- b.call("w.wait", `{"name":"of the second"}`) }()
		<-k.begun
		if err := (<-k.later)(); err == nil {
			t.Errorf("%s: a kept successor ran", name)
		}
		close(k.hold)
		if r := <-done; !strings.Contains(r.text(), "by itself") || b.count() != 0 {
			t.Errorf("%s: %d rows, %s", name, b.count(), r.Body)
		}
	}
}

func TestASuccessorThatIsKeptDoesNotEnterTheNextAttempt(t *testing.T) {
	b := setup(t)
	var kept func() error
	attempts, ran := 0, 0
	twice := mcpecho.Step{Name: "twice", Stage: mcpecho.StageTransaction, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		rewind := c.Mark()
		if next(ec) == nil {
			return nil
		}
		if err := rewind(); err != nil {
			return err
		}
		return next(ec)
	})}
	foreign := mcpecho.Named("foreign", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if attempts++; attempts == 1 {
				kept = func() error { return next(c) }
				return mcpecho.Errorf("again")
			}
			if err := kept(); err == nil {
				t.Error("the successor of the first attempt entered the second")
			}
			return next(c)
		}
	})
	b.srv.Add(mcpecho.Service("w", func(*mcpecho.Call, none) (string, error) { ran++; return "done", nil }, twice, mcpecho.After("twice", foreign)))
	if r := b.call("w", `{}`); r.text() != "done" || ran != 1 {
		t.Errorf("the handler ran %d times: %s", ran, r.Body)
	}
}

func TestAPartOfAChainInsideOfAnotherDoesNotWaitForItself(t *testing.T) {
	b := setup(t)
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	settles := mcpecho.Step{Name: "settles", Stage: mcpecho.StageTransaction, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if err := next(ec); err != nil {
			return err
		}
		return c.Settle()
	})}
	b.srv.Add(mcpecho.Service("w", func(*mcpecho.Call, none) (string, error) { return "", nil },
		mcpecho.Named("outer", pass), settles, mcpecho.Step{Name: "stamp", Stage: mcpecho.StageSerialize, Func: pass},
		mcpecho.After("settles", mcpecho.Named("cache", mcpecho.Func(func(c *mcpecho.Call, _ echo.Context, _ echo.HandlerFunc) error { c.SetResult("cached"); return nil })))))
	if r := b.call("w", `{}`); r.text() != "cached" {
		t.Error(r.Body)
	}
}
