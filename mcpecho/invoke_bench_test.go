package mcpecho_test

import (
	"log/slog"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
)

// BenchmarkInvoke is the work of BenchmarkTrivialTool for Go code: outside of a call, with JSON as
// models send it, and inside of one.
func BenchmarkInvoke(b *testing.B) {
	srv := mcpecho.New(mcpecho.Config{Name: "bench", Logger: slog.New(slog.DiscardHandler)})
	srv.Add(
		mcpecho.Service("add", func(_ *mcpecho.Call, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil }),
		mcpecho.Service("inside", func(c *mcpecho.Call, in addIn) (addOut, error) {
			for b.Loop() {
				if out, err := mcpecho.Invoke[addOut](c.Ctx(), srv, "add", in); err != nil || out.Sum != 3 {
					b.Fatal(out, err)
				}
			}
			return addOut{}, nil
		}),
	)
	run := func(in any) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if out, err := mcpecho.Invoke[addOut](b.Context(), srv, "add", in); err != nil || out.Sum != 3 {
					b.Fatal(out, err)
				}
			}
		}
	}
	b.Run("struct", run(addIn{1, 2}))
	b.Run("json", run([]byte(`{"a":1,"b":2}`)))
}
