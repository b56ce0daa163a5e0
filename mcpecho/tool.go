package mcpecho

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
)

// tool is a spec as one server runs it: everything that can be worked out
// once is worked out here.
type tool struct {
	name  string
	kind  Kind
	spec  *Spec
	group *Group

	chain    Chain
	run      echo.HandlerFunc
	foreign  bool
	nullable bool

	args  *binding.Args
	parts []reflect.Type

	// output is nil for a tool without structured content.
	output *jsonschema.Resolved
	// object says whether every result is a JSON object, which dated clients
	// require of structuredContent.
	object bool

	entry [2][]byte // the list entry for each wire
}

// newTool compiles a spec. The caller holds the server's mutex.
func newTool(g *Group, spec *Spec) (*tool, error) {
	t := &tool{name: g.prefix + spec.name, kind: spec.kind, spec: spec, group: g}
	if err := t.build(g.server, g.inherited()); err != nil {
		return nil, fmt.Errorf("mcpecho: cannot add %s %q: %w", spec.kind, t.name, err)
	}
	return t, nil
}

func (t *tool) build(s *Server, inherited []Step) error {
	var set settings
	for _, o := range t.spec.options {
		o.apply(&set)
	}
	if len(set.errs) > 0 {
		return errors.New(strings.Join(set.errs, "; "))
	}
	if err := checkName(t.name); err != nil {
		return err
	}
	if set.nullable && t.kind != KindRetrieve {
		return errors.New("Nullable is for Retrieve: other kinds have no missing row")
	}
	t.nullable = set.nullable

	chain, err := newChain(t.kind, inherited, set.steps, t.coreSteps(), set.edits)
	if err != nil {
		return err
	}
	def, err := t.define(s, &set)
	if err != nil {
		return err
	}
	if err := describe(chain.steps, def); err != nil {
		return err
	}
	t.chain, t.run, t.foreign = chain, chain.compile(), chain.foreign()

	if set.inputSchema != nil {
		t.args, err = binding.CompileWithSchema(set.inputSchema, def.parts...)
	} else {
		t.args, err = binding.Compile(def.parts...)
	}
	if err != nil {
		return err
	}
	for _, p := range def.parts {
		t.parts = append(t.parts, p.Type)
	}

	output := def.output
	for _, wrap := range def.wraps {
		output = wrap(output)
	}
	if err := t.setOutput(output); err != nil {
		return err
	}
	return t.encodeEntries(&set, output)
}

// define starts the definition with what the spec's own types say.
func (t *tool) define(s *Server, set *settings) (*Definition, error) {
	def := &Definition{Name: t.name, Kind: t.kind, server: s, parts: []binding.Part{{Type: t.spec.in}}}
	def.Idempotent = t.annotations(set.annotations)["idempotentHint"]
	result := t.spec.out
	if t.spec.row != nil {
		row, err := s.modelSchema(t.spec.row)
		if err != nil {
			return nil, fmt.Errorf("%s is not a gorm model: %w", t.spec.row, err)
		}
		def.Row, result = row, t.spec.row
	}
	if result.Kind() == reflect.Pointer && t.kind == KindService {
		result = result.Elem() // a service that succeeds returns a value
	}
	def.Result = result
	if err := def.SetOutput(result); err != nil {
		return nil, err
	}
	if t.kind == KindSelector {
		// Registered first, so that the envelope of a later step wraps the list.
		def.WrapOutput(func(item *jsonschema.Schema) *jsonschema.Schema {
			return &jsonschema.Schema{Type: "array", Items: item}
		})
	}
	if t.nullable {
		def.WrapOutput(func(row *jsonschema.Schema) *jsonschema.Schema {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{row, {Type: "null"}}}
		})
	}
	return def, nil
}

// describe lets each step contribute. It fills in Func where Describe made one.
func describe(steps []Step, def *Definition) error {
	for i := range steps {
		def.Func = steps[i].Func
		if steps[i].Describe != nil {
			if err := steps[i].Describe(def); err != nil {
				return fmt.Errorf("step %q: %w", steps[i].Name, err)
			}
		}
		if def.Func == nil {
			return fmt.Errorf("step %q has neither Func nor a Describe that makes one", steps[i].Name)
		}
		steps[i].Func = def.Func
	}
	return nil
}

// setOutput keeps the schema that results are bound to. A schema that says
// nothing is not advertised.
func (t *tool) setOutput(output *jsonschema.Schema) error {
	if output == nil || isAnything(output) {
		return nil
	}
	resolved, err := output.Resolve(nil)
	if err != nil {
		return fmt.Errorf("its output schema: %w", err)
	}
	t.output, t.object = resolved, output.Type == "object"
	return nil
}

func isAnything(s *jsonschema.Schema) bool {
	b, err := binding.Marshal(s)
	return err == nil && (string(b) == "{}" || string(b) == "true")
}

// listEntry is the form of a tool in tools/list.
// (specification 2026-07-28, server/tools, section Tool)
type listEntry struct {
	Name         string          `json:"name"`
	Title        string          `json:"title,omitzero"`
	Description  string          `json:"description,omitzero"`
	InputSchema  jsontext.Value  `json:"inputSchema"`
	OutputSchema jsontext.Value  `json:"outputSchema,omitzero"`
	Annotations  map[string]bool `json:"annotations,omitempty"`
	Icons        []Icon          `json:"icons,omitempty"`
	Meta         map[string]any  `json:"_meta,omitempty"`
}

func (t *tool) encodeEntries(set *settings, output *jsonschema.Schema) error {
	entry := listEntry{
		Name: t.name, Title: set.title, Description: set.description,
		InputSchema: t.args.Schema(), Annotations: t.annotations(set.annotations),
		Icons: set.icons, Meta: set.meta,
	}
	var schema jsontext.Value
	if t.output != nil {
		b, err := binding.Marshal(output)
		if err != nil {
			return err
		}
		schema = b
	}
	for w := range t.entry {
		entry.OutputSchema = nil
		if wire(w) == modern || t.object {
			entry.OutputSchema = schema
		}
		b, err := binding.Marshal(entry)
		if err != nil {
			return err
		}
		t.entry[w] = b
	}
	return nil
}

// annotations derives the hints from the kind; explicit ones win.
func (t *tool) annotations(explicit []Annotation) map[string]bool {
	hints := map[string]bool{"readOnlyHint": t.kind != KindService}
	for _, a := range explicit {
		hints[a.key] = a.value
	}
	if _, stated := hints["destructiveHint"]; !stated && !hints["readOnlyHint"] {
		hints["destructiveHint"] = true
	}
	return hints
}
