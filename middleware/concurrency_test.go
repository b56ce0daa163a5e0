package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// hold is a service whose calls each wait to be let go.
type hold struct{ entered, release chan struct{} }

func newHold() hold { return hold{make(chan struct{}), make(chan struct{})} }

func (h hold) run(c *mcpecho.Call, _ nothing) (bool, error) {
	select {
	case h.entered <- struct{}{}:
		<-h.release
		return true, nil
	case <-c.Ctx().Done(): // nobody expected it to get in
		return false, c.Ctx().Err()
	}
}

// start begins a call and returns when it is inside; done waits for its end.
func (h hold) start(t *testing.T, c *mcptest.Client, tool string) (done func() *mcptest.Result) {
	t.Helper()
	result := make(chan *mcptest.Result, 1)
	go func() { result <- c.Do(tool, nil) }()
	select {
	case <-h.entered:
	case r := <-result:
		close(h.release)
		t.Fatalf("the call did not get in: %s", r.Body)
	}
	return func() *mcptest.Result { return <-result }
}

func TestConcurrencyRefusesOneCallTooManyOfACaller(t *testing.T) {
	h := newHold()
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", h.run, mw.Concurrency(2)))
	a, b := mcptest.New(t, srv).As(ann), mcptest.New(t, srv).As(bob)
	ends := []func() *mcptest.Result{h.start(t, a, "tool"), h.start(t, a, "tool")}
	for range 3 {
		r := a.Do("tool", nil)
		if !r.IsError || r.Error.Type != mcpecho.TypeRate || r.Error.RetryAfter != time.Second {
			t.Fatalf("got %s", r.Body)
		}
		equal(t, "message", r.Error.Message, "too many calls at once: wait for one to end")
		equal(t, "Retry-After", r.Header.Get("Retry-After"), "1")
	}
	ends = append(ends, h.start(t, b, "tool"))
	h.release <- struct{}{}
	h.release <- struct{}{}
	h.release <- struct{}{}
	for _, end := range ends {
		equal(t, "refused", end().IsError, false)
	}
	end := h.start(t, a, "tool")
	h.release <- struct{}{}
	equal(t, "refused after others have ended", end().IsError, false)
}

func TestConcurrencyIsReleasedOnEveryExit(t *testing.T) {
	exit := errors.New("no exit yet")
	for name, leave := range map[string]func(c *mcpecho.Call) error{
		"result":     func(*mcpecho.Call) error { return nil },
		"error":      func(*mcpecho.Call) error { return exit },
		"tool error": func(*mcpecho.Call) error { return mcpecho.Errorf("no") },
		"panic":      func(*mcpecho.Call) error { panic("no") },
		"nil panic":  func(c *mcpecho.Call) error { var p *mcpecho.Principal; return errors.New(p.ID) },
		"reported":   func(c *mcpecho.Call) error { c.Error(exit); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(nil)
			limit := mw.Concurrency(1)
			srv.Add(
				mcpecho.Service("leave", func(c *mcpecho.Call, _ nothing) (bool, error) { return true, leave(c) }, limit),
				mcpecho.Service("typed", func(*mcpecho.Call, struct {
					N int `json:"n"`
				}) (bool, error) {
					return true, nil
				}, limit),
				mcpecho.Service("tool", ok, limit))
			client := mcptest.New(t, srv).As(ann)
			for range 3 {
				client.Do("leave", nil)
				equal(t, "bad arguments", client.Do("typed", map[string]any{"n": "x"}).Error.Type, mcpecho.TypeValidation)
				equal(t, "text", client.Do("tool", nil).Text, `{"ok":true}`)
			}
		})
	}
}

