package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

type newWidget struct {
	Name string `json:"name" validate:"required,max=8"`
	Size int64  `json:"size" validate:"required,gte=0"`
}

type resize struct {
	PK   uint  `json:"pk" validate:"required"`
	Size int64 `json:"size" validate:"required,lte=100"`
}

func createWidget(c *mcpecho.Call, in newWidget) (widget, error) {
	w := widget{Name: in.Name, Size: in.Size}
	err := c.DB().Create(&w).Error
	return w, err
}

func resizeWidget(c *mcpecho.Call, in resize) (widget, error) {
	w := widget{ID: in.PK}
	if err := c.DB().First(&w).Error; err != nil {
		return w, err
	}
	w.Size = in.Size
	err := c.DB().Save(&w).Error
	return w, err
}

// growing is a sequence that creates a widget and makes it a hundred larger.
func growing(create, grow *mcpecho.Spec, opts ...mcpecho.Option) *mcpecho.Spec {
	seq := mcpecho.NewSequence[newWidget]("w.create_and_grow")
	created := mcpecho.Then[widget](seq, create, func(_ *mcpecho.Call, in newWidget) newWidget { return in })
	grown := mcpecho.Then[widget](seq, grow, func(c *mcpecho.Call, _ newWidget) resize {
		return resize{created.In(c).ID, created.In(c).Size + 100}
	})
	return mcpecho.Finish(seq, grown, opts...)
}

func TestASequenceRunsItsSpecsInOrder(t *testing.T) {
	b := setup(t)
	create, grow := mcpecho.Service("w.create", createWidget), mcpecho.Service("w.grow", resizeWidget)
	b.srv.Add(create, grow, growing(create, grow, transaction()))
	r := b.call("w.create_and_grow", `{"name":"a","size":0}`)
	if r.text() != `{"id":1,"name":"a","size":100}` || b.count() != 1 {
		t.Error(r.Body)
	}
	if r := b.dated(b.initialize(), "tools/call", `"name":"w_create_and_grow","arguments":{"name":"b","size":0}`); r.text() != `{"id":2,"name":"b","size":100}` {
		t.Error(r.Body)
	}
	r = b.modern("tools/list", "")
	tool := r.Result["tools"].([]any)[2].(map[string]any)
	if fmt.Sprint(tool["inputSchema"].(map[string]any)["required"]) != "[name size]" || !strings.Contains(fmt.Sprint(tool["outputSchema"]), "id:") {
		t.Error(tool)
	}
}

func TestAFailingStepOfASequenceIsNamedAndRollsBack(t *testing.T) {
	fails := func(err error) *mcpecho.Spec {
		return mcpecho.Service("w.grow", func(c *mcpecho.Call, _ resize) (widget, error) {
			if err == nil {
				panic("dsn=secret")
			}
			return widget{}, err
		})
	}
	tests := map[string]struct {
		grow           *mcpecho.Spec
		size           int
		typ, step, has string
	}{
		"a business rule": {fails(mcpecho.Errorf("too big")), 0, "error", "w.grow", "too big"},
		"not found":       {fails(gorm.ErrRecordNotFound), 0, "not_found", "w.grow", "no matching row"},
		"bad arguments":   {mcpecho.Service("w.grow", resizeWidget), 1, "validation_error", "w.grow", "size"},
		"internal":        {fails(errors.New("dsn=secret")), 0, "internal_error", "w.grow", "reference"},
		"a panic":         {fails(nil), 0, "internal_error", "w.grow", "reference"},
		"the first":       {mcpecho.Service("w.grow", resizeWidget), 7, "conflict", "w.create", "unique"},
		"the tool's own":  {mcpecho.Service("w.grow", resizeWidget), -1, "validation_error", "", "size"},
		"a reported error": {mcpecho.Service("w.grow", resizeWidget, mcpecho.Named("reports", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { c.Error(mcpecho.Errorf("told")); return nil }
		})), 0, "error", "w.grow", "told"},
		"c.Error in handler": {mcpecho.Service("w.grow", func(c *mcpecho.Call, _ resize) (widget, error) { c.Error(mcpecho.Errorf("told")); return widget{}, nil }), 0, "error", "w.grow", "told"},
		"a written refusal": {mcpecho.Service("w.grow", resizeWidget, mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return c.JSON(409, echo.Map{"message": "busy"}) }
		})), 0, "error", "w.grow", "busy"},
		"a written answer": {mcpecho.Service("w.grow", resizeWidget, mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return c.JSON(200, widget{}) }
		})), 0, "internal_error", "w.grow", "reference"},
		"a mute middleware": {mcpecho.Service("w.grow", resizeWidget, mcpecho.Named("mute", func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return nil } })), 0, "internal_error", "w.grow", "reference"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			committed := false
			create := mcpecho.Service("w.create", func(c *mcpecho.Call, in newWidget) (widget, error) {
				c.AfterCommit(func(context.Context) { committed = true })
				return createWidget(c, in)
			})
			b.srv.Add(growing(create, tt.grow, transaction()))
			rows := int64(0)
			if name == "the first" {
				b.db.Create(&widget{Name: "a"})
				rows = 1
			}
			r := b.call("w.create_and_grow", fmt.Sprintf(`{"name":"a","size":%d}`, tt.size))
			f := r.failure(t)
			step, _ := f["failedStep"].(string)
			if f["type"] != tt.typ || step != tt.step || !strings.Contains(r.text(), tt.has) || strings.Contains(r.Body, "secret") {
				t.Errorf("error = %v", f)
			}
			if n := b.count(); n != rows || committed {
				t.Errorf("%d rows, after-commit ran: %v", n, committed)
			}
		})
	}
}

