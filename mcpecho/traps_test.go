package mcpecho_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func TestEchosOwnRateLimiterInsideATransactionRollsBack(t *testing.T) {
	b := setup(t)
	// The limiter reports with c.Error and returns nil. The step before it
	// inserts, so a commit would show.
	before := mcpecho.Named("insert-first", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if err := mcpecho.CallFrom(ec).DB().Create(&widget{Name: "half"}).Error; err != nil {
				return err
			}
			return next(ec)
		}
	})
	limiter := mcpecho.Named("limiter", echomw.RateLimiter(deny{}))
	b.srv.Add(mcpecho.Service("w.insert", insert, transaction(),
		mcpecho.After("transaction", before), mcpecho.After("insert-first", limiter)))

	f := b.call("w.insert", `{"name":"x"}`).failure(t)
	if f["type"] != mcpecho.TypeRate {
		t.Errorf("error = %v, want type %s", f, mcpecho.TypeRate)
	}
	if n := b.count(); n != 0 {
		t.Errorf("%d rows committed after an error reply", n)
	}
}

// deny is a store for Echo's rate limiter that is always exhausted.
type deny struct{}

func (deny) Allow(string) (bool, error) { return false, nil }

func TestWhatAMiddlewareWritesBecomesTheResultOrTheError(t *testing.T) {
	writes := func(status int, body any) mcpecho.Step {
		return mcpecho.Named("writer", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Set("X-Custom", "kept")
				return c.JSON(status, body)
			}
		})
	}
	tests := map[string]struct {
		step       mcpecho.Step
		structured map[string]any
		typ        string
		status     int
	}{
		"below 400 is the result":         {step: writes(200, echo.Map{"name": "cached", "id": 1, "size": 2}), structured: map[string]any{"name": "cached", "id": 1.0, "size": 2.0}, status: 200},
		"400 and above is an error":       {step: writes(409, echo.Map{"message": "busy"}), typ: mcpecho.TypeError, status: 200},
		"403 is the refusal of a rule":    {step: writes(403, echo.Map{"message": "no"}), typ: mcpecho.TypeForbidden, status: 200},
		"401 is a protocol error":         {step: writes(401, echo.Map{"message": "who?"}), status: 401},
		"500 reveals nothing":             {step: writes(500, echo.Map{"message": "dsn=secret"}), typ: mcpecho.TypeInternal, status: 200},
		"a result must fit outputSchema":  {step: writes(200, echo.Map{"name": 7}), typ: mcpecho.TypeInternal, status: 200},
		"no response and no next is none": {step: mcpecho.Named("mute", func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return nil } }), typ: mcpecho.TypeInternal, status: 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("w.insert", insert, tt.step))
			r := b.call("w.insert", `{"name":"x"}`)
			if r.Status != tt.status {
				t.Fatalf("status %d, want %d: %s", r.Status, tt.status, r.Body)
			}
			if strings.Contains(r.Body, "secret") {
				t.Errorf("the reply reveals internals: %s", r.Body)
			}
			switch {
			case tt.structured != nil:
				for k, v := range tt.structured {
					if got := r.Result["structuredContent"].(map[string]any)[k]; got != v {
						t.Errorf("%s = %v, want %v", k, got, v)
					}
				}
				if r.Header.Get("X-Custom") != "kept" {
					t.Error("the middleware's header is lost")
				}
			case tt.typ != "":
				if f := r.failure(t); f["type"] != tt.typ {
					t.Errorf("type = %v, want %s", f["type"], tt.typ)
				}
			default:
				if r.Error == nil || r.Error.Code != tt.status {
					t.Errorf("error = %+v, want code %d", r.Error, tt.status)
				}
			}
			if b.count() != 0 {
				t.Error("the handler ran")
			}
		})
	}
}

