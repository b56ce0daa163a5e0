package location

import (
	"cmp"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/yosida95/uritemplate/v3"
)

// MaxBytes is the length of the longest URI that New takes. Callers of Match refuse longer ones
// before they compare them with any template.
const MaxBytes = 2 << 10

// Location is a compiled URI or URI template. It is immutable and safe for concurrent use.
type Location struct {
	template       *uritemplate.Template // nil for a fixed URI
	vars           []string
	prefix, suffix string // the literal ends of a template; the prefix is all of a fixed URI
	pattern        *regexp.Regexp
	loose          *regexp.Regexp // what package uritemplate may match
	groups         []group
	slow           bool              // lists and prefixes, which only package uritemplate takes apart
	adjacent       bool              // expressions without a text between them, which only it divides a list between
	paths          map[string]bool   // the variables of {+path} and {#path}
	spelt          map[string]string // those with a prefix, {code:3}, as package uritemplate calls them
}

// group is what a subexpression of the pattern holds.
type group struct {
	name  string
	query bool // the whole of a form-style query, to be checked and not a value
}

// New compiles a URI or an RFC 6570 template. It returns an error for one that has no scheme or
// more than MaxBytes, and for a template that the RFC does not know.
func New(raw string) (*Location, error) {
	if scheme, _, ok := strings.Cut(raw, ":"); !ok || !isScheme(scheme) || len(raw) > MaxBytes {
		return nil, fmt.Errorf("URI %q must be absolute, as invoices://{pk}", short(raw))
	}
	template, err := uritemplate.New(raw)
	if err != nil {
		return nil, fmt.Errorf("URI template %q: %w", short(raw), err)
	}
	if len(template.Varnames()) == 0 {
		return &Location{prefix: raw}, nil
	}
	l := &Location{
		template: template, vars: template.Varnames(), paths: map[string]bool{}, spelt: map[string]string{}, adjacent: strings.Contains(raw, "}{"),
		prefix: raw[:strings.IndexByte(raw, '{')], suffix: raw[strings.LastIndexByte(raw, '}')+1:],
	}
	l.loose = template.Regexp()
	pattern := l.compile(raw)
	if l.slow {
		return l, nil
	}
	l.pattern, err = regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("URI template %q: %w", short(raw), err)
	}
	return l, nil
}

// isScheme is the syntax of a URI scheme. (RFC 3986, section 3.1)
func isScheme(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || strings.ContainsRune("+-.", r))) {
			return false
		}
	}
	return s != ""
}

// short bounds a URI that an error repeats.
func short(uri string) string {
	if len(uri) > 100 {
		return strings.ToValidUTF8(uri[:100], "") + "…"
	}
	return uri
}

// What the value of a variable is made of. (RFC 6570, section 2.1; RFC 3986, section 2)
const (
	unreserved = `(?:[-._~A-Za-z0-9,]|%[0-9A-Fa-f]{2})*`
	reserved   = `(?:[-._~A-Za-z0-9:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*`
)

// compile makes the pattern of a template that has been parsed before, and notes its groups.
// (RFC 6570, section 3.2)
func (l *Location) compile(raw string) string {
	var b strings.Builder
	b.WriteString(`^`)
	for raw != "" {
		literal, rest, found := strings.Cut(raw, "{")
		b.WriteString(regexp.QuoteMeta(literal))
		if !found {
			break
		}
		var expression string
		expression, raw, _ = strings.Cut(rest, "}")
		l.compileExpression(&b, expression)
	}
	b.WriteString(`$`)
	return b.String()
}

func (l *Location) compileExpression(b *strings.Builder, expression string) {
	operator := expression[0]
	if strings.IndexByte("+#./;?&", operator) >= 0 {
		expression = expression[1:]
	} else {
		operator = ' '
	}
	names := strings.Split(expression, ",")
	for _, name := range names {
		list := strings.HasSuffix(name, "*") && (operator != ' ' || len(names) > 1) // else commas separate it, as they do without
		variable, _, prefix := strings.Cut(strings.TrimRight(name, "*"), ":")
		if prefix {
			l.spelt[variable] = name
		}
		l.slow = l.slow || list || prefix
		if operator == '+' || operator == '#' {
			l.paths[variable] = true
		}
	}
	if strings.IndexByte(";?&", operator) >= 0 {
		l.compileNamed(b, operator, names)
		return
	}
	l.slow = l.slow || len(names) > 1
	first, value := strings.Trim(string(operator), " +"), unreserved
	if operator == '+' || operator == '#' {
		value = reserved
	}
	b.WriteString(`(?:` + regexp.QuoteMeta(first) + `(` + value + `))?`)
	l.groups = append(l.groups, group{name: strings.TrimRight(names[0], "*")})
}

