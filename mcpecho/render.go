package mcpecho

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/toon"
	"github.com/mcpecho/kit/mcpecho/content"
)

// rawJSON is JSON that is encoded already.
type rawJSON = jsontext.Value

var (
	blockType    = reflect.TypeFor[content.Block]()
	contentsType = reflect.TypeFor[content.Contents]()
	readerType   = reflect.TypeFor[io.Reader]()
)

// isBlocks says whether results of the type are content blocks.
func isBlocks(t reflect.Type) bool {
	return t.Implements(blockType) || t.Kind() == reflect.Slice && t.Elem().Implements(blockType)
}

// isContents says whether results of the type are the contents of resources.
func isContents(t reflect.Type) bool {
	return t == contentsType || t.Kind() == reflect.Slice && t.Elem() == contentsType
}

func isBinary(t reflect.Type) bool {
	return t == reflect.TypeFor[[]byte]() || t.Implements(readerType)
}

// encode turns the value that the chain ended with into what is sent: the
// items of content, contents or messages, and the structured content of a
// tool. A result above [Config.MaxResultBytes] is refused.
func (c *Call) encode(v any) (err error) {
	defer func() {
		if err != nil { // what is not sent is no answer, also where a middleware drops the error
			c.answer.structured, c.answer.items, c.answer.text = nil, nil, nil
		}
	}()
	switch c.entry.surface {
	case onTools:
		err = c.encodeTool(v)
	case onResources:
		c.answer.items, err = c.encodeContents(v)
	default:
		c.answer.items, err = encodeMessages(v, c.exchange.Links())
	}
	if err != nil {
		return fmt.Errorf("mcpecho: the result of %s cannot be encoded: %w", c.entry.name, err)
	}
	if size, max := max(len(c.answer.structured), len(c.answer.items), len(c.answer.text)), c.server.cfg.MaxResultBytes; size > max {
		return &ToolError{Type: TypeTooLarge, Message: fmt.Sprintf(
			"the result has %d bytes, more than the %d allowed: ask for fewer rows or a smaller page", size, max)}
	}
	return nil
}

// encodeTool encodes structured content once. Its text form is made when the
// reply is written, from the same bytes.
func (c *Call) encodeTool(v any) (err error) {
	if out := c.entry.spec.out; v == nil && out != nil && isBlocks(out) {
		return errors.New("there is no content: return at least a content.Text")
	}
	switch v := v.(type) {
	case content.Block:
		c.answer.items, err = encodeBlocks([]content.Block{v}, c.exchange.Links())
		return err
	case []content.Block:
		c.answer.items, err = encodeBlocks(v, c.exchange.Links())
		return err
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.Type().Elem().Implements(blockType) {
		blocks := make([]content.Block, list.Len())
		for i := range blocks {
			blocks[i], _ = list.Index(i).Interface().(content.Block)
		}
		c.answer.items, err = encodeBlocks(blocks, c.exchange.Links())
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
	if c.format != FormatJSON && (c.format == FormatTOON || toon.Uniform(c.answer.structured)) {
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

// OutputFormat is the form of the text block of a tool's answer. Structured
// content is JSON always.
type OutputFormat string

// The output formats.
const (
	// FormatJSON is compact JSON. It is the default.
	FormatJSON OutputFormat = "json"
	// FormatTOON is Token-Oriented Object Notation, which spends fewer tokens
	// on lists of uniform objects.
	FormatTOON OutputFormat = "toon"
	// FormatAuto is TOON for a list of uniform objects and JSON for the rest.
	FormatAuto OutputFormat = "auto"
)

func (f OutputFormat) valid() bool { return f == FormatJSON || f == FormatTOON || f == FormatAuto }

// Format sets the output format of a tool. Default: [Config.OutputFormat]. A
// client may choose another for one call with the member outputFormat of its
// params.
func Format(f OutputFormat) Option {
	return optionFunc(func(s *settings) {
		if !f.valid() {
			s.errs = append(s.errs, fmt.Sprintf("output format %q must be json, toon or auto", string(f)))
		}
		s.format = f
	})
}

// Text makes f's text the text block of a tool's answer, for people and
// models that need no JSON there. Out is the type of the whole result, mapped
// and with its page, or of what it is made of: the Out of a service, the Row of
// a retrieve, the []Row of a list. A null result keeps its JSON.
func Text[Out any](f func(Out) string) Option {
	return optionFunc(func(s *settings) {
		if f == nil {
			s.errs = append(s.errs, "the function of Text is nil")
		}
		s.summary = func(v any) ([]byte, error) {
			out, ok := v.(Out)
			if !ok {
				return nil, fmt.Errorf("mcpecho: Text is for a %s, the result is a %T", reflect.TypeFor[Out](), v)
			}
			return []byte(f(out)), nil
		}
		s.summaryOf = reflect.TypeFor[Out]()
	})
}

// StructuredContent says whether a tool's answers carry structured content
// besides the text. Default: true, or [Config.NoStructuredContent].
// Without it there is no output schema either.
func StructuredContent(v bool) Option {
	return optionFunc(func(s *settings) { s.structured = &v })
}

// OutputSchema says whether a tool advertises the schema of its structured
// content. Default: true, or [Config.NoOutputSchema]. A schema without
// structured content is forbidden (specification 2026-07-28, server/tools,
// section Output Schema) and refused at Add.
func OutputSchema(v bool) Option {
	return optionFunc(func(s *settings) { s.schema = &v })
}

// encodeContents writes the contents of a resource.
func (c *Call) encodeContents(v any) ([]byte, error) {
	if out := c.entry.spec.out; v == nil && out != nil && isBinary(out) {
		return nil, errNoContents
	}
	switch v := v.(type) {
	case content.Contents:
		return c.contents(v)
	case []content.Contents:
		return c.contents(v...)
	case string:
		return c.contents(content.Contents{Text: v})
	case []byte:
		return c.contents(content.Contents{Blob: append([]byte{}, v...)})
	case io.Reader:
		blob, err := c.readAll(v)
		if err != nil {
			return nil, err
		}
		return c.contents(content.Contents{Blob: blob})
	}
	body, err := binding.MarshalResult(v)
	if err != nil {
		return nil, err
	}
	return c.contents(content.Contents{Text: string(body)})
}

// readAll reads a blob up to the limit of a result and closes what it can.
func (c *Call) readAll(r io.Reader) ([]byte, error) {
	if closer, ok := r.(io.Closer); ok {
		defer closer.Close()
	}
	max := c.server.cfg.MaxResultBytes
	blob, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, err
	}
	if len(blob) > max {
		return nil, &ToolError{Type: TypeTooLarge, Message: fmt.Sprintf("the resource has more than the %d bytes allowed", max)}
	}
	if blob == nil {
		blob = []byte{}
	}
	return blob, nil
}

var errNoContents = errors.New("a resource that exists has at least one Contents: return gorm.ErrRecordNotFound for one that does not")

func (c *Call) contents(list ...content.Contents) ([]byte, error) {
	if len(list) == 0 {
		return nil, errNoContents
	}
	return content.MarshalContents(list, c.uri, c.entry.mimeType)
}
