package mcpecho_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
)

// transfer is an input that checks itself against the database.
type transfer struct {
	Name string `json:"name" validate:"required,widgetname"`
	Size int64  `json:"size"`
}

func (in transfer) Check(ctx context.Context) error {
	switch n, err := widgetsNamed(ctx, in.Name); {
	case err != nil:
		return err
	case n > 0:
		return binding.Errorf("name", "unique", "is taken")
	case in.Size < 0:
		return mcpecho.Errorf("the scales are away")
	case in.Size > 9:
		return fmt.Errorf("password of the scales: 1234")
	}
	return nil
}

func widgetsNamed(ctx context.Context, name string) (n int64, err error) {
	c := mcpecho.CallFromContext(ctx)
	return n, c.DB().Model(&widget{}).Where("name = ?", name).Count(&n).Error
}

func TestAnInputThatChecksItselfAndTheRulesOfAnApplication(t *testing.T) {
	v := validator.New()
	if err := v.RegisterValidation("widgetname", func(f validator.FieldLevel) bool { return strings.HasPrefix(f.Field().String(), "w-") }); err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(c *mcpecho.Config) { c.Validator = v })
	b.srv.Add(mcpecho.Service("move", func(c *mcpecho.Call, in transfer) (widget, error) {
		return createWidget(c, newWidget(in))
	}))
	if r := b.call("move", `{"name":"w-1","size":0}`); r.text() != `{"id":1,"name":"w-1","size":0}` {
		t.Fatal(r.Body)
	}
	for arguments, want := range map[string]string{
		`{"name":"w-1"}`:             `[{"path":"name","rule":"unique","message":"is taken"}]`,
		`{"name":"x-1"}`:             `[{"path":"name","rule":"widgetname","message":"must satisfy the rule widgetname"}]`,
		`{"name":"w-2","size":-1}`:   "the scales are away",
		`{"name":"w-2","size":10}`:   `"type":"internal_error"`,
		`{"name":"w-1","size":true}`: `[{"path":"size","rule":"type","message":"must be an integer"}]`,
	} {
		if r := b.call("move", arguments); !strings.Contains(r.text(), want) || strings.Contains(r.Body, "1234") {
			t.Errorf("%s: %s, want %s", arguments, r.Body, want)
		}
	}
	if b.count() != 1 {
		t.Errorf("%d widgets, want 1", b.count())
	}
}
