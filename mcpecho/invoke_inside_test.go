package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func TestInvokeInsideACallIsPartOfItsTransaction(t *testing.T) {
	b := setup(t)
	var mailed []string
	b.srv.Add(
		mcpecho.Service("make", func(c *mcpecho.Call, in newWidget) (widget, error) {
			c.AfterCommit(func(context.Context) { mailed = append(mailed, in.Name) })
			w, err := createWidget(c, in)
			if in.Size == 7 {
				err = mcpecho.Errorf("no sevens")
			}
			return w, err
		}, transaction()),
		mcpecho.Service("both", func(c *mcpecho.Call, in struct {
			Fail bool `json:"fail"`
		}) (int, error) {
			for i, name := range []string{"a", "bad", "b"} {
				size := int64(i)
				if name == "bad" {
					size = 7
				}
				_, err := mcpecho.Invoke[widget](c.Ctx(), b.srv, "make", newWidget{name, size})
				if (err != nil) != (name == "bad") {
					return 0, fmt.Errorf("%s: %w", name, err)
				}
			}
			if in.Fail {
				return 0, mcpecho.Errorf("all for nothing")
			}
			return 2, nil
		}, transaction()),
	)
	if f := b.call("both", `{"fail":true}`).failure(t); f["message"] != "all for nothing" || b.count() != 0 || mailed != nil {
		t.Errorf("%v, rows %v, mails %v", f, b.names(), mailed)
	}
	if r := b.call("both", `{}`); r.text() != "2" || fmt.Sprint(b.names(), mailed) != "[a b] [a b]" {
		t.Errorf("%s, rows %v, mails %v", r.text(), b.names(), mailed)
	}
}

