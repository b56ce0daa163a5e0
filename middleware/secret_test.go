package middleware_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

type account struct {
	ID   int64  `json:"id"`
	Hash string `json:"hash" secret:"true"`
}

func TestARowWithASecretNeedsASerializeStep(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "t", DB: openDB(t)})
	query := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }
	if err := srv.AddSafely(mcpecho.Selector[account]("accounts", query)); err == nil || !strings.Contains(err.Error(), "field Hash of middleware_test.account is secret") {
		t.Errorf("error = %v", err)
	}
	type public struct {
		ID int64 `json:"id"`
	}
	for name, step := range map[string]mcpecho.Step{
		"As": mw.As[public](), "Serialize": mw.Serialize(func(a account) public { return public{a.ID} }),
	} {
		if err := srv.AddSafely(mcpecho.Selector[account](name, query, step)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
