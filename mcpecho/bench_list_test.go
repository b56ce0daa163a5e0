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

	"github.com/mcpecho/kit/mcpecho"
)

// BenchmarkFilteredList is tools/list of 100 tools, each behind a permission,
// that two callers who see different halves ask for in turn.
func BenchmarkFilteredList(b *testing.B) {
	srv := mcpecho.New(mcpecho.Config{Name: "bench", HideForbidden: true, Logger: slog.New(slog.DiscardHandler)})
	for i := range 100 {
		srv.Add(mcpecho.Service(fmt.Sprintf("tool%02d", i), say(addOut{}), mcpecho.Describe("A tool to fill the list."), permission(fmt.Sprint("half", i%2))))
	}
	callers := []*mcpecho.Principal{{Subject: "ann", Scopes: []string{"half0"}}, {Subject: "bob", Scopes: []string{"half1"}}}
	calls := 0
	e := echo.New()
	srv.Mount(e.Group("/mcp", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			mcpecho.SetPrincipal(c, callers[calls%2])
			calls++
			return next(c)
		}
	}))
	b.Run("modern", func(b *testing.B) {
		benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+benchMeta+`}}`, modernHeaders("tools/list", ""))
	})
	// The same list encoded anew for each request, by plain Echo.
	b.Run("floor", func(b *testing.B) {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+benchMeta+`}}`))
		for k, v := range modernHeaders("tools/list", "") {
			req.Header.Set(k, v)
		}
		req.Header.Set("Content-Type", "application/json")
		e.ServeHTTP(rec, req)
		var list any
		if err := echo.New().JSONSerializer.Deserialize(echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", io.NopCloser(rec.Body)), nil), &list); err != nil {
			b.Fatal(err)
		}
		plain := echo.New()
		plain.POST("/mcp", func(c echo.Context) error { return c.JSON(http.StatusOK, list) })
		benchmark(b, plain, `{}`, nil)
	})
}

// BenchmarkProgressUnasked is a call whose handler reports progress to a
// client that did not ask for any.
func BenchmarkProgressUnasked(b *testing.B) {
	for _, reports := range []int{0, 100} {
		srv := mcpecho.New(mcpecho.Config{Name: "bench", Logger: slog.New(slog.DiscardHandler)})
		srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (addOut, error) {
			for i := range reports {
				c.Progress(float64(i), 100, "message")
			}
			return addOut{}, nil
		}))
		e := echo.New()
		srv.Mount(e.Group("/mcp"))
		b.Run(fmt.Sprintf("reports=%d", reports), func(b *testing.B) {
			benchmark(b, e, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work",`+benchMeta+`}}`, modernHeaders("tools/call", "work"))
		})
	}
}
