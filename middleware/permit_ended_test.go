package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

func TestAPermissionWhoseCallHasEndedRefusesNothing(t *testing.T) {
	for name, hides := range map[string]bool{"shown": false, "hidden": true} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			srv := newServer(nil, func(c *mcpecho.Config) { c.HideForbidden, c.CallTimeout = hides, time.Minute })
			srv.Add(mcpecho.Service("tool", ok, mw.Permit(func(c *mcpecho.Call) error {
				asked <- struct{}{}
				<-c.Ctx().Done()
				return errors.New("the directory did not answer")
			})))
			e := echo.New()
			srv.Mount(e.Group("/mcp"))
			done := make(chan *httptest.ResponseRecorder, 1)
			go func() { done <- send(e, "tool", nil) }()
			<-asked
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if srv.Shutdown(ctx) == nil {
				t.Error("Shutdown says that all has ended")
			}
			rec := <-done
			equal(t, "status", rec.Code, http.StatusServiceUnavailable)
			contains(t, "reply", rec.Body.String(), "shutting down")
		})
	}
	t.Run("its time has passed", func(t *testing.T) {
		srv := newServer(nil, func(c *mcpecho.Config) { c.CallTimeout = 10 * time.Millisecond })
		srv.Add(mcpecho.Service("tool", ok, mw.Permit(func(c *mcpecho.Call) error {
			<-c.Ctx().Done()
			return errors.New("the directory did not answer")
		})))
		if body := post(t, srv, "tool", nil).Body.String(); !strings.Contains(body, mcpecho.TypeTimeout) || strings.Contains(body, "not permitted") {
			t.Error(body)
		}
	})
}
