package binding

import (
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// applyRules says rules in JSON Schema and returns the ones it cannot say, which stay checks at run
// time.
func applyRules(s *jsonschema.Schema, n *node, rules *ruleSet) (notes []string) {
	if rules == nil {
		return nil
	}
	if rules.required && n.kind == kindText {
		raise(&s.MinLength, 1)
	}
	for _, r := range rules.value {
		if !applyRule(s, n, r) {
			notes = append(notes, r.text)
		}
	}
	if rules.elem == nil {
		return notes
	}
	inner := s.Items
	if n.kind == kindMap {
		inner = s.AdditionalProperties
		if rules.elem.keys != nil {
			if s.PropertyNames == nil {
				s.PropertyNames = &jsonschema.Schema{}
			}
			describe(s.PropertyNames, "", applyKeyRules(s.PropertyNames, n.key, rules.elem.keys))
		}
	}
	describe(inner, "", applyRules(inner, n.elem.base(), rules.elem))
	return notes
}

// applyKeyRules says the rules of the keys of a map. In JSON every key is a text, so of the rules
// of a number only oneof can be expressed.
func applyKeyRules(s *jsonschema.Schema, key *node, rules *ruleSet) (notes []string) {
	if key.kind != kindInt && key.kind != kindUint {
		return applyRules(s, key, rules)
	}
	for _, r := range rules.value {
		switch r.name {
		case "oneof":
			s.Enum = enum(r.param, func(word string) (any, bool) { return word, true })
		case "eq", "len":
			setConst(s, r.param)
		case "ne":
			exclude(s, &jsonschema.Schema{Const: jsonschema.Ptr[any](r.param)})
		default:
			notes = append(notes, r.text)
		}
	}
	return notes
}

func applyRule(s *jsonschema.Schema, n *node, r rule) bool {
	switch n.kind {
	case kindText:
		return stringRule(s, r)
	case kindInt, kindUint, kindFloat:
		return numberRule(s, n, r)
	case kindBool:
		b, err := strconv.ParseBool(r.param)
		if err != nil || r.name != "eq" && r.name != "ne" {
			return false
		}
		setConst(s, b == (r.name == "eq"))
		return true
	case kindSlice, kindArray:
		return sizeRule(&s.MinItems, &s.MaxItems, r) || r.name == "unique" && uniqueRule(s, n, r)
	case kindMap:
		return sizeRule(&s.MinProperties, &s.MaxProperties, r)
	}
	return false
}

// raise sets a lower bound unless a higher one stands already; lower is its counterpart.
func raise(bound **int, n int) {
	if *bound == nil || **bound < n {
		*bound = &n
	}
}

func lower(bound **int, n int) {
	if *bound == nil || **bound > n {
		*bound = &n
	}
}

func sizeRule(minimum, maximum **int, r rule) bool {
	n, err := strconv.Atoi(r.param)
	if err != nil || n < 0 || r.name == "lt" && n == 0 {
		return false
	}
	switch r.name {
	case "len", "eq":
		raise(minimum, n)
		lower(maximum, n)
	case "min", "gte":
		raise(minimum, n)
	case "max", "lte":
		lower(maximum, n)
	case "gt":
		raise(minimum, n+1)
	case "lt":
		lower(maximum, n-1)
	default:
		return false
	}
	return true
}

func uniqueRule(s *jsonschema.Schema, n *node, r rule) bool {
	switch n.elem.base().kind {
	case kindText, kindBool, kindInt, kindUint, kindFloat:
		s.UniqueItems = r.param == ""
	}
	return s.UniqueItems
}

// formats are the rules that JSON Schema knows as formats.
var formats = map[string]string{
	"email": "email", "url": "uri", "http_url": "uri", "https_url": "uri", "uri": "uri-reference", "uuid": "uuid",
	"hostname": "hostname", "hostname_rfc1123": "hostname", "fqdn": "hostname", "ipv4": "ipv4", "ipv6": "ipv6",
}

var datetimes = map[string]string{
	time.DateOnly: "date", time.RFC3339: "date-time", time.RFC3339Nano: "date-time", "15:04:05Z07:00": "time",
}

// patterns are the rules that a regular expression says, in the words that all dialects share.
var patterns = map[string]string{
	"alpha": `^[a-zA-Z]+$`, "alphanum": `^[a-zA-Z0-9]+$`, "alphaspace": `^[a-zA-Z ]+$`, "alphanumspace": `^[a-zA-Z0-9 ]+$`,
	"number": `^[0-9]+$`, "numeric": `^[-+]?[0-9]+(\.[0-9]+)?$`, "hexadecimal": `^(0[xX])?[0-9a-fA-F]+$`,
	"hexcolor": `^#([0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$`, "e164": `^\+?[1-9][0-9]{7,14}$`,
	// These two exclude ASCII letters only; the validator checks the other letters.
	"lowercase": `^[^A-Z]+$`, "uppercase": `^[^a-z]+$`,
}

func stringRule(s *jsonschema.Schema, r rule) bool {
	quoted := regexp.QuoteMeta(r.param)
	switch r.name {
	case "eq":
		setConst(s, r.param)
	case "ne":
		exclude(s, &jsonschema.Schema{Const: jsonschema.Ptr[any](r.param)})
	case "oneof":
		s.Enum = enum(r.param, func(word string) (any, bool) { return word, true })
	case "startswith":
		addPattern(s, "^"+quoted)
	case "endswith":
		addPattern(s, quoted+"$")
	case "contains":
		addPattern(s, quoted)
	case "startsnotwith":
		exclude(s, &jsonschema.Schema{Pattern: "^" + quoted})
	case "endsnotwith":
		exclude(s, &jsonschema.Schema{Pattern: quoted + "$"})
	case "excludes":
		exclude(s, &jsonschema.Schema{Pattern: quoted})
	case "datetime":
		s.Format = datetimes[r.param]
		return s.Format != ""
	case "lowercase", "uppercase":
		addPattern(s, patterns[r.name])
		return false
	default:
		if format := formats[r.name]; format != "" && s.Format == "" {
			s.Format = format
			return r.name == format || r.name == "url" || r.name == "uri" || r.name == "hostname_rfc1123"
		}
		if p := patterns[r.name]; p != "" {
			addPattern(s, p)
			return true
		}
		return r.name != "eq" && sizeRule(&s.MinLength, &s.MaxLength, r)
	}
	return true
}

func numberRule(s *jsonschema.Schema, n *node, r rule) bool {
	if r.name == "oneof" {
		s.Enum = enum(r.param, func(word string) (any, bool) {
			if n.kind == kindUint {
				u, err := strconv.ParseUint(word, 10, n.typ.Bits())
				return u, err == nil && strconv.FormatUint(u, 10) == word
			}
			i, err := strconv.ParseInt(word, 10, n.typ.Bits())
			return i, err == nil && strconv.FormatInt(i, 10) == word
		})
		return true
	}
	if r.name == "numeric" || r.name == "number" {
		return true // every number is
	}
	p, exact := parseBound(n, r.param)
	if !exact {
		return false
	}
	switch r.name {
	case "min", "gte":
		atLeast(s, p)
	case "max", "lte":
		atMost(s, p)
	case "gt":
		if s.ExclusiveMinimum == nil || *s.ExclusiveMinimum < p {
			s.ExclusiveMinimum = &p
		}
	case "lt":
		if s.ExclusiveMaximum == nil || *s.ExclusiveMaximum > p {
			s.ExclusiveMaximum = &p
		}
	case "len", "eq":
		setConst(s, p)
	case "ne":
		exclude(s, &jsonschema.Schema{Const: jsonschema.Ptr[any](p)})
	default:
		return false
	}
	return true
}

// parseBound reads the parameter of a numeric rule as the validator does, and reports whether a
// schema can hold it.
func parseBound(n *node, param string) (float64, bool) {
	if n.kind == kindFloat {
		f, err := strconv.ParseFloat(param, n.typ.Bits())
		return f, err == nil && n.typ.Bits() == 64 || err == nil && f == math.Trunc(f)
	}
	if n.kind == kindUint {
		u, err := strconv.ParseUint(param, 0, 64)
		return float64(u), err == nil && u <= 1<<53
	}
	i, err := strconv.ParseInt(param, 0, 64)
	return float64(i), err == nil && i >= -1<<53 && i <= 1<<53
}

func atLeast(s *jsonschema.Schema, p float64) {
	if s.Minimum == nil || *s.Minimum < p {
		s.Minimum = &p
	}
}

func atMost(s *jsonschema.Schema, p float64) {
	if s.Maximum == nil || *s.Maximum > p {
		s.Maximum = &p
	}
}

func setConst(s *jsonschema.Schema, v any) { s.Const = &v }

func exclude(s, not *jsonschema.Schema) {
	if s.Not == nil {
		s.Not = not
	} else {
		s.AllOf = append(s.AllOf, &jsonschema.Schema{Not: not})
	}
}

func addPattern(s *jsonschema.Schema, p string) {
	if s.Pattern == "" {
		s.Pattern = p
	} else {
		s.AllOf = append(s.AllOf, &jsonschema.Schema{Pattern: p})
	}
}

func enum(param string, parse func(string) (any, bool)) []any {
	out := []any{}
	for _, word := range choices(param) {
		if v, ok := parse(word); ok {
			out = append(out, v)
		}
	}
	return out
}
