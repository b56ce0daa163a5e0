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
