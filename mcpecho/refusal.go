package mcpecho

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
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
// at, as keys that cannot be fetched. Neither is sent to the client. Do not put tokens into them:
// only the one of the Authorization header is taken out.
//
// An error that a middleware returns is logged without this: an [echo.HTTPError] by its status, any
// other as internal_server_error with its text.
func SetRefusal(ec echo.Context, reason string, cause error) {
	ec.Set(refusalKey, refusal{reason, cause})
}

// logRefusal leaves the trace of a request that a middleware of the mount has refused. err is what
// the middleware returned.
func (s *Server) logRefusal(ec echo.Context, err error) {
	if err != nil && ec.Get(loggedKey) != nil {
		return // a call has failed by it, or a request
	}
	r, ok := ec.Get(refusalKey).(refusal)
	broken := ec.Response().Committed || ec.Request().Context().Err() != nil // the connection, and nothing to answer
	if !ok && err != nil && !broken {
		r, ok = refusalOf(err), true
	}
	if status := ec.Response().Status; !ok && status >= http.StatusBadRequest && ec.Get(loggedKey) == nil {
		ok, r.reason = true, statusWord(status) // one that wrote its answer without a word
	}
	if !ok {
		return
	}
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("http_method", wire.Clip(ec.Request().Method, 32)), slog.String("reason", r.reason)}
	if r.cause != nil {
		level, attrs = slog.LevelError, append(attrs, slog.String("cause", wire.Clip(logText(r.cause, mask(func() []string {
			return tokens(ec.Request().Header.Get(echo.HeaderAuthorization), ec)
		})), 1<<10)))
	}
	s.cfg.Logger.LogAttrs(ec.Request().Context(), level, "mcpecho: refused", attrs...)
}

// refusalOf reads a refusal from an error that a middleware left to Echo, which answers all but its
// own with status 500.
func refusalOf(err error) refusal {
	var answer *echo.HTTPError
	switch {
	case !errors.As(err, &answer):
		return refusal{statusWord(http.StatusInternalServerError), err}
	case answer.Code >= http.StatusInternalServerError:
		return refusal{statusWord(answer.Code), answer}
	}
	return refusal{reason: statusWord(answer.Code)}
}

// statusWord is the reason that a status gives, as "too_many_requests".
func statusWord(status int) string {
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}