func TestTheCallIsFoundBehindAMiddlewareThatWrapsTheContext(t *testing.T) {
	type wrapped struct{ echo.Context }
	b := setup(t)
	var name string
	b.srv.Add(mcpecho.Service("w.insert", insert,
		mcpecho.Named("wrap", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return next(&wrapped{c}) }
		}),
		mcpecho.Named("look", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				name = mcpecho.CallFrom(c).Name()
				return next(c)
			}
		})))
	if r := b.call("w.insert", `{"name":"x"}`); r.Result["isError"] != nil {
		t.Fatal(r.Body)
	}
	if name != "w.insert" || b.count() != 1 {
		t.Errorf("name = %q, rows = %d", name, b.count())
	}
}

func TestARequestThatAMiddlewareReplacesReachesTheHandlerAndIsUndoneAfter(t *testing.T) {
	type key struct{}
	b := setup(t)
	var seen any
	var deadline bool
	var inside *mcpecho.Call
	b.srv.Add(mcpecho.Service("ctx", mcpecho.Plain(func(ctx context.Context, _ none) (string, error) {
		seen = ctx.Value(key{})
		_, deadline = ctx.Deadline()
		inside = mcpecho.CallFromContext(ctx)
		return "ok", nil
	}), mcpecho.Named("tracer", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), key{}, "span")))
			return next(c)
		}
	})))
	var after any
	b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			after = c.Request().Context().Value(key{})
			return err
		}
	})
	b.call("ctx", `{}`)
	if seen != "span" || !deadline || inside == nil {
		t.Errorf("handler saw value %v, deadline %v, call %v", seen, deadline, inside)
	}
	if after != nil {
		t.Error("the replaced request outlived the chain")
	}
}

func TestAPanicKeepsTheIDAndRevealsNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("boom", func(*mcpecho.Call, none) (string, error) { panic("dsn=secret") }))
	r := b.call("boom", `{}`)
	f := r.failure(t)
	if r.ID != 1.0 || f["type"] != mcpecho.TypeInternal {
		t.Errorf("reply = %s", r.Body)
	}
	if strings.Contains(r.Body, "secret") || strings.Contains(r.Body, "goroutine") {
		t.Errorf("the reply reveals internals: %s", r.Body)
	}
	ref, _ := f["reference"].(string)
	if log := b.log.String(); ref == "" || !strings.Contains(log, ref) || !strings.Contains(log, "dsn=secret") || !strings.Contains(log, "traps_test.go") {
		t.Errorf("the log lacks the reference, the panic or the stack: %s", log)
	}
}

func TestErrAbortHandlerPassesThrough(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("abort", func(*mcpecho.Call, none) (string, error) { panic(http.ErrAbortHandler) }))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", v)
		}
	}()
	b.call("abort", `{}`)
}

func TestTransactionOutcome(t *testing.T) {
	type in struct {
		How string `json:"how"`
	}
	create := func(c *mcpecho.Call, in in) (any, error) {
		if err := c.DB().Create(&widget{Name: "x"}).Error; err != nil {
			return nil, err
		}
		c.AfterCommit(func(context.Context) { c.Set("hook", true) })
		switch in.How {
		case "error":
			return nil, mcpecho.Errorf("ledger closed")
		case "panic":
			panic("boom")
		case "unserializable":
			return func() {}, nil
		case "deadline":
			<-c.Ctx().Done()
			return nil, c.Ctx().Err()
		case "deadline ignored":
			<-c.Ctx().Done()
		case "too large":
			return strings.Repeat("x", 2<<20), nil
		case "reported":
			c.Error(errors.New("reported"))
		}
		return "ok", nil
	}
	tests := map[string]struct {
		how, typ string
		rows     int64
	}{
		"commits before the reply":                    {"", "", 1},
		"rolls back on an error":                      {"error", mcpecho.TypeError, 0},
		"rolls back on a panic":                       {"panic", mcpecho.TypeInternal, 0},
		"rolls back when serialize fails":             {"unserializable", mcpecho.TypeInternal, 0},
		"rolls back when the result is too large":     {"too large", mcpecho.TypeTooLarge, 0},
		"rolls back at the deadline":                  {"deadline", mcpecho.TypeTimeout, 0},
		"rolls back at a deadline the handler missed": {"deadline ignored", mcpecho.TypeTimeout, 0},
		"rolls back when an error was only reported":  {"reported", mcpecho.TypeInternal, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) {
				if strings.HasPrefix(tt.how, "deadline") {
					c.CallTimeout = 50 * time.Millisecond
				}
			})
			var hook any
			b.srv.Add(mcpecho.Service("create", create, transaction(),
				mcpecho.Step{Name: "look", Stage: mcpecho.StageObserve, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
					err := next(ec)
					hook = c.Get("hook")
					return err
				})}))
			r := b.call("create", `{"how":"`+tt.how+`"}`)
			if tt.typ == "" {
				if r.Result["isError"] != nil {
					t.Fatal(r.Body)
				}
			} else if f := r.failure(t); f["type"] != tt.typ {
				t.Errorf("type = %v, want %s", f["type"], tt.typ)
			}
			if n := b.count(); n != tt.rows {
				t.Errorf("%d rows, want %d", n, tt.rows)
			}
			if (hook != nil) != (tt.rows == 1) {
				t.Errorf("after-commit ran: %v", hook != nil)
			}
		})
	}
}

