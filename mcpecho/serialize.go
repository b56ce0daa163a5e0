package mcpecho

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho/content"
)

// serialize is the core's own serialize step.
func serialize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if err := CallFrom(ec).Serialize(nil); err != nil {
			return err
		}
		return next(ec)
	}
}

// Serialize encodes what the chain has made as the result of the call; it is the work of a
// serialize step. convert, if not nil, maps it: the []Row of a selector, the Row of a retrieve, the
// result of a service. A result above [Config.MaxResultBytes] is refused with advice, never cut.
// What the handler wrote to the response is the result as it is.
func (c *Call) Serialize(convert func(v any) (any, error)) error {
	if c.capture.Status() != 0 {
		return c.takeWritten()
	}
	made, err := c.made()
	if err != nil {
		return err
	}
	if made == nil && c.entry.spec.row != nil { // a row that was not found
		return c.encode(nil)
	}
	c.answer.fetched = made
	value := made
	if convert != nil {
		if value, err = convert(made); err != nil {
			return err
		}
	}
	if c.answer.wrap != nil {
		if value, err = c.answer.wrap(made, value); err != nil {
			return err
		}
		c.notePages(value)
	}
	return c.encode(value)
}

// made is what there is to serialize: the rows of a query, or else a result.
func (c *Call) made() (any, error) {
	if c.answer.found {
		return c.answer.fetched, nil
	}
	v := c.answer.result
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && p.IsNil() {
		return nil, fmt.Errorf("mcpecho: %s returned a nil %s without an error", c.entry.name, p.Type())
	}
	return v, nil
}

// encode turns the value that the chain ended with into what is sent: the items of content,
// contents or messages, and the structured content of a tool. A result above
// [Config.MaxResultBytes] is refused.
func (c *Call) encode(v any) (err error) {
	defer func() {
		if err != nil { // what is not sent is no answer, also where a middleware drops the error
			c.answer.structured, c.answer.items, c.answer.text = nil, nil, nil
		}
	}()
	if i := c.invoked(); i != nil && i.take != nil {
		i.value, err = i.take(c, v)
		c.answer.items = taken
		return err
	}
	if err = c.entry.surface.encode(c, v); err != nil {
		return fmt.Errorf("mcpecho: the result of %s cannot be encoded: %w", c.entry.name, err)
	}
	if size, max := max(len(c.answer.structured), len(c.answer.items), len(c.answer.text)), c.server.cfg.MaxResultBytes; size > max {
		return &ToolError{Type: TypeTooLarge, Message: fmt.Sprintf(
			"the result has %d bytes, more than the %d allowed: ask for fewer rows or a smaller page", size, max)}
	}
	return nil
}

// settleResult serializes what a step has set in the handler's place.
func (c *Call) settleResult() error {
	v := c.answer.result
	if v == nil || reflect.TypeOf(v) != c.entry.spec.resultType() {
		if err := c.lookAtNothing(); err != nil {
			return err
		}
		b, err := encodeAny(v)
		if err != nil {
			return err
		}
		return c.setEncoded(b)
	}
	if c.entry.spec.row != nil {
		c.answer.fetched, c.answer.found = v, true
		if err := c.checkRows(c.inherited.rows, v); err != nil {
			return err
		}
	}
	if err := c.entry.looks(c); err != nil {
		return err
	}
	if err := c.entry.serialize(c); err != nil || c.entry.kind != KindSelector {
		return err
	}
	return c.fits(c.answer.structured) // a paged list has an envelope, which only its query could fill
}

var errNoLook = errors.New("mcpecho: an answer in the place of rows cannot be checked by the row permissions of the spec: " +
	"set the rows themselves with Call.SetResult")

// lookAtNothing asks the row permissions about an answer that has no rows to look at.
func (c *Call) lookAtNothing() error {
	if c.permitsRows(c.entry.spec.row) {
		return errNoLook
	}
	return c.entry.looks(c)
}

// encodeAny encodes a result whose type the spec does not know.
func encodeAny(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return []byte("null"), nil
	case jsontext.Value:
		return v, nil
	}
	return binding.Marshal(v)
}

// setEncoded takes JSON that no Go type vouches for: it is checked against the schema that clients
// were told.
func (c *Call) setEncoded(b []byte) error {
	if err := c.fits(b); err != nil {
		return err
	}
	return c.entry.surface.encodeJSON(c, b)
}

// fits checks JSON against the output schema of a tool that has one.
func (c *Call) fits(b []byte) error {
	if c.entry.output == nil || b == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if err := c.entry.output.Validate(v); err != nil {
		return fmt.Errorf("mcpecho: the result that was written or set does not fit the output schema: %w", err)
	}
	return nil
}

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

// Settle makes the result of the call final: what a step or the handler has set or written instead
// of the serialize step is encoded and checked like its result. A step that commits something calls
// it after its successor and before it commits, so that nothing is committed whose result cannot be
// sent. It fails when there is no result.
func (c *Call) Settle() error {
	switch {
	case c.answer.finished():
		return nil
	case c.capture.Status() != 0:
		if err := c.lookAtNothing(); err != nil {
			return err
		}
		return c.takeWritten()
	case c.answer.set:
		return c.settleResult()
	}
	return errNoResult
}

// taken stands in an answer whose value Go code has taken as it is.
var taken = []byte{}
