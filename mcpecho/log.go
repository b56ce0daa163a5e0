package mcpecho

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/dberror"
	"github.com/mcpecho/kit/internal/wire"
)

// logFailure records a failure of a call.
func (c *Call) logFailure(f failure, err error) {
	subject := slog.String("spec", wire.Clip(c.entry.name, 128))
	c.server.logFailure(c.door, subject, c.principal, c.masks(), true, f, err)
}

// logUncalled records a failure of a message that did not become a call.
func (s *Server) logUncalled(x *wire.Exchange, f failure, err error) {
	principal, _ := x.Owner.(*Principal)
	s.logFailure(x, subjectOf(x), principal, masks(x, sentIn(x)), false, f, err)
}

// logFailure records a refusal or failure: details that the client does not see at level error,
// what the client was told at level info. hide takes values out of a text.
func (s *Server) logFailure(d door, subject slog.Attr, p *Principal, hide func(string) string, called bool, f failure, err error) {
	ctx := d.Context()
	d.Outer().Set(loggedKey, true)
	attrs := []slog.Attr{subject}
	if p != nil {
		attrs = append(attrs, slog.String("principal", p.Subject))
	}
	if advice := adviceOn(err); advice != "" {
		attrs = append(attrs, slog.String("hint", advice))
	}
	if f.ref == "" {
		message := f.message
		if called || f.reason == "" { // else it is a text of the server about the request itself
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
	var panicked *caught.Panic
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "mcpecho: internal error", attrs...)
}

// subjectOf is what the log says of a message that did not become a call.
func subjectOf(x *wire.Exchange) slog.Attr {
	switch {
	case x.Message.Method != "":
		return slog.String("method", wire.Clip(x.Message.Method, 128))
	case !x.OnHTTP():
		return slog.String("door", "stdio")
	}
	return slog.String("http_method", wire.Clip(x.Echo.Request().Method, 32)) // refused before it was read
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
	for _, d := range dberror.All(err) {
		if d.Text != "" && strings.Contains(text, d.Text) {
			text = strings.ReplaceAll(text, d.Text, d.Safe(hide))
			continue
		}
		text = d.Safe(hide) // whatever wraps it has a form of its own
	}
	return dberror.Redact(hide(text))
}

// loggedKey says in an [echo.Context] that the log has the refusal of its request.
const loggedKey = "mcpecho.logged"
