package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/paginate"
)

func as(ctx context.Context, subject string, scopes ...string) context.Context {
	return mcpecho.WithPrincipal(ctx, &mcpecho.Principal{Subject: subject, Scopes: scopes})
}

func TestInvokeOfAGuardedToolNeedsAPrincipal(t *testing.T) {
	srv := notes(t, mw.Scopes("notes:read"), mw.Narrow[note](mine))
	var protocol *mcpecho.Error
	for ctx, want := range map[context.Context]int{t.Context(): 401, as(t.Context(), "ann"): 403, as(t.Context(), "ann", "notes:write"): 403} {
		if _, err := mcpecho.Invoke[note](ctx, srv, "last", nil); !errors.As(err, &protocol) || protocol.Code != want {
			t.Errorf("%v, want %d", err, want)
		}
	}
	ann := as(t.Context(), "ann", "notes:read")
	if n, err := mcpecho.Invoke[note](ann, srv, "last", nil); n.Owner != "ann" || err != nil {
		t.Errorf("%+v, %v", n, err)
	}
	permitted := notes(t, mw.Permit(func(c *mcpecho.Call) error {
		if c.Principal() == nil {
			return mw.ErrDenied
		}
		return nil
	}))
	var told *mcpecho.ToolError
	if _, err := mcpecho.Invoke[note](t.Context(), permitted, "last", nil); !errors.As(err, &told) || told.Type != mcpecho.TypeForbidden {
		t.Error(err)
	}
}

func TestAPageOfInvokeIsAnEnvelope(t *testing.T) {
	srv := notes(t, mw.Narrow[note](mine))
	ann := as(t.Context(), "ann")
	page, err := mcpecho.Invoke[paginate.Envelope[note]](ann, srv, "list", map[string]any{"limit": 1, "ordering": "-id"})
	if err != nil || page.Total != 2 || page.TotalPages != 2 || !page.HasNext || len(page.Items) != 1 || page.Items[0].ID != 3 {
		t.Errorf("%+v, %v", page, err)
	}
	items, err := mcpecho.Invoke[*struct{ Items []note }](ann, srv, "list", noteFilter{})
	if err != nil || len(items.Items) != 2 {
		t.Errorf("%+v, %v", items, err)
	}
	for _, err := range []error{
		second(mcpecho.Invoke[[]note](ann, srv, "list", nil)),
		second(mcpecho.Invoke[paginate.Envelope[Invoice]](ann, srv, "list", nil)),
		second(mcpecho.Invoke[paginate.CursorEnvelope[note]](ann, srv, "list", nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), "list results in an envelope with Items []middleware_test.note, Page int,") {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAWalkByCursorWithInvoke(t *testing.T) {
	db := openDB(t)
	srv := mcpecho.New(mcpecho.Config{Name: "invoices", DB: db})
	type shown struct {
		Number string `json:"number"`
	}
	srv.Add(mcpecho.Selector[Invoice]("list", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB(), nil },
		mw.Order("number"), mw.PaginateWithConfig(mw.PaginateConfig{Limit: 2, Keyset: true}), mw.As[shown]()))
	var numbers []string
	for cursor := (*string)(nil); ; {
		page, err := mcpecho.Invoke[paginate.CursorEnvelope[shown]](t.Context(), srv, "list", paginate.CursorInput{Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			numbers = append(numbers, i.Number)
		}
		if page.NextCursor == "" {
			break
		}
		cursor = &page.NextCursor
	}
	if fmt.Sprint(numbers) != "[A-1 A-2 A-3]" {
		t.Error(numbers)
	}
}

// A row permission that a service lists is content with a row that a call inside has checked.
func TestRowPermissionsAndMappingsHoldForInvoke(t *testing.T) {
	db := openDB(t)
	srv := mcpecho.New(mcpecho.Config{Name: "invoices", DB: db})
	notSent := mw.PermitRow(func(_ *mcpecho.Call, i Invoice) error {
		if i.Sent {
			return mw.ErrDenied
		}
		return nil
	})
	type byID struct {
		ID uint `json:"id" validate:"required"`
	}
	type shown struct {
		Number string `json:"number"`
		Secret string `json:"secret"`
	}
	srv.Add(
		mcpecho.Retrieve[Invoice]("get", func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil },
			mw.Serialize(func(i Invoice) shown { return shown{Number: i.Number} })),
		mcpecho.Service("touch", func(c *mcpecho.Call, in byID) (string, error) {
			i, err := mcpecho.Invoke[shown](c.Ctx(), srv, "get", in)
			return i.Number, err
		}, notSent),
	)
	if s, err := mcpecho.Invoke[string](t.Context(), srv, "touch", byID{1}); s != "A-1" || err != nil {
		t.Error(s, err)
	}
	var told *mcpecho.ToolError
	if _, err := mcpecho.Invoke[string](t.Context(), srv, "touch", byID{2}); !errors.As(err, &told) || told.Type != mcpecho.TypeForbidden {
		t.Error(err)
	}
	if _, err := mcpecho.Invoke[Invoice](t.Context(), srv, "get", byID{1}); err == nil {
		t.Error("the row behind a mapping is given away")
	}
}

func TestLimitsOfAServerLetACallInvoke(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "limits"})
	srv.Use(mw.Concurrency(1))
	srv.Add(
		mcpecho.Service("inner", func(*mcpecho.Call, nothing) (string, error) { return "ok", nil }),
		mcpecho.Service("outer", func(c *mcpecho.Call, _ nothing) (string, error) {
			return mcpecho.Invoke[string](c.Ctx(), srv, "inner", nil)
		}),
	)
	if s := mcptest.Call[string](mcptest.New(t, srv), "outer", nil); s != "ok" {
		t.Error(s)
	}
	limited := mcpecho.New(mcpecho.Config{Name: "limits"})
	limited.Add(mcpecho.Service("once", func(*mcpecho.Call, nothing) (string, error) { return "ok", nil }, mw.RateLimit(1)))
	var told *mcpecho.ToolError
	var last error
	for range 10 {
		_, last = mcpecho.Invoke[string](as(t.Context(), "job"), limited, "once", nil)
	}
	if !errors.As(last, &told) || told.Type != mcpecho.TypeRate || told.RetryAfter <= 0 {
		t.Error(last)
	}
}