// compileNamed is values with their names, each of which may be missing.
func (l *Location) compileNamed(b *strings.Builder, operator byte, names []string) {
	separators, assign := `[?&]`, `=`
	if operator == ';' {
		separators, assign = `;`, `=?`
	}
	b.WriteString(`(`)
	l.groups = append(l.groups, group{query: operator == '?'})
	for _, name := range names {
		b.WriteString(`(?:` + separators + regexp.QuoteMeta(name) + assign + `(` + unreserved + `))?`)
		l.groups = append(l.groups, group{name: name})
	}
	b.WriteString(`)`)
}

// Vars are the names of the variables, in the order in which they first occur; none of a fixed URI.
// The caller must not change them.
func (l *Location) Vars() []string { return l.vars }

// Fixed says whether the URI has no variables.
func (l *Location) Fixed() bool { return l.template == nil }

// Expand writes the URI of values for the variables. One that an operator of the template has no
// place for leaves a URI that does not match.
func (l *Location) Expand(values url.Values) string {
	if l.Fixed() {
		return l.prefix
	}
	all := uritemplate.Values{}
	for name, list := range values {
		if len(list) == 1 {
			all.Set(name, uritemplate.String(list[0]))
		} else {
			all.Set(name, uritemplate.List(list...))
		}
	}
	uri, err := l.template.Expand(all)
	if err != nil {
		return ""
	}
	return uri
}

// Match extracts the variables of a URI; a fixed one matches itself. Values that are paths where a
// name is expected do not match: whatever a handler builds of them stays inside.
func (l *Location) Match(uri string) (url.Values, bool) {
	if l.Fixed() {
		return url.Values{}, uri == l.prefix
	}
	if len(uri) < len(l.prefix)+len(l.suffix) || !strings.HasPrefix(uri, l.prefix) || !strings.HasSuffix(uri, l.suffix) {
		return nil, false
	}
	values := l.extract(uri)
	for name, list := range values {
		for _, s := range list {
			if !safe(s, l.paths[name]) {
				return nil, false
			}
		}
	}
	return values, values != nil
}

// extract returns nil when the URI does not match.
func (l *Location) extract(uri string) url.Values {
	if l.slow || l.adjacent && strings.Contains(uri, ",") {
		return l.extractSlowly(uri)
	}
	found := l.pattern.FindStringSubmatchIndex(uri)
	if found == nil {
		return nil
	}
	values := url.Values{}
	for i, g := range l.groups {
		begin, end := found[2*i+2], found[2*i+3]
		if begin < 0 {
			continue
		}
		text := uri[begin:end]
		if g.name == "" {
			if g.query && text != "" && (text[0] != '?' || strings.Contains(text[1:], "?")) || !g.query && strings.Contains(text, "?") {
				return nil
			}
			continue
		}
		for part := range l.parts(g.name, text) {
			value, err := url.PathUnescape(part)
			if err != nil {
				return nil
			}
			values[g.name] = append(values[g.name], value)
		}
	}
	return values
}

// parts are the values that a text holds: of a list they are separated by commas, which a path may
// have too.
func (l *Location) parts(name, text string) iter.Seq[string] {
	if l.paths[name] {
		return func(yield func(string) bool) { yield(text) }
	}
	return strings.SplitSeq(text, ",")
}

// The bounds of a URI that package uritemplate takes apart.
const (
	maxSlowBytes  = 256
	maxSlowCommas = 32
)

// extractSlowly is for templates that have prefixes or several names in one expression, and for
// lists that no text separates from what follows.
func (l *Location) extractSlowly(uri string) url.Values {
	if len(uri) > maxSlowBytes || strings.Count(uri, ",") > maxSlowCommas || !l.loose.MatchString(uri) {
		return nil
	}
	found := l.template.Match(uri)
	if found == nil {
		return nil
	}
	values := url.Values{}
	for _, name := range l.vars {
		if v := found.Get(cmp.Or(l.spelt[name], name)); v.Valid() {
			values[name] = v.V
		}
	}
	return values
}

// safe says whether a value may reach a handler: a name, or a path that stays below where it
// begins.
func safe(s string, path bool) bool {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
		return false
	}
	if strings.Contains(s, "/") && (!path || s[0] == '/') {
		return false
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
