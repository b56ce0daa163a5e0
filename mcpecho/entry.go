package mcpecho

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/location"
	"github.com/mcpecho/kit/internal/wire"
)

// entry is a spec as one server runs it: everything that can be worked out
// once is worked out here.
type entry struct {
	name     string // as written
	listedAs string // what clients read and call
	kind     Kind
	surface  surface
	spec     *Spec
	group    *Group

	chain     Chain
	handler   echo.HandlerFunc // the whole chain
	uncounted error            // why limits of the server do not count a list
	permits   echo.HandlerFunc // its auth and permission steps alone
	guards    echo.HandlerFunc // its steps up to the rate limit, then Call.suggest
	inner     echo.HandlerFunc // what is left of it inside a sequence
	looks     echo.HandlerFunc // its steps that look at rows alone
	serialize echo.HandlerFunc // its serialize steps alone
	gates     int              // how many gates one call needs

	rules   []rowRule
	columns func(*Call) []string // to fetch; nil for all

	args     *binding.Args
	parts    []reflect.Type
	models   []*schema.Schema
	headers  []wire.Param
	nullable bool

	// output is nil for an entry without structured content.
	output *jsonschema.Resolved
	// object says whether every result is a JSON object, which dated clients
	// require of structured content.
	object     bool
	structured bool // answers carry structured content
	format     OutputFormat
	summary    func(v any) ([]byte, error)

	location   *location.Location // of a resource
	mimeType   string
	completers map[string]Completer
	links      map[*link]*entry
	hints      map[string]bool // behaviour hints of a tool

	described   bool
	credentials []string // fields of the result that look so

	unbounded, untransacted, unnarrowed, discloses string // the reasons

	listed [wire.Count][]byte // the list entry for each wire
}

// newEntry compiles a spec. The caller holds the server's mutex.
func newEntry(g *Group, spec *Spec) (*entry, error) {
	t := &entry{name: spec.name, kind: spec.kind, surface: spec.surface, spec: spec, group: g}
	if spec.kind != KindResource {
		t.name = joinName(g.prefix, spec.name)
	}
	if err := t.build(g.server, g.inherited()); err != nil {
		return nil, fmt.Errorf("mcpecho: cannot add %s %q: %w", spec.kind, t.label(), err)
	}
	return t, nil
}

// label identifies the entry among those of its surface: the name, or the
// URI of a resource.
func (t *entry) label() string {
	if t.surface == onResources {
		return t.spec.uri
	}
	return t.name
}

func (t *entry) listKind() listKind {
	switch {
	case t.surface == onPrompts:
		return prompts
	case t.surface == onTools:
		return tools
	case !t.location.Fixed():
		return templates
	}
	return resources
}

func (t *entry) build(s *Server, inherited []Step) error {
	var set settings
	for i, o := range t.spec.options {
		if o == nil {
			set.errs = append(set.errs, fmt.Sprintf("option %d of %d is nil", i+1, len(t.spec.options)))
			continue
		}
		o.apply(&set)
	}
	if len(set.errs) > 0 {
		return errors.New(strings.Join(set.errs, "; "))
	}
	if set.nullable && t.kind != KindRetrieve {
		return errors.New("Nullable is for Retrieve: other kinds have no missing row")
	}
	t.nullable, t.completers, t.summary = set.nullable, set.completers, set.summary
	t.described, t.unbounded, t.untransacted = set.description != "", set.unbounded, set.untransacted
	t.unnarrowed, t.discloses = set.unnarrowed, set.discloses
	if err := t.settle(s, &set); err != nil {
		return err
	}
	guards, readOnly, err := t.compileLinks()
	if err != nil {
		return err
	}
	t.hints = t.annotations(set.annotations, readOnly)

	chain, err := newChain(t.kind, inherited, append(guards, set.steps...), t.coreSteps(), set.edits)
	if err != nil {
		return err
	}
	def, err := t.define(s)
	if err != nil {
		return err
	}
	if err := describe(chain.steps, def); err != nil {
		return err
	}
	t.rules, t.columns = def.rules, def.columns
	t.compile(chain)
	if err := t.compileArguments(&set, def); err != nil {
		return err
	}
	t.models = t.parseModels(s)
	output, err := t.compileOutput(s, &set, def)
	if err != nil {
		return err
	}
	return t.encodeListed(&set, output)
}

