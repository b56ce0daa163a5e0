package binding

import (
	"fmt"
	"strings"
)

// Error reports arguments that do not fit their declaration. It holds every bad field, so that a
// caller can correct all of them in one go. The texts never contain the values that were given.
type Error struct {
	Fields []FieldError `json:"fields"`
}

// FieldError is one bad argument.
type FieldError struct {
	// Path names the argument, for instance "number" or "lines[0].sku"; "" means the input as a
	// whole.
	Path string `json:"path"`
	// Rule is the broken rule: a tag of validate, or one of "type", "range", "unknown",
	// "duplicate", "depth", "json", "schema".
	Rule string `json:"rule"`
	// Message completes a sentence that begins with Path, for instance "must be at least 0".
	Message string `json:"message"`
}

// Errorf returns an Error with one field, for rules that only a handler can check (a number that is
// taken). The message is sent to the caller.
func Errorf(path, rule, format string, a ...any) *Error {
	return &Error{Fields: []FieldError{{Path: path, Rule: rule, Message: fmt.Sprintf(format, a...)}}}
}

// Error lists all fields in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("binding: invalid arguments")
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		if f.Path != "" {
			b.WriteString(f.Path)
			b.WriteByte(' ')
		}
		b.WriteString(f.Message)
	}
	return b.String()
}
