package mcptest

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// AssertConforms checks that result is a success of the named tool, that its structured content
// fits the output schema which clients were told, and that its text says the same: it is the same
// JSON, the same string, or no JSON at all, as a summary of [mcpecho.Text] or another output
// format.
//
// A tool that lists no output schema fails the check. On the dated wire that is every tool whose
// result is not an object; check those on the modern one.
func AssertConforms(t testing.TB, c *Client, tool string, result *Result) {
	t.Helper()
	switch {
	case result.RPCError != nil:
		t.Errorf("mcptest: %s: JSON-RPC error %v", tool, result.RPCError)
		return
	case result.IsError:
		t.Errorf("mcptest: %s: %v", tool, result.Error)
		return
	case result.Structured == nil:
		t.Errorf("mcptest: %s: the result has no structured content: %s", tool, result.Text)
		return
	}
	schema := c.outputSchema(tool)
	if schema == nil {
		t.Errorf("mcptest: %s lists no output schema on this wire", tool)
		return
	}
	var value any
	if err := json.Unmarshal(result.Structured, &value); err != nil {
		t.Errorf("mcptest: %s: structured content: %v", tool, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("mcptest: %s: the result does not fit the output schema: %v\n%s", tool, err, result.Structured)
	}
	if !sameText(result.Text, value, result.Structured) {
		t.Errorf("mcptest: %s: the text is not the JSON of the structured content:\n%s\n%s", tool, result.Text, result.Structured)
	}
}

func sameText(text string, value any, structured jsontext.Value) bool {
	if s, ok := value.(string); ok && s == text {
		return true
	}
	a, b := jsontext.Value(text), structured.Clone()
	return !a.IsValid() || a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b)
}

// outputSchema is the listed output schema of a tool, nil when it has none.
func (c *Client) outputSchema(tool string) *jsonschema.Resolved {
	c.t.Helper()
	for _, t := range c.Tools() {
		if t.Name != c.listed(tool) {
			continue
		}
		if t.OutputSchema == nil {
			return nil
		}
		var schema jsonschema.Schema
		if err := json.Unmarshal(t.OutputSchema, &schema); err != nil {
			c.t.Fatalf("mcptest: %s: outputSchema: %v", tool, err)
		}
		resolved, err := schema.Resolve(nil)
		if err != nil {
			c.t.Fatalf("mcptest: %s: outputSchema: %v", tool, err)
		}
		return resolved
	}
	c.t.Fatalf("mcptest: no tool %q in tools/list", tool)
	return nil
}
