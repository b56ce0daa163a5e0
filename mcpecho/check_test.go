package mcpecho_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func guard() mcpecho.Step {
	s := step("guard", mcpecho.StagePermissions, nil)
	s.Note = "for the test"
	return s
}

func TestCheckNamesWhatIsRarelyMeant(t *testing.T) {
	query := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }
	tests := map[string]struct {
		spec  *mcpecho.Spec
		rules string
	}{
		"bare service":       {mcpecho.Service("x", noop), "unguarded undescribed no_transaction"},
		"bare list":          {mcpecho.Selector[widget]("x", query), "unguarded undescribed unbounded"},
		"bare retrieve":      {mcpecho.Retrieve[widget]("x", query), "unguarded undescribed"},
		"read-only service":  {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), mcpecho.Annotate(mcpecho.ReadOnly(true))), ""},
		"complete service":   {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), transaction()), ""},
		"stated service":     {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), mcpecho.NoTransaction("calls a printer")), ""},
		"stated list":        {mcpecho.Selector[widget]("x", query, guard(), mcpecho.Describe("d"), mcpecho.Unbounded("seven weekdays")), ""},
		"resource":           {mcpecho.Resource("x://y", noop), "unguarded undescribed"},
		"prompt":             {mcpecho.Prompt("x", noop, guard()), "undescribed"},
		"published selector": {mcpecho.Selector[widget]("x", query, guard(), mcpecho.Describe("d")).AsResource("x://all"), "unbounded"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.log.Reset()
			b.srv.Add(tt.spec)
			var rules []string
			for _, p := range b.srv.Check() {
				rules = append(rules, p.Rule)
			}
			if got := strings.Join(rules, " "); got != tt.rules {
				t.Errorf("problems = %q, want %q", got, tt.rules)
			}
			if got := strings.Count(b.log.String(), "mcpecho: check"); got != len(rules) {
				t.Errorf("%d problems logged when added to a mounted server, want %d", got, len(rules))
			}
		})
	}
}

func TestStrictRefusesAtMountAndAtAdd(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "t", Strict: true})
	srv.Add(mcpecho.Service("x", noop))
	func() {
		defer func() {
			if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "mcpecho: Config.Strict: x: everybody may use it") {
				t.Errorf("panic = %v", v)
			}
		}()
		srv.Mount(echo.New().Group("/mcp"))
	}()
	srv.Remove("x")
	srv.Mount(echo.New().Group("/mcp"))
	if err := srv.AddSafely(mcpecho.Service("x", noop)); err == nil {
		t.Error("an unguarded tool was added to a strict server that serves")
	}
	if err := srv.AddSafely(mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"))); err != nil {
		t.Error(err)
	}
}

func TestReasonsAreRequiredAndPrinted(t *testing.T) {
	b := setup(t)
	if err := b.srv.AddSafely(mcpecho.Service("x", noop, mcpecho.NoTransaction(" "))); err == nil || !strings.Contains(err.Error(), "NoTransaction needs the reason") {
		t.Error(err)
	}
	b.srv.Add(mcpecho.Service("x", noop, guard(), mcpecho.NoTransaction("calls a printer")))
	var out strings.Builder
	b.srv.Fprint(&out)
	if got := out.String(); got != "x  guard → validate → handle → serialize  (guard: for the test; no transaction: calls a printer)\n" {
		t.Error(got)
	}
}
