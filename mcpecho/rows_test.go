package mcpecho_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// narrowed is a step that lets a call see the widgets that narrow allows.
func narrowed(narrow func(*gorm.DB) *gorm.DB) mcpecho.Step {
	return mcpecho.Step{Name: "narrow", Describe: func(d *mcpecho.Definition) error {
		return d.Narrow(reflect.TypeFor[widget](), func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return narrow(db) })
	}}
}

func small(db *gorm.DB) *gorm.DB { return db.Where("size < ?", 2).Or("size = ?", -1) }

func TestANarrowingHoldsWhateverTheQuerySays(t *testing.T) {
	queries := map[string]func(*gorm.DB) *gorm.DB{
		"plain":        func(db *gorm.DB) *gorm.DB { return db },
		"with or":      func(db *gorm.DB) *gorm.DB { return db.Where("size = 1").Or("size > 0") },
		"or first":     func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") },
		"in a scope":   func(db *gorm.DB) *gorm.DB { return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Or("size > 0") }) },
		"not anything": func(db *gorm.DB) *gorm.DB { return db.Not("size = 99").Or("1 = 1") },
	}
	for name, build := range queries {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.seed(5)
			query := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return build(c.DB()), nil }
			b.srv.Add(mcpecho.Selector[widget]("list", query, narrowed(small)))
			r := b.call("list", `{}`)
			for _, row := range r.Result["structuredContent"].([]any) {
				if row.(map[string]any)["size"].(float64) >= 2 {
					t.Errorf("a row outside the scope: %s", r.text())
				}
			}
		})
	}
}

func TestNarrowingsAddUpAndCoverEveryRead(t *testing.T) {
	b := setup(t)
	b.seed(5)
	type byName struct {
		Name string `json:"name"`
	}
	get := mcpecho.Retrieve[widget]("get", func(c *mcpecho.Call, in byName) (*gorm.DB, error) {
		return c.DB().Where("name = ?", in.Name), nil
	}, narrowed(small), narrowed(func(db *gorm.DB) *gorm.DB { return db.Where("size <> 0") }),
		mcpecho.Before("validate", step("user", mcpecho.StageUser, nil)))
	b.srv.Add(get,
		get.AsResource("widgets://{name}", mcpecho.CompleteColumn("name", "name", func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&widget{}) })),
		mcpecho.Service("rename", func(c *mcpecho.Call, in byName) (widget, error) {
			var w widget
			return w, c.Narrowed(c.DB()).Where("name = ?", in.Name).First(&w).Error
		}, narrowed(small)))

	if r := b.call("get", `{"name":"w2"}`); r.Result["isError"] != nil {
		t.Error(r.Body)
	}
	for _, hidden := range []string{"w1", "w3"} {
		if f := b.call("get", `{"name":"`+hidden+`"}`).failure(t); f["type"] != mcpecho.TypeNotFound {
			t.Error(f)
		}
		expect(t, b.modern("resources/read", `"uri":"widgets://`+hidden+`"`, "Mcp-Name", "widgets://"+hidden), 200, -32602)
	}
	r := b.modern("completion/complete", `"ref":{"type":"ref/resource","uri":"widgets://{name}"},"argument":{"name":"name","value":"w"}`)
	if got := fmt.Sprint(r.Result["completion"]); got != "map[hasMore:false values:[w2]]" {
		t.Errorf("completion reveals %s: %s\n%s", got, r.Body, b.log)
	}
	if f := b.call("rename", `{"name":"w3"}`).failure(t); f["type"] != mcpecho.TypeNotFound {
		t.Error(f)
	}
}