func TestAfterCommitOfTheStepsRunsOnceTheSequenceHasCommitted(t *testing.T) {
	b := setup(t)
	var ran []string
	create := mcpecho.Service("w.create", func(c *mcpecho.Call, in newWidget) (widget, error) {
		c.AfterCommit(func(context.Context) { ran = append(ran, fmt.Sprint("create", b.count())) })
		return createWidget(c, in)
	}, transaction())
	grow := mcpecho.Service("w.grow", func(c *mcpecho.Call, in resize) (widget, error) {
		c.AfterCommit(func(context.Context) { ran = append(ran, "grow") })
		return resizeWidget(c, in)
	})
	b.srv.Add(growing(create, grow, transaction()))
	if r := b.call("w.create_and_grow", `{"name":"a","size":0}`); r.Result["isError"] != nil || fmt.Sprint(ran) != "[create1 grow]" {
		t.Error(ran, r.Body)
	}
}

func TestPlainFunctionsInASequenceUseTheTransactionOfTheirOwnStep(t *testing.T) {
	b := setup(t)
	create := mcpecho.Service("w.create", mcpecho.Plain(func(ctx context.Context, in newWidget) (widget, error) {
		if name := mcpecho.CallFromContext(ctx).Name(); name != "w.create" {
			t.Errorf("the call of the context is %s", name)
		}
		if err := mcpecho.DB(ctx).Create(&widget{Name: in.Name}).Error; err != nil {
			return widget{}, err
		}
		return widget{}, mcpecho.Errorf("no")
	}), transaction())
	b.srv.Add(growing(create, mcpecho.Service("w.grow", resizeWidget))) // no transaction around both
	if f := b.call("w.create_and_grow", `{"name":"a","size":0}`).failure(t); f["failedStep"] != "w.create" {
		t.Error(f)
	}
	if n := b.count(); n != 0 {
		t.Errorf("%d rows outlive the rollback of their step", n)
	}
}

func TestTheGuardsOfTheStepsGuardTheSequence(t *testing.T) {
	ran := 0
	limit := mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error { ran++; return next(ec) })}
	create := mcpecho.Service("w.create", createWidget, permission("w:create"))
	grow := mcpecho.Service("w.grow", resizeWidget, permission("w:grow"), limit)
	for _, filtered := range []bool{false, true} {
		b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = filtered })
		b.srv.Add(growing(create, grow, transaction()))
		for scopes, allowed := range map[string]bool{"": false, "w:create": false, "w:grow": false, "w:create w:grow": true} {
			ran = 0
			b.user = &mcpecho.Principal{Subject: "ann", Scopes: strings.Fields(scopes)}
			r := b.call("w.create_and_grow", fmt.Sprintf(`{"name":"w%d","size":0}`, len(scopes)))
			if !allowed && filtered {
				expect(t, r, http.StatusOK, -32602)
			} else if !allowed {
				expect(t, r, http.StatusForbidden, http.StatusForbidden)
			} else if r.Result["isError"] != nil || r.Error != nil || ran != 1 {
				t.Errorf("the limit ran %d times: %s", ran, r.Body)
			}
			if listed := len(names(b.modern("tools/list", ""), "tools")) == 1; listed != (allowed || !filtered) {
				t.Errorf("with %q the sequence is listed: %v", scopes, listed)
			}
		}
		if n := b.count(); n != 1 {
			t.Errorf("%d rows", n)
		}
	}
	b := setup(t)
	b.srv.Add(growing(create, grow))
	chain, _ := b.srv.Chain("w.create_and_grow")
	if chain.String() != "permission → permission → limit → validate → handle → serialize" {
		t.Error(chain)
	}
}

