package mcpecho_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// step is a named step that records that it ran.
func step(name string, stage mcpecho.Stage, ran *[]string) mcpecho.Step {
	return mcpecho.Step{Name: name, Stage: stage, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if ran != nil {
				*ran = append(*ran, name)
			}
			return next(c)
		}
	}}
}

func noop(*mcpecho.Call, none) (string, error) { return "ok", nil }

func TestChainsAreSortedByStageAndEditedByName(t *testing.T) {
	auth, limit := step("auth", mcpecho.StageAuth, nil), step("limit", mcpecho.StageRateLimit, nil)
	scopes, own := step("scopes", mcpecho.StagePermissions, nil), step("own", mcpecho.StageUser, nil)
	mark := step("mark", mcpecho.StageUser, nil)
	tx := transaction()
	tests := map[string]struct {
		options []mcpecho.Option
		want    string
	}{
		"core only":             {nil, "validate handle serialize"},
		"any order of listing":  {[]mcpecho.Option{tx, own, limit, scopes, auth}, "auth scopes limit own validate transaction handle serialize"},
		"before":                {[]mcpecho.Option{auth, mcpecho.Before("auth", mark)}, "mark auth validate handle serialize"},
		"after":                 {[]mcpecho.Option{mcpecho.After("validate", mark)}, "validate mark handle serialize"},
		"after the last of two": {[]mcpecho.Option{scopes, scopes, mcpecho.After("scopes", mark)}, "scopes scopes mark validate handle serialize"},
		"replace":               {[]mcpecho.Option{auth, mcpecho.Replace("auth", mark)}, "mark validate handle serialize"},
		"without":               {[]mcpecho.Option{auth, limit, mcpecho.Without("auth")}, "limit validate handle serialize"},
		"edits apply in order":  {[]mcpecho.Option{mcpecho.Before("handle", mark), mcpecho.Before("mark", own)}, "validate own mark handle serialize"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("x", noop, tt.options...))
			chain, _ := b.srv.Chain("x")
			if got := strings.Join(chain.Names(), " "); got != tt.want {
				t.Errorf("chain = %s\nwant    %s", got, tt.want)
			}
		})
	}
}

func TestAddRefusesWithASentenceThatNamesSpecAndFix(t *testing.T) {
	selectorOnly := mcpecho.Step{Name: "filter", Stage: mcpecho.StageFilter, Kinds: mcpecho.KindSelector, Func: step("", 0, nil).Func}
	service := func(opts ...mcpecho.Option) *mcpecho.Spec { return mcpecho.Service("x.y", noop, opts...) }
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"step of another kind": {service(selectorOnly), `mcpecho: cannot add service "x.y": step "filter" does not serve a service: leave it out`},
		"unknown step":         {service(mcpecho.Before("validat", step("m", 0, nil))), `no step "validat" in the chain validate → handle → serialize; did you mean "validate"?`},
		"replace handle":       {service(mcpecho.Replace("handle", step("m", 0, nil))), "the handle step cannot be replaced"},
		"replace validate":     {service(mcpecho.Replace("validate", step("m", 0, nil))), "the validate step cannot be replaced"},
		"without validate":     {service(mcpecho.Without("validate")), "the validate step cannot be left out"},
		"nameless step":        {service(mcpecho.Step{Func: step("", 0, nil).Func}), "a step has no name"},
		"step without Func":    {service(mcpecho.Step{Name: "m"}), `step "m" has neither Func nor a Describe that makes one`},
		"bad name":             {mcpecho.Service("x y", noop), `name "x y" must be 1 to 128 ASCII letters`},
		"bad icon":             {service(mcpecho.Icons(mcpecho.Icon{Src: "javascript:alert(1)"})), "must be an https: or data: URI"},
		"reserved meta":        {service(mcpecho.Meta("io.modelcontextprotocol/x", 1)), "must have a prefix of your own"},
		"published prompt": {mcpecho.Prompt("x.y", func(*mcpecho.Call, none) (string, error) { return "", nil }).AsResource("x://y"),
			"AsResource is not for prompts"},
		"nullable service": {service(mcpecho.Nullable()), "Nullable is for Retrieve"},
		"not a model": {mcpecho.Selector[int]("x.y", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }),
			"int is not a gorm model"},
		"unknown validate tag": {mcpecho.Service("x.y", func(*mcpecho.Call, struct {
			A string `json:"a" validate:"requird"`
		}) (string, error) {
			return "", nil
		}), "requird"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			err := b.srv.AddSafely(tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v\nwant it to contain %s", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "mcpecho: cannot add") {
				t.Errorf("error %q does not begin with the package and the spec", err)
			}
		})
	}
}

func TestAddIsAllOrNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("a", noop))
	if err := b.srv.AddSafely(mcpecho.Service("b", noop), mcpecho.Service("a", noop)); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Fatalf("error = %v", err)
	}
	if _, ok := b.srv.Chain("b"); ok {
		t.Error("b was added although a was refused")
	}
}

func TestStepsAreInheritedWhereTheyServe(t *testing.T) {
	b := setup(t)
	var ran []string
	b.srv.Use(transaction(), step("server", mcpecho.StageUser, &ran))
	g := b.srv.Group("admin", step("group", mcpecho.StageUser, &ran))
	g.Group("deep").Add(mcpecho.Service("x", noop, step("own", mcpecho.StageUser, &ran)))
	g.Add(mcpecho.Selector[widget]("list", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }))
	b.srv.Use(step("late", mcpecho.StageUser, &ran))

	if r := b.call("admin.deep.x", `{}`); r.Result["isError"] != nil {
		t.Fatal(r.Body)
	}
	if got := fmt.Sprint(ran); got != "[server late group own]" {
		t.Errorf("ran %s", got)
	}
	if chain, _ := b.srv.Chain("admin.list"); strings.Contains(chain.String(), "transaction") {
		t.Errorf("a selector inherited the transaction: %s", chain)
	}
}

func TestASingleStepIsReplacedByTheOneCloserToTheSpec(t *testing.T) {
	b := setup(t)
	var ran []string
	single := func(mark string) mcpecho.Step {
		s := step(mark, mcpecho.StageUser, &ran)
		s.Name, s.Single = "timeout", true
		return s
	}
	b.srv.Use(single("server"))
	b.srv.Group("", single("group")).Add(mcpecho.Service("x", noop, single("spec")))
	b.call("x", `{}`)
	if got := fmt.Sprint(ran); got != "[spec]" {
		t.Errorf("ran %s", got)
	}
}

func TestFprintShowsEachChain(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("invoices.create", noop, transaction()), mcpecho.Service("x", noop))
	var out strings.Builder
	b.srv.Fprint(&out)
	want := "invoices.create  validate → transaction → handle → serialize  (listed as invoices_create)\nx                validate → handle → serialize\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestRemoveTakesAToolOut(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("a", noop), mcpecho.Service("b", noop))
	b.srv.Remove("a", "unknown")
	expect(t, b.call("a", `{}`), 200, -32602)
	if r := b.call("b", `{}`); r.Result["isError"] != nil {
		t.Error(r.Body)
	}
}

func TestAnnotationsFollowTheKindUnlessStated(t *testing.T) {
	b := setup(t)
	query := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }
	b.srv.Add(
		mcpecho.Service("service", noop),
		mcpecho.Service("gentle", noop, mcpecho.Annotate(mcpecho.Destructive(false))),
		mcpecho.Service("reader", noop, mcpecho.Annotate(mcpecho.ReadOnly(true))),
		mcpecho.Selector[widget]("list", query), mcpecho.Retrieve[widget]("get", query),
	)
	want := map[string]string{
		"service": "map[destructiveHint:true readOnlyHint:false]",
		"gentle":  "map[destructiveHint:false readOnlyHint:false]",
		"reader":  "map[readOnlyHint:true]", "list": "map[readOnlyHint:true]", "get": "map[readOnlyHint:true]",
	}
	for _, tool := range b.modern("tools/list", "").Result["tools"].([]any) {
		tool := tool.(map[string]any)
		if got := fmt.Sprint(tool["annotations"]); got != want[tool["name"].(string)] {
			t.Errorf("%s: %s", tool["name"], got)
		}
	}
}

func TestContentBlocksWhereTheyDoNotBelongAreRefused(t *testing.T) {
	picture := func(*mcpecho.Call, none) (content.Image, error) { return content.Image{}, nil }
	for want, spec := range map[string]*mcpecho.Spec{
		"a resource answers with Contents":          mcpecho.Resource("x://y", picture),
		"content blocks have no structured content": mcpecho.Service("x", picture, mcpecho.OutputSchema(true)),
	} {
		if err := setup(t).srv.AddSafely(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}
