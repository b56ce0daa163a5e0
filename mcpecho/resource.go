package mcpecho

import (
	"errors"
	"fmt"
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

// Resource makes a spec of something to read at a URI. uriTemplate is a fixed
// URI or an RFC 6570 template, as "invoices://{pk}", whose variables are the
// fields of In: decoded, validated and passed like the arguments of a tool.
// A fixed URI wins over a template that matches too. A value has no slash, unless
// its variable is written {+path}; then it is a path without . and .., which
// does not begin with a slash: write file:///{+path}. A URI of more than 2 KiB
// matches nothing.
//
// Out decides the contents: a string is text, []byte and io.Reader are binary,
// [content.Contents] or a slice of them say it themselves, everything else is JSON.
// [MIMEType] sets the type that clients see. To publish a [Selector] or
// [Retrieve] with the steps it has, use [Spec.AsResource].
func Resource[In, Out any](uriTemplate string, fn func(c *Call, in In) (Out, error), opts ...Option) *Spec {
	s := Service("", fn, opts...)
	s.name, s.kind, s.surface, s.uri = uriTemplate, KindResource, onResources, uriTemplate
	return s
}

// AsResource publishes the spec as a resource at a URI or URI template whose
// variables are arguments of the spec. The chain is the same, so a resource
// is never weaker than the tool; the spec itself is unchanged. Options are
// added to those of the spec.
func (s *Spec) AsResource(uriTemplate string, opts ...Option) *Spec {
	if s == nil {
		return nil // which Add refuses
	}
	r := *s
	r.surface, r.uri = onResources, uriTemplate
	r.options = append(slices.Clip(s.options), opts...)
	return &r
}

// MIMEType sets the type of a resource's contents. Default: text/plain for
// strings, application/octet-stream for binary, application/json otherwise.
func MIMEType(t string) Option {
	return optionFunc(func(s *settings) { s.mimeType = t })
}

// checkVariables makes sure that every variable of a URI template is an argument, and that no argument
// is required which no URI can give.
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

// notFound is the answer to a URI that nothing is read at.
// (specification 2026-07-28, server/resources, section Error Handling; the
// revisions before it have a code of their own)
func notFound(x *wire.Exchange, uri string) error {
	return &Error{
		Code: x.Wire.ResourceNotFound(), Message: "Resource not found",
		Data: map[string]any{"uri": wire.Clip(uri, maxURIBytes)},
	}
}

// readResource serves resources/read.
// (specification 2026-07-28, server/resources, section Reading Resources)
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

// failResource gives the causes that mean that the resource does not exist
// their protocol code.
func (c *Call) failResource(err error) error {
	var bad *binding.Error
	switch {
	case explain(err, c.server.cfg.DB).typ == TypeNotFound:
		return c.failEntry(notFound(c.exchange, c.uri))
	case errors.As(err, &bad):
		return c.failEntry(&Error{Code: jsonrpc.InvalidParams, Message: summary(bad),
			Data: map[string]any{"uri": wire.Clip(c.uri, maxURIBytes), "fields": bad.Fields}})
	}
	return c.failEntry(err)
}

// resourceEntry is the form of a resource, or of a template, in its list.
// (specification 2026-07-28, server/resources, section Resource)
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

func (t *entry) resourceEntry(set *settings) resourceEntry {
	e := resourceEntry{
		Name: t.name, Title: set.title, Description: set.description, MIMEType: t.mimeType,
		Annotations: set.hints, Icons: set.icons, Meta: set.meta,
	}
	if t.location.Fixed() {
		e.URI = t.spec.uri
	} else {
		e.URITemplate = t.spec.uri
	}
	return e
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