func TestASequenceIsReadOnlyWhenEverySpecInItIs(t *testing.T) {
	get := mcpecho.Retrieve[widget]("get", widgetByPK)
	all := mcpecho.Selector[widget]("all", widgets)
	touch := mcpecho.Service("touch", func(*mcpecho.Call, byPK) (widget, error) { return widget{}, nil })
	safe := mcpecho.Service("safe", func(*mcpecho.Call, byPK) (widget, error) { return widget{}, nil }, mcpecho.Annotate(mcpecho.ReadOnly(true)))
	tests := map[string]struct {
		middle *mcpecho.Spec
		opts   []mcpecho.Option
		want   string
	}{
		"reads":                {get, nil, "map[readOnlyHint:true]"},
		"a service that reads": {safe, nil, "map[readOnlyHint:true]"},
		"a write":              {touch, nil, "map[destructiveHint:true readOnlyHint:false]"},
		"stated otherwise":     {get, []mcpecho.Option{mcpecho.Annotate(mcpecho.ReadOnly(false), mcpecho.Destructive(false))}, "map[destructiveHint:false readOnlyHint:false]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.seed(2)
			seq := mcpecho.NewSequence[none]("seq")
			list := mcpecho.Then[[]widget](seq, all, func(*mcpecho.Call, none) none { return none{} })
			mcpecho.Then[widget](seq, tt.middle, func(c *mcpecho.Call, _ none) byPK { return byPK{int64(list.In(c)[1].ID)} })
			b.srv.Add(mcpecho.Finish(seq, list, tt.opts...))
			tool := b.modern("tools/list", "").Result["tools"].([]any)[0].(map[string]any)
			if got := fmt.Sprint(tool["annotations"]); got != tt.want {
				t.Error(got)
			}
			if r := b.call("seq", `{}`); r.text() != widgetsJSON {
				t.Error(r.Body)
			}
		})
	}
}

func TestWhatAnInputLeavesOutIsAbsent(t *testing.T) {
	type inner struct {
		Name  string  `json:"name" validate:"required"`
		Count int64   `json:"count" validate:"required"`
		Note  *string `json:"note"`
		Code  string  `json:"code" validate:"omitempty,min=3"`
		Page  int     `json:"page" validate:"min=1" default:"1"`
		Flag  *bool   `json:"flag"`
		Deep  struct {
			X *int `json:"x"`
		} `json:"deep"`
		Tags []string `json:"tags" validate:"omitempty,min=1"`
	}
	b := setup(t)
	var got inner
	spec := mcpecho.Service("inner", func(_ *mcpecho.Call, in inner) (string, error) { got = in; return "ok", nil })
	no := false
	seq := mcpecho.NewSequence[none]("seq")
	out := mcpecho.Then[string](seq, spec, func(*mcpecho.Call, none) inner { return inner{Name: "x", Flag: &no} })
	b.srv.Add(mcpecho.Finish(seq, out))
	if r := b.call("seq", `{}`); r.text() != "ok" {
		t.Fatal(r.Body)
	}
	if got.Name != "x" || got.Count != 0 || got.Note != nil || got.Page != 1 || got.Flag == nil || *got.Flag {
		t.Errorf("input = %+v", got)
	}
}

func TestASequenceReportsProgressOnOneStream(t *testing.T) {
	for _, own := range []bool{true, false} { // reports of its own besides those of the steps
		testSequenceProgress(t, own)
	}
}