func TestTransactionRollsBackWhenTheClientLeaves(t *testing.T) {
	b := setup(t)
	started, done := make(chan struct{}), make(chan error, 1)
	b.srv.Add(mcpecho.Service("slow", func(c *mcpecho.Call, _ none) (string, error) {
		if err := c.DB().Create(&widget{Name: "x"}).Error; err != nil {
			return "", err
		}
		close(started)
		<-c.Ctx().Done()
		return "late", nil
	}, transaction(), mcpecho.Step{Name: "end", Stage: mcpecho.StageObserve, Func: mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		err := next(ec)
		done <- err
		return err
	})}))
	server := httptest.NewServer(b.e)
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/mcp", strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow",`+meta+`}}`))
	for k, v := range map[string]string{"Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "slow"} {
		req.Header.Set(k, v)
	}
	go func() {
		<-started
		cancel()
	}()
	if res, err := server.Client().Do(req); err == nil {
		_ = res.Body.Close()
		t.Fatal("the call was answered")
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the chain ended with %v, want context.Canceled", err)
	}
	if n := b.count(); n != 0 {
		t.Errorf("%d rows committed for a client that left", n)
	}
}

func TestANestedTransactionIsASavepoint(t *testing.T) {
	b := setup(t)
	var ran []string
	b.srv.Add(mcpecho.Service("nested", func(c *mcpecho.Call, _ none) (string, error) {
		keep := func(name string, err error) func() error {
			return func() error {
				c.AfterCommit(func(context.Context) { ran = append(ran, name) })
				if err := c.DB().Create(&widget{Name: name}).Error; err != nil {
					return err
				}
				return err
			}
		}
		_ = c.Transaction(nil, keep("undone", errors.New("no")))
		if len(ran) != 0 {
			t.Error("an after-commit function ran inside the transaction")
		}
		return "ok", c.Transaction(nil, keep("kept", nil))
	}, transaction()))
	b.call("nested", `{}`)
	var rows []widget
	b.db.Find(&rows)
	if len(rows) != 1 || rows[0].Name != "kept" || len(ran) != 1 || ran[0] != "kept" {
		t.Errorf("rows = %v, hooks = %v", rows, ran)
	}
}

func TestDriverErrorsAreTranslated(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("w.insert", insert),
		mcpecho.Retrieve[widget]("w.get", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }),
	)
	b.call("w.insert", `{"name":"x"}`)
	f := b.call("w.insert", `{"name":"x"}`).failure(t)
	if f["type"] != mcpecho.TypeConflict || strings.Contains(f["message"].(string), "UNIQUE") {
		t.Errorf("error = %v", f)
	}
}
