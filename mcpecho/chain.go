package mcpecho

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// Chain is the ordered steps of one spec. It is made when the spec is added and never changes.
type Chain struct {
	steps []Step
}

// Names lists the names of the steps in the order in which a call enters them.
func (ch Chain) Names() []string {
	names := make([]string, len(ch.steps))
	for i, s := range ch.steps {
		names[i] = s.Name
	}
	return names
}

// String joins the names with arrows, as [Server.Fprint] prints them.
func (ch Chain) String() string { return strings.Join(ch.Names(), " → ") }

// newChain sorts the inherited steps, the spec's own and the core's by stage and then applies the
// spec's edits.
func newChain(kind Kind, inherited, own, core []Step, edits []edit) (Chain, error) {
	var steps []Step
	for _, s := range inherited {
		if s.serves(kind) {
			s.inherited = true
			steps = append(steps, s)
		}
	}
	for _, s := range own {
		if !s.serves(kind) {
			return Chain{}, fmt.Errorf("step %q does not serve a %s: leave it out", s.Name, kind)
		}
		s.inherited, s.from = false, nil
		steps = append(steps, s)
	}
	steps = append(slices.Clone(core), steps...)
	for _, s := range steps {
		if s.Name == "" {
			return Chain{}, errors.New("a step has no name: set Step.Name or use mcpecho.Named")
		}
	}
	steps = keepClosest(steps)
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.Stage) - int(b.Stage) })

	for _, e := range edits {
		var err error
		if steps, err = e.on(steps, kind); err != nil {
			return Chain{}, err
		}
	}
	return Chain{steps}, nil
}

func (s Step) serves(kind Kind) bool { return s.Kinds == 0 || s.Kinds&kind != 0 }

// keepClosest drops a Single step when one of the same name comes later, that is, was declared
// closer to the spec.
func keepClosest(steps []Step) []Step {
	kept := steps[:0:0]
	for i, s := range steps {
		again := func(t Step) bool { return t.Single && t.Name == s.Name }
		if !s.Single || !slices.ContainsFunc(steps[i+1:], again) {
			kept = append(kept, s)
		}
	}
	return kept
}

// only is the chain of the steps that match.
func (ch Chain) only(match func(Step) bool) Chain {
	return Chain{slices.DeleteFunc(slices.Clone(ch.steps), func(s Step) bool { return !match(s) })}
}

// compile nests the middlewares around h, the first step outermost. Each step that is not of this
// module gets a gate of its number.
func (ch Chain) compile(h echo.HandlerFunc) echo.HandlerFunc {
	for _, s := range slices.Backward(ch.steps) {
		next := h
		if s.Native.Native() {
			h = s.Func(next)
		} else {
			h = contain(s.Func, next, s.gate)
		}
		if s.Stage == StageRateLimit && s.from != nil {
			h = onceAround(s, h, next)
		}
	}
	return h
}

// onceAround passes by a limit that a call around has been charged by already: what is listed on a
// server or group counts a call once, whatever it invokes.
func onceAround(s Step, limited, next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if c := CallFrom(ec); c != nil {
			for around := c.parent; around != nil; around = around.parent {
				if around.entry.chain.has(s) {
					return next(ec)
				}
			}
		}
		return limited(ec)
	}
}

// has says whether the chain has an inherited step too.
func (ch Chain) has(s Step) bool {
	return slices.ContainsFunc(ch.steps, func(t Step) bool { return t.from == s.from && t.Name == s.Name && t.Stage == s.Stage })
}

// number gives a gate to each step that is not of this module and returns how many there are. Parts
// of the chain keep the numbers, because one part may run inside of another.
func (ch Chain) number() (gates int) {
	for i := range ch.steps {
		if !ch.steps[i].Native.Native() {
			ch.steps[i].gate = gates
			gates++
		}
	}
	return gates
}
