package mcptest

import (
	"strings"

	"github.com/go-json-experiment/json"
)

// Content is one content block of any kind: of a tool's result or of a prompt's message. Type says
// which members are set.
type Content struct {
	Type     string    `json:"type"` // text, image, audio, resource_link or resource
	Text     string    `json:"text"`
	Data     []byte    `json:"data"` // of an image or sound
	MIMEType string    `json:"mimeType"`
	URI      string    `json:"uri"` // of a resource_link, with Name
	Name     string    `json:"name"`
	Resource *Contents `json:"resource"`
}

// Contents are the contents of one resource: Text or Blob.
type Contents struct {
	URI      string `json:"uri"`
	MIMEType string `json:"mimeType"`
	Text     string `json:"text"`
	Blob     []byte `json:"blob"` // nil for text
}

// ReadResult is the outcome of one resources/read.
type ReadResult struct {
	Response
	// Contents is empty when RPCError is set.
	Contents []Contents
}

// Read reads a resource and returns whatever comes back, errors included. Only an answer that is no
// resources/read result at all fails the test.
func (c *Client) Read(uri string) *ReadResult {
	c.t.Helper()
	r := &ReadResult{Response: *c.send("resources/read", uri, map[string]string{"uri": uri})}
	var result struct {
		Contents []Contents `json:"contents"`
	}
	if c.decode("resources/read of "+uri, &r.Response, &result) && len(result.Contents) == 0 {
		c.t.Fatalf("mcptest: resources/read of %s: the answer has no contents\n%s", uri, r.Body)
	}
	r.Contents = result.Contents
	return r
}

// PromptResult is the outcome of one prompts/get.
type PromptResult struct {
	Response
	// Description is that of the prompt, if the server repeats it.
	Description string
	// Messages is empty when RPCError is set.
	Messages []Message
}

// Message is one message of a prompt.
type Message struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`
}

// Prompt renders a prompt, by the name that the program gives it, and returns whatever comes back,
// errors included. Only an answer that is no prompts/get result at all fails the test. nil
// arguments are not sent.
func (c *Client) Prompt(name string, arguments map[string]string) *PromptResult {
	c.t.Helper()
	params := struct {
		Name      string            `json:"name"`
		Arguments map[string]string `json:"arguments,omitzero"`
	}{c.listed(name), arguments}
	r := &PromptResult{Response: *c.send("prompts/get", params.Name, params)}
	var result struct {
		Description string    `json:"description"`
		Messages    []Message `json:"messages"`
	}
	if c.decode("prompt "+name, &r.Response, &result) && len(result.Messages) == 0 {
		c.t.Fatalf("mcptest: prompt %s: the answer has no messages\n%s", name, r.Body)
	}
	r.Description, r.Messages = result.Description, result.Messages
	return r
}

// Completion is the outcome of one completion/complete.
type Completion struct {
	Response
	// Values are the suggestions, at most 100.
	Values []string
	// HasMore says that there are more than Values.
	HasMore bool
}

// Complete asks for suggestions for an argument whose text so far is value. ref is the name of a
// prompt, or the URI template of a resource, which has a colon; chosen are the arguments that are
// filled in already, nil for none. Only an answer that is no completion/complete result at all
// fails the test.
func (c *Client) Complete(ref, argument, value string, chosen map[string]string) *Completion {
	c.t.Helper()
	target := map[string]string{"type": "ref/prompt", "name": c.listed(ref)}
	if strings.Contains(ref, ":") {
		target = map[string]string{"type": "ref/resource", "uri": ref}
	}
	params := map[string]any{"ref": target, "argument": map[string]string{"name": argument, "value": value}}
	if chosen != nil {
		params["context"] = map[string]any{"arguments": chosen}
	}
	r := &Completion{Response: *c.send("completion/complete", "", params)}
	var result struct {
		Completion *struct {
			Values  []string `json:"values"`
			HasMore bool     `json:"hasMore"`
		} `json:"completion"`
	}
	if !c.decode("completion of "+ref, &r.Response, &result) {
		return r
	}
	if result.Completion == nil || result.Completion.Values == nil {
		c.t.Fatalf("mcptest: completion of %s: the answer has no values\n%s", ref, r.Body)
	}
	r.Values, r.HasMore = result.Completion.Values, result.Completion.HasMore
	return r
}

// decode decodes the result of a request; it reports false when the answer is an error instead.
func (c *Client) decode(what string, r *Response, result any) bool {
	c.t.Helper()
	if r.RPCError != nil {
		return false
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		c.t.Fatalf("mcptest: %s: status %d and no result in the answer (%v)\n%s", what, r.Status, err, r.Body)
	}
	return true
}
