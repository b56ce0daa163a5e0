package mcpecho_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// within runs fn as a service of the bundle, called by an MCP client.
func (b *bundle) within(name string, fn func(c *mcpecho.Call) error, opts ...mcpecho.Option) reply {
	b.t.Helper()
	b.srv.Add(mcpecho.Service(name, func(c *mcpecho.Call, _ none) (string, error) { return "done", fn(c) }, opts...))
	return b.call(name, `{}`)
}

func TestInvokeRunsTheWholeChain(t *testing.T) {
	b := setup(t)
	var seen []string
	b.srv.Use(step("outer", mcpecho.StageUser, &seen))
	b.srv.Add(mcpecho.Service("make.it", createWidget, step("own", mcpecho.StagePermissions, &seen)))
	b.log.Reset()
	for name, in := range map[string]any{
		"struct": newWidget{Name: "a", Size: 0}, "pointer": &newWidget{Name: "b"}, "map": map[string]any{"name": "c", "size": 3},
		"JSON": []byte(`{"name":"d","size":4}`), "raw": stdjson.RawMessage(`{"name":"e","size":5}`), "text": jsontext.Value(`{"name":"f","size":6}`),
	} {
		seen = nil
		w, err := mcpecho.Invoke[widget](t.Context(), b.srv, "make.it", in)
		if err != nil || w.ID == 0 || len(w.Name) != 1 {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
		if fmt.Sprint(seen) != "[own outer]" {
			t.Errorf("%s: steps %v", name, seen)
		}
	}
	if b.count() != 6 {
		t.Errorf("%d rows", b.count())
	}
	if b.log.Len() > 0 {
		t.Error(b.log)
	}
}

func TestInvokeReturnsTheErrorsOfHandlersAndSteps(t *testing.T) {
	b := setup(t)
	own := errors.New("disk full")
	fails := map[string]error{
		"own": own, "errorf": mcpecho.Errorf("task %d is done", 7), "missing": gorm.ErrRecordNotFound,
		"protocol": &mcpecho.Error{Code: 409, Message: "taken"}, "echo": echo.NewHTTPError(http.StatusTeapot, "tea"),
	}
	for name, err := range fails {
		b.srv.Add(mcpecho.Service(name, func(*mcpecho.Call, none) (string, error) { return "", err }))
	}
	b.srv.Add(
		mcpecho.Service("strict", createWidget),
		mcpecho.Service("panics", func(*mcpecho.Call, none) (string, error) { panic("secret text") }),
		mcpecho.Service("aborts", func(*mcpecho.Call, none) (string, error) { panic(http.ErrAbortHandler) }),
		mcpecho.Service("writes", func(c *mcpecho.Call, _ none) (string, error) {
			return "", c.JSON(409, map[string]any{"code": 9, "message": "no"})
		}),
	)
	b.log.Reset()
	for name, want := range fails {
		if _, err := mcpecho.Invoke[string](t.Context(), b.srv, name, nil); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	var bad *binding.Error
	for _, in := range []any{
		newWidget{Size: 1}, map[string]any{"name": "x", "size": "1"}, []byte(`{"name":"x","size":1,"more":2}`), []byte(`[1]`), []byte(`{"name":`), []byte("{\"name\":\"\xff\",\"size\":1}"),
	} {
		if _, err := mcpecho.Invoke[widget](t.Context(), b.srv, "strict", in); !errors.As(err, &bad) {
			t.Errorf("%v: %v", in, err)
		}
	}
	for _, in := range []any{7, "text", []int{1}, make(chan int)} {
		if _, err := mcpecho.Invoke[widget](t.Context(), b.srv, "strict", in); err == nil || !strings.Contains(err.Error(), "arguments cannot be made of") {
			t.Errorf("%v: %v", in, err)
		}
	}
	var written *echo.HTTPError
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "writes", nil); !errors.As(err, &written) || written.Code != 409 {
		t.Errorf("writes: %v", err)
	}
	if b.log.Len() > 0 {
		t.Errorf("the caller has the errors, and the log too: %s", b.log)
	}
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "panics", nil); err == nil || !strings.Contains(b.log.String(), "stack=") {
		t.Errorf("panics: %v\n%s", err, b.log)
	}
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "aborts", nil); err == nil {
		t.Error("aborts: no error")
	}
}

