package mcpecho

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpecho/kit/binding"
)

// OutputFormat is the form of the text block of a tool's answer. Structured content is JSON always.
type OutputFormat string

// The output formats.
const (
	// FormatJSON is compact JSON. It is the default.
	FormatJSON OutputFormat = "json"
	// FormatTOON is Token-Oriented Object Notation, which spends fewer tokens on lists of uniform
	// objects.
	FormatTOON OutputFormat = "toon"
	// FormatAuto is TOON for a list of uniform objects and JSON for the rest.
	FormatAuto OutputFormat = "auto"
)

func (f OutputFormat) valid() bool { return f == FormatJSON || f == FormatTOON || f == FormatAuto }

// Format sets the output format of a tool. Default: [Config.OutputFormat]. A client may choose
// another for one call with the member outputFormat of its params.
func Format(f OutputFormat) Option {
	return optionFunc(func(s *settings) {
		if !f.valid() {
			s.errs = append(s.errs, fmt.Sprintf("output format %q must be json, toon or auto", string(f)))
		}
		s.format = f
	})
}

// Text makes f's text the text block of a tool's answer, for people and models that need no JSON
// there. Out is the type of the whole result, mapped and with its page, or of what it is made of:
// the Out of a service, the Row of a retrieve, the []Row of a list. A null result keeps its JSON.
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

// StructuredContent says whether a tool's answers carry structured content besides the text.
// Default: true, or [Config.NoStructuredContent]. Without it there is no output schema either.
func StructuredContent(v bool) Option {
	return optionFunc(func(s *settings) { s.structured = &v })
}

// OutputSchema says whether a tool advertises the schema of its structured content. Default: true,
// or [Config.NoOutputSchema]. A schema without structured content is forbidden (specification
// 2026-07-28, server/tools, section Output Schema) and refused at Add.
func OutputSchema(v bool) Option {
	return optionFunc(func(s *settings) { s.schema = &v })
}

// compileOutput settles what the results of a tool look like.
func (e *entry) compileOutput(set *settings, def *Definition) error {
	cfg := &def.server.cfg
	structured := choose(set.structured, !cfg.NoStructuredContent)
	advertised := choose(set.schema, structured && !cfg.NoOutputSchema)
	if advertised && !structured {
		return errors.New("an output schema without structured content is forbidden: turn OutputSchema off too")
	}
	e.structured = structured && def.output != nil
	e.format = cfg.OutputFormat
	if set.format != "" {
		e.format = set.format
	}
	if def.output == nil {
		return nil
	}
	output := def.output
	for _, wrap := range def.wraps {
		output = wrap(output)
	}
	output = binding.RootSchema(output)
	e.object = output.Type == "object"
	if isAnything(output) {
		return nil // a schema that says nothing is not advertised
	}
	var err error
	if e.output, err = output.Resolve(nil); err != nil {
		return fmt.Errorf("its output schema: %w", err)
	}
	if advertised {
		e.advertised, err = binding.MarshalSchema(output)
	}
	return err
}

func choose(explicit *bool, otherwise bool) bool {
	if explicit != nil {
		return *explicit
	}
	return otherwise
}

func isAnything(s *jsonschema.Schema) bool {
	b, err := binding.Marshal(s)
	return err == nil && (string(b) == "{}" || string(b) == "true")
}
