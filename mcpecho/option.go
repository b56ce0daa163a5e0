package mcpecho

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/mcpecho/kit/mcpecho/content"
)

// Option configures a spec: [Describe], [Title], [Annotate], [Hint], [Meta], [Icons],
// [InputSchema], [OutputSchema], [StructuredContent], [Format], [Text], [MIMEType], [Name],
// [Complete], [Nullable], [Route], [Unbounded], [Unnarrowed], [NoTransaction], [Discloses], the
// chain edits [Before], [After], [Replace] and [Without], and every [Step]. Only this package can
// make new kinds of option.
type Option interface {
	apply(*settings)
}

// settings is what the options of one spec add up to.
type settings struct {
	name               string // of a resource
	title, description string
	annotations        []Annotation
	meta               map[string]any
	icons              []Icon
	inputSchema        []byte
	nullable           bool
	mimeType           string
	hints              *content.Hints
	completers         map[string]Completer
	format             OutputFormat
	summary            func(v any) ([]byte, error)
	summaryOf          reflect.Type
	structured, schema *bool
	route              *route

	unbounded, untransacted, unnarrowed, discloses string // reasons
	returns                                        bool
	steps                                          []Step
	edits                                          []edit
	errs                                           []string
}

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// given returns opts, with one more that makes Add fail when what the spec needs is not there.
func given(there bool, what string, opts []Option) []Option {
	if there {
		return opts
	}
	return append(slices.Clip(opts), optionFunc(func(s *settings) { s.errs = append(s.errs, what) }))
}

func (s Step) apply(o *settings) { o.steps = append(o.steps, s) }

// Describe sets the description, the text by which a model decides whether to use the spec. Without
// one a model has only the name.
func Describe(text string) Option {
	return optionFunc(func(s *settings) { s.description = text })
}

// Title sets the human-readable name for display. Default: none, clients then show the name.
func Title(text string) Option {
	return optionFunc(func(s *settings) { s.title = text })
}

// Meta adds a member to the `_meta` of the list entry. Keys follow the rule of the specification
// (basic, section `_meta`): a reverse-DNS prefix, a slash, a name. Prefixes reserved for MCP are
// refused at Add.
func Meta(key string, value any) Option {
	return optionFunc(func(s *settings) {
		prefix, _, found := strings.Cut(key, "/")
		labels := strings.Split(prefix, ".")
		if !found || (len(labels) > 1 && (labels[1] == "modelcontextprotocol" || labels[1] == "mcp")) {
			s.errs = append(s.errs, fmt.Sprintf("meta key %q must have a prefix of your own, as in com.example/%s", key, key))
			return
		}
		if s.meta == nil {
			s.meta = map[string]any{}
		}
		s.meta[key] = value
	})
}

// Icon is a picture that clients may show beside a spec or a server. (specification 2026-07-28,
// basic, section `icons`)
type Icon struct {
	// Src is an https: or data: URI. Any other scheme is refused at Add.
	Src string `json:"src"`
	// MIMEType, optional, as in "image/png".
	MIMEType string `json:"mimeType,omitzero"`
	// Sizes, optional, as in "48x48" or "any".
	Sizes []string `json:"sizes,omitempty"`
	// Theme, optional: "light" or "dark".
	Theme string `json:"theme,omitzero"`
}

func (i Icon) check() string {
	scheme, _, _ := strings.Cut(strings.ToLower(i.Src), ":")
	if scheme != "https" && scheme != "data" {
		return fmt.Sprintf("icon %.40q must be an https: or data: URI", i.Src)
	}
	if i.Theme != "" && i.Theme != "light" && i.Theme != "dark" {
		return fmt.Sprintf("icon theme %q must be light or dark", i.Theme)
	}
	return ""
}

// Icons sets the icons of the list entry. Default: none.
func Icons(icons ...Icon) Option {
	return optionFunc(func(s *settings) {
		for _, i := range icons {
			if msg := i.check(); msg != "" {
				s.errs = append(s.errs, msg)
			}
		}
		s.icons = append(s.icons, icons...)
	})
}

// Annotation is a hint about a tool's behaviour for clients that ask a human before a risky call.
// Hints are never used for access decisions.
type Annotation struct {
	key   string
	value bool
}

// ReadOnly says whether the tool leaves its environment unchanged. Default: true for selectors,
// false for services.
func ReadOnly(v bool) Annotation { return Annotation{"readOnlyHint", v} }

// Destructive says whether the tool may delete or overwrite. Default: true for services that are
// not read-only.
func Destructive(v bool) Annotation { return Annotation{"destructiveHint", v} }

// Idempotent says whether repeating a call with the same arguments changes nothing more. Default:
// not stated.
func Idempotent(v bool) Annotation { return Annotation{"idempotentHint", v} }

// OpenWorld says whether the tool reaches systems beyond the application. Default: not stated.
func OpenWorld(v bool) Annotation { return Annotation{"openWorldHint", v} }

// Annotate sets behaviour hints. They win over those derived from the kind.
func Annotate(hints ...Annotation) Option {
	return optionFunc(func(s *settings) { s.annotations = append(s.annotations, hints...) })
}

// Hint sets the annotations of a resource: its audience and priority.
func Hint(h content.Hints) Option {
	return optionFunc(func(s *settings) {
		if err := h.Check(); err != nil {
			s.errs = append(s.errs, err.Error())
		}
		s.hints = &h
	})
}

// InputSchema brings a hand-written JSON Schema 2020-12 for the arguments instead of the one
// generated from the input type. It is listed as written ($defs, allOf, if/then and so on included)
// and enforced. A `$ref` that leaves the schema, an invalid schema and a root that is not an object
// are refused at Add.
func InputSchema(schema string) Option {
	return optionFunc(func(s *settings) { s.inputSchema = []byte(schema) })
}

// Nullable makes a [Retrieve] answer a missing row with a null result. Default: an error of type
// not_found.
func Nullable() Option {
	return optionFunc(func(s *settings) { s.nullable = true })
}
