package paginate

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
)

// Page is what Run found out about a page, and what Wrap makes the envelope from.
type Page struct {
	// Page is the number of the page, from 1; 0 with Keyset.
	Page int
	// Limit is the number of rows asked for, lowered to the maximum.
	Limit int
	// Total is the number of rows on all pages; 0 with Keyset, which does not count them.
	Total int64

	keyset *keyset
}

// TotalPages is the number of pages, at least 1.
func (p *Page) TotalPages() int64 {
	limit := int64(p.Limit)
	return max(1, p.Total/limit+min(1, p.Total%limit))
}

// HasNext reports whether a numbered page has another one after it.
func (p *Page) HasNext() bool { return int64(p.Page) < p.TotalPages() }

// Envelope is a numbered page as its reader sees it.
type Envelope[T any] struct {
	Items      []T   `json:"items"`
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	HasNext    bool  `json:"hasNext"`
}

// CursorEnvelope is a page with Keyset as its reader sees it. NextCursor is empty on the last page.
type CursorEnvelope[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor,omitzero"`
}

// envelope and cursorEnvelope are the same for items whose type is known only at run time.
type (
	envelope struct {
		Items      any   `json:"items"`
		Page       int   `json:"page"`
		Limit      int   `json:"limit"`
		Total      int64 `json:"total"`
		TotalPages int64 `json:"totalPages"`
		HasNext    bool  `json:"hasNext"`
	}
	cursorEnvelope struct {
		Items      any    `json:"items"`
		NextCursor string `json:"nextCursor,omitzero"`
	}
)

// Links are the ways to other pages: by the relation of a link, as next, the arguments that differ.
func (e envelope) Links() map[string]url.Values {
	to := func(page int64) url.Values { return url.Values{"page": {strconv.FormatInt(page, 10)}} }
	links := map[string]url.Values{"first": to(1), "last": to(e.TotalPages)}
	if e.Page > 1 {
		links["prev"] = to(min(int64(e.Page)-1, e.TotalPages))
	}
	if e.HasNext {
		links["next"] = to(int64(e.Page) + 1)
	}
	return links
}

// Links is the way to the next page, if there is one.
func (e cursorEnvelope) Links() map[string]url.Values {
	if e.NextCursor == "" {
		return nil
	}
	return map[string]url.Values{"next": {"cursor": {e.NextCursor}}}
}

// Wrap returns the envelope of the page, to be encoded as JSON; it decodes into an [Envelope] or a
// [CursorEnvelope]. Rows is the slice that was read with the query of Run. Items is what is shown
// for them, one for each row: rows itself, or another slice in the same order. With Keyset rows may
// have one more than Limit; its item is left off.
func (p *Page) Wrap(rows, items any) (any, error) {
	r, i := reflect.Indirect(reflect.ValueOf(rows)), reflect.Indirect(reflect.ValueOf(items))
	if r.Kind() != reflect.Slice || i.Kind() != reflect.Slice || r.Len() != i.Len() {
		return nil, fmt.Errorf("paginate: Wrap got %T and %T; give it two slices of the same length", rows, items)
	}
	if i.IsNil() {
		i = reflect.MakeSlice(i.Type(), 0, 0) // encoding/json would write null
	}
	if p.keyset == nil {
		return envelope{i.Interface(), p.Page, p.Limit, p.Total, p.TotalPages(), p.HasNext()}, nil
	}
	if r.Len() <= p.Limit {
		_, err := p.keyset.next(r.Len(), -1)
		return cursorEnvelope{Items: i.Interface()}, err
	}
	next, err := p.keyset.next(r.Len(), p.Limit-1)
	return cursorEnvelope{i.Slice(0, p.Limit).Interface(), next}, err
}

// EnvelopeSchema returns the schema of what Wrap returns, with items as the schema of one item. The
// $defs of items move to the envelope, so that references to them still resolve.
func (p *Paginator) EnvelopeSchema(items *jsonschema.Schema) *jsonschema.Schema {
	item := items.CloneSchemas()
	defs := item.Defs
	item.Defs = nil
	s := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{"items": {Type: "array", Items: item}},
		Required:             []string{"items"},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
		Defs:                 defs,
		PropertyOrder:        []string{"items"},
	}
	add := func(name, typ string, minimum float64, description string) {
		field := &jsonschema.Schema{Type: typ, Description: description}
		if typ == "integer" {
			field.Minimum = &minimum
		}
		s.Properties[name] = field
		s.PropertyOrder = append(s.PropertyOrder, name)
	}
	if p.cfg.Keyset {
		add("nextCursor", "string", 0, "Argument cursor of the next page; absent on the last one.")
		return s
	}
	add("page", "integer", 1, "Number of this page.")
	add("limit", "integer", 1, "Rows per page, as used.")
	add("total", "integer", 0, "Rows on all pages.")
	add("totalPages", "integer", 1, "")
	add("hasNext", "boolean", 0, "")
	s.Required = s.PropertyOrder
	return s
}
