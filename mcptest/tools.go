package mcptest

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// Tool is one entry of tools/list.
type Tool struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  jsontext.Value  `json:"inputSchema"`
	OutputSchema jsontext.Value  `json:"outputSchema"` // nil when the tool states none
	Annotations  map[string]bool `json:"annotations"`
	Meta         map[string]any  `json:"_meta"`
}

// Tools lists the tools that the caller sees, all pages of them, in the
// server's order. An error fails the test.
func (c *Client) Tools() []Tool {
	c.t.Helper()
	var all []Tool
	for cursor := ""; ; {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		r := c.Raw("tools/list", params)
		if r.RPCError != nil {
			c.t.Fatalf("mcptest: tools/list: JSON-RPC error %v (HTTP status %d)", r.RPCError, r.Status)
		}
		var page struct {
			Tools []Tool `json:"tools"`
			Next  string `json:"nextCursor"`
		}
		if err := json.Unmarshal(r.Result, &page); err != nil {
			c.t.Fatalf("mcptest: tools/list: %v\n%s", err, r.Body)
		}
		all = append(all, page.Tools...)
		if page.Next == "" {
			return all
		}
		if page.Next == cursor {
			c.t.Fatalf("mcptest: tools/list: nextCursor asks for the same page again")
		}
		cursor = page.Next
	}
}

// AssertConforms checks that result is a success of the named tool, that its
// structured content fits the output schema which clients were told, and that
// its text is the same JSON.
//
// A tool that lists no output schema fails the check. On the dated wire that
// is every tool whose result is not an object; check those on the modern one.
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
	text, structured := jsontext.Value(result.Text), result.Structured.Clone()
	if text.Canonicalize() != nil || structured.Canonicalize() != nil || string(text) != string(structured) {
		t.Errorf("mcptest: %s: the text is not the JSON of the structured content:\n%s\n%s", tool, result.Text, result.Structured)
	}
}

// outputSchema is the listed output schema of a tool, nil when it has none.
func (c *Client) outputSchema(tool string) *jsonschema.Resolved {
	c.t.Helper()
	for _, t := range c.Tools() {
		if t.Name != tool {
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
