package mcpecho_test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func widgets(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id"), nil }

func (b *bundle) seed(n int) {
	b.t.Helper()
	for i := range n {
		if err := b.db.Create(&widget{Name: fmt.Sprint("w", i+1), Size: int64(i)}).Error; err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestAListWithoutPagesIsAnArray(t *testing.T) {
	b := setup(t)
	b.seed(2)
	b.srv.Add(mcpecho.Selector[widget]("list", widgets))
	const want = `[{"id":1,"name":"w1","size":0},{"id":2,"name":"w2","size":1}]`
	r := b.call("list", `{}`)
	if r.text() != want || fmt.Sprint(r.Result["structuredContent"]) != "[map[id:1 name:w1 size:0] map[id:2 name:w2 size:1]]" {
		t.Error(r.Body)
	}
	// Dated revisions allow only objects as structured content and output schema.
	id := b.initialize()
	r = b.dated(id, "tools/call", `"name":"list"`)
	if r.text() != want || r.Result["structuredContent"] != nil {
		t.Error(r.Body)
	}
	if r := b.dated(id, "tools/list", ""); strings.Contains(r.Body, "outputSchema") {
		t.Error(r.Body)
	}
	if r := b.modern("tools/list", ""); !strings.Contains(r.Body, `"outputSchema":{"type":"array"`) {
		t.Error(r.Body)
	}
}

func TestAnEmptyListIsAnEmptyArray(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Selector[widget]("list", widgets))
	if r := b.call("list", `{}`); r.text() != "[]" {
		t.Error(r.Body)
	}
}

func TestAListOverMaxRowsIsAnErrorNotACutList(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxRows = 3 })
	b.srv.Add(mcpecho.Selector[widget]("list", widgets),
		mcpecho.Selector[widget]("first", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Limit(2), nil }),
		mcpecho.Selector[widget]("many", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Limit(4), nil }),
		mcpecho.Selector[widget]("all", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Limit(-1), nil }),
		mcpecho.Selector[widget]("rest", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Offset(0), nil }))
	b.seed(3)
	if r := b.call("list", `{}`); r.Result["isError"] != nil {
		t.Error(r.Body)
	}
	b.db.Create(&widget{Name: "fourth"})
	if f := b.call("list", `{}`).failure(t); f["type"] != mcpecho.TypeTooLarge {
		t.Error(f)
	}
	if r := b.call("first", `{}`); strings.Count(r.text(), `"id"`) != 2 {
		t.Error("a selector's own LIMIT is not respected: ", r.Body)
	}
	for _, unbounded := range []string{"many", "all", "rest"} {
		if f := b.call(unbounded, `{}`).failure(t); f["type"] != mcpecho.TypeTooLarge {
			t.Errorf("%s: %v", unbounded, f)
		}
	}
}

func TestRetrieve(t *testing.T) {
	b := setup(t)
	b.seed(2)
	type byID struct {
		PK int64 `json:"pk" validate:"required"`
	}
	get := func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.PK), nil }
	b.srv.Add(mcpecho.Retrieve[widget]("get", get), mcpecho.Retrieve[widget]("find", get, mcpecho.Nullable()))

	if r := b.call("get", `{"pk":2}`); r.Result["structuredContent"].(map[string]any)["name"] != "w2" {
		t.Error(r.Body)
	}
	if f := b.call("get", `{"pk":999}`).failure(t); f["type"] != mcpecho.TypeNotFound || f["message"] != "get: no matching row found" {
		t.Error(f)
	}
	r := b.call("find", `{"pk":999}`)
	if _, has := r.Result["structuredContent"]; r.text() != "null" || !has || r.Result["isError"] != nil {
		t.Error(r.Body)
	}
	if r := b.dated(b.initialize(), "tools/call", `"name":"find","arguments":{"pk":999}`); r.text() != "null" || strings.Contains(r.Body, "structuredContent") {
		t.Error(r.Body)
	}
}

