package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth  = 64     // nested objects and arrays, the message itself included
	maxValues = 10_000 // values of any kind in one message
)

// place is where in a message a value stands. The members of some objects mean something to the
// scanner; everywhere else only the grammar counts.
type place uint8

const (
	nested place = iota
	envelope
	params
	meta
)

// scanner is one pass over a body by recursive descent. It is written by hand because the checks of
// depth, count, NUL and repeated names in nested values need every token, and the token reader of a
// general decoder takes about twice as long before any of those checks.
type scanner struct {
	body    []byte
	pos     int
	depth   int
	values  int
	names   [][]byte // of the members of the objects that are open, unescaped
	msg     *Message
	version []byte
	method  []byte
	id      []byte
	idEnd   int
	ids     int
	refusal *Error // the first fault of a body that is JSON; scanning goes on, to find the id
}

// maxOpenNames is the capacity above which the names of a scanner are not kept for the next one.
const maxOpenNames = 64

var scanners = sync.Pool{New: func() any { return &scanner{names: make([][]byte, 0, maxOpenNames)} }}

func newScanner(body []byte) *scanner {
	s := scanners.Get().(*scanner)
	s.body = body
	return s
}

// free forgets the body and returns s to the pool.
func (s *scanner) free() {
	names := s.names[:0]
	if cap(names) > maxOpenNames {
		names = make([][]byte, 0, maxOpenNames)
	} else {
		clear(names[:cap(names)])
	}
	*s = scanner{names: names}
	scanners.Put(s)
}

// refuse notes a fault that does not stop the scan.
func (s *scanner) refuse(message string) {
	if s.refusal == nil {
		s.refusal = &Error{InvalidRequest, message}
	}
}

// fault stops the scan: the body is not JSON that every reader understands alike.
func (s *scanner) fault(what string) *Error {
	return &Error{ParseError, "the body is not strict JSON: " + what + " at byte " + strconv.Itoa(s.pos)}
}

// next skips white space and returns the byte it stops at, 0 at the end.
func (s *scanner) next() byte {
	if s.pos < len(s.body) {
		if c := s.body[s.pos]; c > ' ' {
			return c
		}
	}
	return s.skip()
}

func (s *scanner) skip() byte {
	for ; s.pos < len(s.body); s.pos++ {
		switch c := s.body[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) value(at place) *Error {
	if s.values++; s.values > maxValues {
		return &Error{InvalidRequest, "the message holds more than 10000 values: send less at a time"}
	}
	switch c := s.next(); c {
	case '{':
		return s.nest(at)
	case '[':
		return s.nest(at)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return s.number()
		}
		return s.fault("a value is missing")
	}
}

func (s *scanner) nest(at place) *Error {
	if s.depth++; s.depth > maxDepth {
		return &Error{InvalidRequest, "the message is nested more than 64 levels deep: make it flatter"}
	}
	var err *Error
	if s.body[s.pos] == '{' {
		err = s.object(at)
	} else {
		err = s.array()
	}
	s.depth--
	return err
}

func (s *scanner) array() *Error {
	s.pos++
	if s.next() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(nested); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.fault("',' or ']' is missing")
		}
	}
}

func (s *scanner) object(at place) *Error {
	s.pos++
	outer := len(s.names)
	if s.next() == '}' {
		s.pos++
		return nil
	}
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		s.names = append(s.names, name)
		s.next()
		start := s.pos
		if err := s.value(inner(at, name)); err != nil {
			return err
		}
		if at != nested {
			s.keep(at, name, s.body[start:s.pos:s.pos])
		}
		switch s.next() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			if repeated(s.names[outer:]) {
				return s.fault("a member name occurs twice in the object that ends")
			}
			s.names = s.names[:outer]
			return nil
		default:
			return s.fault("',' or '}' is missing")
		}
	}
}

// inner is the place of the member name of an object at at.
func inner(at place, name []byte) place {
	switch {
	case at == envelope && string(name) == "params":
		return params
	case at == params && string(name) == "_meta":
		return meta
	}
	return nested
}

