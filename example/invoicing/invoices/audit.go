package invoices

import (
	"log/slog"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// Audit writes one line for each request or call that passes it: what was called, by whom, and how
// it ended. It is a middleware like any other of an Echo application, so it serves routes and
// tools; arguments are not logged.
func Audit(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			called, caller, outcome := ec.Path(), "anonymous", "ok"
			if call := mcpecho.CallFrom(ec); call != nil {
				called = call.Name()
			}
			if p := mcpecho.PrincipalFrom(ec); p != nil {
				caller = p.Subject
			}
			err := next(ec)
			if err != nil {
				outcome = "failed"
			}
			log.InfoContext(ec.Request().Context(), "audit",
				slog.String("tool", called), slog.String("principal", caller), slog.String("outcome", outcome))
			return err
		}
	}
}