func TestNarrowingsAndRowPermissionsHoldInsideInvoke(t *testing.T) {
	b := setup(t)
	b.seed(5)
	list := mcpecho.Selector[widget]("list", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id"), nil })
	b.srv.Add(list,
		mcpecho.Service("count", func(c *mcpecho.Call, _ none) (int, error) {
			rows, err := mcpecho.Invoke[[]widget](c.Ctx(), b.srv, "list", nil)
			return len(rows), err
		}, narrowed(small)))
	if rows, err := mcpecho.Invoke[[]widget](t.Context(), b.srv, "list", nil); len(rows) != 5 || err != nil {
		t.Error(rows, err)
	}
	if r := b.call("count", `{}`); r.text() != "2" {
		t.Errorf("inside of a narrowed call there are %s rows: %s", r.text(), r.Body)
	}

	other := setup(t)
	other.db = b.db
	other.srv = mcpecho.New(mcpecho.Config{Name: "other", DB: b.db})
	other.srv.Add(list)
	r := b.within("elsewhere", func(c *mcpecho.Call) error {
		rows, err := mcpecho.Invoke[[]widget](c.Ctx(), other.srv, "list", nil)
		if len(rows) != 2 {
			return errors.Join(err, fmt.Errorf("%d rows", len(rows)))
		}
		return err
	}, narrowed(small))
	if r.text() != "done" {
		t.Errorf("on another server: %s %s", r.Body, b.log)
	}
}

func TestWhoCallsCannotBeChangedInsideACall(t *testing.T) {
	b := setup(t)
	b.user = &mcpecho.Principal{Subject: "ann"}
	who := mcpecho.Service("who", func(c *mcpecho.Call, _ none) (string, error) {
		if c.Principal().Key() != mcpecho.PrincipalFrom(c).Key() {
			return "", errors.New("Echo's context says something else")
		}
		if c.Principal() == nil {
			return "nobody", nil
		}
		return c.Principal().Subject, nil
	})
	other := mcpecho.New(mcpecho.Config{Name: "other"})
	other.Add(who)
	b.srv.Add(who)
	asks := map[string]func(c *mcpecho.Call) (string, error){
		"ann": func(c *mcpecho.Call) (string, error) { return mcpecho.Invoke[string](c.Ctx(), b.srv, "who", nil) },
		"ann herself": func(c *mcpecho.Call) (string, error) {
			return mcpecho.Invoke[string](mcpecho.WithPrincipal(c.Ctx(), c.Principal()), b.srv, "who", nil)
		},
		"refused": func(c *mcpecho.Call) (string, error) {
			return mcpecho.Invoke[string](mcpecho.WithPrincipal(c.Ctx(), &mcpecho.Principal{Subject: "root"}), b.srv, "who", nil)
		},
		"refused, too": func(c *mcpecho.Call) (string, error) {
			return mcpecho.Invoke[string](mcpecho.WithPrincipal(c.Ctx(), nil), b.srv, "who", nil)
		},
		"nobody": func(c *mcpecho.Call) (string, error) { return mcpecho.Invoke[string](c.Ctx(), other, "who", nil) },
		"root": func(c *mcpecho.Call) (string, error) {
			return mcpecho.Invoke[string](mcpecho.WithPrincipal(c.Ctx(), &mcpecho.Principal{Subject: "root"}), other, "who", nil)
		},
	}
	r := b.within("ask", func(c *mcpecho.Call) error {
		for want, ask := range asks {
			got, err := ask(c)
			if strings.HasPrefix(want, "refused") {
				if err == nil || !strings.Contains(err.Error(), "leave WithPrincipal out") {
					t.Errorf("%s: %q, %v", want, got, err)
				}
			} else if first, _, _ := strings.Cut(want, " "); got != first || err != nil {
				t.Errorf("%s: %q, %v", want, got, err)
			}
		}
		return nil
	})
	if r.text() != "done" {
		t.Error(r.Body)
	}
	// What a job has named is not who calls on the server that a handler goes on to.
	b.srv.Add(mcpecho.Service("hop", func(c *mcpecho.Call, _ none) (string, error) {
		return mcpecho.Invoke[string](c.Ctx(), other, "who", nil)
	}))
	job := mcpecho.WithPrincipal(mcpecho.WithDB(t.Context(), nil), &mcpecho.Principal{Subject: "job"})
	if s, err := mcpecho.Invoke[string](job, b.srv, "hop", nil); s != "nobody" || err != nil {
		t.Error(s, err)
	}
	if s, err := mcpecho.Invoke[string](job, b.srv, "who", nil); s != "job" || err != nil {
		t.Error(s, err)
	}
}

func TestACallOnAnotherServerHasTheDatabaseOfThatServer(t *testing.T) {
	b, far := setup(t), setup(t)
	near := mcpecho.New(mcpecho.Config{Name: "near", DB: b.db})
	without := mcpecho.New(mcpecho.Config{Name: "without"})
	for _, srv := range []*mcpecho.Server{near, far.srv, without} {
		srv.Add(mcpecho.Service("make", createWidget, transaction()))
	}
	r := b.within("spread", func(c *mcpecho.Call) error {
		for _, srv := range []*mcpecho.Server{near, far.srv} {
			if _, err := mcpecho.Invoke[widget](c.Ctx(), srv, "make", newWidget{"a", 1}); err != nil {
				return err
			}
		}
		if _, err := mcpecho.Invoke[widget](c.Ctx(), without, "make", newWidget{"a", 1}); err == nil {
			t.Error("a server without a database has one")
		}
		return mcpecho.Errorf("no")
	}, transaction())
	// What shares a database is rolled back together; what does not is told of.
	if f := r.failure(t); f["committed"] != true || b.count() != 0 || far.count() != 1 {
		t.Errorf("%v, near %v, far %v", f, b.names(), far.names())
	}
}

func TestACallOnAnotherServerLeavesNothingOfItsCaller(t *testing.T) {
	var found any
	other := mcpecho.New(mcpecho.Config{Name: "other"})
	other.Use(mcpecho.Named("session", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			found = c.Get("user")
			c.Set("user", "job")
			c.Response().Header().Set("Set-Cookie", "session=job")
			return next(c)
		}
	}))
	other.Add(mcpecho.Service("note", func(c *mcpecho.Call, _ none) (string, error) {
		mcpecho.SetPrincipal(c, c.Principal())
		return c.Get("user").(string), nil
	}))
	b := setup(t)
	b.user = &mcpecho.Principal{Subject: "ada"}
	b.srv.Add(mcpecho.Service("outer", func(c *mcpecho.Call, _ none) (string, error) {
		c.Set("user", "ada")
		ctx := mcpecho.WithPrincipal(c.Ctx(), &mcpecho.Principal{Subject: "job"})
		inner, err := mcpecho.Invoke[string](ctx, other, "note", nil)
		return fmt.Sprint(inner, " ", c.Get("user"), " ", mcpecho.PrincipalFrom(c).Subject), err
	}))
	if r := b.call("outer", "{}"); r.text() != "job ada ada" || r.Header.Get("Set-Cookie") != "" || found != nil {
		t.Errorf("%s, cookie %q, inside was %v", r.Body, r.Header.Get("Set-Cookie"), found)
	}
}