func TestAResultOverTheLimitIsRefused(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 100 })
	b.srv.Add(mcpecho.Service("big", func(_ *mcpecho.Call, in struct {
		N int `json:"n"`
	}) (string, error) {
		return strings.Repeat("x", in.N), nil
	}))
	if r := b.call("big", `{"n":98}`); r.Result["isError"] != nil {
		t.Error(r.Body)
	}
	if f := b.call("big", `{"n":99}`).failure(t); f["type"] != mcpecho.TypeTooLarge {
		t.Error(f)
	}
}

func TestANilPointerIsAMistakeOfTheService(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("nil", func(*mcpecho.Call, none) (*widget, error) { return nil, nil }))
	if f := b.call("nil", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
		t.Error(f)
	}
	if !strings.Contains(b.log.String(), "nil returned a nil *mcpecho_test.widget without an error") {
		t.Error(b.log.String())
	}
}

func TestErrorsReachTheClientAsTheTableSays(t *testing.T) {
	tests := map[string]struct {
		err     error
		typ     string
		message string
		status  int
		code    int
	}{
		"Errorf":            {err: mcpecho.Errorf("ledger %s", "closed"), typ: "error", message: "ledger closed", status: 200},
		"not found":         {err: fmt.Errorf("get: %w", gorm.ErrRecordNotFound), typ: "not_found", message: "no matching row found", status: 200},
		"duplicate":         {err: gorm.ErrDuplicatedKey, typ: "conflict", message: "a row with the same unique value exists already", status: 200},
		"protocol error":    {err: &mcpecho.Error{Code: 409, Message: "conflict"}, status: 200, code: 409, message: "conflict"},
		"forbidden":         {err: &mcpecho.Error{Code: 403, Message: "no"}, status: 403, code: 403, message: "no"},
		"anything else":     {err: fmt.Errorf("dsn=secret"), typ: "internal_error", status: 200},
		"wrapped in a join": {err: fmt.Errorf("x: %w", mcpecho.Errorf("inner")), typ: "error", message: "inner", status: 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("fail", func(*mcpecho.Call, none) (string, error) { return "", tt.err }))
			r := b.call("fail", `{}`)
			expect(t, r, tt.status, tt.code)
			if strings.Contains(r.Body, "secret") {
				t.Errorf("the reply reveals internals: %s", r.Body)
			}
			if tt.code != 0 {
				if r.Error.Message != tt.message {
					t.Errorf("message = %s", r.Error.Message)
				}
				return
			}
			f := r.failure(t)
			if f["type"] != tt.typ || (tt.message != "" && f["message"] != tt.message) {
				t.Errorf("error = %v", f)
			}
		})
	}
}

func TestBadArgumentsAreReportedAllAtOnce(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("create", func(*mcpecho.Call, struct {
		Number string `json:"number" validate:"required,max=3"`
		Cents  int64  `json:"cents" validate:"required,gte=0"`
	}) (string, error) {
		return "", nil
	}))
	f := b.call("create", `{"numbr":"A","number":"ABCD"}`).failure(t)
	var got []string
	for _, field := range f["fields"].([]any) {
		field := field.(map[string]any)
		got = append(got, fmt.Sprint(field["path"], ":", field["rule"]))
	}
	if f["type"] != "validation_error" || fmt.Sprint(got) != "[numbr:unknown number:max cents:required]" {
		t.Errorf("type %v, fields %v", f["type"], got)
	}
}

func TestAServerWithoutADatabaseSaysSo(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.DB = nil })
	b.srv.Add(mcpecho.Selector[widget]("list", widgets), mcpecho.Service("w.insert", insert, transaction()))
	for _, call := range []reply{b.call("list", `{}`), b.call("w.insert", `{"name":"x"}`)} {
		if f := call.failure(t); f["type"] != mcpecho.TypeInternal {
			t.Error(f)
		}
	}
	if strings.Count(b.log.String(), "no database: set Config.DB") != 2 {
		t.Error(b.log.String())
	}
}
