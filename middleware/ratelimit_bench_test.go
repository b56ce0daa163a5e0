package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

// caller posts one call of a tool as the principal of a number.
func caller(srv *mcpecho.Server) func(n int) *httptest.ResponseRecorder {
	e := echo.New()
	srv.Mount(e.Group("/mcp", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			mcpecho.SetPrincipal(ec, &mcpecho.Principal{Issuer: "https://issuer.example", Subject: ec.Request().Header.Get("Test-Subject")})
			return next(ec)
		}
	}))
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tool","_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	return func(n int) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
		r.Header = http.Header{
			"Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"tool"},
			"Test-Subject": {"user-" + strconv.Itoa(n)},
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		return rec
	}
}

// limits are made anew for each benchmark, so that none inherits counts.
var limits = []struct {
	name string
	make func() []mcpecho.Option
}{
	{"none", func() []mcpecho.Option { return nil }},
	{"TokenBucket", func() []mcpecho.Option { return []mcpecho.Option{mw.RateLimit(1e6)} }},
	{"FixedWindow", func() []mcpecho.Option { return limitedBy(store.FixedWindow{Max: 1e9, Per: time.Minute}) }},
	{"SlidingWindow", func() []mcpecho.Option { return limitedBy(store.SlidingWindow{Max: 1e9, Per: time.Minute}) }},
	{"Concurrency", func() []mcpecho.Option { return []mcpecho.Option{mw.Concurrency(1000)} }},
}

func limitedBy(p store.Policy) []mcpecho.Option {
	return []mcpecho.Option{mw.RateLimitWithConfig(mw.RateLimitConfig{Policy: p})}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// What a limit adds to a call of one of 1,000 callers.
func BenchmarkLimitedTool(b *testing.B) {
	for _, limit := range limits {
		srv := newServer(nil)
		srv.Add(mcpecho.Service("tool", ok, limit.make()...))
		call := caller(srv)
		if body := call(1).Body.String(); !strings.Contains(body, `"structuredContent":{"ok":true}`) {
			b.Fatal(body)
		}
		b.Run(limit.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				call(i % 1000)
			}
		})
		b.Run(limit.name+"/parallel", func(b *testing.B) {
			var worker atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := int(worker.Add(1)) * 97; pb.Next(); i++ {
					call(i % 1000)
				}
			})
		})
	}
}

// The live heap of a server after so many distinct callers is that of the 10,000 keys it remembers;
// their map grows once when keys come and go.
func BenchmarkDistinctCallersOfALimitedTool(b *testing.B) {
	for _, limit := range limits {
		for _, callers := range []int{10_000, 100_000} {
			b.Run(limit.name+"/"+strconv.Itoa(callers), func(b *testing.B) {
				for b.Loop() {
					srv := newServer(nil)
					srv.Add(mcpecho.Service("tool", ok, limit.make()...))
					call := caller(srv)
					call(0)
					before := liveHeap()
					for i := range callers {
						call(i)
					}
					b.ReportMetric(float64(liveHeap()-before)/(1<<20), "MiB-live")
					runtime.KeepAlive(srv)
				}
			})
		}
	}
}