func TestRecursionOfInvokeEnds(t *testing.T) {
	b := setup(t)
	other := mcpecho.New(mcpecho.Config{Name: "other"})
	var runs atomic.Int32
	recurse := func(srv **mcpecho.Server) *mcpecho.Spec {
		return mcpecho.Service("again", func(c *mcpecho.Call, _ none) (string, error) {
			runs.Add(1)
			return mcpecho.Invoke[string](c.Ctx(), *srv, "again", nil)
		})
	}
	b.srv.Add(recurse(&b.srv))
	b.log.Reset()
	if f := b.call("again", `{}`).failure(t); f["type"] != mcpecho.TypeInternal || runs.Load() != 17 || !strings.Contains(b.log.String(), "nested more than 16 deep") {
		t.Errorf("%v after %d runs: %s", f, runs.Load(), b.log)
	}
	runs.Store(0)
	b.srv.Remove("again")
	b.srv.Add(recurse(&other))
	other.Add(recurse(&b.srv))
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "again", nil); err == nil || runs.Load() != 17 {
		t.Errorf("from server to server: %v after %d runs", err, runs.Load())
	}
}

func TestTheContextOfACallThatIsOverInvokesNothing(t *testing.T) {
	b := setup(t)
	var kept context.Context
	b.srv.Add(mcpecho.Service("quick", noop))
	b.within("keep", func(c *mcpecho.Call) error { kept = c.Ctx(); return nil })
	for name, ctx := range map[string]context.Context{"as it is": kept, "without its end": context.WithoutCancel(kept)} {
		if _, err := mcpecho.Invoke[string](ctx, b.srv, "quick", nil); err == nil || !strings.Contains(err.Error(), "a call that is over") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.within("keep_and_call", func(c *mcpecho.Call) error {
		kept = c.Ctx()
		_, err := mcpecho.Invoke[string](kept, b.srv, "quick", nil)
		return err
	})
	if _, err := mcpecho.Invoke[string](context.WithoutCancel(kept), b.srv, "quick", nil); err == nil || !strings.Contains(err.Error(), "a call that is over") {
		t.Error(err)
	}
}

func TestACallEndsWhenWhatItInvokedHasEnded(t *testing.T) {
	b := setup(t)
	started, ended := make(chan struct{}), new(atomic.Bool)
	b.srv.Add(mcpecho.Service("long", func(c *mcpecho.Call, _ none) (string, error) {
		close(started)
		<-c.Ctx().Done()
		time.Sleep(10 * time.Millisecond)
		ended.Store(true)
		return "", context.Cause(c.Ctx())
	}))
	failed := make(chan error, 1)
	r := b.within("leave", func(c *mcpecho.Call) error {
		go func() {
			_, err := mcpecho.Invoke[string](context.WithoutCancel(c.Ctx()), b.srv, "long", nil)
			failed <- err
		}()
		<-started
		return nil
	})
	if r.text() != "done" || !ended.Load() {
		t.Errorf("the reply was sent while a call inside still ran: %s", r.Body)
	}
	if err := <-failed; err == nil {
		t.Error("it has not failed")
	}
}

func TestCallsInsideOneCallRunOneAfterTheOther(t *testing.T) {
	b := setup(t)
	var running, most atomic.Int32
	b.srv.Add(mcpecho.Service("make", func(c *mcpecho.Call, in newWidget) (widget, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		w, err := createWidget(c, in)
		if in.Size%2 == 1 {
			err = mcpecho.Errorf("odd")
		}
		return w, err
	}, transaction()))
	r := b.within("fan", func(c *mcpecho.Call) error {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := mcpecho.Invoke[widget](c.Ctx(), b.srv, "make", newWidget{fmt.Sprint("w", i), int64(i)})
				if (err != nil) != (i%2 == 1) {
					t.Error(i, err)
				}
			})
		}
		wg.Wait()
		return nil
	}, transaction())
	if r.text() != "done" || b.count() != 4 || most.Load() != 1 {
		t.Errorf("%s, rows %v, %d at once", r.Body, b.names(), most.Load())
	}
}

