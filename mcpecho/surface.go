package mcpecho

import (
	"errors"
	"fmt"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/wire"
)

// surface is what a spec becomes for clients: a tool, a resource or a prompt. What differs between
// the three are the methods; tool.go, resource.go and prompt.go have them, with all else that is of
// theirs.
type surface interface {
	// String is the word for it.
	String() string
	// list is the list that an entry stands in.
	list(e *entry) listKind
	// settle decides by what name clients find the entry.
	settle(e *entry, s *Server, set *settings) error
	// check refuses result types and options that the surface has no place for.
	check(e *entry, set *settings, def *Definition) error
	// compile settles what depends on the arguments and the result.
	compile(e *entry, set *settings, def *Definition) error
	// form is the entry in its list, as a client on a wire sees it.
	form(e *entry, set *settings, w wire.Wire) (any, error)
	// encode turns what a chain ended with into what is sent. It leaves it in the answer of the
	// call.
	encode(c *Call, v any) error
	// encodeJSON is encode for JSON that no Go type vouches for, encodeMedia for binary data.
	encodeJSON(c *Call, b []byte) error
	encodeMedia(c *Call, media string, body []byte) error
	// unknown is the answer to what does not exist, in the place of the call's.
	unknown(c *Call) error
}

// The surfaces.
var (
	onTools     surface = toolSurface{}
	onResources surface = resourceSurface{}
	onPrompts   surface = promptSurface{}

	surfaces = []surface{onTools, onResources, onPrompts}
)

// settleName settles the name of a tool or prompt.
func (e *entry) settleName(s *Server, set *settings) error {
	if set.name != "" {
		return fmt.Errorf("Name is for resources: a %s has the name that it is made with", e.surface)
	}
	e.listedAs = s.cfg.ToolNames.list(e.name)
	return s.cfg.ToolNames.check(e.name)
}

var errMIMEType = errors.New("MIMEType is for resources: content blocks have their own")

// checkNoOutput refuses the options of a tool's output on other surfaces.
func (e *entry) checkNoOutput(set *settings) error {
	if set.summary != nil || set.format != "" || set.structured != nil || set.schema != nil {
		return fmt.Errorf("Text, Format, StructuredContent and OutputSchema are for tools, not for a %s", e.surface)
	}
	return nil
}

// encodeListed encodes the entry as it stands in its list, for each wire.
func (e *entry) encodeListed(set *settings) error {
	for i, w := range wire.All {
		form, err := e.surface.form(e, set, w)
		if err != nil {
			return err
		}
		if e.listed[i], err = binding.Marshal(form); err != nil {
			return err
		}
	}
	return nil
}