// settle decides where clients find the entry.
func (t *entry) settle(s *Server, set *settings) (err error) {
	if t.surface == onResources {
		if set.name != "" {
			t.name = joinName(t.group.prefix, set.name)
		}
		t.listedAs = t.name
		t.location, err = location.New(t.spec.uri)
		return err
	}
	if set.name != "" {
		return fmt.Errorf("Name is for resources: a %s has the name that it is made with", t.surface)
	}
	t.listedAs = s.cfg.ToolNames.list(t.name)
	return s.cfg.ToolNames.check(t.name)
}

// compile nests the chain, and the parts of it that run alone.
func (t *entry) compile(chain Chain) {
	t.chain, t.gates = chain, chain.number()
	end := func(echo.Context) error { return nil }
	if t.group.server.cfg.HideForbidden {
		chain = chain.marked()
	}
	t.handler = chain.compile(end)
	t.permits = chain.only(Step.decides).compile(passed(end))
	t.guards = chain.only(func(s Step) bool { return s.Stage == StageObserve || s.guards() }).
		compile(func(ec echo.Context) error { return CallFrom(ec).suggest(ec) })
	// Inside a sequence: who is calling is known, and the limits were charged by the whole.
	t.inner = chain.only(func(s Step) bool { return s.Stage != StageAuth && s.Stage != StageRateLimit }).compile(end)
	t.looks = chain.only(func(s Step) bool { return s.Stage == StageRows }).compile(end)
	t.serialize = chain.only(func(s Step) bool { return s.Stage == StageSerialize }).compile(end)
}

func (t *entry) compileArguments(set *settings, def *Definition) (err error) {
	compiler := binding.Compiler{Validator: def.server.cfg.Validator}
	if set.inputSchema != nil {
		t.args, err = compiler.CompileWithSchema(set.inputSchema, def.parts...)
	} else {
		t.args, err = compiler.Compile(def.parts...)
	}
	if err != nil {
		return err
	}
	for _, p := range def.parts {
		t.parts = append(t.parts, p.Type)
	}
	if t.surface == onTools {
		if t.headers, err = wire.Params(t.args.Schema()); err != nil {
			return err
		}
	}
	if t.location != nil {
		if err := checkVariables(t.location.Vars(), t.args); err != nil {
			return err
		}
	}
	return t.checkCompleters()
}

// define starts the definition with what the spec's own types say.
func (t *entry) define(s *Server) (*Definition, error) {
	def := &Definition{
		Name: t.name, Kind: t.kind, server: s, parts: []binding.Part{{Type: t.spec.in}},
		Result: t.spec.out, Idempotent: t.hints["idempotentHint"],
	}
	if t.spec.row != nil {
		row, err := s.modelSchema(t.spec.row)
		if err != nil {
			return nil, fmt.Errorf("%s is not a gorm model: %w", t.spec.row, err)
		}
		def.Row, def.Result = row, t.spec.row
	}
	if t.kind == KindPrompt || def.Result.Implements(readerType) || isContents(def.Result) || isBlocks(def.Result) {
		return def, nil // nothing that a JSON Schema describes
	}
	if def.Result.Kind() == reflect.Pointer && t.spec.row == nil {
		def.Result = def.Result.Elem() // a function that succeeds returns a value
	}
	def.refused = def.SetOutput(def.Result)
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
		def.Func, def.inherited = steps[i].Func, steps[i].inherited
		if steps[i].Describe != nil {
			if err := steps[i].Describe(def); err != nil {
				return fmt.Errorf("step %q: %w", steps[i].Name, err)
			}
		}
		if def.Func == nil {
			return fmt.Errorf("step %q has neither Func nor a Describe that makes one", steps[i].Name)
		}
		steps[i].Func = def.Func
		def.fetched = def.fetched || steps[i].Name == stepFetch || steps[i].Name == stepHandle && def.Row == nil
	}
	return nil
}

