package mcpecho_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

type addIn struct {
	A int64 `json:"a" validate:"required"`
	B int64 `json:"b" validate:"required"`
}

type addOut struct {
	Sum int64 `json:"sum"`
}

// benchServer has n tools, the first of which adds two numbers. Each has the steps.
func benchServer(n int, steps ...mcpecho.Step) *echo.Echo {
	srv := mcpecho.New(mcpecho.Config{Name: "bench", Logger: slog.New(slog.DiscardHandler)})
	srv.Use(steps...)
	srv.Add(mcpecho.Service("add", func(_ *mcpecho.Call, in addIn) (addOut, error) {
		return addOut{in.A + in.B}, nil
	}, mcpecho.Describe("Add two numbers.")))
	for i := 1; i < n; i++ {
		srv.Add(mcpecho.Service(fmt.Sprintf("tool%02d", i), func(_ *mcpecho.Call, in struct {
			Number   string `json:"number" validate:"required,max=32" doc:"Invoice number."`
			Customer string `json:"customer" validate:"max=64" doc:"Customer name."`
			Status   string `json:"status" validate:"oneof=draft sent paid" doc:"State."`
			Cents    int64  `json:"amount_cents" validate:"gte=0" doc:"Amount in cents."`
		}) (addOut, error) {
			return addOut{}, nil
		}, mcpecho.Describe("A tool to fill the list.")))
	}
	e := echo.New()
	srv.Mount(e.Group("/mcp"))
	return e
}

// discard is a ResponseWriter that costs next to nothing.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func benchmark(b *testing.B, e *echo.Echo, body string, headers map[string]string) {
	b.Helper()
	benchmarkAt(b, e, http.MethodPost, "/mcp", body, headers)
}

func benchmarkAt(b *testing.B, e *echo.Echo, method, target, body string, headers map[string]string) {
	b.Helper()
	req := httptest.NewRequest(method, target, nil)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	req.ContentLength = int64(len(body))
	rec := httptest.NewRecorder()
	req.Body = io.NopCloser(strings.NewReader(body))
	e.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), `"isError"`) || strings.Contains(rec.Body.String(), `"error"`) {
		b.Fatalf("%d %s", rec.Code, rec.Body)
	}
	serveAt(b, e, method, target, body, headers)
}

// serve measures one request, whatever its answer is.
func serve(b *testing.B, e *echo.Echo, body string, headers map[string]string) {
	b.Helper()
	serveAt(b, e, http.MethodPost, "/mcp", body, headers)
}

func serveAt(b *testing.B, e *echo.Echo, method, target, body string, headers map[string]string) {
	b.Helper()
	req := httptest.NewRequest(method, target, nil)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	req.ContentLength = int64(len(body))
	reader := strings.NewReader(body)
	req.Body = io.NopCloser(reader)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		e.ServeHTTP(w, req)
	}
}

func modernHeaders(method, name string) map[string]string {
	h := map[string]string{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
	if name != "" {
		h["Mcp-Name"] = name
	}
	return h
}

const benchMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}`

func session(b *testing.B, e *echo.Echo) map[string]string {
	b.Helper()
	req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"b","version":"0"}}}`))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return map[string]string{"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": rec.Header().Get("Mcp-Session-Id")}
}

func BenchmarkTrivialTool(b *testing.B) {
	for _, tools := range []int{1, 100} {
		e := benchServer(tools)
		b.Run(fmt.Sprintf("modern/tools=%d", tools), func(b *testing.B) {
			benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2},`+benchMeta+`}}`,
				modernHeaders("tools/call", "add"))
		})
		b.Run(fmt.Sprintf("dated/tools=%d", tools), func(b *testing.B) {
			benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}`, session(b, e))
		})
	}
}

// BenchmarkTrivialRoute is the same tool by REST; BenchmarkFloor is its yardstick.
func BenchmarkTrivialRoute(b *testing.B) {
	srv := mcpecho.New(mcpecho.Config{Name: "bench", Logger: slog.New(slog.DiscardHandler)})
	add := func(_ *mcpecho.Call, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil }
	srv.Add(mcpecho.Service("add", add, mcpecho.Route("POST /")), mcpecho.Service("sum", add, mcpecho.Route("GET /sums/:a")))
	e := echo.New()
	srv.MountREST(e.Group("/mcp"))
	b.Run("body", func(b *testing.B) { benchmarkAt(b, e, http.MethodPost, "/mcp/", `{"a":1,"b":2}`, nil) })
	b.Run("path and query", func(b *testing.B) { benchmarkAt(b, e, http.MethodGet, "/mcp/sums/1?b=2", "", nil) })
}

// BenchmarkFunc is what ten steps cost that do nothing with the call: written out as Echo
// middlewares, and made by mcpecho.Func.
func BenchmarkFunc(b *testing.B) {
	for name, nothing := range map[string]echo.MiddlewareFunc{
		"by hand": func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				if mcpecho.CallFrom(ec) == nil {
					return echo.ErrInternalServerError
				}
				return next(ec)
			}
		},
		"Func": mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error { return next(ec) }),
	} {
		steps := make([]mcpecho.Step, 10)
		for i := range steps {
			steps[i] = mcpecho.Step{Name: fmt.Sprint("nothing", i), Func: nothing, Native: native.Step()}
		}
		e := benchServer(1, steps...)
		b.Run(name, func(b *testing.B) {
			benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2},`+benchMeta+`}}`,
				modernHeaders("tools/call", "add"))
		})
	}
}

func BenchmarkToolsList(b *testing.B) {
	e := benchServer(100)
	b.Run("modern", func(b *testing.B) {
		benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+benchMeta+`}}`, modernHeaders("tools/list", ""))
	})
	b.Run("dated", func(b *testing.B) {
		benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session(b, e))
	})
}

// BenchmarkFloor is the same work as a plain Echo handler: the yardstick.
func BenchmarkFloor(b *testing.B) {
	e := echo.New()
	e.POST("/mcp", func(c echo.Context) error {
		var in addIn
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, addOut{in.A + in.B})
	})
	b.Run("body", func(b *testing.B) { benchmark(b, e, `{"a":1,"b":2}`, nil) })
	e.GET("/mcp/sums/:a", func(c echo.Context) error {
		var in struct {
			A int64 `param:"a"`
			B int64 `query:"b"`
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, addOut{in.A + in.B})
	})
	b.Run("path and query", func(b *testing.B) { benchmarkAt(b, e, http.MethodGet, "/mcp/sums/1?b=2", "", nil) })
}
