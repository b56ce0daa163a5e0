package mcpecho

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/wire"
)

// logFailure records a failure of a call.
func (c *Call) logFailure(f failure, err error) { c.server.logFailure(c.exchange, c, f, err) }

// logFailure records a refusal or failure: details that the client does not see at level error,
// what the client was told at level info. c is nil for a message that did not become a call.
func (s *Server) logFailure(x *wire.Exchange, c *Call, f failure, err error) {
	ctx := x.Context()
	x.Echo.Set(loggedKey, true)
	subject := subjectOf(x)
	if c != nil {
		subject = slog.String("spec", wire.Clip(c.entry.name, 128))
	}
	attrs := []slog.Attr{subject}
	if p, _ := x.Owner.(*Principal); p != nil {
		attrs = append(attrs, slog.String("principal", p.Subject))
	}
	if advice := hint(err); advice != "" {
		attrs = append(attrs, slog.String("hint", advice))
	}
	hide := masks(x, c)
	if f.ref == "" {
		message := f.message
		if c != nil || f.reason == "" { // else it is a text of the server about the request itself
			message = hide(message)
		}
		attrs = append(attrs, slog.String("reason", f.word()), slog.String("message", message))
		if cause := causeOf(err); cause != nil {
			attrs = append(attrs, slog.String("cause", logText(cause, hide)))
		}
		s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "mcpecho: refused", attrs...)
		return
	}
	attrs = append(attrs, slog.String("reference", f.ref), slog.String("error", logText(err, hide)))
	var p *caught.Panic
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "mcpecho: internal error", attrs...)
}

// subjectOf is what the log says of a message that did not become a call.
func subjectOf(x *wire.Exchange) slog.Attr {
	if x.Message.Method == "" { // refused before it was read
		return slog.String("http_method", wire.Clip(x.Echo.Request().Method, 32))
	}
	return slog.String("method", wire.Clip(x.Message.Method, 128))
}

// causeOf is what stands behind an answer, nil when the answer says it all.
func causeOf(err error) error {
	switch e := err.(type) { //nolint:errorlint // the answer itself, not what it wraps
	case *binding.Error:
		return nil
	case *Error:
		return e.Internal
	case *wire.Refusal:
		return e.Internal
	case *echo.HTTPError:
		return e.Internal
	case *stepFailure:
		return causeOf(e.error)
	case *ToolError:
		if plain, ok := e.Internal.(*echo.HTTPError); ok && e.Message == "" { //nolint:errorlint // as above
			return plain.Internal
		}
		return e.Internal
	}
	return err
}

// logText is the text of an error without the values that drivers repeat in theirs. hide takes
// values out, before the text is cut at a quote: one may stand inside a value.
func logText(err error, hide func(string) string) string {
	if err == nil {
		return ""
	}
	var p *caught.Panic
	if errors.As(err, &p) {
		if cause, ok := p.Value.(error); ok { // its own text would hide what it wraps
			return "panic: " + logText(cause, hide)
		}
	}
	text := err.Error()
	known := driverErrors(err)
	for _, d := range known {
		if d.text != "" && strings.Contains(text, d.text) {
			text = strings.ReplaceAll(text, d.text, d.safe(hide))
			continue
		}
		text = d.safe(hide) // whatever wraps it has a form of its own
	}
	text = hide(text)
	switch {
	case raisedText.MatchString(text):
		return "[an error raised by the application in the database]"
	case driverText.MatchString(text):
		return unquoted(text, false)
	}
	return text
}

// driverText finds an error of PostgreSQL or MySQL that somebody has made text of, as gorm does
// with the first of two.
var driverText = regexp.MustCompile(`\(SQLSTATE [0-9A-Z]{5}\)|Error [0-9]{4} \([0-9A-Z]{5}\): `)

// raisedText finds those in the application's own words, see [driverError.safe].
var raisedText = regexp.MustCompile(`\(SQLSTATE P0001\)|Error 1644 \(|Error [0-9]{4} \(45000\): `)

// loggedKey says in an [echo.Context] that the log has the refusal of its request.
const loggedKey = "mcpecho.logged"
