package mcptest

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// Tool is one entry of tools/list.
type Tool struct {
	Name         string          `json:"name"` // as clients call it
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  jsontext.Value  `json:"inputSchema"`
	OutputSchema jsontext.Value  `json:"outputSchema"` // nil when the tool states none
	Annotations  map[string]bool `json:"annotations"`
	Icons        []mcpecho.Icon  `json:"icons"`
	Meta         map[string]any  `json:"_meta"`
}

// Resource is one entry of resources/list or resources/templates/list.
type Resource struct {
	URI         string         `json:"uri"`         // of a resource
	URITemplate string         `json:"uriTemplate"` // of a template
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	MIMEType    string         `json:"mimeType"`
	Annotations *content.Hints `json:"annotations"`
	Icons       []mcpecho.Icon `json:"icons"`
	Meta        map[string]any `json:"_meta"`
}

// Prompt is one entry of prompts/list.
type Prompt struct {
	Name        string           `json:"name"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Arguments   []PromptArgument `json:"arguments"`
	Icons       []mcpecho.Icon   `json:"icons"`
	Meta        map[string]any   `json:"_meta"`
}

// PromptArgument is one argument of a [Prompt].
type PromptArgument struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// Tools lists the tools that the caller sees, all pages of them, in the server's order. An error
// fails the test.
func (c *Client) Tools() []Tool {
	c.t.Helper()
	return list[Tool](c, "tools/list", "tools")
}

// Resources lists the resources with fixed URIs as [Client.Tools] does tools. A server without
// resources has no such list: that fails the test too.
func (c *Client) Resources() []Resource {
	c.t.Helper()
	return list[Resource](c, "resources/list", "resources")
}

// Templates lists the resource templates as [Client.Resources] does resources.
func (c *Client) Templates() []Resource {
	c.t.Helper()
	return list[Resource](c, "resources/templates/list", "resourceTemplates")
}

// Prompts lists the prompts as [Client.Tools] does tools. A server without prompts has no such
// list: that fails the test too.
func (c *Client) Prompts() []Prompt {
	c.t.Helper()
	return list[Prompt](c, "prompts/list", "prompts")
}

// list asks for page after page. member is where a page has its entries.
func list[Entry any](c *Client, method, member string) (all []Entry) {
	c.t.Helper()
	for cursor := ""; ; {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		r := c.Raw(method, params)
		if r.RPCError != nil {
			c.t.Fatalf("mcptest: %s: JSON-RPC error %v (HTTP status %d)", method, r.RPCError, r.Status)
		}
		var (
			page struct {
				Next    string                    `json:"nextCursor"`
				Members map[string]jsontext.Value `json:",embed"`
			}
			entries []Entry
		)
		err := json.Unmarshal(r.Result, &page)
		if err == nil {
			err = json.Unmarshal(page.Members[member], &entries)
		}
		if err != nil {
			c.t.Fatalf("mcptest: %s: %v\n%s", method, err, r.Body)
		}
		all = append(all, entries...)
		if page.Next == "" {
			return all
		}
		if page.Next == cursor {
			c.t.Fatalf("mcptest: %s: nextCursor asks for the same page again", method)
		}
		cursor = page.Next
	}
}
