package toon

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// decode reads the part of TOON that Append may write, as strictly as §14 wants and without mercy
// for other spellings. It returns nil, bool, string, number, []any or map[string]any.
func decode(doc string) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v in\n%s", r, doc)
		}
	}()
	d := &decoder{}
	if doc != "" {
		d.lines = strings.Split(doc, "\n")
	}
	v = d.root()
	if d.at < len(d.lines) {
		fail("line %q belongs to nothing", d.lines[d.at])
	}
	return v, nil
}

// number is the value of a JSON number in one spelling. Exponents beyond measure are compared as
// they are written.
type number string

func newNumber(s string) number {
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		if n, err := strconv.Atoi(s[e+1:]); err != nil || n < -1000 || n > 1000 {
			if strings.Trim(s[:e], "-0.") == "" {
				return "0"
			}
			return number(s)
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		fail("%q is no number", s)
	}
	return number(r.RatString())
}

var (
	unquotedKey    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*`)
	unquotedNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	length         = regexp.MustCompile(`^\[(0|[1-9][0-9]*)(:?)\]`)
)

type decoder struct {
	lines []string
	at    int
}

type column struct {
	name    string
	columns []column
}

func fail(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// next returns the content of the next line if it stands at depth.
func (d *decoder) next(depth int) (string, bool) {
	if d.at == len(d.lines) {
		return "", false
	}
	line := d.lines[d.at]
	text := strings.TrimLeft(line, " ")
	if text == "" || text[0] == '#' || strings.HasSuffix(text, " ") || (len(line)-len(text))%2 != 0 {
		fail("line %q is blank, a comment, padded or badly indented", line)
	}
	if (len(line)-len(text))/2 != depth {
		return "", false
	}
	d.at++
	return text, true
}

func (d *decoder) must(depth int) string {
	text, ok := d.next(depth)
	if !ok {
		fail("no line of depth %d at line %d", depth, d.at+1)
	}
	return text
}

func (d *decoder) root() any {
	if len(d.lines) == 0 {
		return map[string]any{}
	}
	first := d.must(0)
	switch {
	case first == "[]":
		return []any{}
	case first[0] == '[':
		return d.container(first, 0, true)
	case len(d.lines) == 1 && !hasColon(first):
		return scalar(first)
	}
	d.at = 0
	return d.object(map[string]any{}, 0)
}

func (d *decoder) object(into map[string]any, depth int) map[string]any {
	for text, ok := d.next(depth); ok; text, ok = d.next(depth) {
		d.member(into, text, depth)
	}
	return into
}

func (d *decoder) member(into map[string]any, text string, depth int) {
	name, rest := key(text)
	switch {
	case strings.HasPrefix(rest, "["):
		put(into, name, d.container(rest, depth, true))
	case rest == ":":
		put(into, name, d.object(map[string]any{}, depth+1))
	case rest == ": []":
		put(into, name, []any{})
	case strings.HasPrefix(rest, ": "):
		put(into, name, scalar(rest[2:]))
	default:
		fail("no value after the key of %q", text)
	}
}

func put(into map[string]any, name string, v any) {
	if _, ok := into[name]; ok {
		fail("%q twice", name)
	}
	into[name] = v
}

// container reads what a header announces.
func (d *decoder) container(header string, depth int, tables bool) any {
	m := length.FindStringSubmatch(header)
	if m == nil {
		fail("%q is no header", header)
	}
	n, _ := strconv.Atoi(m[1])
	keyed := m[2] != ""
	rest := header[len(m[0]):]
	if strings.HasPrefix(rest, "{") {
		if !tables {
			fail("table %q in a list", header)
		}
		var columns []column
		columns, rest = fields(rest)
		if rest != ":" {
			fail("%q after the columns", rest)
		}
		return d.table(n, columns, depth+1, keyed)
	}
	if keyed {
		fail("no columns in %q", header)
	}
	list := []any{}
	switch {
	case strings.HasPrefix(rest, ": "):
		for _, c := range cells(rest[2:]) {
			list = append(list, scalar(c))
		}
	case rest == ":":
		for range n {
			list = append(list, d.item(depth+1))
		}
	default:
		fail("no colon in %q", header)
	}
	if len(list) != n {
		fail("%d values for %q", len(list), header)
	}
	return list
}

func (d *decoder) table(n int, columns []column, depth int, keyed bool) any {
	list, object := []any{}, map[string]any{}
	for range n {
		text := d.must(depth)
		var name string
		if keyed {
			var ok bool
			name, text = key(text)
			if text, ok = strings.CutPrefix(text, ": "); !ok {
				fail("no colon after entry %q", name)
			}
		}
		row, rest := fill(columns, cells(text))
		if len(rest) > 0 {
			fail("row %q is too long", text)
		}
		if keyed {
			put(object, name, row)
		} else {
			list = append(list, row)
		}
	}
	if keyed {
		return object
	}
	return list
}

func fill(columns []column, cells []string) (map[string]any, []string) {
	row := map[string]any{}
	for _, c := range columns {
		if c.columns != nil {
			var sub map[string]any
			sub, cells = fill(c.columns, cells)
			put(row, c.name, sub)
			continue
		}
		if len(cells) == 0 {
			fail("no cell for %q", c.name)
		}
		put(row, c.name, scalar(cells[0]))
		cells = cells[1:]
	}
	return row, cells
}

func (d *decoder) item(depth int) any {
	text := d.must(depth)
	if text == "-" {
		return map[string]any{}
	}
	rest, ok := strings.CutPrefix(text, "- ")
	switch {
	case !ok:
		fail("%q is no item", text)
	case rest[0] == '[':
		return d.container(rest, depth, false)
	case !hasColon(rest):
		return scalar(rest)
	}
	object := map[string]any{}
	d.member(object, rest, depth+1)
	return d.object(object, depth+1)
}

func key(text string) (name, rest string) {
	if strings.HasPrefix(text, `"`) {
		n := quotedLen(text)
		return unquote(text[:n]), text[n:]
	}
	name = unquotedKey.FindString(text)
	if name == "" {
		fail("%q does not begin with a key", text)
	}
	return name, text[len(name):]
}

