package mcpecho

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/mcpecho/kit/binding"
)

// Sequence is one tool in the making that runs several specs in order, each
// with an input made from what came before, in one transaction if its chain
// has a Transaction step:
//
//	seq := mcpecho.NewSequence[CreateInput]("invoices.create_and_send")
//	created := mcpecho.Then[Invoice](seq, create, func(_ *mcpecho.Call, in CreateInput) CreateInput { return in })
//	sent := mcpecho.Then[Invoice](seq, markSent, func(c *mcpecho.Call, _ CreateInput) ByPK {
//		return ByPK{PK: created.In(c).ID}
//	})
//	srv.Add(mcpecho.Finish(seq, sent, mcpecho.Describe("Create an invoice and send it.")))
//
// The permission and rate limit steps of every spec guard the whole tool; its
// other steps run with the spec. Steps of the server and of groups are those of
// the sequence itself: what a spec inherits elsewhere does not travel with it. A step that fails ends the sequence, and the error names
// it as failedStep.
type Sequence[In any] struct {
	name  string
	links []*link
}

// link is one spec of a sequence.
type link struct {
	spec     *Spec
	in, out  reflect.Type
	input    func(c *Call) any
	compiled *entry
}

// NewSequence begins a sequence whose tool takes In.
func NewSequence[In any](name string) *Sequence[In] { return &Sequence[In]{name: name} }

// Outcome is the place of one step's result.
type Outcome[Out any] struct{ link *link }

// In returns the result in a call, once its step has run; it panics before,
// which the order of [Then] makes a mistake of the program.
func (o Outcome[Out]) In(c *Call) Out {
	v, ok := c.outcomes[o.link].(Out)
	if !ok {
		panic("mcpecho: Outcome.In before its step of the sequence has run")
	}
	return v
}

// Then adds a spec to a sequence. input makes its arguments from those of the
// sequence and from earlier outcomes. Out is what the spec results in: the
// Out of a service, the Row of a retrieve, the []Row of a selector; a type
// that is not the spec's is refused at Add.
func Then[Out, In, Arg any](seq *Sequence[In], spec *Spec, input func(c *Call, in In) Arg) Outcome[Out] {
	l := &link{
		spec: spec, in: reflect.TypeFor[Arg](), out: reflect.TypeFor[Out](),
		input: func(c *Call) any { return input(c, *Args[In](c)) },
	}
	seq.links = append(seq.links, l)
	return Outcome[Out]{l}
}

// Finish ends a sequence: result is what the tool answers with. The tool is
// annotated read-only when every spec in it is.
func Finish[In, Out any](seq *Sequence[In], result Outcome[Out], opts ...Option) *Spec {
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
	return s
}

// compileLinks compiles the specs of a sequence and returns the steps that
// guard them, to be steps of the whole.
func (t *entry) compileLinks() (guards []Step, readOnly bool, err error) {
	t.links = map[*link]*entry{}
	readOnly = len(t.spec.links) > 0
	for _, l := range t.spec.links {
		e := &entry{name: l.spec.name, kind: l.spec.kind, surface: l.spec.surface, spec: l.spec, group: t.group}
		if err := e.build(t.group.server, nil); err != nil {
			return nil, false, fmt.Errorf("%s: %w", l.spec.name, err)
		}
		if l.in != l.spec.in {
			return nil, false, fmt.Errorf("%s takes a %s, the sequence gives it a %s", l.spec.name, l.spec.in, l.in)
		}
		if out := l.spec.resultType(); l.out != out {
			return nil, false, fmt.Errorf("%s results in a %s, the sequence expects a %s", l.spec.name, out, l.out)
		}
		for _, s := range e.chain.steps {
			if s.guards() {
				guards = append(guards, s)
			}
		}
		t.foreign = t.foreign || e.foreign
		readOnly = readOnly && e.hints["readOnlyHint"]
		t.links[l] = e
	}
	return guards, readOnly, nil
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

// runLink runs one spec of a sequence as a call of its own inside this one:
// the same principal, context and transaction.
func (c *Call) runLink(l *link) error {
	e := c.entry.links[l]
	arguments, err := binding.Marshal(l.input(c))
	if err != nil {
		return err
	}
	inner := &Call{Context: c.Context, exchange: c.exchange, entry: e, server: c.server, principal: c.principal,
		arguments: arguments, tx: c.tx, capture: c.capture}
	if err := e.inner(inner); err != nil {
		return failedStep(err, l.spec.name)
	}
	c.afterCommit = append(c.afterCommit, inner.afterCommit...)
	if c.outcomes == nil {
		c.outcomes = map[*link]any{}
	}
	c.outcomes[l] = inner.fetched
	return nil
}

// failedStep names the spec of a sequence that failed, in an error that a
// model sees.
func failedStep(err error, name string) error {
	var bad *binding.Error
	if errors.As(err, &bad) {
		return &ToolError{Type: TypeValidation, Message: summary(bad), Data: map[string]any{"fields": bad.Fields, "failedStep": name}, Internal: err}
	}
	return &stepFailure{err, name}
}

// stepFailure keeps its cause, which decides what the client sees.
type stepFailure struct {
	error
	step string
}

func (f *stepFailure) Unwrap() error { return f.error }
