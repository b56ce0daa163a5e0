package mcpecho

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mcpecho/kit/internal/nearest"
)

// edit changes a sorted chain by step name.
type edit struct {
	op   editOp
	name string
	step Step
}

type editOp uint8

const (
	opBefore editOp = iota
	opAfter
	opReplace
	opWithout
)

// Before puts a step directly before the named one, whatever its stage. An unknown name is an error
// at Add.
func Before(name string, step Step) Option { return editOption(opBefore, name, step) }

// After puts a step directly after the named one, whatever its stage. An unknown name is an error
// at Add.
func After(name string, step Step) Option { return editOption(opAfter, name, step) }

// Replace puts a step in the place of the named one, which must be in the chain exactly once. The
// steps validate, handle and fetch cannot be replaced.
func Replace(name string, step Step) Option { return editOption(opReplace, name, step) }

// Without takes every step of a name out of the chain, inherited ones included: this is how a spec
// opts out of a server-wide step. The steps validate, handle, fetch and serialize cannot be left
// out.
func Without(name string) Option { return editOption(opWithout, name, Step{}) }

func editOption(op editOp, name string, step Step) Option {
	return optionFunc(func(s *settings) { s.edits = append(s.edits, edit{op, name, step}) })
}

// on applies the edit to the sorted steps of a chain.
func (e edit) on(steps []Step, kind Kind) ([]Step, error) {
	matches := func(s Step) bool { return s.Name == e.name }
	first := slices.IndexFunc(steps, matches)
	if first < 0 {
		known := Chain{steps}.Names()
		hint := ""
		if near := nearest.Of(e.name, known); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, fmt.Errorf("no step %q in the chain %s%s", e.name, Chain{steps}, hint)
	}
	if e.op != opWithout {
		if e.step.Name == "" {
			return nil, fmt.Errorf("the step placed at %q has no name: use mcpecho.Named", e.name)
		}
		if !e.step.serves(kind) {
			return nil, fmt.Errorf("step %q does not serve a %s: leave it out", e.step.Name, kind)
		}
	}
	switch e.op {
	case opBefore:
		return slices.Insert(steps, first, e.step), nil
	case opAfter:
		last := len(steps) - 1
		for !matches(steps[last]) {
			last--
		}
		return slices.Insert(steps, last+1, e.step), nil
	case opReplace:
		switch e.name {
		case stepHandle:
			return nil, errors.New("the handle step cannot be replaced: it is the spec's function")
		case stepValidate:
			return nil, errors.New("the validate step cannot be replaced: it decodes the arguments that other steps read")
		case stepFetch:
			return nil, errors.New("the fetch step cannot be replaced: it runs the query that the steps before it have made")
		}
		if slices.ContainsFunc(steps[first+1:], matches) {
			return nil, fmt.Errorf("step %q is in the chain more than once: take it out with Without and add the new one", e.name)
		}
		steps[first] = e.step
		return steps, nil
	default:
		if e.name == stepHandle || e.name == stepValidate || e.name == stepFetch || e.name == stepSerialize {
			return nil, fmt.Errorf("the %s step cannot be left out", e.name)
		}
		return slices.DeleteFunc(steps, matches), nil
	}
}