func TestANarrowingThatAddsNothingLeavesAQueryAsItIs(t *testing.T) {
	b := setup(t)
	b.seed(3)
	everything := func(db *gorm.DB) *gorm.DB { return db }
	b.srv.Add(mcpecho.Service("take", func(c *mcpecho.Call, _ none) (widget, error) {
		var w widget
		return w, c.Narrowed(c.DB()).Where("size = ?", 2).Or("size = ?", 99).Take(&w).Error
	}, narrowed(everything)), mcpecho.Selector[widget]("list", widgets, narrowed(everything)))
	if r := b.call("list", `{}`); strings.Count(r.text(), `"id"`) != 3 {
		t.Error(r.Body)
	}
	if r := b.call("take", `{}`); r.Result["isError"] != nil {
		t.Error(r.Body, b.log)
	}
}

func TestANarrowingHoldsInsideASequence(t *testing.T) {
	b := setup(t)
	b.seed(3)
	list := mcpecho.Selector[widget]("list", widgets, narrowed(small))
	seq := mcpecho.NewSequence[none]("seq")
	rows := mcpecho.Then[[]widget](seq, list, func(*mcpecho.Call, none) none { return none{} })
	b.srv.Add(mcpecho.Finish(seq, rows))
	if r := b.call("seq", `{}`); strings.Contains(r.text(), "w3") || !strings.Contains(r.text(), "w2") {
		t.Error(r.Body)
	}
}

func TestANarrowingThatIsNoConditionFailsClosed(t *testing.T) {
	for name, scope := range map[string]func(*gorm.DB) *gorm.DB{
		"limit": func(db *gorm.DB) *gorm.DB { return db.Limit(1) },
		"joins": func(db *gorm.DB) *gorm.DB { return db.Joins("JOIN widgets AS other ON 1 = 1") },
		"nil":   func(*gorm.DB) *gorm.DB { return nil },
		"error": func(db *gorm.DB) *gorm.DB { _ = db.AddError(errors.New("no tenant")); return db },
	} {
		b := setup(t)
		b.seed(2)
		b.srv.Add(mcpecho.Selector[widget]("list", widgets, narrowed(scope)))
		if f := b.call("list", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestARowCheckRefusesTheWholeCallBeforeAnythingIsSent(t *testing.T) {
	b := setup(t)
	b.seed(3)
	check := mcpecho.Step{Name: "permit_row", Stage: mcpecho.StageRows, Describe: func(d *mcpecho.Definition) error {
		return d.PermitRows(reflect.TypeFor[widget](), func(_ *mcpecho.Call, row any) error {
			if row.(widget).Size >= 2 {
				return &mcpecho.Error{Code: 403, Message: "not permitted"}
			}
			return nil
		})
	}}
	b.srv.Add(
		mcpecho.Selector[widget]("list", widgets, check),
		mcpecho.Selector[widget]("few", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Where("size < 2"), nil }, check),
		mcpecho.Retrieve[widget]("last", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id DESC"), nil }, check),
		mcpecho.Retrieve[widget]("res", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id DESC"), nil }, check).AsResource("widgets://last"),
	)
	expect(t, b.call("list", `{}`), 403, 403)
	expect(t, b.call("few", `{}`), 200, 0)
	expect(t, b.call("last", `{}`), 403, 403)
	expect(t, b.modern("resources/read", `"uri":"widgets://last"`, "Mcp-Name", "widgets://last"), 403, 403)
}

func TestASelectorThatHasRunItsQueryIsToldSo(t *testing.T) {
	for name, run := range map[string]func(*gorm.DB) *gorm.DB{
		"find":  func(db *gorm.DB) *gorm.DB { return db.Find(&[]widget{}) },
		"first": func(db *gorm.DB) *gorm.DB { return db.First(&widget{}) },
		"count": func(db *gorm.DB) *gorm.DB { var n int64; return db.Model(&widget{}).Count(&n) },
	} {
		b := setup(t)
		b.seed(2)
		b.srv.Add(mcpecho.Selector[widget]("list", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return run(c.DB()), nil }))
		if f := b.call("list", `{}`).failure(t); f["type"] != mcpecho.TypeInternal || !strings.Contains(b.log.String(), "has run its query already") {
			t.Errorf("%s: %v", name, f)
		}
	}
}
