package binding

import (
	"math"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// bounds accept good values without the validator, which is ten times slower and allocates. They
// are made from the schema of the field, and only where the schema expresses all its rules, so they
// never accept what the rules refuse. A value that they do not accept goes to the validator, which
// words the error.
type bounds struct {
	minLength, maxLength int
	lo, hi               int64
	min, max             float64 // of a float, exclusive when above and below say so
	above, below         bool
	words                []string // of an enum; nil for none
}

// newBounds returns nil when bounds cannot express all the rules of n.
func newBounds(n *node, rules *ruleSet) *bounds {
	for n.kind == kindPointer {
		n = n.elem
	}
	switch n.kind {
	case kindText, kindInt, kindUint, kindFloat:
	default:
		return nil
	}
	s := &jsonschema.Schema{}
	if len(applyRules(s, n, rules)) > 0 {
		return nil
	}
	rest := *s
	rest.MinLength, rest.MaxLength, rest.Enum = nil, nil, nil
	rest.Minimum, rest.Maximum, rest.ExclusiveMinimum, rest.ExclusiveMaximum = nil, nil, nil, nil
	if !reflect.DeepEqual(rest, jsonschema.Schema{}) || s.Enum != nil && len(s.Enum) == 0 {
		return nil
	}
	b := &bounds{maxLength: math.MaxInt, lo: math.MinInt64, hi: math.MaxInt64, min: math.Inf(-1), max: math.Inf(1)}
	switch n.kind {
	case kindText:
		b.minLength, b.maxLength = deref(s.MinLength, 0), deref(s.MaxLength, math.MaxInt)
		for _, word := range s.Enum {
			b.words = append(b.words, word.(string))
		}
		return b
	case kindInt, kindUint:
		if s.Enum != nil {
			return nil
		}
		b.lo = max(asInt(s.Minimum, 0, b.lo), asInt(s.ExclusiveMinimum, 1, b.lo))
		b.hi = min(asInt(s.Maximum, 0, b.hi), asInt(s.ExclusiveMaximum, -1, b.hi))
		return b
	case kindFloat:
		b.min, b.max = deref(s.Minimum, b.min), deref(s.Maximum, b.max)
		if p := s.ExclusiveMinimum; p != nil && *p >= b.min {
			b.min, b.above = *p, true
		}
		if p := s.ExclusiveMaximum; p != nil && *p <= b.max {
			b.max, b.below = *p, true
		}
		return b
	}
	return nil
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func asInt(p *float64, shift, otherwise int64) int64 {
	if p == nil {
		return otherwise
	}
	return int64(*p) + shift // exact: see parseBound
}

func (b *bounds) accept(v reflect.Value) bool {
	if b == nil {
		return false
	}
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		s := v.String()
		if b.words != nil && !slices.Contains(b.words, s) {
			return false
		}
		if b.minLength <= 1 && len(s) <= b.maxLength {
			return len(s) >= b.minLength
		}
		n := utf8.RuneCountInString(s)
		return n >= b.minLength && n <= b.maxLength
	case v.CanInt():
		return v.Int() >= b.lo && v.Int() <= b.hi
	case v.CanUint():
		u := v.Uint()
		return u <= math.MaxInt64 && int64(u) >= b.lo && int64(u) <= b.hi
	case v.CanFloat():
		f := v.Float()
		return (f > b.min || f == b.min && !b.above) && (f < b.max || f == b.max && !b.below)
	}
	return false
}
