package mcpecho_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// addOneByOne makes a server and adds n tools to it, each in an Add of its own.
func addOneByOne(n int) *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "test", Logger: slog.New(slog.DiscardHandler)})
	for i := range n {
		srv.Add(mcpecho.Service(fmt.Sprintf("tools.t%05d", i), say("")))
	}
	return srv
}

func TestAddingOneByOneCostsTheSameForEverySpec(t *testing.T) {
	allocated := func(n int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		addOneByOne(n)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(10) // what is made once
	few, many := allocated(200), allocated(2000)
	if many > 12*few {
		t.Errorf("200 tools take %d bytes, 2,000 take %d, over twelve times as many", few, many)
	}
}

// BenchmarkAddOneByOne is the registration of a generated set of tools: its time must grow no
// faster than the number of tools.
func BenchmarkAddOneByOne(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("tools=%d", n), func(b *testing.B) {
			for b.Loop() {
				addOneByOne(n).Mount(echo.New().Group("/mcp"))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/tool")
		})
	}
}

func TestAWatcherMayChangeTheServer(t *testing.T) {
	b := setup(t)
	b.srv.OnListChange(func(list string) {
		if _, ok := b.srv.Chain("second"); !ok {
			b.srv.Add(mcpecho.Service("second", say("")))
		}
	})
	b.srv.Add(mcpecho.Service("first", say("")))
	b.srv.Use(step("late", mcpecho.StageUser, nil))
	if got := fmt.Sprint(b.listed("tools/list", "tools")); got != "[first second]" {
		t.Error(got)
	}
}

func TestAStepCannotReadTheSealingKeys(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Keys = [][]byte{make([]byte, 32)} })
	var keys [][]byte
	b.srv.Add(mcpecho.Service("x", func(c *mcpecho.Call, _ none) (string, error) {
		keys = c.Server().Config().Keys
		return "", nil
	}))
	if b.call("x", `{}`); keys != nil {
		t.Errorf("a step was given %d keys", len(keys))
	}
	if sealed := b.srv.Seal("p", []byte("v"), nil); sealed == "" {
		t.Error("the server cannot seal")
	}
}