func TestInvokeOfWhatIsNoTool(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("reports.build", func(*mcpecho.Call, none) (string, error) { return "built", nil }),
		mcpecho.Prompt("review", func(*mcpecho.Call, none) (string, error) { return "x", nil }),
		mcpecho.Resource("notes://all", func(*mcpecho.Call, none) (string, error) { return "x", nil }, mcpecho.Name("notes")),
	)
	for name, want := range map[string]string{
		"reports.bulid": `did you mean "reports.build"?`, "": `unknown tool ""`, "review": "it is a prompt, and only tools are invoked",
		"notes": "it is a resource", "notes://all": "it is a resource",
	} {
		_, err := mcpecho.Invoke[string](t.Context(), b.srv, name, nil)
		var e *mcpecho.Error
		if !errors.As(err, &e) || e.Code != -32602 || !strings.Contains(e.Message, want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	// What a model calls is the listed name; the call has that of the program all the same.
	if s, err := mcpecho.Invoke[string](t.Context(), b.srv, "reports_build", nil); s != "built" || err != nil {
		t.Error(s, err)
	}
	if _, err := mcpecho.Invoke[string](t.Context(), nil, "reports.build", nil); err == nil {
		t.Error("a nil server works")
	}
	var none context.Context
	if _, err := mcpecho.Invoke[string](none, b.srv, "reports.build", nil); err == nil {
		t.Error("a nil context works")
	}
	if s, err := mcpecho.Invoke[string](t.Context(), b.srv, "reports.build", nil, nil, mcpecho.OnProgress(nil), mcpecho.OnLog(nil)); s != "built" || err != nil {
		t.Error(s, err)
	}
}

func TestTheResultOfInvokeIsTheValueItself(t *testing.T) {
	b := setup(t)
	b.seed(3)
	shared := &widget{ID: 9, Name: "shared"}
	all := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id"), nil }
	no := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Where("1 = 0"), nil }
	b.srv.Add(
		mcpecho.Service("pointer", func(*mcpecho.Call, none) (*widget, error) { return shared, nil }),
		mcpecho.Service("nothing", func(*mcpecho.Call, none) (any, error) { return nil, nil }),
		mcpecho.Service("text", func(*mcpecho.Call, none) (content.Text, error) { return content.Text{Text: "hi"}, nil }),
		mcpecho.Service("written", func(c *mcpecho.Call, _ none) (widget, error) { return widget{}, c.JSON(200, widget{ID: 4, Name: "w"}) }),
		mcpecho.Service("empty", func(c *mcpecho.Call, _ none) (any, error) { return nil, c.NoContent(204) }),
		mcpecho.Selector[widget]("all", all), mcpecho.Retrieve[widget]("first", all),
		mcpecho.Retrieve[widget]("none", no), mcpecho.Retrieve[widget]("null", no, mcpecho.Nullable()),
		mcpecho.Service("long", func(*mcpecho.Call, none) (string, error) { return strings.Repeat("x", 2<<20), nil }),
	)
	ctx := t.Context()
	if w, err := mcpecho.Invoke[*widget](ctx, b.srv, "pointer", nil); w != shared || err != nil {
		t.Error(w, err)
	}
	if w, err := mcpecho.Invoke[widget](ctx, b.srv, "pointer", nil); w != *shared || err != nil {
		t.Error(w, err)
	}
	if v, err := mcpecho.Invoke[any](ctx, b.srv, "nothing", nil); v != nil || err != nil {
		t.Error(v, err)
	}
	if v, err := mcpecho.Invoke[*widget](ctx, b.srv, "empty", nil); v != nil || err != nil {
		t.Error(v, err)
	}
	if v, err := mcpecho.Invoke[content.Text](ctx, b.srv, "text", nil); v.Text != "hi" || err != nil {
		t.Error(v, err)
	}
	if v, err := mcpecho.Invoke[widget](ctx, b.srv, "written", nil); v.ID != 4 || err != nil {
		t.Error(v, err)
	}
	if rows, err := mcpecho.Invoke[[]widget](ctx, b.srv, "all", nil); len(rows) != 3 || err != nil {
		t.Error(rows, err)
	}
	if row, err := mcpecho.Invoke[*widget](ctx, b.srv, "first", nil); row == nil || row.ID != 1 || err != nil {
		t.Error(row, err)
	}
	if row, err := mcpecho.Invoke[*widget](ctx, b.srv, "null", nil); row != nil || err != nil {
		t.Error(row, err)
	}
	if _, err := mcpecho.Invoke[widget](ctx, b.srv, "null", nil); err == nil || !strings.Contains(err.Error(), "ask for a *mcpecho_test.widget") {
		t.Error(err)
	}
	var told *mcpecho.ToolError
	if _, err := mcpecho.Invoke[widget](ctx, b.srv, "none", nil); !errors.As(err, &told) || told.Type != mcpecho.TypeNotFound {
		t.Error(err)
	}
	if _, err := mcpecho.Invoke[[]string](ctx, b.srv, "all", nil); err == nil || !strings.Contains(err.Error(), "all results in a []mcpecho_test.widget, not in a []string") {
		t.Error(err)
	}
	// JSON is what clients get, by their limits.
	if v, err := mcpecho.Invoke[jsontext.Value](ctx, b.srv, "pointer", nil); string(v) != `{"id":9,"name":"shared","size":0}` || err != nil {
		t.Error(string(v), err)
	}
	if v, err := mcpecho.Invoke[stdjson.RawMessage](ctx, b.srv, "text", nil); string(v) != `[{"type":"text","text":"hi"}]` || err != nil {
		t.Error(string(v), err)
	}
	if s, err := mcpecho.Invoke[string](ctx, b.srv, "long", nil); len(s) != 2<<20 || err != nil {
		t.Error(len(s), err)
	}
	if _, err := mcpecho.Invoke[jsontext.Value](ctx, b.srv, "long", nil); !errors.As(err, &told) || told.Type != mcpecho.TypeTooLarge {
		t.Error(err)
	}
}

