package integration_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

type empty struct{}

// mishap is a transactional tool that inserts an invoice and then goes wrong.
func mishap[Out any](name string, then func(*mcpecho.Call) (Out, error), options ...mcpecho.Option) *mcpecho.Spec {
	return mcpecho.Service(name, func(c *mcpecho.Call, _ empty) (out Out, err error) {
		if err := c.DB().Create(&invoices.Invoice{Number: "X-" + name, AmountCents: 1}).Error; err != nil {
			return out, err
		}
		c.AfterCommit(func(context.Context) { panic("after-commit ran without a commit") })
		return then(c)
	}, append(options, mcpecho.Describe("Goes wrong."), mw.Transaction())...)
}

func TestAFailureAfterAnInsertLeavesNoRow(t *testing.T) {
	const secret = "dsn=postgres://root:hunter2@db"
	s := start(t, func(srv *mcpecho.Server) {
		srv.Add(
			mishap("panics", func(*mcpecho.Call) (empty, error) { panic(secret) }),
			mishap("panics_nil_map", func(*mcpecho.Call) (empty, error) {
				m := map[string]map[string]int{}
				m["a"]["b"] = 1
				return empty{}, nil
			}),
			mishap("fails", func(*mcpecho.Call) (empty, error) { return empty{}, errors.New(secret) }),
			mishap("refuses", func(*mcpecho.Call) (empty, error) { return empty{}, mcpecho.Errorf("the ledger is closed") }),
			mishap("forbids", func(*mcpecho.Call) (empty, error) {
				return empty{}, echo.NewHTTPError(http.StatusForbidden, "not yours")
			}),
			mishap("conflicts", func(c *mcpecho.Call) (empty, error) {
				return empty{}, c.DB().Create(&invoices.Invoice{Number: "A-1"}).Error
			}),
			mishap("misses", func(c *mcpecho.Call) (empty, error) { return empty{}, gorm.ErrRecordNotFound }),
			mishap("reports", func(c *mcpecho.Call) (empty, error) { c.Error(errors.New(secret)); return empty{}, nil }),
			mishap("writes", func(c *mcpecho.Call) (map[string]any, error) { return map[string]any{"f": func() {}}, nil }),
			mishap("grows", func(c *mcpecho.Call) (string, error) { return strings.Repeat("x", 2<<20), nil }),
		)
	})
	tests := map[string]struct {
		typ    string
		status int
	}{
		"panics": {"internal_error", 200}, "panics_nil_map": {"internal_error", 200}, "fails": {"internal_error", 200}, "refuses": {"error", 200},
		"forbids": {"error", 200}, "conflicts": {"conflict", 200}, "misses": {"not_found", 200}, "reports": {"internal_error", 200},
		"writes": {"internal_error", 200}, "grows": {"result_too_large", 200},
	}
	for tool, tt := range tests {
		t.Run(tool, func(t *testing.T) {
			s.overBoth(t, s.token("ann", writer), tool, `{}`, func(t *testing.T, a answer) {
				e := a.failure(t)
				if a.Status != tt.status || e.Type != tt.typ || string(a.ID) != "1" || strings.Contains(a.Body, "hunter2") {
					t.Errorf("status %d, type %q, want %d and %q: %s", a.Status, e.Type, tt.status, tt.typ, a.Body)
				}
				if e.Type == "internal_error" && (e.Reference == "" || !strings.Contains(s.log.String(), e.Reference)) {
					t.Errorf("the reference %q is not in the log", e.Reference)
				}
			})
		})
	}
	if log := s.log.String(); strings.Contains(log, "after-commit ran") {
		t.Errorf("an after-commit function ran:\n%s", log)
	}
}

func TestACallWhoseClientLeftIsRolledBack(t *testing.T) {
	inserted, finished := make(chan empty), make(chan error, 1)
	watch := mcpecho.Step{Name: "watch", Stage: mcpecho.StageObserve, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			err := next(ec)
			finished <- err
			return err
		}
	}}
	s := start(t, func(srv *mcpecho.Server) {
		srv.Add(mishap("waits", func(c *mcpecho.Call) (empty, error) {
			close(inserted)
			<-c.Ctx().Done()
			return empty{}, nil // as if nothing had happened
		}, watch))
	})
	token := s.token("ann", writer)
	s.untouched(t, func() {
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := exchange(t, ctx, http.MethodPost, s.url+"/mcp", rawhttp.Header(token, "tools/call", "waits"), rawhttp.Call("waits", `{}`))
			gone <- err
		}()
		<-inserted
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the client got %v", err)
		}
		select {
		case err := <-finished:
			if err == nil {
				t.Error("the chain ended as a success")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the handler runs on after its client left")
		}
	})
	if a := s.call(token, "invoices_total", `{}`); a.Result == nil || !strings.Contains(string(a.Result.Structured), `"count":3`) {
		t.Errorf("the next call: %s", a.Body)
	}
}
