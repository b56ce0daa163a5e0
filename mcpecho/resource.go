package mcpecho

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/location"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/mcpecho/content"
)

// maxURIBytes bounds a URI before it is matched.
const maxURIBytes = location.MaxBytes

// Resource makes a spec of something to read at a URI. uriTemplate is a fixed URI or an RFC 6570
// template, as "invoices://{pk}", whose variables are the fields of In: decoded, validated and
// passed like the arguments of a tool. A fixed URI wins over a template that matches too. A value
// has no slash, unless its variable is written {+path}; then it is a path without . and .., which
// does not begin with a slash: write file:///{+path}. A URI of more than 2 KiB matches nothing.
//
// Out decides the contents: a string is text, []byte and io.Reader are binary, [content.Contents]
// or a slice of them say it themselves, everything else is JSON. [MIMEType] sets the type that
// clients see. To publish a [Selector] or [Retrieve] with the steps it has, use [Spec.AsResource].
func Resource[In, Out any](uriTemplate string, fn func(c *Call, in In) (Out, error), opts ...Option) *Spec {
	s := Service("", fn, opts...)
	s.name, s.kind, s.surface, s.uri = uriTemplate, KindResource, onResources, uriTemplate
	return s
}

// AsResource publishes the spec as a resource at a URI or URI template whose variables are
// arguments of the spec. The chain is the same, so a resource is never weaker than the tool; the
// spec itself is unchanged. Options are added to those of the spec, its [Route] left out. It is not
// for prompts.
func (s *Spec) AsResource(uriTemplate string, opts ...Option) *Spec {
	if s == nil {
		return nil // which Add refuses
	}
	r := *s
	r.surface, r.uri = onResources, uriTemplate
	r.options = append(withoutRoutes(s.options), opts...)
	return &r
}

// MIMEType sets the type of a resource's contents. Default: text/plain for strings,
// application/octet-stream for binary, application/json otherwise.
func MIMEType(t string) Option {
	return optionFunc(func(s *settings) { s.mimeType = t })
}

// resourceSurface is that of resources and their templates.
type resourceSurface struct{}

func (resourceSurface) String() string { return "resource" }

func (resourceSurface) list(e *entry) listKind {
	if e.location.Fixed() {
		return resources
	}
	return templates
}

func (resourceSurface) settle(e *entry, _ *Server, set *settings) (err error) {
	if set.name != "" {
		e.name = joinName(e.group.prefix, set.name)
	}
	e.listedAs = e.name
	e.location, err = location.New(e.spec.uri)
	return err
}

func (resourceSurface) check(e *entry, set *settings, _ *Definition) error {
	switch {
	case isBlocks(e.resultType()):
		return errors.New("a resource answers with Contents, not with content blocks")
	case len(e.completers) > 0 && e.location.Fixed():
		return errNoCompletion
	}
	return e.checkNoOutput(set)
}

func (resourceSurface) compile(e *entry, set *settings, def *Definition) error {
	e.mimeType = set.mimeType
	switch {
	case e.mimeType != "":
	case e.kind == KindSelector || e.kind == KindRetrieve:
		e.mimeType = "application/json"
	default:
		e.mimeType = defaultMIMEType(def.Result)
	}
	return checkVariables(e.location.Vars(), e.args)
}

func (resourceSurface) unknown(c *Call) error {
	if c.exchange().Message.Method == "completion/complete" {
		return errNoTemplate()
	}
	return notFound(c.exchange(), c.uri)
}

// checkVariables makes sure that every variable of a URI template is an argument, and that no
// argument is required which no URI can give.
func checkVariables(vars []string, args *binding.Args) error {
	names := args.Names()
	for _, v := range vars {
		if !slices.Contains(names, v) {
			return fmt.Errorf("URI variable {%s} is not an argument of the spec", v)
		}
	}
	for _, name := range args.Required() {
		if !slices.Contains(vars, name) {
			return fmt.Errorf("argument %q is required: put {%s} into the URI, or make it optional", name, name)
		}
	}
	return nil
}

// uriOf is the params.uri of a request.
func uriOf(x *wire.Exchange) (string, error) {
	uri, ok := jsonrpc.Text(x.Message.URI)
	if !ok {
		return "", &Error{Code: jsonrpc.InvalidParams, Message: "params.uri must be a string"}
	}
	return uri, nil
}

// notFound is the answer to a URI that nothing is read at. (specification 2026-07-28,
// server/resources, section Error Handling; the revisions before it have a code of their own)
func notFound(x *wire.Exchange, uri string) error {
	return &Error{
		Code: x.Wire.ResourceNotFound(), Message: "Resource not found",
		Data: map[string]any{"uri": wire.Clip(uri, maxURIBytes)},
	}
}

// readResource serves resources/read. (specification 2026-07-28, server/resources, section Reading
// Resources)
func (s *Server) readResource(x *wire.Exchange) error {
	uri, err := uriOf(x)
	if err != nil {
		return err
	}
	return s.eachResource(x, uri, func(e *entry, arguments []byte) (hidden bool, err error) {
		c := s.newCall(x, e, arguments)
		c.uri = uri
		if err := c.execute(e.handler); err != nil {
			if c.hidden() && !x.Gone() {
				c.logFailure(c.explain(err), err)
				return true, nil
			}
			return false, c.failResource(err)
		}
		return false, c.reply("contents", s.registry.Load().readTail)
	})
}