func TestAResultOfAnotherTypeRollsBack(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("make", createWidget, transaction()))
	if w, err := mcpecho.Invoke[string](t.Context(), b.srv, "make", newWidget{Name: "a"}); err == nil {
		t.Error(w)
	}
	if b.count() != 0 {
		t.Error("the row of a call that failed stays")
	}
	if w, err := mcpecho.Invoke[widget](t.Context(), b.srv, "make", newWidget{Name: "a"}); err != nil || b.count() != 1 {
		t.Error(w, err)
	}
}

func TestAnErrorAfterACommitSaysSo(t *testing.T) {
	b := setup(t)
	late := func(err error) mcpecho.Step {
		return mcpecho.Named("late", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return errors.Join(next(c), err) }
		})
	}
	own := errors.New("too late")
	b.srv.Add(
		mcpecho.Service("plain", createWidget, transaction(), late(own)),
		mcpecho.Service("protocol", createWidget, transaction(), late(&mcpecho.Error{Code: 409, Message: "taken"})),
	)
	_, err := mcpecho.Invoke[widget](t.Context(), b.srv, "plain", newWidget{Name: "a"})
	var told *mcpecho.ToolError
	if !errors.As(err, &told) || told.Data["committed"] != true || !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	_, err = mcpecho.Invoke[widget](t.Context(), b.srv, "protocol", newWidget{Name: "b"})
	var protocol *mcpecho.Error
	if !errors.As(err, &protocol) || protocol.Code != 409 || fmt.Sprint(protocol.Data) != "map[committed:true]" {
		t.Errorf("%v", err)
	}
	if b.count() != 2 {
		t.Error(b.names())
	}
}

func TestInvokeWithoutARequestHasAPlainOne(t *testing.T) {
	b := setup(t)
	type key struct{}
	b.srv.Use(mcpecho.Named("ids", echomw.RequestID()))
	b.srv.Add(mcpecho.Service("look", func(c *mcpecho.Call, _ none) (string, error) {
		r := c.Request()
		body, err := r.Body.Read(nil)
		if c.Response().Header().Get(echo.HeaderXRequestID) == "" {
			return "", errors.New("what a step has set is not there")
		}
		r.Header.Set("X-Mine", "1")
		r.URL.Path += "changed"
		c.Set("mine", 1)
		return fmt.Sprint(r.Method, r.URL, len(r.Header), r.RemoteAddr == "", c.RealIP() == "", c.Path(), body, err, r.Context().Value(key{}),
			c.Network().IsValid(), c.Get("other"), mcpecho.PrincipalFrom(c).Key() == c.Principal().Key(), string(c.ClientCapabilities())), nil
	}))
	ctx := mcpecho.WithPrincipal(context.WithValue(t.Context(), key{}, "v"), &mcpecho.Principal{Subject: "job"})
	for range 2 {
		s, err := mcpecho.Invoke[string](ctx, b.srv, "look", nil)
		if want := "POST/changed1truetrue0EOFvfalse<nil>true{}"; strings.ReplaceAll(s, " ", "") != want || err != nil {
			t.Errorf("%s, %v\nwant %s", s, err, want)
		}
	}
}