func testSequenceProgress(t *testing.T, own bool) {
	b := setup(t)
	step := mcpecho.Service("step", func(c *mcpecho.Call, in byPK) (string, error) {
		c.Progress(float64(in.PK), 3, "")
		c.Log(mcpecho.LogInfo, in.PK)
		return "ok", nil
	})
	seq := mcpecho.NewSequence[none]("work")
	var last mcpecho.Outcome[string]
	for i := range 3 {
		last = mcpecho.Then[string](seq, step, func(c *mcpecho.Call, _ none) byPK {
			if own {
				c.Progress(float64(i)+0.5, 3, "")
			}
			return byPK{int64(i + 1)}
		})
	}
	b.srv.Add(mcpecho.Finish(seq, last))
	want := map[bool]string{true: "[0.5 1 1.5 2 2.5 3]", false: "[1 2 3]"}[own]
	s := b.work()
	if fmt.Sprint(s.progress()) != want || s.text() != "ok" || len(s.of("notifications/message")) != 3 {
		t.Error(s.Body)
	}
}

func TestForeignMiddlewareWorksInsideASequence(t *testing.T) {
	b := setup(t)
	var order []string
	note := func(name string) mcpecho.Step {
		return mcpecho.Named(name, func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				order = append(order, name+":"+mcpecho.CallFrom(c).Name())
				c.Response().Header().Set("X-"+name, "kept")
				return next(c)
			}
		})
	}
	create := mcpecho.Service("w.create", createWidget, note("audit"))
	b.srv.Use(note("server"))
	b.srv.Add(growing(create, mcpecho.Service("w.grow", resizeWidget), transaction()))
	r := b.call("w.create_and_grow", `{"name":"a","size":0}`)
	if r.text() != `{"id":1,"name":"a","size":100}` || r.Header.Get("X-Audit") != "kept" || r.Header.Get("Content-Type") != "application/json" {
		t.Error(r.Header, r.Body)
	}
	if fmt.Sprint(order) != "[server:w.create_and_grow server:w.create audit:w.create server:w.grow]" {
		t.Error(order)
	}
}

func TestSequencesNest(t *testing.T) {
	b := setup(t)
	create := mcpecho.Service("w.create", createWidget, permission("w"))
	inner := growing(create, mcpecho.Service("w.grow", resizeWidget))
	seq := mcpecho.NewSequence[newWidget]("outer")
	grown := mcpecho.Then[widget](seq, inner, func(_ *mcpecho.Call, in newWidget) newWidget { return in })
	again := mcpecho.Then[widget](seq, mcpecho.Service("again", resizeWidget), func(c *mcpecho.Call, in newWidget) resize {
		return resize{grown.In(c).ID, in.Size}
	})
	b.srv.Add(mcpecho.Finish(seq, again, transaction()))
	expect(t, b.call("outer", `{"name":"a","size":0}`), http.StatusForbidden, http.StatusForbidden)
	b.user = &mcpecho.Principal{Subject: "ann", Scopes: []string{"w"}}
	if r := b.call("outer", `{"name":"a","size":0}`); r.text() != `{"id":1,"name":"a","size":0}` {
		t.Error(r.Body)
	}
	f := b.call("outer", `{"name":"b","size":7}`).failure(t) // 107 is too large for the inner grow
	if f["failedStep"] != "w.create_and_grow" && f["failedStep"] != "w.grow" || b.count() != 1 {
		t.Errorf("%v, %d rows", f, b.count())
	}
}