// name reads a member name and its colon.
func (s *scanner) name() ([]byte, *Error) {
	if s.next() != '"' {
		return nil, s.fault("a member name is missing")
	}
	start := s.pos
	escaped, err := s.text()
	if err != nil {
		return nil, err
	}
	name := s.body[start+1 : s.pos-1]
	if escaped {
		name, _ = jsontext.AppendUnquote(nil, s.body[start:s.pos])
		if bytes.IndexByte(name, 0) >= 0 {
			return nil, s.fault("a member name holds a NUL")
		}
	}
	if s.next() != ':' {
		return nil, s.fault("':' is missing")
	}
	s.pos++
	return name, nil
}

// repeated reports whether two names are equal. It may reorder them.
func repeated(names [][]byte) bool {
	if len(names) > 16 {
		slices.SortFunc(names, bytes.Compare)
		for i := 1; i < len(names); i++ {
			if bytes.Equal(names[i-1], names[i]) {
				return true
			}
		}
		return false
	}
	for i, a := range names {
		for _, b := range names[:i] {
			if bytes.Equal(a, b) {
				return true
			}
		}
	}
	return false
}

// plainLen is how many bytes b begins with that need no look inside a string: all but quotes,
// backslashes and control characters. UTF-8 was checked for the whole body.
func plainLen(b []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	// Eight bytes at a time: a byte of v-n*ones &^ v has its high bit set where v is below n. A
	// borrow can set one too many, but only above the first.
	for ; len(b)-i >= 8; i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		quote, slash := v^('"'*ones), v^('\\'*ones)
		if special := ((v-' '*ones)&^v | (quote-ones)&^quote | (slash-ones)&^slash) & highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// text reads a string and reports whether it holds escapes.
func (s *scanner) text() (escaped bool, _ *Error) {
	s.pos++
	for {
		s.pos += plainLen(s.body[s.pos:])
		if s.pos == len(s.body) {
			return escaped, s.fault("a string does not end")
		}
		switch s.body[s.pos] {
		case '"':
			s.pos++
			return escaped, nil
		case '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return true, err
			}
		default:
			return escaped, s.fault("a control character must be escaped")
		}
	}
}

func (s *scanner) escape() *Error {
	if s.pos+1 < len(s.body) {
		switch s.body[s.pos+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.pos += 2
			return nil
		case 'u':
			r, ok := hex4(s.body, s.pos)
			if !ok {
				break
			}
			switch {
			case r < 0xd800 || r > 0xdfff:
				s.pos += 6
				return nil
			case r < 0xdc00:
				if low, ok := hex4(s.body, s.pos+6); ok && low >= 0xdc00 && low <= 0xdfff {
					s.pos += 12
					return nil
				}
			}
			return s.fault("half of a surrogate pair")
		}
	}
	return s.fault("an unknown escape")
}

// hex4 reads the \uXXXX at b[i:].
func hex4(b []byte, i int) (r rune, ok bool) {
	if len(b) < i+6 || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	for _, c := range b[i+2 : i+6] {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (s *scanner) literal(word string) *Error {
	if !bytes.HasPrefix(s.body[s.pos:], []byte(word)) {
		return s.fault("a value is misspelt")
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) number() *Error {
	n := numberLen(s.body[s.pos:])
	if n == 0 {
		return s.fault("a number is malformed")
	}
	s.pos += n
	return nil
}

// numberLen is the length of the JSON number that b begins with, 0 if there is none.
func numberLen(b []byte) int {
	i := integerLen(b)
	if i == 0 {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// integerLen is the length of the integer literal that b begins with, 0 if there is none.
func integerLen(b []byte) int {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	if i < len(b) && b[i] == '0' {
		return i + 1
	}
	n := digits(b[i:])
	if n == 0 {
		return 0
	}
	return i + n
}

func digits(b []byte) int {
	for i, c := range b {
		if !isDigit(c) {
			return i
		}
	}
	return len(b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// whole reads the one value of a body and what surrounds it.
func (s *scanner) whole(at place) *Error {
	if bytes.HasPrefix(s.body, []byte("\ufeff")) {
		return s.fault("a byte order mark")
	}
	if !utf8.Valid(s.body) {
		return &Error{ParseError, "the body is not strict JSON: it is not UTF-8"}
	}
	if err := s.value(at); err != nil {
		return err
	}
	if s.next() != 0 || s.pos < len(s.body) {
		return s.fault("more than one value")
	}
	return nil
}
