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

// entry is a spec as one server runs it: everything that can be worked out once is worked out here.
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
	admission echo.HandlerFunc // its steps up to the rate limit, then Call.admitted
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
	// object says whether every result is a JSON object, which dated clients require of structured
	// content.
	object     bool
	structured bool   // answers carry structured content
	advertised []byte // the output schema as clients see it, until it stands in listed
	format     OutputFormat
	summary    func(v any) ([]byte, error)

	route       *route             // for REST clients, nil for none
	scopes      [][]string         // sets of scopes of which a caller needs one
	shown       reflect.Type       // of a result, or of one item of it; nil when no schema says it
	location    *location.Location // of a resource
	defaults    map[string]rawJSON // of the arguments of a handler
	mimeType    string
	completers  map[string]Completer
	links       map[*link]*entry
	annotations map[string]bool // of a tool

	title, description string
	credentials        []string // fields of the result that look so

	unbounded, untransacted, unnarrowed, discloses string // the reasons

	listed [wire.Count][]byte // the list entry for each wire
}

// newEntry compiles a spec. The caller holds the server's mutex.
func newEntry(g *Group, spec *Spec) (*entry, error) {
	e := &entry{name: spec.name, kind: spec.kind, surface: spec.surface, spec: spec, group: g}
	if spec.kind != KindResource {
		e.name = joinName(g.prefix, spec.name)
	}
	if err := e.build(g.server, g.inherited()); err != nil {
		return nil, fmt.Errorf("mcpecho: cannot add %s %q: %w", spec.kind, e.label(), err)
	}
	return e, nil
}

// label identifies the entry among those of its surface: the name, or the URI of a resource.
func (e *entry) label() string {
	if e.spec.uri != "" {
		return e.spec.uri
	}
	return e.name
}

func (e *entry) build(s *Server, inherited []Step) error {
	var set settings
	for i, o := range e.spec.options {
		if o == nil {
			set.errs = append(set.errs, fmt.Sprintf("option %d of %d is nil", i+1, len(e.spec.options)))
			continue
		}
		o.apply(&set)
	}
	if len(set.errs) > 0 {
		return errors.New(strings.Join(set.errs, "; "))
	}
	if e.kind == KindPrompt && e.surface != onPrompts {
		return errors.New("AsResource is not for prompts: they are messages, and nobody reads them at a URI")
	}
	if set.nullable && e.kind != KindRetrieve {
		return errors.New("Nullable is for Retrieve: other kinds have no missing row")
	}
	e.nullable, e.completers, e.summary = set.nullable, set.completers, set.summary
	e.title, e.description = set.title, set.description
	e.unbounded, e.untransacted = set.unbounded, set.untransacted
	e.unnarrowed, e.discloses = set.unnarrowed, set.discloses
	if x := e.spec.existing; set.returns != (x != nil && x.out != nil) {
		return errors.New("Returns is for FromHandler: give it there")
	}
	if err := e.surface.settle(e, s, &set); err != nil {
		return err
	}
	guards, readOnly, err := e.compileLinks()
	if err != nil {
		return err
	}
	e.annotations = e.annotate(set.annotations, readOnly || e.spec.existing.readOnly())

	chain, err := newChain(e.kind, inherited, append(guards, set.steps...), e.coreSteps(), set.edits)
	if err != nil {
		return err
	}
	def, err := e.define(s)
	if err != nil {
		return err
	}
	if err := describe(chain.steps, def); err != nil {
		return err
	}
	e.rules, e.columns, e.scopes, e.shown = def.rules, def.columns, def.scopes, def.shown
	e.compile(chain)
	if err := e.compileArguments(&set, def); err != nil {
		return err
	}
	if err := errors.Join(e.settleRoute(&set), e.settleInputs()); err != nil {
		return err
	}
	e.models = e.parseModels(s)
	if err := errors.Join(def.refused, e.surface.check(e, &set, def)); err != nil {
		return err
	}
	if err := e.checkCompleters(); err != nil {
		return err
	}
	if def.shown != nil {
		e.credentials = binding.Credentials(def.shown)
	}
	if err := e.surface.compile(e, &set, def); err != nil {
		return err
	}
	err = e.encodeListed(&set)
	e.advertised = nil
	return err
}

// compile nests the chain, and the parts of it that run alone.
func (e *entry) compile(chain Chain) {
	e.chain, e.gates = chain, chain.number()
	end := func(echo.Context) error { return nil }
	if e.group.server.cfg.HideForbidden {
		chain = chain.marked()
	}
	e.handler = chain.compile(end)
	e.permits = chain.only(Step.decides).compile(passed(end))
	e.admission = chain.only(func(s Step) bool { return s.Stage == StageObserve || s.admits() }).
		compile(func(ec echo.Context) error { return CallFrom(ec).admitted(ec) })
	// Inside a sequence: who is calling is known, and the limits were charged by the whole.
	e.inner = chain.only(func(s Step) bool { return s.Stage != StageAuth && s.Stage != StageRateLimit }).compile(end)
	e.looks = chain.only(func(s Step) bool { return s.Stage == StageRows }).compile(end)
	e.serialize = chain.only(func(s Step) bool { return s.Stage == StageSerialize }).compile(end)
}

func (e *entry) compileArguments(set *settings, def *Definition) (err error) {
	compiler := binding.Compiler{Validator: def.server.cfg.Validator}
	if set.inputSchema != nil {
		e.args, err = compiler.CompileWithSchema(set.inputSchema, def.parts...)
	} else {
		e.args, err = compiler.Compile(def.parts...)
	}
	if err != nil {
		return err
	}
	for _, p := range def.parts {
		e.parts = append(e.parts, p.Type)
	}
	return nil
}

// define starts the definition with what the spec's own types say.
func (e *entry) define(s *Server) (*Definition, error) {
	def := &Definition{
		Name: e.name, Kind: e.kind, server: s, parts: []binding.Part{{Type: e.spec.declared()}},
		Result: e.spec.out, Idempotent: e.annotations["idempotentHint"],
	}
	if e.spec.row != nil {
		row, err := s.modelSchema(e.spec.row)
		if err != nil {
			return nil, fmt.Errorf("%s is not a gorm model: %w", e.spec.row, err)
		}
		def.Row, def.Result = row, e.spec.row
	}
	if e.kind == KindPrompt || def.Result.Implements(readerType) || isContents(def.Result) || isBlocks(def.Result) {
		return def, nil // nothing that a JSON Schema describes
	}
	if def.Result.Kind() == reflect.Pointer && e.spec.row == nil {
		def.Result = def.Result.Elem() // a function that succeeds returns a value
	}
	def.refused = def.SetOutput(def.Result)
	if e.kind == KindSelector {
		// Registered first, so that the envelope of a later step wraps the list.
		def.WrapOutput(func(item *jsonschema.Schema) *jsonschema.Schema {
			return &jsonschema.Schema{Type: "array", Items: item}
		})
	}
	if e.nullable {
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

// resultType is the type of a result, or of one row of it.
func (e *entry) resultType() reflect.Type {
	if e.spec.row != nil {
		return e.spec.row
	}
	return e.spec.out
}
