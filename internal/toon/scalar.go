package toon

import (
	"bytes"
	"strconv"
)

func (w *writer) primitive(v value) {
	switch {
	case v.kind == '"' && quotesValue(v.text):
		w.quoted(v.text)
	case v.kind == '0':
		w.number(v.text)
	default:
		w.buf = append(w.buf, v.text...)
	}
}

func (w *writer) key(name []byte) {
	if quotesKey(name) {
		w.quoted(name)
	} else {
		w.buf = append(w.buf, name...)
	}
}

// quotesValue reports whether a string has to be quoted (§7.2). The delimiter is the comma
// everywhere, so the place of the string does not matter.
func quotesValue(s []byte) bool {
	switch string(s) {
	case "", "true", "false", "null":
		return true
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' || s[0] == '-' || s[0] == '#' {
		return true
	}
	for _, c := range s {
		switch c {
		case ':', '"', '\\', '[', ']', '{', '}', ',':
			return true
		}
		if c < ' ' {
			return true
		}
	}
	return numeric(s)
}

// numeric reports whether s looks like a number, also like one with a plus sign or leading zeros. A
// minus sign has been dealt with before.
func numeric(s []byte) bool {
	if s[0] == '+' {
		s = s[1:]
	}
	n := digits(s)
	if n == 0 {
		return false
	}
	s = s[n:]
	if len(s) > 0 && s[0] == '.' {
		if n = digits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = digits(s); n == 0 {
			return false
		}
		s = s[n:]
	}
	return len(s) == 0
}

// digits returns how many digits s begins with.
func digits(s []byte) int {
	for i, c := range s {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(s)
}

// quotesKey reports whether a name has to be quoted (§7.3).
func quotesKey(s []byte) bool {
	for i, c := range s {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '.'):
		default:
			return true
		}
	}
	return len(s) == 0
}

// quoted writes s with the escapes of §7.1, which are fewer than those of JSON.
func (w *writer) quoted(s []byte) {
	const hex = "0123456789abcdef"
	w.text(`"`)
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.buf = append(w.buf, '\\', c)
		case c == '\n':
			w.text(`\n`)
		case c == '\r':
			w.text(`\r`)
		case c == '\t':
			w.text(`\t`)
		case c < ' ':
			w.buf = append(w.buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			w.buf = append(w.buf, c)
		}
	}
	w.text(`"`)
}

// number writes a JSON number in canonical form (§2): no exponent, no zeros at the end of the
// fraction, no negative zero. It works on the digits, so nothing is rounded. A number that has an
// exponent and lies outside of 1e-6 to 1e21 keeps its exponent, as the specification allows:
// without it a few bytes of input could become a billion zeros.
func (w *writer) number(s []byte) {
	mantissa, exponent, scientific := s, 0, false
	if e := bytes.IndexAny(s, "eE"); e >= 0 {
		// An exponent out of range comes back as the nearest number in it, which is out of the
		// range below as well.
		n, _ := strconv.ParseInt(string(s[e+1:]), 10, 32)
		mantissa, exponent, scientific = s[:e], int(n), true
	}
	negative := mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	w.digits = append(append(w.digits[:0], whole...), fraction...)
	all := bytes.TrimRight(w.digits, "0")
	point := len(whole) + exponent // counted from the start of all
	zeros := len(all) - len(bytes.TrimLeft(all, "0"))
	all, point = all[zeros:], point-zeros
	if len(all) == 0 {
		w.text("0")
		return
	}
	if scientific && (point <= -6 || point > 21) { // the value is 0.all times ten to the power of point
		w.buf = append(w.buf, s...)
		return
	}
	if negative {
		w.text("-")
	}
	switch {
	case point <= 0:
		w.text("0.")
		w.zeros(-point)
		w.buf = append(w.buf, all...)
	case point >= len(all):
		w.buf = append(w.buf, all...)
		w.zeros(point - len(all))
	default:
		w.buf = append(w.buf, all[:point]...)
		w.text(".")
		w.buf = append(w.buf, all[point:]...)
	}
}

func (w *writer) zeros(n int) {
	for range n {
		w.text("0")
	}
}
