package mcpecho

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const refusalKey = "mcpecho.refusal"

// refusal is why a middleware of a mount answered in the server's place.
type refusal struct {
	reason string
	cause  error
}

// SetRefusal records why a middleware of a mount answers a request itself, as mw.Bearer does when
// it sends a 401. The server logs it once, at level info with the reason, a word for programs as
// "expired_token", or at level error with the cause too, which is for what an operator should look
// at, as keys that cannot be fetched. Neither is sent to the client. Do not put tokens into them.
//
// An [echo.HTTPError] that a middleware returns is logged by its status without this.
func SetRefusal(ec echo.Context, reason string, cause error) {
	ec.Set(refusalKey, refusal{reason, cause})
}

// logRefusal leaves the trace of a request that a middleware of the mount has refused. err is what
// the middleware returned.
func (s *Server) logRefusal(ec echo.Context, err error) {
	r, ok := ec.Get(refusalKey).(refusal)
	if !ok && err != nil {
		r, ok = refusalOf(err)
	}
	if status := ec.Response().Status; !ok && status >= http.StatusBadRequest && ec.Get(loggedKey) == nil {
		ok, r.reason = true, statusWord(status) // one that wrote its answer without a word
	}
	if !ok {
		return
	}
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("method", ec.Request().Method), slog.String("reason", r.reason)}
	if r.cause != nil {
		level, attrs = slog.LevelError, append(attrs, slog.String("cause", clip(logText(r.cause), 1<<10)))
	}
	s.cfg.Logger.LogAttrs(ec.Request().Context(), level, "mcpecho: refused", attrs...)
}

// refusalOf reads a refusal from an error that a middleware left to Echo.
func refusalOf(err error) (r refusal, ok bool) {
	var answer *echo.HTTPError
	if !errors.As(err, &answer) {
		return r, false
	}
	r.reason = statusWord(answer.Code)
	if answer.Code >= http.StatusInternalServerError {
		r.cause = answer
	}
	return r, true
}

// statusWord is the reason that a status gives, as "too_many_requests".
func statusWord(status int) string {
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}