func TestAFunctionThatListensCannotInvokeInTheTurnOfAnother(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("quick", noop),
		mcpecho.Service("report", func(c *mcpecho.Call, _ none) (string, error) { c.Progress(1, 1, ""); return "ok", nil }),
	)
	r := b.within("tangled", func(c *mcpecho.Call) error {
		ctx, cancel := context.WithTimeout(c.Ctx(), 10*time.Millisecond)
		defer cancel()
		_, err := mcpecho.Invoke[string](c.Ctx(), b.srv, "report", nil, mcpecho.OnProgress(func(_, _ float64, _ string) {
			if _, err := mcpecho.Invoke[string](ctx, b.srv, "quick", nil); err == nil || !strings.Contains(err.Error(), "has waited for another one") {
				t.Error(err)
			}
		}))
		return err
	})
	if r.text() != "done" {
		t.Error(r.Body)
	}
}

func TestProgressAndLogsInsideACall(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("report", func(c *mcpecho.Call, _ none) (string, error) {
		c.Progress(1, 2, "inner")
		c.Log(mcpecho.LogInfo, "inner log")
		return "ok", nil
	}))
	var heard []string
	b.srv.Add(mcpecho.Service("outer", func(c *mcpecho.Call, _ none) (string, error) {
		if _, err := mcpecho.Invoke[string](c.Ctx(), b.srv, "report", nil); err != nil {
			return "", err
		}
		c.Progress(50, 100, "outer")
		return mcpecho.Invoke[string](c.Ctx(), b.srv, "report", nil,
			mcpecho.OnProgress(func(done, total float64, message string) { c.Progress(50+50*done/total, 100, message) }),
			mcpecho.OnLog(func(_ mcpecho.LogLevel, data any) { heard = append(heard, fmt.Sprint(data)) }))
	}))
	s := b.ask(talkative, "tools/call", "outer", `"name":"outer"`)
	if logs := s.of("notifications/message"); len(logs) != 1 || fmt.Sprint(heard) != "[inner log]" {
		t.Errorf("the client got %v, the function %v", logs, heard)
	}
	if got := fmt.Sprint(s.progress()); got != "[50 75]" {
		t.Errorf("progress %s\n%s", got, s.Body)
	}
}

func TestInvokeInsideACallSeesItsRequest(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("look", func(c *mcpecho.Call, _ none) (string, error) {
		c.Response().Header().Set("X-Inner", "1")
		type key struct{}
		return fmt.Sprint(c.Request().Header.Get("X-Outer"), c.Get("set"), c.Ctx().Value(key{})), nil
	}))
	b.srv.Add(mcpecho.Service("outer", func(c *mcpecho.Call, _ none) (string, error) {
		request := c.Request()
		s, err := mcpecho.Invoke[string](c.Ctx(), b.srv, "look", nil)
		if c.Request() != request {
			t.Error("the request of the call around has changed")
		}
		return s, err
	}, mcpecho.Named("set", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { c.Set("set", "yes"); return next(c) }
	})))
	r := b.modern("tools/call", `"name":"outer","arguments":{}`, "Mcp-Name", "outer", "X-Outer", "from outside")
	if !strings.Contains(r.text(), "from outside") || !strings.Contains(r.text(), "yes") || r.Header.Get("X-Inner") != "1" {
		t.Errorf("%s, headers %v", r.Body, r.Header)
	}
}

