package binding_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/mcpecho/kit/binding"
)

type period struct {
	From  int    `json:"from" validate:"gte=0"`
	Until int    `json:"until"`
	Code  string `json:"code"`
}

type tenantKey struct{}

var errStore = errors.New("the store is down")

// Check sees the context, as a check that asks a database needs.
func (p *period) Check(ctx context.Context) error {
	switch {
	case p.Code == "store":
		return errStore
	case p.Code != "" && p.Code != ctx.Value(tenantKey{}):
		return binding.Errorf("code", "tenant", "is not a code of yours")
	case p.Until < p.From:
		return &binding.Error{Fields: []binding.FieldError{{Path: "until", Rule: "order", Message: "must not be before from"}, {Path: "from", Rule: "order", Message: "must not be after until"}}}
	}
	p.Code = strings.ToUpper(p.Code)
	return nil
}

func TestAnInputChecksItself(t *testing.T) {
	type page struct {
		Limit int `json:"limit" validate:"min=1"`
	}
	a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[period]()}, binding.Part{Type: reflect.TypeFor[page]()})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), tenantKey{}, "a")
	for data, want := range map[string]string{
		`{"from":1,"until":2,"code":"a"}`: "",
		`{"until":1,"code":"b"}`:          "code|tenant|is not a code of yours",
		`{"limit":0,"until":1,"from":2}`:  "limit|min|must be at least 1\nuntil|order|must not be before from\nfrom|order|must not be after until",
		`{"from":-1,"until":-2}`:          "from|gte|must be at least 0",
		`{"code":"store","limit":0}`:      "limit|min|must be at least 1",
	} {
		var p period
		equal(t, data, fieldErrors(t, a.DecodeContext(ctx, []byte(data), &p, new(page))), want)
		if want == "" && p.Code != "A" {
			t.Error("Check may put the value into shape")
		}
	}
	var p period
	if err := a.DecodeContext(ctx, []byte(`{"code":"store"}`), &p, new(page)); err != errStore {
		t.Errorf("got %v", err)
	}
}

func TestRulesOfAnApplication(t *testing.T) {
	v := validator.New()
	if err := v.RegisterValidation("sku", func(f validator.FieldLevel) bool { return strings.HasPrefix(f.Field().String(), "S-") }); err != nil {
		t.Fatal(err)
	}
	v.RegisterAlias("code", "min=3,max=4")
	type line struct {
		SKU string `json:"sku" validate:"required,sku"`
	}
	type in struct {
		SKU   string          `json:"sku" validate:"required,sku,max=5"`
		List  []string        `json:"list" validate:"dive,required,sku"`
		Code  *string         `json:"code" validate:"code"`
		Size  int             `json:"size" validate:"gte=1"`
		Lines map[string]line `json:"lines" validate:"dive,keys,max=2,endkeys"`
		Until int             `json:"until" validate:"gtfield=Size"`
	}
	part := binding.Part{Type: reflect.TypeFor[in]()}
	if _, err := binding.Compile(part); err == nil || !strings.Contains(err.Error(), `"sku"`) {
		t.Fatalf("a rule that nobody knows must be refused: %v", err)
	}
	a, err := binding.Compiler{Validator: v}.Compile(part)
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{"sku":"S-1","list":["S-2"],"code":"abc","size":1,"lines":{"a":{"sku":"S-3"}},"until":2}`: "",
		`{"sku":""}`:                                  "sku|required|must not be empty",
		`{"sku":"123456"}`:                            "sku|sku|must satisfy the rule sku\nsku|max|must be at most 5 characters",
		`{"sku":"S-1","list":["","x"]}`:               "list[0]|required|must not be empty\nlist[1]|sku|must satisfy the rule sku",
		`{"sku":"S-1","size":0}`:                      "size|gte|must be at least 1",
		`{"sku":"S-1","lines":{"abc":{"sku":"S-2"}}}`: "lines[abc]|max|must be at most 2 characters",
		`{"sku":"S-1","lines":{"a":{"sku":"x"}}}`:     "lines[a].sku|sku|must satisfy the rule sku",
		`{"sku":"S-1","size":5,"until":5}`:            "until|gtfield|must be more than size",
		`{"sku":"S-1","code":"ab"}`:                   "code|code|must be at least 3 characters",
	} {
		_, got := decode[in](t, a, data)
		equal(t, data, got, want)
	}
	if !strings.Contains(string(a.Schema()), `"sku":{"type":"string","description":"(rule: sku)","minLength":1,"maxLength":5}`) {
		t.Errorf("the rule must be listed: %s", a.Schema())
	}
	hand, err := binding.Compiler{Validator: v}.CompileWithSchema([]byte(`{"type":"object","properties":{"sku":{"type":"string"}}}`), binding.Part{Type: reflect.TypeFor[line]()})
	if err != nil {
		t.Fatal(err)
	}
	_, got := decode[line](t, hand, `{"sku":"x"}`)
	equal(t, "hand-written", got, "sku|sku|must satisfy the rule sku")
}
