package mcpecho_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

// doors call the tool "sum" with {"a":1,"b":2} by every way there is, and return what came back as
// text.
var doors = map[string]func(t *testing.T, srv *mcpecho.Server) string{
	"mcp, modern": func(t *testing.T, srv *mcpecho.Server) string {
		return mcptest.New(t, srv).Do("sum", addIn{1, 2}).Text
	},
	"mcp, dated": func(t *testing.T, srv *mcpecho.Server) string {
		return mcptest.New(t, srv, mcptest.Dated()).Do("sum", addIn{1, 2}).Text
	},
	"net/http": func(t *testing.T, srv *mcpecho.Server) string {
		r := httptest.NewRequest(http.MethodPost, "/anywhere", strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sum","arguments":{"a":1,"b":2},`+benchMeta+`}}`))
		for name, value := range modernHeaders("tools/call", "sum") {
			r.Header.Set(name, value)
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		return w.Body.String()
	},
	"rest": func(t *testing.T, srv *mcpecho.Server) string {
		e := echo.New()
		srv.MountREST(e.Group("/api"))
		r := httptest.NewRequest(http.MethodPost, "/api/sum", strings.NewReader(`{"a":1,"b":2}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Body.String()
	},
	"go": func(t *testing.T, srv *mcpecho.Server) string {
		out, err := mcpecho.Invoke[jsontext.Value](t.Context(), srv, "sum", addIn{1, 2})
		return fmt.Sprintf("%s %v", out, err)
	},
	"stdio": func(t *testing.T, srv *mcpecho.Server) string {
		var out strings.Builder
		in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sum","arguments":{"a":1,"b":2},` + benchMeta + "}}\n")
		if err := mcpecho.ServeLines(srv, context.WithoutCancel(t.Context()), nil, in, &out); err != nil {
			t.Error(err)
		}
		return out.String()
	},
}

// Whatever middleware of Echo is a step, the call that it surrounds is the same by every door.
func TestEveryMiddlewareOfEchoWorksAsAStepOnEveryDoor(t *testing.T) {
	//lint:ignore SA1019 applications have it all the same
	timeout := echomw.TimeoutWithConfig(echomw.TimeoutConfig{Timeout: time.Minute})
	for name, m := range map[string]echo.MiddlewareFunc{
		"gzip": echomw.Gzip(), "recover": echomw.Recover(), "secure": echomw.Secure(), "cors": echomw.CORS(), "body limit": echomw.BodyLimit("1K"),
		"request id": echomw.RequestID(), "logger": echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
			LogURI: true, LogRemoteIP: true, LogStatus: true, LogLatency: true, LogHost: true, LogRoutePath: true,
			LogValuesFunc: func(echo.Context, echomw.RequestLoggerValues) error { return nil },
		}), "decompress": echomw.Decompress(), "rate": echomw.RateLimiter(echomw.NewRateLimiterMemoryStore(100)),
		"context timeout": echomw.ContextTimeout(time.Minute), "timeout": timeout,
		"dump": echomw.BodyDump(func(echo.Context, []byte, []byte) {}), "method override": echomw.MethodOverride(),
		"slash": echomw.RemoveTrailingSlash(), "rewrite": echomw.Rewrite(map[string]string{"/old": "/new"}),
	} {
		for door, call := range doors {
			t.Run(name+"/"+door, func(t *testing.T) {
				if got := call(t, sumServer(mcpecho.Named("echo", m))); !strings.Contains(got, `"sum":3`) && !strings.Contains(got, `\"sum\":3`) {
					t.Error(got)
				}
			})
		}
	}
}

// What a middleware says instead of its successor is an error by every door, and its text is kept.
func TestAMiddlewareThatRefusesIsHeardOnEveryDoor(t *testing.T) {
	refuse := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "closed on Sundays") }
	}
	for door, call := range doors {
		if got := call(t, sumServer(mcpecho.Named("echo", refuse))); !strings.Contains(got, "closed on Sundays") || strings.Contains(got, "sum") {
			t.Errorf("%s: %s", door, got)
		}
	}
}

// The steps of a chain run once, in one order, by every door.
func TestTheChainIsTheSameOnEveryDoor(t *testing.T) {
	for door, call := range doors {
		var ran []string
		note := func(name string) mcpecho.Step {
			return mcpecho.Named(name, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					ran = append(ran, name)
					return next(c)
				}
			})
		}
		call(t, sumServer(note("first"), note("second")))
		if !slices.Equal(ran, []string{"first", "second"}) {
			t.Errorf("%s: %v", door, ran)
		}
	}
}

func sumServer(steps ...mcpecho.Step) *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "t", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	srv.Use(steps...)
	srv.Add(mcpecho.Service("sum", func(_ *mcpecho.Call, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil },
		mcpecho.Route("POST /sum")))
	return srv
}