// Whatever middlewares of Echo read of the request, they find something to read.
func TestMiddlewaresOfEchoWorkAsStepsOfInvoke(t *testing.T) {
	//lint:ignore SA1019 applications have it all the same
	timeout := echomw.TimeoutWithConfig(echomw.TimeoutConfig{Timeout: time.Minute})
	for name, m := range map[string]echo.MiddlewareFunc{
		"gzip": echomw.Gzip(), "recover": echomw.Recover(), "secure": echomw.Secure(), "cors": echomw.CORS(), "body limit": echomw.BodyLimit("1K"),
		"request id": echomw.RequestID(), "logger": echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
			LogURI: true, LogRemoteIP: true, LogStatus: true, LogLatency: true, LogHost: true, LogRoutePath: true,
			LogValuesFunc: func(echo.Context, echomw.RequestLoggerValues) error { return nil },
		}), "decompress": echomw.Decompress(),
		"rate": echomw.RateLimiter(echomw.NewRateLimiterMemoryStore(100)), "context timeout": echomw.ContextTimeout(time.Minute),
		"timeout":         timeout,
		"dump":            echomw.BodyDump(func(echo.Context, []byte, []byte) {}),
		"method override": echomw.MethodOverride(), "slash": echomw.RemoveTrailingSlash(), "rewrite": echomw.Rewrite(map[string]string{"/old": "/new"}),
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Use(mcpecho.Named("echo", m))
			b.srv.Add(mcpecho.Service("sum", func(_ *mcpecho.Call, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil }))
			if out, err := mcpecho.Invoke[addOut](t.Context(), b.srv, "sum", addIn{1, 2}); out.Sum != 3 || err != nil {
				t.Error(out, err)
			}
			if r := b.within("around", func(c *mcpecho.Call) error {
				out, err := mcpecho.Invoke[addOut](c.Ctx(), b.srv, "sum", addIn{1, 2})
				if out.Sum != 3 {
					return errors.Join(err, fmt.Errorf("got %d", out.Sum))
				}
				return err
			}); r.text() != "done" && !strings.Contains(r.text(), `done`) {
				t.Error(r.Body, b.log)
			}
		})
	}
	b := setup(t)
	b.srv.Add(mcpecho.Service("locked", func(*mcpecho.Call, none) (string, error) { return "x", nil },
		mcpecho.Guard("key", echomw.KeyAuth(func(string, echo.Context) (bool, error) { return true, nil }))))
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "locked", nil); err == nil {
		t.Error("a call without a key passes a guard that asks for one")
	}
}

func TestTheDeadlineAndTheEndOfTheContextEndAnInvoke(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.CallTimeout = 20 * time.Millisecond })
	b.srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ none) (string, error) {
		<-c.Ctx().Done()
		return "", errors.New("interrupted")
	}))
	if _, err := mcpecho.Invoke[string](context.Background(), b.srv, "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a deadline: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := mcpecho.Invoke[string](ctx, b.srv, "wait", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled one: %v", err)
	}
	if _, err := mcpecho.Invoke[string](ctx, b.srv, "wait", nil); err != context.Canceled {
		t.Errorf("one that has ended: %v", err)
	}
}

