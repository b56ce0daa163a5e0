package mcpecho

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
)

// log records a refusal or failure: details that the client does not see at
// level error, what the client was told at level info. c is nil for a message
// that did not become a call.
func (x *exchange) log(c *Call, f failure, err error) {
	ctx := x.request.Context()
	x.ec.Set(loggedKey, true)
	subject := x.subject()
	if c != nil {
		subject = slog.String("spec", clip(c.entry.name, 128))
	}
	attrs := []slog.Attr{subject}
	if p := x.principal; p != nil {
		attrs = append(attrs, slog.String("principal", p.Subject))
	}
	if advice := hint(err); advice != "" {
		attrs = append(attrs, slog.String("hint", advice))
	}
	hide := x.masks(c)
	if f.ref == "" {
		message := f.message
		if c != nil || f.reason == "" { // else it is a text of the server about the request itself
			message = hide(message)
		}
		attrs = append(attrs, slog.String("reason", f.word()), slog.String("message", message))
		if cause := causeOf(err); cause != nil {
			attrs = append(attrs, slog.String("cause", logText(cause, hide)))
		}
		x.server.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "mcpecho: refused", attrs...)
		return
	}
	attrs = append(attrs, slog.String("reference", f.ref), slog.String("error", logText(err, hide)))
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	x.server.cfg.Logger.LogAttrs(ctx, slog.LevelError, "mcpecho: internal error", attrs...)
}

// causeOf is what stands behind an answer, nil when the answer says it all.
func causeOf(err error) error {
	switch e := err.(type) { //nolint:errorlint // the answer itself, not what it wraps
	case *binding.Error:
		return nil
	case *Error:
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

// logText is the text of an error without the values that drivers repeat in
// theirs. hide takes values out, before the text is cut at a quote: one may
// stand inside a value.
func logText(err error, hide func(string) string) string {
	if err == nil {
		return ""
	}
	var p *panicked
	if errors.As(err, &p) {
		if cause, ok := p.value.(error); ok { // its own text would hide what it wraps
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

// driverText finds an error of PostgreSQL or MySQL that somebody has made text of, as gorm does with
// the first of two.
var driverText = regexp.MustCompile(`\(SQLSTATE [0-9A-Z]{5}\)|Error [0-9]{4} \([0-9A-Z]{5}\): `)

// raisedText finds those in the application's own words, see [driverError.safe].
var raisedText = regexp.MustCompile(`\(SQLSTATE P0001\)|Error 1644 \(|Error [0-9]{4} \(45000\): `)

// appendValues adds the strings and numbers in a JSON text, but not the names
// of members.
func appendValues(values []string, raw []byte) []string {
	if len(raw) == 0 {
		return values
	}
	d := jsontext.NewDecoder(strings.NewReader(string(raw)))
	for len(values) < maxMasked {
		token, err := d.ReadToken()
		if err != nil {
			return values
		}
		if kind := token.Kind(); kind != '"' && kind != '0' {
			continue
		}
		if outer, n := d.StackIndex(d.StackDepth()); outer == '{' && n%2 == 1 {
			continue // a name
		}
		if s := token.String(); len(s) >= minMasked {
			values = append(values, s)
		}
	}
	return values
}

// loggedKey says in an [echo.Context] that the log has the refusal of its request.
const loggedKey = "mcpecho.logged"
