package mcpecho_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func TestTheMemoryOfFilteredListsIsBoundedHoweverManySetsOfPermissionsAsk(t *testing.T) {
	const tools, callers = 12, 2000 // 4,096 sets of permissions are possible, each a list of 50 KB
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true; c.Logger = slog.New(slog.DiscardHandler) })
	text := strings.Repeat("x", 8<<10)
	for i := range tools {
		b.srv.Add(mcpecho.Service(fmt.Sprint("t", i), say(""), mcpecho.Describe(text), permission(fmt.Sprint("s", i))))
	}
	ask := func(from, to int) {
		for n := from; n < to; n++ {
			b.user = &mcpecho.Principal{Subject: "ann"}
			for i := range tools {
				if n&(1<<i) != 0 {
					b.user.Scopes = append(b.user.Scopes, fmt.Sprint("s", i))
				}
			}
			if r := b.modern("tools/list", ""); len(names(r, "tools")) != len(b.user.Scopes) {
				t.Fatalf("%v sees %v", b.user.Scopes, names(r, "tools"))
			}
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	ask(0, 10)
	before := heap()
	ask(10, callers)
	if grown := heap() - before; grown > 40<<20 {
		t.Errorf("%d sets of permissions hold %d MiB", callers, grown>>20)
	}
}

func TestARuleOfTheDatabaseIsAConflict(t *testing.T) {
	b := setup(t)
	for name, rule := range map[string]error{
		"check": gorm.ErrCheckConstraintViolated, "reference": gorm.ErrForeignKeyViolated, "duplicate": gorm.ErrDuplicatedKey,
	} {
		b.srv.Add(mcpecho.Service(name, func(*mcpecho.Call, none) (string, error) {
			return "", fmt.Errorf("while storing: %w", rule)
		}))
		if e := b.call(name, `{}`).failure(t); e["type"] != mcpecho.TypeConflict {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestAStepThatIsNotSingleDoesNotReplaceASingleOneOfItsName(t *testing.T) {
	b := setup(t)
	var ran []string
	named := func(mark string, single bool) mcpecho.Step {
		s := step(mark, mcpecho.StageUser, &ran)
		s.Name, s.Single = "watch", single
		return s
	}
	b.srv.Use(named("server", true))
	b.srv.Add(mcpecho.Service("x", noop, named("spec", false)))
	b.call("x", `{}`)
	if got := fmt.Sprint(ran); got != "[server spec]" {
		t.Errorf("ran %s", got)
	}
}

func TestHeadersThatDescribeACapturedBodyDoNotReachTheReply(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("x", noop, mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("Transfer-Encoding", "chunked")
			h.Set("Content-Encoding", "br")
			h.Set("Content-Language", "de")
			h.Set("X-Kept", "yes")
			return c.JSON(http.StatusOK, "written")
		}
	})))
	r := b.call("x", `{}`)
	for _, name := range []string{"Transfer-Encoding", "Content-Encoding", "Content-Language"} {
		if r.Header.Get(name) != "" {
			t.Errorf("the reply has %s: %s", name, r.Header.Get(name))
		}
	}
	if r.Header.Get("X-Kept") != "yes" || !strings.Contains(r.text(), "written") {
		t.Error(r.Header, r.Body)
	}
}

func TestABase64HeaderValueHasNoLineBreaks(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("grow", say("grown")))
	for header, want := range map[string]int{
		"=?base64?Z3Jvdw==?=":   http.StatusOK,
		"=?base64?Z3Jv\ndw==?=": http.StatusBadRequest,
		"=?base64?Z3Jv\rdw==?=": http.StatusBadRequest,
		"=?base64?Z3Jvdw==\n?=": http.StatusBadRequest,
	} {
		if r := b.modern("tools/call", `"name":"grow"`, "Mcp-Name", header); r.Status != want {
			t.Errorf("%q: %d %s", header, r.Status, r.Body)
		}
	}
}

func TestAPreflightAllowsNoHeaderNameThatIsNone(t *testing.T) {
	const origin = "https://app.example.com"
	b := setup(t, func(c *mcpecho.Config) { c.Origins = []string{origin} })
	r := b.send(http.MethodOptions, "", "Origin", origin, "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "mcp-param-region, mcp-param-a b, mcp-param-é, mcp-param-a:b, mcp-param-a\r\nx")
	if got := r.Header.Get("Access-Control-Allow-Headers"); got != "mcp-param-region" {
		t.Errorf("allowed %q", got)
	}
}

func TestAnEarlierDeadlineOfTheRequestIsThatOfTheCall(t *testing.T) {
	b := setup(t)
	for name, tt := range map[string]struct {
		own        time.Duration // of the request, 0 for none
		atMost, at time.Duration
	}{
		"earlier": {time.Second, time.Second, 0},
		"later":   {time.Hour, 30 * time.Second, 29 * time.Second},
		"none":    {0, 30 * time.Second, 29 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var left time.Duration
			b.srv.Add(mcpecho.Service(name, func(c *mcpecho.Call, _ none) (string, error) {
				deadline, _ := c.Ctx().Deadline()
				left = time.Until(deadline)
				return "", nil
			}))
			e := echo.New()
			b.srv.Mount(e.Group("/mcp", func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(ec echo.Context) error {
					if tt.own == 0 {
						return next(ec)
					}
					ctx, stop := context.WithTimeout(ec.Request().Context(), tt.own)
					defer stop()
					ec.SetRequest(ec.Request().WithContext(ctx))
					return next(ec)
				}
			}))
			b.e = e
			if b.call(name, `{}`); left <= tt.at || left > tt.atMost {
				t.Errorf("%v are left, want at most %v", left, tt.atMost)
			}
		})
	}
}
