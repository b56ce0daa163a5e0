package middleware_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

func TestStepsThatLimitRowsGuardNothing(t *testing.T) {
	type row struct{ ID uint }
	for name, limit := range map[string]mcpecho.Step{
		"narrow":     mw.Narrow[row](func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("1 = 0") }),
		"narrow all": mw.NarrowAll(func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("1 = 0") }),
		"permit row": mw.PermitRow(func(*mcpecho.Call, row) error { return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcpecho.New(mcpecho.Config{Name: "t", Strict: true, Logger: slog.New(slog.DiscardHandler)})
			srv.Use(mw.Unlimited("a gateway limits"))
			srv.Add(mcpecho.Service("delete", func(*mcpecho.Call, struct{}) (string, error) { return "", nil },
				mcpecho.Describe("Delete everything."), limit))
			defer func() {
				if v, _ := recover().(string); v != "mcpecho: Config.Strict: delete: everybody may use it: add a permission step such as Scopes, or Public with the reason" {
					t.Errorf("an open tool is not refused: %v", v)
				}
			}()
			srv.Mount(echo.New().Group("/mcp"))
		})
	}
}

func TestUnlimitedNeedsAReasonAndPrintsIt(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "t"})
	srv.Use(mw.Unlimited("a gateway limits"))
	srv.Add(mcpecho.Service("x", func(*mcpecho.Call, struct{}) (string, error) { return "", nil }))
	for _, p := range srv.Check() {
		if p.Rule == "no_rate_limit" {
			t.Error(p)
		}
	}
	var out strings.Builder
	if srv.Fprint(&out); !strings.Contains(out.String(), "unlimited: a gateway limits") {
		t.Error(out.String())
	}
	defer func() {
		if recover() == nil {
			t.Error("no reason is needed")
		}
	}()
	mw.Unlimited(" ")
}
