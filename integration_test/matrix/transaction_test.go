package matrix_test

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// everything is what the calls that write are combined with.
var everything = slices.Concat(handlerEnds, around, middlewares(true), middlewares(false))

// defaults are the features of a cell that has none of their slots.
var defaults = []writeFeature{stores[0], surfaces[0], beginnings[0], wires[0]}

// complete adds what a cell of the features must have, in the order in which features build on each
// other. It returns nil when they do not go together.
func complete(e *env, features ...writeFeature) []writeFeature {
	taken := map[string]bool{}
	for _, f := range features {
		if taken[f.slot] || f.fits != nil && !f.fits(e) {
			return nil
		}
		taken[f.slot] = true
	}
	for _, d := range defaults {
		if !taken[d.slot] {
			features = append(slices.Clip(features), d)
		}
	}
	order := func(f writeFeature) int {
		if i := slices.IndexFunc(defaults, func(d writeFeature) bool { return d.slot == f.slot }); i >= 0 && !isEnd(f) {
			return i
		}
		switch {
		case f.slot == slotMiddleware[false]:
			return 40
		case f.slot == slotMiddleware[true]:
			return 30
		case f.last:
			return 20
		}
		return 10
	}
	features = slices.SortedStableFunc(slices.Values(features), func(a, b writeFeature) int { return order(a) - order(b) })
	w := newWriting(e, "", features)
	if (w.surface == asResource || w.surface == asPrompt) && w.begins != byHandler {
		return nil // the step serves services
	}
	for _, f := range features {
		if f.with != nil && !f.with(w) {
			return nil
		}
	}
	return features
}

// isEnd says whether a feature of the slot of stores is something that the handler does in
// addition.
func isEnd(f writeFeature) bool {
	return slices.ContainsFunc(handlerEnds, func(e writeFeature) bool { return e.name == f.name })
}

// TestTransactionMeetsEverything combines what begins a transaction, what is called, through what
// store and on what wire, each with everything else.
func TestTransactionMeetsEverything(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		number := 0
		cell := func(features ...writeFeature) {
			if all := complete(e, features...); all != nil {
				number++
				e.write(t, number, all...)
			}
		}
		for _, begin := range beginnings {
			for _, s := range surfaces {
				for _, w := range wires {
					cell(begin, s, w)
				}
			}
			for _, store := range stores[1:] {
				for _, s := range surfaces {
					cell(begin, s, store)
				}
			}
			for _, f := range everything {
				cell(begin, f)
			}
		}
		for _, f := range everything {
			for _, s := range surfaces[1:] {
				cell(s, f)
				cell(s, f, beginnings[2])
			}
			for _, store := range stores[1:] {
				cell(store, f)
				cell(store, f, surfaces[1])
			}
			cell(wires[1], f)
		}
		if e.db.Name() == "sqlite" { // the others draw of these by chance
			for _, f := range handlerEnds {
				for _, a := range around {
					cell(f, a)
				}
			}
			for _, f := range slices.Concat(handlerEnds, around) {
				for _, m := range slices.Concat(middlewares(true), middlewares(false)) {
					cell(f, m)
				}
			}
		}
		t.Logf("%d cells", number)
	})
}

// TestWritesMeetAnything draws cells by chance.
func TestWritesMeetAnything(t *testing.T) {
	source := chance(t)
	each(t, func(t *testing.T, e *env) {
		r := source()
		for number := 0; number < *samples; {
			features := []writeFeature{pick(r, stores), pick(r, surfaces), pick(r, beginnings), pick(r, wires)}
			for range 2 + r.IntN(2) {
				features = append(features, pick(r, everything))
			}
			if all := complete(e, features...); all != nil {
				number++
				e.write(t, number, all...)
			}
		}
	})
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