func TestWhatAfterCommitFunctionsInvokeRuns(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("make", createWidget, transaction()))
	var failed error
	b.within("first", func(c *mcpecho.Call) error {
		c.AfterCommit(func(ctx context.Context) {
			_, failed = mcpecho.Invoke[widget](ctx, b.srv, "make", newWidget{"after", 1})
		})
		return nil
	}, transaction())
	if failed != nil || fmt.Sprint(b.names()) != "[after]" {
		t.Error(failed, b.names())
	}
}

func TestAHiddenToolIsUnknownToInvoke(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	only := mcpecho.Guard("ann", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if p := mcpecho.PrincipalFrom(c); p == nil || p.Subject != "ann" {
				c.Response().Header().Set("X-Secret", "1")
				return echo.ErrForbidden
			}
			return next(c)
		}
	})
	b.srv.Add(
		mcpecho.Service("secret.tool", createWidget, only),
		mcpecho.Service("try", func(c *mcpecho.Call, _ none) (string, error) {
			_, err := mcpecho.Invoke[widget](c.Ctx(), b.srv, "secret.tool", newWidget{"b", 1})
			return "", err
		}),
	)
	b.log.Reset()
	for _, in := range []any{newWidget{"a", 1}, 7} {
		_, hidden := mcpecho.Invoke[widget](t.Context(), b.srv, "secret.tool", in)
		_, unknown := mcpecho.Invoke[widget](t.Context(), b.srv, "secret.fool", in)
		var protocol *mcpecho.Error
		if !errors.As(hidden, &protocol) || strings.Replace(hidden.Error(), "tool\"", "fool\"", 1) != unknown.Error() {
			t.Errorf("hidden: %v, unknown: %v", hidden, unknown)
		}
	}
	if !strings.Contains(b.log.String(), "forbidden") {
		t.Errorf("the log has no reason: %s", b.log)
	}
	r := b.call("try", `{}`)
	if expect(t, r, 200, -32602); r.Error.Message != `unknown tool "secret.tool"` || r.Header.Get("X-Secret") != "" {
		t.Errorf("%+v %v", r.Error, r.Header)
	}
	ann := mcpecho.WithPrincipal(t.Context(), &mcpecho.Principal{Subject: "ann"})
	if w, err := mcpecho.Invoke[widget](ann, b.srv, "secret.tool", newWidget{"a", 1}); w.Name != "a" || err != nil {
		t.Error(w, err)
	}
}

func TestALimitOfTheServerCountsACallOnceWhateverItInvokes(t *testing.T) {
	b := setup(t)
	counted := map[string]int{}
	limit := func(name string) mcpecho.Step {
		return mcpecho.Step{Name: name, Stage: mcpecho.StageRateLimit, Func: mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			counted[name]++
			return next(ec)
		})}
	}
	b.srv.Use(limit("server"))
	g := b.srv.Group("g", limit("group"))
	g.Add(mcpecho.Service("inner", noop, limit("own")))
	invoke := func(c *mcpecho.Call, _ none) (string, error) {
		return mcpecho.Invoke[string](c.Ctx(), b.srv, "g.inner", nil)
	}
	b.srv.Add(mcpecho.Service("outer", invoke, limit("outer")))
	g.Add(mcpecho.Service("sister", invoke))
	for tool, want := range map[string]string{
		"outer":    "map[group:1 outer:1 own:1 server:1]",
		"g_sister": "map[group:1 own:1 server:1]",
		"g_inner":  "map[group:1 own:1 server:1]",
	} {
		clear(counted)
		if r := b.call(tool, `{}`); r.text() != "ok" || fmt.Sprint(counted) != want {
			t.Errorf("%s: %v, want %s: %s", tool, counted, want, r.Body)
		}
	}
	clear(counted)
	if _, err := mcpecho.Invoke[string](t.Context(), b.srv, "g.inner", nil); err != nil || fmt.Sprint(counted) != "map[group:1 own:1 server:1]" {
		t.Error(err, counted)
	}
}
