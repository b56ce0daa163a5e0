package mcpecho

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/toon"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/mcpecho/content"
)

// toolSurface is that of tools.
type toolSurface struct{}

func (toolSurface) String() string { return "tool" }

func (toolSurface) list(*entry) listKind { return tools }

func (toolSurface) settle(e *entry, s *Server, set *settings) error { return e.settleName(s, set) }

func (toolSurface) check(e *entry, set *settings, def *Definition) error {
	switch {
	case def.output == nil && (choose(set.structured, false) || choose(set.schema, false)):
		return errors.New("content blocks have no structured content: leave StructuredContent and OutputSchema out")
	case set.mimeType != "":
		return errMIMEType
	case e.kind == KindService && set.summaryOf != nil && set.summaryOf != e.spec.out:
		return fmt.Errorf("Text is for a %s, the service returns a %s", set.summaryOf, e.spec.out)
	case len(e.completers) > 0:
		return errNoCompletion
	}
	return nil
}

func (toolSurface) compile(e *entry, set *settings, def *Definition) (err error) {
	if e.headers, err = wire.Params(e.args.Schema()); err != nil {
		return err
	}
	return e.compileOutput(set, def)
}

func (toolSurface) unknown(c *Call) error {
	if i := c.invoked(); i != nil {
		return c.server.notInvocable(i.name)
	}
	return c.server.unknown(tools, c.entry.listedAs)
}

// toolEntry is the form of a tool in tools/list. (specification 2026-07-28, server/tools, section
// Tool)
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

func (toolSurface) form(e *entry, set *settings, w wire.Wire) (any, error) {
	tool := toolEntry{
		Name: e.listedAs, Title: set.title, Description: set.description,
		InputSchema: e.args.Schema(), Annotations: e.annotations, Icons: set.icons, Meta: set.meta,
	}
	if e.object || !w.OnlyObjects() {
		tool.OutputSchema = e.advertised
	}
	return tool, nil
}

// annotate derives the hints from the kind; explicit ones win.
func (e *entry) annotate(explicit []Annotation, readOnly bool) map[string]bool {
	hints := map[string]bool{"readOnlyHint": readOnly || e.kind != KindService}
	for _, a := range explicit {
		hints[a.key] = a.value
	}
	if _, stated := hints["destructiveHint"]; !stated && !hints["readOnlyHint"] {
		hints["destructiveHint"] = true
	}
	return hints
}

// callTool serves tools/call. (specification 2026-07-28, server/tools, section Calling Tools)
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
	if err := checkFormat(x); err != nil {
		return c.unlessHidden(err)
	}
	if err := c.execute(e.handler); err != nil {
		return c.failTool(err)
	}
	return c.replyTool(registry.resultTail)
}

// checkFormat refuses a format that the client wants and nobody knows.
func checkFormat(x *wire.Exchange) error {
	if f, wanted := formatIn(x); wanted && !f.valid() {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.outputFormat must be json, toon or auto"}
	}
	return nil
}

// formatIn is the format that the client wants for this call.
func formatIn(x *wire.Exchange) (f OutputFormat, wanted bool) {
	if x.Message.Format == nil {
		return "", false
	}
	name, _ := jsonrpc.Text(x.Message.Format)
	return OutputFormat(name), true
}

// outputFormat is the form of the text of the call: JSON, where nobody reads it.
func (c *Call) outputFormat() OutputFormat {
	x := c.exchange()
	if x == nil || c.depth > 0 {
		return FormatJSON
	}
	if f, wanted := formatIn(x); wanted {
		return f
	}
	return c.entry.format
}

// replyTool replies with the result of a tool call. The value was encoded once: its bytes are the
// structured content and, quoted, the text block. (specification 2026-07-28, server/tools, section
// Structured Content)
func (c *Call) replyTool(tail []byte) error {
	if c.answer.items != nil {
		return c.reply("content", tail)
	}
	x, a := c.exchange(), &c.answer
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
// cannot mend, as a tool result otherwise. (specification 2026-07-28, server/tools, section Error
// Handling)
func (c *Call) failTool(err error) error {
	x := c.exchange()
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

// encode encodes structured content once. Its text form is made when the reply is written, from the
// same bytes.
func (toolSurface) encode(c *Call, v any) (err error) {
	if out := c.entry.spec.out; v == nil && out != nil && isBlocks(out) {
		return errors.New("there is no content: return at least a content.Text")
	}
	switch v := v.(type) {
	case content.Block:
		if c.bareBlock(v) {
			return nil
		}
		c.answer.items, err = encodeBlocks([]content.Block{v}, c.door.Links())
		return err
	case []content.Block:
		c.answer.items, err = encodeBlocks(v, c.door.Links())
		return err
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.Type().Elem().Implements(blockType) {
		blocks := make([]content.Block, list.Len())
		for i := range blocks {
			blocks[i], _ = list.Index(i).Interface().(content.Block)
		}
		c.answer.items, err = encodeBlocks(blocks, c.door.Links())
		return err
	}
	if c.answer.structured, err = binding.MarshalResult(v); err != nil {
		return err
	}
	if c.entry.object && v != nil && string(c.answer.structured) == "null" {
		return fmt.Errorf("mcpecho: %s results in a nil %T, but its output schema says an object: return a value", c.entry.name, v)
	}
	if c.entry.summary != nil && c.answer.fetched != nil { // neither a null nor what a middleware wrote
		if c.answer.text, err = c.entry.summary(v); err != nil {
			c.answer.text, err = c.entry.summary(c.answer.fetched) // the rows of a page, the row that was mapped
		}
		return err
	}
	if s, ok := v.(string); ok {
		c.answer.text = []byte(strings.ToValidUTF8(s, "\uFFFD")) // text needs no quotes to be read
		return nil
	}
	if f := c.outputFormat(); f != FormatJSON && (f == FormatTOON || toon.Uniform(c.answer.structured)) {
		text, err := toon.Append([]byte("# format: toon\n```toon\n"), c.answer.structured)
		if err == nil && len(text) <= c.server.cfg.MaxResultBytes { // else JSON says it
			c.answer.text = append(text, "\n```"...)
		}
	}
	return nil
}

// encodeBlocks writes the content array of a tool result.
func encodeBlocks(blocks []content.Block, links bool) ([]byte, error) {
	forms := make([]content.Form, len(blocks))
	for i, b := range blocks {
		if b == nil {
			return nil, fmt.Errorf("mcpecho: content %d is nil", i)
		}
		form, err := content.FormOf(b, links)
		if err != nil {
			return nil, err
		}
		forms[i] = form
	}
	return binding.Marshal(forms)
}

func (toolSurface) encodeJSON(c *Call, b []byte) error { return c.encode(rawJSON(b)) }

var errMediaSchema = errors.New("mcpecho: what was written is no JSON, as the output schema promises")

func (toolSurface) encodeMedia(c *Call, media string, body []byte) error {
	if c.entry.output != nil {
		return errMediaSchema
	}
	return c.encode(blockOf(c, media, body))
}

// blockOf is binary data as a content block.
func blockOf(c *Call, media string, body []byte) content.Block {
	switch kind, _, _ := strings.Cut(media, "/"); kind {
	case "image":
		return content.Image{Data: body, MIMEType: media}
	case "audio":
		return content.Audio{Data: body, MIMEType: media}
	}
	return content.Embedded{Resource: content.Contents{URI: "attachment:" + c.entry.name, Blob: body, MIMEType: media}}
}