func TestShutdownRefusesInvokeAndWaitsForWhatRuns(t *testing.T) {
	b, started, release := blocking(t)
	done := make(chan error, 1)
	go func() {
		_, err := mcpecho.Invoke[string](context.Background(), b.srv, "block", nil)
		done <- err
	}()
	<-started
	down := make(chan error, 1)
	go func() { down <- b.srv.Shutdown(context.Background()) }()
	for b.modern("server/discover", "").Status != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond) // until the shutdown has begun
	}
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "block", nil); !errors.Is(err, mcpecho.ErrShutdown) {
		t.Errorf("during a shutdown: %v", err)
	}
	select {
	case err := <-down:
		t.Errorf("the shutdown has not waited: %v", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownEndsAnInvokeThatItCannotWaitFor(t *testing.T) {
	b := setup(t)
	started := make(chan struct{})
	b.srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ none) (string, error) {
		close(started)
		<-c.Ctx().Done()
		return "", context.Cause(c.Ctx())
	}))
	done := make(chan error, 1)
	go func() {
		_, err := mcpecho.Invoke[string](context.Background(), b.srv, "wait", nil)
		done <- err
	}()
	<-started
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.srv.Shutdown(ended); err == nil {
		t.Error("the shutdown says that all has ended")
	}
	if err := <-done; !errors.Is(err, mcpecho.ErrShutdown) {
		t.Error(err)
	}
}

func TestOnProgressAndOnLogHearACall(t *testing.T) {
	b := setup(t)
	late := make(chan func())
	b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
		c.Progress(1, 3, "one")
		c.Progress(1, 3, "again")
		c.Progress(3, 3, "three")
		c.Log(mcpecho.LogDebug, map[string]int{"n": 1})
		go func() { late <- func() { c.Progress(4, 3, "late"); c.Log(mcpecho.LogInfo, "late") } }()
		return "done", nil
	}))
	var heard []string
	progress := mcpecho.OnProgress(func(done, total float64, message string) { heard = append(heard, fmt.Sprint(done, total, message)) })
	log := mcpecho.OnLog(func(level mcpecho.LogLevel, data any) { heard = append(heard, fmt.Sprint(level, data)) })
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "work", nil, progress, log); err != nil {
		t.Fatal(err)
	}
	(<-late)()
	if got := fmt.Sprint(heard); got != "[1 3one 3 3three debugmap[n:1]]" {
		t.Error(got)
	}
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "work", nil); err != nil {
		t.Error(err)
	}
	(<-late)()
}

func TestInvokeIsSafeForConcurrentUse(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("sum", func(_ *mcpecho.Call, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil },
		mcpecho.Named("ids", echomw.RequestID())))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 20 {
				if out, err := mcpecho.Invoke[addOut](t.Context(), b.srv, "sum", addIn{int64(i), int64(j)}); out.Sum != int64(i+j) || err != nil {
					t.Error(out, err)
				}
			}
		})
	}
	wg.Wait()
}

// The spec of a handler that knows only Echo answers Go code too, outside of a call and inside.
func TestAnExistingHandlerCanBeInvoked(t *testing.T) {
	b := setup(t)
	type key struct {
		ID int64 `param:"id" json:"id" validate:"required"`
	}
	b.srv.Add(mcpecho.FromHandler[key]("widgets.get", "GET /widgets/:id", func(c echo.Context) error {
		var in key
		if err := c.Bind(&in); err != nil {
			return err
		}
		if in.ID != 7 {
			return echo.NewHTTPError(http.StatusNotFound, "no such widget")
		}
		return c.JSON(http.StatusOK, widget{ID: uint(in.ID), Name: c.Path()})
	}, mcpecho.Returns[widget]()))
	get := func(ctx context.Context) error {
		if w, err := mcpecho.Invoke[widget](ctx, b.srv, "widgets.get", key{7}); w.ID != 7 || w.Name != "/widgets/:id" || err != nil {
			return fmt.Errorf("%+v, %w", w, err)
		}
		var answer *echo.HTTPError
		if _, err := mcpecho.Invoke[widget](ctx, b.srv, "widgets.get", key{8}); !errors.As(err, &answer) || answer.Code != http.StatusNotFound {
			return fmt.Errorf("of a row that is not there: %w", err)
		}
		return nil
	}
	if err := get(t.Context()); err != nil {
		t.Error(err)
	}
	if r := b.within("around", func(c *mcpecho.Call) error {
		request, path := c.Request(), c.Path()
		if err := get(c.Ctx()); err != nil {
			return err
		}
		if c.Request() != request || c.Path() != path {
			t.Error("the request of the call around has changed")
		}
		return nil
	}); r.text() != "done" {
		t.Error(r.Body, b.log)
	}
}
