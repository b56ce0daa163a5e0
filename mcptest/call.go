package mcptest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/binding"
)

// Result is the outcome of one tools/call.
type Result struct {
	Response

	// IsError says that the tool failed in a way that a model is told about.
	IsError bool
	// Error is what a failed tool said, nil when it succeeded.
	Error *Error
	// Text is the text of the first content block, usually the JSON of the result; empty when that
	// block is no text.
	Text string
	// Content are all content blocks.
	Content []Content
	// Structured is the structured content, nil when there is none: on the dated wire only objects
	// have it.
	Structured jsontext.Value
}

// Error is the error object in the text of a failed tool.
type Error struct {
	// Type is one of the Type constants of package mcpecho, or a type of the application's own.
	Type string `json:"type"`
	// Message is the sentence for the model.
	Message string `json:"message"`
	// Fields are the bad arguments of a validation error.
	Fields []binding.FieldError `json:"fields"`
	// RetryAfter says when a refused call may be repeated, 0 when unsaid.
	RetryAfter time.Duration `json:"-"`
	// Reference finds the details of an internal error in the server's log.
	Reference string `json:"reference"`
	// More are the other members of the error object.
	More jsontext.Value `json:",embed"`
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Type + ": " + e.Message)
	for _, f := range e.Fields {
		b.WriteString("\n\t" + f.Path + " " + f.Message + " (" + f.Rule + ")")
	}
	return b.String()
}

// Call calls a tool, by the name that the program gives it, that must succeed and decodes its
// result. Any error fails the test at once. args encodes as the arguments object: a struct, a map,
// or a [jsontext.Value] that is sent as it is; nil sends none.
func Call[Out any](c *Client, tool string, args any) Out {
	c.t.Helper()
	r := c.Do(tool, args)
	switch {
	case r.RPCError != nil:
		c.t.Fatalf("mcptest: %s: JSON-RPC error %v (HTTP status %d)", tool, r.RPCError, r.Status)
	case r.IsError:
		c.t.Fatalf("mcptest: %s: %v", tool, r.Error)
	}
	var out Out
	value := r.Structured
	if s := reflect.ValueOf(&out).Elem(); value == nil && s.Kind() == reflect.String {
		s.SetString(r.Text) // a string is its own text
		return out
	} else if value == nil {
		value = jsontext.Value(r.Text)
	}
	if err := json.Unmarshal(value, &out); err != nil {
		c.t.Fatalf("mcptest: %s: the result does not fit %T: %v\n%s", tool, out, err, value)
	}
	return out
}

// Do calls a tool, by the name that the program gives it, and returns whatever comes back, errors
// of the tool and of the protocol included; see [Call] for args. Only an answer that is no
// tools/call result at all fails the test.
func (c *Client) Do(tool string, args any) *Result {
	c.t.Helper()
	params := struct {
		Name      string `json:"name"`
		Arguments any    `json:"arguments,omitzero"`
	}{c.listed(tool), args}
	r := &Result{Response: *c.send("tools/call", params.Name, params)}
	if r.RPCError != nil {
		return r
	}
	var result struct {
		Content    []Content      `json:"content"`
		Structured jsontext.Value `json:"structuredContent"`
		IsError    bool           `json:"isError"`
	}
	if err := json.Unmarshal(r.Response.Result, &result); err != nil || len(result.Content) == 0 {
		c.t.Fatalf("mcptest: %s: status %d and no tool result in the answer (%v)\n%s", tool, r.Status, err, r.Body)
	}
	r.IsError, r.Structured, r.Content, r.Text = result.IsError, result.Structured, result.Content, result.Content[0].Text
	if r.IsError {
		r.Error = decodeError(c.t, tool, r.Text)
	}
	return r
}

func decodeError(t testing.TB, tool, text string) *Error {
	t.Helper()
	var wrapper struct {
		Error *struct {
			Error
			RetryAfterMs int64 `json:"retryAfterMs"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(text), &wrapper); err != nil || wrapper.Error == nil {
		t.Fatalf("mcptest: %s: the text of the failed call has no error object (%v)\n%s", tool, err, text)
	}
	e := wrapper.Error.Error
	e.RetryAfter = time.Duration(wrapper.Error.RetryAfterMs) * time.Millisecond
	return &e
}
