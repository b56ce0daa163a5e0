package mcpecho

import (
	"bytes"
	"errors"
	"maps"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// toolEntry is the form of a tool in tools/list.
// (specification 2026-07-28, server/tools, section Tool)
type toolEntry struct {
	Name         string          `json:"name"`
	Title        string          `json:"title,omitzero"`
	Description  string          `json:"description,omitzero"`
	InputSchema  rawJSON         `json:"inputSchema"`
	OutputSchema rawJSON         `json:"outputSchema,omitzero"`
	Annotations  map[string]bool `json:"annotations,omitempty"`
	Icons        []Icon          `json:"icons,omitempty"`
	Meta         map[string]any  `json:"_meta,omitempty"`
}

func (t *entry) toolEntry(set *settings, output *jsonschema.Schema, w wire.Wire) (toolEntry, error) {
	e := toolEntry{
		Name: t.listedAs, Title: set.title, Description: set.description,
		InputSchema: t.args.Schema(), Annotations: t.hints, Icons: set.icons, Meta: set.meta,
	}
	if output == nil || w.OnlyObjects() && !t.object {
		return e, nil
	}
	schema, err := binding.MarshalSchema(output)
	e.OutputSchema = schema
	return e, err
}

// annotations derives the hints from the kind; explicit ones win.
func (t *entry) annotations(explicit []Annotation, readOnly bool) map[string]bool {
	hints := map[string]bool{"readOnlyHint": readOnly || t.kind != KindService}
	for _, a := range explicit {
		hints[a.key] = a.value
	}
	if _, stated := hints["destructiveHint"]; !stated && !hints["readOnlyHint"] {
		hints["destructiveHint"] = true
	}
	return hints
}

// callTool serves tools/call.
// (specification 2026-07-28, server/tools, section Calling Tools)
func (s *Server) callTool(x *wire.Exchange) error {
	name, ok := jsonrpc.Text(x.Message.Name)
	if !ok {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.name must be a string: the name of a tool"}
	}
	if string(x.Message.Arguments) == "null" {
		x.Message.Arguments = nil // what clients send that have none
	}
	if a := x.Message.Arguments; len(a) > 0 && a[0] != '{' {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.arguments must be an object"}
	}
	registry := s.registry.Load()
	e, ok := registry.tools[name]
	if !ok {
		return s.unknown(tools, name)
	}
	c := s.newCall(x, e, x.Message.Arguments)
	if err := x.CheckParams(e.headers); err != nil {
		return c.unlessHidden(err)
	}
	if err := c.chooseFormat(); err != nil {
		return c.unlessHidden(err)
	}
	if err := c.execute(e.handler); err != nil {
		return c.failTool(err)
	}
	return c.replyTool(registry.resultTail)
}

// chooseFormat takes the format that the client wants for this call.
func (c *Call) chooseFormat() error {
	c.format = c.entry.format
	wanted := c.exchange.Message.Format
	if wanted == nil {
		return nil
	}
	name, _ := jsonrpc.Text(wanted)
	if c.format = OutputFormat(name); !c.format.valid() {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.outputFormat must be json, toon or auto"}
	}
	return nil
}

// replyTool replies with the result of a tool call. The value was encoded once: its bytes are the
// structured content and, quoted, the text block.
// (specification 2026-07-28, server/tools, section Structured Content)
func (c *Call) replyTool(tail []byte) error {
	if c.answer.items != nil {
		return c.reply("content", tail)
	}
	x, a := c.exchange, &c.answer
	if x.Gone() {
		return c.leave()
	}
	text := a.text
	if text == nil {
		text = a.structured
	}
	r := x.Reply("content", len(a.structured)+quotedLen(text)+len(tail))
	r.B = append(r.B, `[{"type":"text","text":`...)
	r.B = jsonrpc.AppendString(r.B, text)
	r.B = append(r.B, `}]`...)
	if c.entry.structured && (c.entry.object || !x.Wire.OnlyObjects()) {
		r.B = append(r.B, `,"structuredContent":`...)
		r.B = append(r.B, a.structured...)
	}
	c.answer = answer{}
	return r.Send(tail)
}

// quotedLen is about the length of text as a JSON string: most of what is quoted are quotes.
func quotedLen(text []byte) int { return len(text) + bytes.Count(text, []byte{'"'}) }

// failTool replies to a tool call that ended with an error: as a JSON-RPC error for what a model
// cannot mend, as a tool result otherwise.
// (specification 2026-07-28, server/tools, section Error Handling)
func (c *Call) failTool(err error) error {
	x := c.exchange
	if x.Gone() {
		return c.leave()
	}
	if c.hidden() {
		return c.hide(err)
	}
	f := c.explain(err)
	c.logFailure(f, err)
	if f.code != 0 {
		return c.fail(f)
	}
	x.RetryAfter(f.retry)
	text := c.toolError(f, err)
	r := x.Reply("content", len(text))
	r.B = append(r.B, `[{"type":"text","text":`...)
	r.B = jsonrpc.AppendString(r.B, text)
	r.B = append(r.B, `}],"isError":true`...)
	c.answer = answer{}
	return r.Send(c.server.registry.Load().resultTail)
}

// toolError is the text of a failed tool call, by which a model can correct itself.
func (c *Call) toolError(f failure, err error) []byte {
	body := map[string]any{}
	maps.Copy(body, f.more)
	if f.retry > 0 {
		body["retryAfterMs"] = f.retry.Milliseconds()
	}
	if f.fields != nil {
		body["fields"] = f.fields
	}
	if f.ref != "" {
		body["reference"] = f.ref
	}
	var step *stepFailure
	if errors.As(err, &step) {
		body["failedStep"] = step.step
	}
	body["type"], body["message"] = f.typ, f.message
	text, encErr := binding.Marshal(map[string]any{"error": body})
	if encErr == nil {
		return text
	}
	c.logFailure(f, encErr)
	body = map[string]any{"type": f.typ, "message": f.message}
	if c.committed.Load() {
		body = withCommitted(body)
	}
	return mustMarshal(map[string]any{"error": body})
}
