package mcpecho

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/mcpecho/content"
)

// Message is one message of a prompt. (specification 2026-07-28, server/prompts, section
// PromptMessage)
type Message struct {
	// Role is "user" or "assistant". Default: "user".
	Role string
	// Content is one block of any kind. Required.
	Content content.Block
}

// Prompt makes a spec of a function that renders messages for a model. In is the argument struct;
// clients send prompt arguments as strings, which are decoded by the types of its fields. Out is a
// string, a []string (user messages), a [Message] or a []Message.
func Prompt[In, Out any](name string, fn func(c *Call, in In) (Out, error), opts ...Option) *Spec {
	s := Service(name, fn, opts...)
	s.kind, s.surface = KindPrompt, onPrompts
	return s
}

// promptSurface is that of prompts.
type promptSurface struct{}

func (promptSurface) String() string { return "prompt" }

func (promptSurface) list(*entry) listKind { return prompts }

func (promptSurface) settle(e *entry, s *Server, set *settings) error { return e.settleName(s, set) }

func (promptSurface) check(e *entry, set *settings, _ *Definition) error {
	switch {
	case !isMessages(e.spec.out):
		return fmt.Errorf("a prompt cannot render a %s: return a string, []string, Message or []Message", e.spec.out)
	case set.mimeType != "":
		return errMIMEType
	}
	return e.checkNoOutput(set)
}

func (promptSurface) compile(*entry, *settings, *Definition) error { return nil }

func (promptSurface) unknown(c *Call) error { return c.server.unknown(prompts, c.entry.listedAs) }

// promptEntry is the form of a prompt in its list. (specification 2026-07-28, server/prompts,
// section Prompt)
type promptEntry struct {
	Name        string           `json:"name"`
	Title       string           `json:"title,omitzero"`
	Description string           `json:"description,omitzero"`
	Arguments   []promptArgument `json:"arguments,omitempty"`
	Icons       []Icon           `json:"icons,omitempty"`
	Meta        map[string]any   `json:"_meta,omitempty"`
}

type promptArgument struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitzero"`
	Description string `json:"description,omitzero"`
	Required    bool   `json:"required,omitzero"`
}

func (promptSurface) form(e *entry, set *settings, _ wire.Wire) (any, error) {
	prompt := promptEntry{Name: e.listedAs, Title: set.title, Description: set.description, Icons: set.icons, Meta: set.meta}
	var schema struct {
		Properties map[string]jsontext.Value `json:"properties"`
	}
	if err := json.Unmarshal(e.args.Schema(), &schema); err != nil {
		return nil, err
	}
	required := e.args.Required()
	for _, name := range e.args.Names() {
		var property struct {
			Title       string `json:"title"`
			Description string `json:"description"`
		}
		if err := json.Unmarshal(schema.Properties[name], &property); err != nil {
			return nil, err
		}
		prompt.Arguments = append(prompt.Arguments, promptArgument{name, property.Title, property.Description, slices.Contains(required, name)})
	}
	return prompt, nil
}

// getPrompt serves prompts/get. (specification 2026-07-28, server/prompts, section Getting a
// Prompt)
func (s *Server) getPrompt(x *wire.Exchange) error {
	name, ok := jsonrpc.Text(x.Message.Name)
	if !ok {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.name must be a string: the name of a prompt"}
	}
	registry := s.registry.Load()
	e, ok := registry.prompts[name]
	if !ok {
		return s.unknown(prompts, name)
	}
	c, sent := s.newCall(x, e, nil), map[string]string{}
	if x.Message.Arguments != nil && string(x.Message.Arguments) != "null" {
		if err := json.Unmarshal(x.Message.Arguments, &sent); err != nil || x.Message.Arguments[0] != '{' {
			return c.unlessHidden(&Error{Code: jsonrpc.InvalidParams, Message: "params.arguments must be an object of strings"})
		}
	}
	if err := c.setStrings(sent); err != nil {
		return c.unlessHidden(err)
	}
	if err := c.execute(e.handler); err != nil {
		return c.failPrompt(err)
	}
	return c.reply("messages", registry.resultTail)
}

// setStrings takes arguments that are strings on the wire.
func (c *Call) setStrings(sent map[string]string) error {
	values := url.Values{}
	for name, value := range sent {
		values[name] = []string{value}
	}
	arguments, err := c.entry.args.Query(values)
	if err != nil {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.arguments must be UTF-8"}
	}
	c.arguments = arguments
	return nil
}

// failPrompt names the missing arguments apart from the wrong ones.
func (c *Call) failPrompt(err error) error {
	var bad *binding.Error
	if !errors.As(err, &bad) {
		return c.failEntry(err)
	}
	data := map[string]any{"fields": bad.Fields}
	var missing []string
	for _, f := range bad.Fields {
		if f.Rule == "required" {
			missing = append(missing, f.Path)
		}
	}
	if missing != nil {
		data["missing"] = missing
	}
	return c.failEntry(&Error{Code: jsonrpc.InvalidParams, Message: summary(bad), Data: data})
}

// wireMessage is a PromptMessage.
type wireMessage struct {
	Role    string       `json:"role"`
	Content content.Form `json:"content"`
}

var messageTypes = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[[]string](), reflect.TypeFor[Message](), reflect.TypeFor[[]Message](), reflect.TypeFor[any](),
}

func isMessages(t reflect.Type) bool { return slices.Contains(messageTypes, t) }

func (promptSurface) encode(c *Call, v any) (err error) {
	c.answer.items, err = encodeMessages(v, c.door.Links())
	return err
}

func (promptSurface) encodeJSON(c *Call, b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errors.New("mcpecho: a prompt was answered with something else than text")
	}
	return c.encode(text)
}

func (promptSurface) encodeMedia(c *Call, media string, body []byte) error {
	return c.encode(blockOf(c, media, body))
}

// encodeMessages writes what a prompt rendered.
func encodeMessages(v any, links bool) ([]byte, error) {
	var messages []Message
	switch v := v.(type) {
	case string:
		messages = []Message{{Content: content.Text{Text: v}}}
	case []string:
		for _, s := range v {
			messages = append(messages, Message{Content: content.Text{Text: s}})
		}
	case Message:
		messages = []Message{v}
	case []Message:
		messages = v
	default:
		return nil, fmt.Errorf("mcpecho: a prompt rendered a %T: return a string, []string, Message or []Message", v)
	}
	if len(messages) == 0 {
		return nil, errors.New("mcpecho: a prompt rendered no message")
	}
	out := make([]wireMessage, len(messages))
	for i, m := range messages {
		if m.Role == "" {
			m.Role = "user"
		}
		if m.Role != "user" && m.Role != "assistant" {
			return nil, fmt.Errorf("mcpecho: role %q of message %d must be user or assistant", m.Role, i)
		}
		if m.Content == nil {
			return nil, fmt.Errorf("mcpecho: message %d has no content", i)
		}
		form, err := content.FormOf(m.Content, links)
		if err != nil {
			return nil, err
		}
		out[i] = wireMessage{m.Role, form}
	}
	return binding.Marshal(out)
}
