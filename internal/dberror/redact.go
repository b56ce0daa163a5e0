package dberror

import (
	"regexp"
	"strconv"
	"strings"
)

// Safe is what a log may hold of the error: numbers and names, and the message up to where it
// quotes something, without what hide takes out of it. Of an error that code of the application has
// raised in the database only the number is kept: its message has no form by which values could be
// told from words.
func (d *Error) Safe(hide func(string) string) string {
	var b strings.Builder
	switch {
	case d.sqlite:
		b.WriteString("SQLite code " + strconv.Itoa(d.Number))
	case d.Number != 0:
		b.WriteString("error " + strconv.Itoa(d.Number) + " (" + d.state + ")")
	case d.state != "":
		b.WriteString("SQLSTATE " + d.state)
	default:
		b.WriteString("the driver refused a value")
	}
	if d.raised {
		b.WriteString(": raised by the application")
		return b.String()
	}
	for _, part := range [...][2]string{{"table", d.Table}, {"constraint", d.Constraint}, {"columns", strings.Join(d.Columns, ",")}} {
		if part[1] != "" {
			b.WriteString(" " + part[0] + "=" + part[1])
		}
	}
	if m := unquoted(hide(d.message), d.quotesNames()); m != "" {
		b.WriteString(": " + m)
	}
	return b.String()
}

// quotesNames says whether what the message quotes are names of the statement. 42704 is, of
// PostgreSQL, also about parameters whose name came as a value, and 42000, of MySQL, about
// anything.
func (d *Error) quotesNames() bool {
	return strings.HasPrefix(d.state, "42") && d.state != "42704" && d.state != "42000"
}

// Redact is what a log may hold of a text that may repeat that of a driver, as gorm makes text of
// the first of two errors: what is before the first quote, and nothing of what code of the
// application has raised.
func Redact(text string) string {
	switch {
	case raisedText.MatchString(text):
		return "[an error raised by the application in the database]"
	case driverText.MatchString(text):
		return unquoted(text, false)
	}
	return text
}

var (
	driverText = regexp.MustCompile(`\(SQLSTATE [0-9A-Z]{5}\)|Error [0-9]{4} \([0-9A-Z]{5}\): `)
	raisedText = regexp.MustCompile(`\(SQLSTATE P0001\)|Error 1644 \(|Error [0-9]{4} \(45000\): `)
)

// unquoted is a message up to its first quote, behind which a value may stand. names says that what
// it quotes are names of the statement; those are kept when they look like one.
func unquoted(message string, names bool) string {
	for from := 0; ; {
		i := strings.IndexAny(message[from:], `'"`)
		if i < 0 {
			return message
		}
		i += from
		end := strings.IndexByte(message[i+1:], message[i])
		if !names || end < 0 || !isName(message[i+1:i+1+end]) {
			return strings.TrimRight(message[:i], " ") + " …"
		}
		from = i + end + 2
	}
}

// isName says whether s can be the name of a column, table or function.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.$", r))
	})
}
