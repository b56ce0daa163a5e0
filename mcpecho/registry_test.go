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
	if sealed := b.srv.Sealer().Seal("p", []byte("v"), nil); sealed == "" {
		t.Error("the server cannot seal")
	}
}

// BenchmarkWrongName is a call of a tool that does not exist, and of one that does: the first must
// cost at most twice the second, however many tools there are.
func BenchmarkWrongName(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		e := echo.New()
		srv := addOneByOne(n)
		srv.Mount(e.Group("/mcp"))
		call := func(b *testing.B, tool string) {
			body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `",` + benchMeta + `}}`
			serve(b, e, body, modernHeaders("tools/call", tool))
		}
		b.Run(fmt.Sprintf("right/tools=%d", n), func(b *testing.B) { call(b, "tools_t00000") })
		b.Run(fmt.Sprintf("wrong/tools=%d", n), func(b *testing.B) { call(b, "tools_u00000") })
	}
}

func TestAWrongNameTakesNoMoreMemoryAmongManyTools(t *testing.T) {
	allocated := func(n int) float64 {
		b := setup(t, func(c *mcpecho.Config) { c.Logger = slog.New(slog.DiscardHandler) })
		for i := range n {
			b.srv.Add(mcpecho.Service(fmt.Sprintf("t%05d", i), say("")))
		}
		if r := b.call("u00000", `{}`); r.Error == nil || r.Error.Message != `unknown tool "u00000"; did you mean "t00000"?` {
			t.Fatal(r.Body)
		}
		return testing.AllocsPerRun(20, func() { b.call("u00000", `{}`) })
	}
	// What grew with the tools would be thousands; the pools forget what they hold now and then.
	if one, many := allocated(1), allocated(3000); many > one+50 {
		t.Errorf("%v allocations with one tool, %v with 3,000", one, many)
	}
}