func TestASequenceThatCannotWorkIsRefusedAtAdd(t *testing.T) {
	create := mcpecho.Service("w.create", createWidget)
	same := func(_ *mcpecho.Call, in newWidget) newWidget { return in }
	empty := func(*mcpecho.Call, newWidget) none { return none{} }
	pk := func(*mcpecho.Call, newWidget) byPK { return byPK{1} }
	tests := map[string]struct {
		build func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec
		want  string
	}{
		"another input": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Then[widget](seq, create, empty))
		}, "w.create takes a mcpecho_test.newWidget, the sequence gives it a mcpecho_test.none"},
		"another output": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Then[string](seq, create, same))
		}, "w.create results in a mcpecho_test.widget, the sequence expects a string"},
		"a row for a list": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Then[widget](seq, mcpecho.Selector[widget]("all", widgets), empty))
		}, "all results in a []mcpecho_test.widget"},
		"a spec that is wrong": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Then[widget](seq, mcpecho.Service("w.create", createWidget, mcpecho.Without("nothing")), same))
		}, `w.create: no step "nothing"`},
		"a row that may be missing": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Then[widget](seq, mcpecho.Retrieve[widget]("get", widgetByPK, mcpecho.Nullable()), pk))
		}, "get: Nullable"},
		"the outcome of another": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			other := mcpecho.NewSequence[newWidget]("other")
			return mcpecho.Finish(seq, mcpecho.Then[widget](other, create, same))
		}, "the outcome"},
		"no step": {func(seq *mcpecho.Sequence[newWidget]) *mcpecho.Spec {
			return mcpecho.Finish(seq, mcpecho.Outcome[widget]{})
		}, "the outcome"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			err := b.srv.AddSafely(tt.build(mcpecho.NewSequence[newWidget]("seq")))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), `mcpecho: cannot add service "seq": `) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAnOutcomeBeforeItsStepIsAnInternalError(t *testing.T) {
	b := setup(t)
	seq := mcpecho.NewSequence[newWidget]("seq")
	var later mcpecho.Outcome[widget]
	mcpecho.Then[widget](seq, mcpecho.Service("first", createWidget), func(c *mcpecho.Call, _ newWidget) newWidget {
		return newWidget{Name: later.In(c).Name}
	})
	later = mcpecho.Then[widget](seq, mcpecho.Service("later", createWidget), func(_ *mcpecho.Call, in newWidget) newWidget { return in })
	b.srv.Add(mcpecho.Finish(seq, later, transaction()))
	if f := b.call("seq", `{"name":"a","size":0}`).failure(t); f["type"] != mcpecho.TypeInternal || !strings.Contains(b.log.String(), "Outcome.In before its step") {
		t.Error(f, b.log)
	}
}

// parcel has zeros that are arguments at every depth.
type parcel struct {
	Lines []parcelLine          `json:"lines" validate:"required"`
	First parcelLine            `json:"first"`
	ByID  map[string]parcelLine `json:"by_id"`
	Limit int                   `json:"limit" default:"7"`
	Loud  bool                  `json:"loud" default:"true"`
}

type parcelLine struct {
	SKU string `json:"sku" validate:"required"`
	Qty int64  `json:"qty" validate:"required"`
	Tax int    `json:"tax" default:"19"`
}

func TestWhatASequencePassesOnArrivesAsItWas(t *testing.T) {
	b := setup(t)
	var got parcel
	pack := mcpecho.Service("pack", func(_ *mcpecho.Call, in parcel) (bool, error) { got = in; return true, nil })
	seq := mcpecho.NewSequence[parcel]("send")
	b.srv.Add(mcpecho.Finish(seq, mcpecho.Then[bool](seq, pack, func(_ *mcpecho.Call, in parcel) parcel { return in })))
	r := b.call("send", `{"lines":[{"sku":"a","qty":0,"tax":0}],"first":{"sku":"b","qty":0},"by_id":{"x":{"sku":"c","qty":0}},"limit":0,"loud":false}`)
	want := parcel{Lines: []parcelLine{{"a", 0, 0}}, First: parcelLine{"b", 0, 19}, ByID: map[string]parcelLine{"x": {"c", 0, 19}}}
	if r.Result["isError"] == true || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", r.Body, got, want)
	}
}

func TestCallsInsideOfCallsAreAtMostSixteenDeep(t *testing.T) {
	nested := func(depth int) *mcpecho.Spec {
		spec := mcpecho.Service("w.0", func(*mcpecho.Call, none) (int, error) { return 7, nil })
		for i := range depth {
			seq := mcpecho.NewSequence[none](fmt.Sprintf("w.%d", i+1))
			spec = mcpecho.Finish(seq, mcpecho.Then[int](seq, spec, func(*mcpecho.Call, none) none { return none{} }))
		}
		return spec
	}
	b := setup(t)
	b.srv.Add(nested(16))
	if r := b.call("w.16", `{}`); r.text() != "7" {
		t.Error(r.Body)
	}
	b.srv.Add(nested(17))
	if f := b.call("w.17", `{}`).failure(t); f["type"] != mcpecho.TypeInternal || !strings.Contains(b.log.String(), "16 deep") {
		t.Error(f)
	}
}
