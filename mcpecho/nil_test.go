package mcpecho_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func TestWhatIsNilIsRefusedAtAddInASentence(t *testing.T) {
	var (
		tell   func(*mcpecho.Call, none) (string, error)
		query  func(*mcpecho.Call, none) (*gorm.DB, error)
		plain  func(context.Context, none) (string, error)
		spec   *mcpecho.Spec
		option mcpecho.Option
	)
	named := func(*mcpecho.Call, struct {
		Name string `json:"name"`
	}) (string, error) {
		return "", nil
	}
	service := mcpecho.Service("x", noop)
	sequence := func(spec *mcpecho.Spec, input func(*mcpecho.Call, none) none) *mcpecho.Spec {
		seq := mcpecho.NewSequence[none]("seq")
		return mcpecho.Finish(seq, mcpecho.Then[string](seq, spec, input))
	}
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"spec":            {nil, "mcpecho: cannot add spec 2 of 2: it is nil"},
		"published spec":  {spec.AsResource("x://y"), "mcpecho: cannot add spec 2 of 2: it is nil"},
		"option":          {mcpecho.Service("a", noop, mcpecho.Describe("d"), option), `mcpecho: cannot add service "a": option 2 of 2 is nil`},
		"service":         {mcpecho.Service("a", tell), `mcpecho: cannot add service "a": its function is nil`},
		"plain service":   {mcpecho.Service("a", mcpecho.Plain(plain)), `mcpecho: cannot add service "a": its function is nil`},
		"selector":        {mcpecho.Selector[widget]("a", query), `mcpecho: cannot add selector "a": its function is nil`},
		"retrieve":        {mcpecho.Retrieve[widget]("a", query), `mcpecho: cannot add retrieve "a": its function is nil`},
		"resource":        {mcpecho.Resource("a://b", tell), `mcpecho: cannot add resource "a://b": its function is nil`},
		"prompt":          {mcpecho.Prompt("a", tell), `mcpecho: cannot add prompt "a": its function is nil`},
		"text":            {mcpecho.Service("a", noop, mcpecho.Text[string](nil)), `mcpecho: cannot add service "a": the function of Text is nil`},
		"completer":       {mcpecho.Prompt("a", named, mcpecho.Complete("name", nil)), `the completer for "name" is nil`},
		"column's scope":  {mcpecho.Prompt("a", named, mcpecho.CompleteColumn("name", "name", nil)), `the completer for "name" is nil`},
		"middleware":      {mcpecho.Service("a", noop, mcpecho.Named("m", nil)), `step "m" has neither Func`},
		"step's function": {mcpecho.Service("a", noop, mcpecho.Named("m", mcpecho.Func(nil))), `step "m" has neither Func`},
		"link":            {sequence(nil, func(*mcpecho.Call, none) none { return none{} }), `mcpecho: cannot add service "seq": a Then of the sequence has a nil spec`},
		"link's input":    {sequence(service, nil), `mcpecho: cannot add service "seq": a Then of the sequence has a nil spec or a nil function`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			err := b.srv.AddSafely(mcpecho.Service("sound", noop), tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v\nwant it to contain %s", err, tt.want)
			}
			if _, added := b.srv.Chain("sound"); added {
				t.Error("the spec beside it was added")
			}
		})
	}
}

type secret struct {
	ID   uint   `json:"id"`
	Name string `json:"name"`
}

func TestAQueryOfAnotherModelIsNeverServedAsRow(t *testing.T) {
	b := setup(t)
	if err := b.db.AutoMigrate(&secret{}); err != nil {
		t.Fatal(err)
	}
	b.db.Create(&secret{Name: "of another table"})
	b.db.Create(&widget{Name: "mine"})
	of := func(model any) func(*mcpecho.Call, none) (*gorm.DB, error) {
		return func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Model(model), nil }
	}
	b.srv.Add(
		mcpecho.Selector[widget]("list", of(&secret{})), mcpecho.Retrieve[widget]("get", of(&secret{})),
		mcpecho.Selector[widget]("lists", of([]secret{})),
		mcpecho.Selector[widget]("mine", of(&widget{})), mcpecho.Selector[widget]("ours", of(&[]widget{})),
		mcpecho.Selector[widget]("none", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }))
	for _, tool := range []string{"list", "get", "lists"} {
		r := b.call(tool, `{}`)
		if e := r.failure(t); e["type"] != "internal_error" || r.Status != http.StatusOK || strings.Contains(r.Body, "another table") {
			t.Errorf("%s: %s", tool, r.Body)
		}
	}
	if want := "the query is of mcpecho_test.secret and the spec lists mcpecho_test.widget"; !strings.Contains(b.log.String(), want) {
		t.Errorf("the log does not say %q: %s", want, b.log)
	}
	for _, tool := range []string{"mine", "ours", "none"} {
		if r := b.call(tool, `{}`); !strings.Contains(r.Body, "mine") {
			t.Errorf("%s: %s", tool, r.Body)
		}
	}
}

func TestANilCallHasNoPrincipal(t *testing.T) {
	if p := mcpecho.CallFromContext(t.Context()).Principal(); p != nil {
		t.Errorf("outside of a call the caller is %+v", p)
	}
}