func fields(text string) (columns []column, rest string) {
	for text[0] == '{' || text[0] == ',' {
		var c column
		c.name, text = key(text[1:])
		if text[0] == '{' {
			c.columns, text = fields(text)
		}
		columns = append(columns, c)
	}
	if text[0] != '}' {
		fail("columns end with %q", text)
	}
	return columns, text[1:]
}

func cells(text string) (cells []string) {
	for {
		n := strings.IndexByte(text, ',')
		if strings.HasPrefix(text, `"`) {
			if n = quotedLen(text); n == len(text) {
				n = -1
			} else if text[n] != ',' {
				fail("%q after a quoted cell", text[n:])
			}
		}
		if n < 0 {
			return append(cells, text)
		}
		cells, text = append(cells, text[:n]), text[n+1:]
	}
}

func scalar(text string) any {
	switch {
	case text == "null":
		return nil
	case text == "true" || text == "false":
		return text == "true"
	case unquotedNumber.MatchString(text):
		return newNumber(text)
	case strings.HasPrefix(text, `"`):
		return unquote(text)
	case text == "" || text[0] == '-' || text[0] == '#' || strings.Trim(text, " ") != text || strings.ContainsAny(text, "\":[]{}\\,\t\r"):
		fail("%q should be in quotes", text)
	}
	return text
}

func hasColon(text string) bool {
	if strings.HasPrefix(text, `"`) {
		text = text[quotedLen(text):]
	}
	return strings.Contains(text, ":")
}

func quotedLen(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	fail("%q has no end", text)
	return 0
}

func unquote(text string) string {
	if quotedLen(text) != len(text) {
		fail("%q goes on after the quotes", text)
	}
	var b strings.Builder
	for s := text[1 : len(text)-1]; s != ""; {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if i := strings.IndexByte(`\"nrt`, s[1]); i >= 0 {
			b.WriteByte("\\\"\n\r\t"[i])
			s = s[2:]
			continue
		}
		code, err := strconv.ParseUint(s[2:6], 16, 16)
		if s[1] != 'u' || err != nil || code >= ' ' {
			fail("%q has an escape that is not needed", text)
		}
		b.WriteByte(byte(code))
		s = s[6:]
	}
	return b.String()
}
