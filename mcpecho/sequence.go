package mcpecho

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Sequence is one tool in the making that runs several specs in order, each with an input made from
// what came before, in one transaction if its chain has a Transaction step:
//
//	seq := mcpecho.NewSequence[CreateInput]("invoices.create_and_send")
//	created := mcpecho.Then[Invoice](seq, create, func(_ *mcpecho.Call, in CreateInput) CreateInput { return in })
//	sent := mcpecho.Then[Invoice](seq, markSent, func(c *mcpecho.Call, _ CreateInput) ByPK {
//		return ByPK{PK: created.In(c).ID}
//	})
//	srv.Add(mcpecho.Finish(seq, sent, mcpecho.Describe("Create an invoice and send it.")))
//
// The permission and rate limit steps of every spec guard the whole tool. Each spec then runs as a
// call inside it, with the steps of the server and of the sequence's group as well as its own,
// except that limits are charged once. What the sequence narrows and checks holds in every spec of
// it. A spec that fails ends the sequence, and the error names it as failedStep.
type Sequence[In any] struct {
	name  string
	links []*link
	// incomplete says that a link has no spec or no function for its input.
	incomplete bool
}

// link is one spec of a sequence.
type link struct {
	spec    *Spec
	in, out reflect.Type
	input   func(c *Call) any
}

// NewSequence begins a sequence whose tool takes In.
func NewSequence[In any](name string) *Sequence[In] { return &Sequence[In]{name: name} }

// Outcome is the place of one step's result.
type Outcome[Out any] struct{ link *link }

// In returns the result in a call, once its step has run; it panics before, which the order of
// [Then] makes a mistake of the program.
func (o Outcome[Out]) In(c *Call) Out {
	v, ok := c.answer.outcomes[o.link].(Out)
	if !ok {
		panic("mcpecho: Outcome.In before its step of the sequence has run")
	}
	return v
}

// Then adds a spec to a sequence. input makes its arguments from those of the sequence and from
// earlier outcomes; a field that it leaves zero, at whatever depth, is absent unless it is required
// or has a default: see [binding.Args.Encode]. Out is what the spec results in: the Out of a
// service, the Row of a retrieve, the []Row of a selector; a type that is not the spec's is refused
// at Add.
func Then[Out, In, Arg any](seq *Sequence[In], spec *Spec, input func(c *Call, in In) Arg) Outcome[Out] {
	if seq == nil {
		panic("mcpecho: Then needs a sequence: make one with NewSequence")
	}
	l := &link{
		spec: spec, in: reflect.TypeFor[Arg](), out: reflect.TypeFor[Out](),
		input: func(c *Call) any { return input(c, *Args[In](c)) },
	}
	if spec == nil || input == nil {
		seq.incomplete = true
	}
	seq.links = append(seq.links, l)
	return Outcome[Out]{l}
}

// Finish ends a sequence: result, one of its outcomes, is what the tool answers with. The tool is
// annotated read-only when every spec in it is.
func Finish[In, Out any](seq *Sequence[In], result Outcome[Out], opts ...Option) *Spec {
	if seq == nil {
		panic("mcpecho: Finish needs a sequence: make one with NewSequence")
	}
	links := seq.links
	s := Service(seq.name, func(c *Call, _ In) (Out, error) {
		for _, l := range links {
			if err := c.runLink(l); err != nil {
				var none Out
				return none, err
			}
		}
		return result.In(c), nil
	}, opts...)
	s.links = links
	s.options = given(!seq.incomplete, "a Then of the sequence has a nil spec or a nil function for its input", s.options)
	if !slices.Contains(links, result.link) {
		s.options = append(slices.Clip(s.options), optionFunc(func(set *settings) {
			set.errs = append(set.errs, "the outcome given to Finish is not one of this sequence: use what its Then returned")
		}))
	}
	return s
}

// compileLinks compiles the specs of a sequence and returns the steps that guard them, to be steps
// of the whole.
func (e *entry) compileLinks() (guards []Step, readOnly bool, err error) {
	e.links = map[*link]*entry{}
	readOnly = len(e.spec.links) > 0
	for _, l := range e.spec.links {
		inner, err := e.compileLink(l)
		if err != nil {
			return nil, false, err
		}
		// Those that it inherits guard the whole already.
		guards = append(guards, inner.chain.only(func(s Step) bool { return s.admits() && !s.inherited }).steps...)
		readOnly = readOnly && inner.annotations["readOnlyHint"]
		e.links[l] = inner
	}
	return guards, readOnly, nil
}

func (e *entry) compileLink(l *link) (*entry, error) {
	inner := &entry{name: l.spec.name, kind: l.spec.kind, surface: l.spec.surface, spec: l.spec, group: e.group}
	if err := inner.build(e.group.server, e.group.inherited()); err != nil {
		return nil, fmt.Errorf("%s: %w", l.spec.name, err)
	}
	switch out := l.spec.resultType(); {
	case inner.nullable:
		return nil, fmt.Errorf("%s: Nullable is not for sequences: a missing row ends them", l.spec.name)
	case l.in != l.spec.in:
		return nil, fmt.Errorf("%s takes a %s, the sequence gives it a %s", l.spec.name, l.spec.in, l.in)
	case l.out != out:
		return nil, fmt.Errorf("%s results in a %s, the sequence expects a %s", l.spec.name, out, l.out)
	}
	return inner, nil
}

// resultType is what [Call.Result] holds after the spec's handler.
func (s *Spec) resultType() reflect.Type {
	switch s.kind {
	case KindSelector:
		return reflect.SliceOf(s.row)
	case KindRetrieve:
		return s.row
	}
	return s.out
}

// runLink runs one spec of a sequence as a call inside this one.
func (c *Call) runLink(l *link) error {
	e := c.entry.links[l]
	arguments, err := e.encode(l.input(c))
	if err == nil {
		err = c.runInside(e, arguments, func(inner *Call) error {
			if v := inner.answer.fetched; v == nil || !reflect.TypeOf(v).AssignableTo(l.out) {
				return errNoOutcome
			}
			if c.answer.outcomes == nil {
				c.answer.outcomes = map[*link]any{}
			}
			c.answer.outcomes[l] = inner.answer.fetched
			return nil
		})
	}
	if err != nil {
		return &stepFailure{err, l.spec.name}
	}
	return nil
}

var errNoOutcome = errors.New("mcpecho: what answers in the place of a spec in a sequence has to give a value of the spec's type: " +
	"set it with Call.SetResult instead of writing a response")

// runInside runs an entry as a call inside this one. What it leaves for later becomes this call's.
func (c *Call) runInside(e *entry, arguments []byte, done func(inner *Call) error) error {
	inner := c.child(e, arguments)
	if err := inner.execute(e.inner); err != nil {
		c.hookList().Drop(inner.hooksFrom)
		return err
	}
	c.adopt(inner)
	return done(inner)
}

// adopt counts what a call inside of this one has checked.
func (c *Call) adopt(inner *Call) {
	for _, row := range inner.answer.checked {
		if !c.hasChecked(row) {
			c.answer.checked = append(c.answer.checked, row)
		}
	}
}

// stepFailure names the spec of a sequence that failed. Its cause decides what the client sees.
type stepFailure struct {
	error
	step string
}

func (f *stepFailure) Unwrap() error { return f.error }