// compileOutput settles what results look like.
func (t *entry) compileOutput(s *Server, set *settings, def *Definition) (*jsonschema.Schema, error) {
	if err := errors.Join(def.refused, t.checkResult(set, def)); err != nil {
		return nil, err
	}
	if def.shown != nil {
		t.credentials = binding.Credentials(def.shown)
	}
	if t.surface != onTools {
		return nil, nil
	}
	structured := choose(set.structured, !s.cfg.NoStructuredContent)
	advertised := choose(set.schema, structured && !s.cfg.NoOutputSchema)
	if advertised && !structured {
		return nil, errors.New("an output schema without structured content is forbidden: turn OutputSchema off too")
	}
	t.structured = structured && def.output != nil
	t.format = s.cfg.OutputFormat
	if set.format != "" {
		t.format = set.format
	}
	if def.output == nil {
		return nil, nil
	}
	output := def.output
	for _, wrap := range def.wraps {
		output = wrap(output)
	}
	output = binding.RootSchema(output)
	t.object = output.Type == "object"
	if isAnything(output) {
		return nil, nil // a schema that says nothing is not advertised
	}
	resolved, err := output.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("its output schema: %w", err)
	}
	t.output = resolved
	if !advertised {
		return nil, nil
	}
	return output, nil
}

// checkResult refuses result types and options that do not fit together.
func (t *entry) checkResult(set *settings, def *Definition) error {
	switch {
	case t.kind == KindPrompt && !isMessages(t.spec.out):
		return fmt.Errorf("a prompt cannot render a %s: return a string, []string, Message or []Message", t.spec.out)
	case t.surface == onResources && isBlocks(t.resultType()):
		return errors.New("a resource answers with Contents, not with content blocks")
	case t.surface == onTools && def.output == nil && (choose(set.structured, false) || choose(set.schema, false)):
		return errors.New("content blocks have no structured content: leave StructuredContent and OutputSchema out")
	case set.mimeType != "" && t.surface != onResources:
		return errors.New("MIMEType is for resources: content blocks have their own")
	case (set.summary != nil || set.format != "" || set.structured != nil || set.schema != nil) && t.surface != onTools:
		return fmt.Errorf("Text, Format, StructuredContent and OutputSchema are for tools, not for a %s", t.surface)
	case t.kind == KindService && set.summaryOf != nil && set.summaryOf != t.spec.out:
		return fmt.Errorf("Text is for a %s, the service returns a %s", set.summaryOf, t.spec.out)
	}
	t.mimeType = set.mimeType
	if t.surface == onResources && t.mimeType == "" {
		t.mimeType = defaultMIMEType(def.Result)
		if t.kind == KindSelector || t.kind == KindRetrieve {
			t.mimeType = "application/json"
		}
	}
	return nil
}

// resultType is the type of a result, or of one row of it.
func (t *entry) resultType() reflect.Type {
	if t.spec.row != nil {
		return t.spec.row
	}
	return t.spec.out
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

func (t *entry) encodeListed(set *settings, output *jsonschema.Schema) (err error) {
	for i, w := range wire.All {
		var form any
		switch t.surface {
		case onTools:
			form, err = t.toolEntry(set, output, w)
		case onResources:
			form = t.resourceEntry(set)
		default:
			form, err = t.promptEntry(set)
		}
		if err != nil {
			return err
		}
		if t.listed[i], err = binding.Marshal(form); err != nil {
			return err
		}
	}
	return nil
}