func TestConcurrencyIsReleasedWhenTheConnectionIsCut(t *testing.T) {
	limit := mw.Concurrency(1)
	entered := make(chan struct{})
	leaving := func(leave func(c *mcpecho.Call)) func(*mcpecho.Call, nothing) (bool, error) {
		return func(c *mcpecho.Call, _ nothing) (bool, error) { leave(c); return true, nil }
	}
	srv := newServer(nil)
	srv.Add(
		mcpecho.Service("abort", leaving(func(*mcpecho.Call) { panic(http.ErrAbortHandler) }), limit),
		mcpecho.Service("exit", leaving(func(*mcpecho.Call) { runtime.Goexit() }), limit),
		mcpecho.Service("left", leaving(func(c *mcpecho.Call) {
			entered <- struct{}{}
			<-c.Ctx().Done()
		}), limit),
		mcpecho.Service("tool", ok, limit))
	e := echo.New()
	srv.Mount(e.Group("/mcp"))
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	call := func(ctx context.Context, tool string) (body string, err error) {
		r := toolCall(tool, nil).WithContext(ctx)
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server.Listener.Addr().String()
		response, err := server.Client().Do(r)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		return string(b), err
	}
	for range 3 {
		for _, tool := range []string{"abort", "exit"} {
			if body, err := call(t.Context(), tool); err == nil {
				t.Errorf("%s was answered: %s", tool, body)
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-entered
			leave()
		}()
		if body, err := call(ctx, "left"); err == nil {
			t.Errorf("who left was answered: %s", body)
		}
		wait.Until(t, "the place of who left", func() bool {
			body, err := call(t.Context(), "tool")
			return err == nil && strings.Contains(body, `"structuredContent":{"ok":true}`)
		})
	}
}

func TestConcurrencyByTool(t *testing.T) {
	h := newHold()
	srv := newServer(nil)
	srv.Use(mw.ConcurrencyWithConfig(mw.ConcurrencyConfig{Max: 1, Key: mw.ByTool, RetryAfter: 2500 * time.Millisecond}))
	srv.Add(mcpecho.Service("one", h.run), mcpecho.Service("two", ok))
	client := mcptest.New(t, srv)
	end := h.start(t, client.As(ann), "one")
	r := client.As(bob).Do("one", nil)
	if !r.IsError || r.Error.RetryAfter != 2500*time.Millisecond {
		t.Errorf("got %s", r.Body)
	}
	equal(t, "another tool is refused", client.As(ann).Do("two", nil).IsError, false)
	h.release <- struct{}{}
	equal(t, "refused", end().IsError, false)
}

func TestConcurrencySkipper(t *testing.T) {
	h := newHold()
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", h.run, mw.ConcurrencyWithConfig(mw.ConcurrencyConfig{
		Max: 1, Skipper: func(ec echo.Context) bool { return mcpecho.CallFrom(ec).Principal() == bob }})))
	client := mcptest.New(t, srv)
	ends := []func() *mcptest.Result{h.start(t, client.As(bob), "tool"), h.start(t, client.As(bob), "tool"), h.start(t, client.As(ann), "tool")}
	equal(t, "refused", client.As(ann).Do("tool", nil).IsError, true)
	for range ends {
		h.release <- struct{}{}
	}
	for _, end := range ends {
		equal(t, "refused", end().IsError, false)
	}
}

func TestConcurrencyNeverExceedsItsMaxUnderLoad(t *testing.T) {
	var mu sync.Mutex
	var inside, most, passed int
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", func(*mcpecho.Call, nothing) (bool, error) {
		mu.Lock()
		inside++
		passed++
		most = max(most, inside)
		mu.Unlock()
		defer func() { mu.Lock(); inside--; mu.Unlock() }()
		return true, nil
	}, mw.Concurrency(3)))
	client := mcptest.New(t, srv).As(ann)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				client.Do("tool", nil)
			}
		})
	}
	wg.Wait()
	if most > 3 || passed == 0 {
		t.Errorf("%d at once, %d passed", most, passed)
	}
	equal(t, "refused at rest", client.Do("tool", nil).IsError, false)
}

func TestConcurrencySaysWhatIsWrongWithItsConfiguration(t *testing.T) {
	for want, f := range map[string]func(){
		"middleware: concurrency of 0 calls must be positive":    func() { mw.Concurrency(0) },
		"middleware: concurrency of -1 calls must be positive":   func() { mw.Concurrency(-1) },
		"middleware: concurrency RetryAfter -1ns is negative: l": func() { mw.ConcurrencyWithConfig(mw.ConcurrencyConfig{Max: 1, RetryAfter: -1}) },
	} {
		contains(t, "panic", panics(t, f), want)
	}
}

func ExampleConcurrency() {
	srv := newServer(nil)
	srv.Use(mw.RateLimit(10), mw.Concurrency(4)) // ten calls a second, four at once, for each caller
	srv.Add(mcpecho.Service("greet", ok))
	chain, _ := srv.Chain("greet")
	fmt.Println(chain)
	// Output: ratelimit → concurrency → validate → handle → serialize
}
