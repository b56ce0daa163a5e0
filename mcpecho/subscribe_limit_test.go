package mcpecho_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

func TestASubscriptionIsChargedByTheLimitsOfItsResource(t *testing.T) {
	b := setup(t)
	left := 2
	b.srv.Add(mcpecho.Resource("x://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil },
		mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			if left--; left < 0 {
				return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "too many calls", RetryAfter: 1500e6}
			}
			return next(ec)
		})}))
	session := b.initialize()
	for range 2 {
		expect(t, b.dated(session, "resources/subscribe", `"uri":"x://1"`), http.StatusOK, 0)
	}
	r := b.dated(session, "resources/subscribe", `"uri":"x://1"`)
	expect(t, r, http.StatusOK, http.StatusTooManyRequests)
	if r.Header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After: %q", r.Header.Get("Retry-After"))
	}
}

func TestALongContentTypeIsRefusedUnparsed(t *testing.T) {
	b := setup(t)
	for size, status := range map[int]int{100: http.StatusOK, 100_000: http.StatusUnsupportedMediaType} {
		r := b.modern("server/discover", "", "Content-Type", "", "Content-Type", "application/json; a="+strings.Repeat("x", size))
		if r.Status != status {
			t.Errorf("%d bytes: %d %s", size, r.Status, r.Body)
		}
	}
}