// eachResource calls read with what can be read at a URI, the best first, until it returns false:
// one that the caller may not know of does not stand in front of another.
func (s *Server) eachResource(x *wire.Exchange, uri string, read func(e *entry, arguments []byte) (hidden bool, err error)) error {
	r := s.registry.Load()
	for from := 0; ; {
		e, values, next := r.resource(uri, from)
		switch {
		case e == nil && x.Stopped(): // while a permission of a hidden one was asked
			return wire.ErrStopped
		case e == nil:
			return notFound(x, uri)
		}
		arguments, err := e.args.Query(values)
		if err != nil {
			return notFound(x, uri)
		}
		if hidden, err := read(e, arguments); !hidden {
			return err
		}
		from = next
	}
}

// resource finds what is read at a URI: first a fixed one, then the template that was added first.
// The search begins at from, 0 for all; next is where it goes on behind what it has found.
func (r *registry) resource(uri string, from int) (found *entry, values url.Values, next int) {
	if e, ok := r.fixed[uri]; ok && from == 0 {
		return e, nil, 1
	}
	if len(uri) > maxURIBytes {
		return nil, nil, 0
	}
	list := r.lists[templates]
	for i := max(from, 1); i <= len(list); i++ {
		if values, ok := list[i-1].location.Match(uri); ok {
			return list[i-1], values, i + 1
		}
	}
	return nil, nil, 0
}

// failResource gives the causes that mean that the resource does not exist their protocol code.
func (c *Call) failResource(err error) error {
	var bad *binding.Error
	switch {
	case explain(err, c.server.cfg.DB).typ == TypeNotFound:
		return c.failEntry(notFound(c.exchange(), c.uri))
	case errors.As(err, &bad):
		return c.failEntry(&Error{Code: jsonrpc.InvalidParams, Message: summary(bad),
			Data: map[string]any{"uri": wire.Clip(c.uri, maxURIBytes), "fields": bad.Fields}})
	}
	return c.failEntry(err)
}

// resourceEntry is the form of a resource, or of a template, in its list. (specification
// 2026-07-28, server/resources, section Resource)
type resourceEntry struct {
	URI         string         `json:"uri,omitzero"`
	URITemplate string         `json:"uriTemplate,omitzero"`
	Name        string         `json:"name"`
	Title       string         `json:"title,omitzero"`
	Description string         `json:"description,omitzero"`
	MIMEType    string         `json:"mimeType,omitzero"`
	Annotations *content.Hints `json:"annotations,omitzero"`
	Icons       []Icon         `json:"icons,omitempty"`
	Meta        map[string]any `json:"_meta,omitempty"`
}

func (resourceSurface) form(e *entry, set *settings, _ wire.Wire) (any, error) {
	resource := resourceEntry{
		Name: e.name, Title: set.title, Description: set.description, MIMEType: e.mimeType,
		Annotations: set.hints, Icons: set.icons, Meta: set.meta,
	}
	if e.location.Fixed() {
		resource.URI = e.spec.uri
	} else {
		resource.URITemplate = e.spec.uri
	}
	return resource, nil
}

// defaultMIMEType follows the result type.
func defaultMIMEType(out reflect.Type) string {
	switch {
	case out == nil:
		return "application/json"
	case out.Kind() == reflect.String:
		return "text/plain"
	case isBinary(out):
		return "application/octet-stream"
	case isContents(out):
		return ""
	}
	return "application/json"
}

func (resourceSurface) encode(c *Call, v any) (err error) {
	c.answer.items, err = c.encodeContents(v)
	return err
}

func (resourceSurface) encodeJSON(c *Call, b []byte) error { return c.encode(rawJSON(b)) }

func (resourceSurface) encodeMedia(c *Call, media string, body []byte) error {
	return c.encode(content.Contents{Blob: body, MIMEType: media})
}

// encodeContents writes the contents of a resource.
func (c *Call) encodeContents(v any) ([]byte, error) {
	if out := c.entry.spec.out; v == nil && out != nil && isBinary(out) {
		return nil, errNoContents
	}
	switch v := v.(type) {
	case content.Contents:
		return c.one(v)
	case []content.Contents:
		return c.contents(v...)
	case string:
		return c.one(content.Contents{Text: v})
	case []byte:
		return c.one(content.Contents{Blob: append([]byte{}, v...)})
	case io.Reader:
		blob, err := c.readAll(v)
		if err != nil {
			return nil, err
		}
		return c.one(content.Contents{Blob: blob})
	}
	body, err := binding.MarshalResult(v)
	if err != nil {
		return nil, err
	}
	return c.one(content.Contents{Text: string(body)})
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

// one is the contents of a resource that has a single piece of them.
func (c *Call) one(v content.Contents) ([]byte, error) {
	media := v.MIMEType
	if media == "" {
		media = c.entry.mimeType
	}
	if c.bare(media, v.Text, v.Blob) {
		return c.answer.items, nil
	}
	return c.contents(v)
}

func (c *Call) contents(list ...content.Contents) ([]byte, error) {
	if len(list) == 0 {
		return nil, errNoContents
	}
	return content.MarshalContents(list, c.uri, c.entry.mimeType)
}
