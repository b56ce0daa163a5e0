package binding

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/nearest"
)

const maxDepth = 64

var (
	// The walker finds duplicate names itself, so that it can go on after one.
	walkOptions   = json.JoinOptions(jsontext.AllowDuplicateNames(true))
	decodeOptions = json.JoinOptions(json.RejectUnknownMembers(true), json.ExperimentalSupportFormatTag(true))
)

// walker decodes one document. It goes on after an error, and so finds them all; only broken JSON
// stops it.
type walker struct {
	dec  *jsontext.Decoder
	next func() error
	path []step
	seen []int64 // per open object one entry per field: 0 absent, else its position, negative when it had an error
	errs []placedError
	// failures counts all errors; errs holds the first maxErrors of them.
	failures int
	stop     error // broken JSON
	// The rest is set only while a document of arguments is read. top describes what to decode
	// into.
	top   *object
	roots []reflect.Value
	rest  int  // the part that names no part declares belong to
	nul   bool // U+0000 is allowed where the walker stands
	root  [8]reflect.Value
}

// step is one element of the path to the value being decoded.
type step struct {
	name  string
	index int // -1: name counts
	key   bool
}

type placedError struct {
	FieldError
	at   int64 // position in the document
	part int   // the part it concerns
}

const (
	noPart    = -1
	everyPart = -2
)

// maxErrors bounds the work and the answer that one hostile document can cause.
const maxErrors = 100

// atEnd is the position of errors about what is not there.
const atEnd = math.MaxInt64

var walkers = sync.Pool{New: func() any { return new(walker) }}

func newWalker() *walker {
	w := walkers.Get().(*walker)
	w.rest = noPart
	return w
}

func (w *walker) release() {
	clear(w.path[:cap(w.path)])
	w.path, w.seen, w.errs = w.path[:0], w.seen[:0], nil
	w.dec, w.next, w.stop, w.top, w.roots, w.failures, w.nul = nil, nil, nil, nil, nil, 0, false
	clear(w.root[:])
	walkers.Put(w)
}

// read runs next on data, or reads arguments when next is nil; the json package lends its pooled
// decoder.
func (w *walker) read(data []byte, next func() error) {
	w.next = next
	if err := json.Unmarshal(data, w, walkOptions); err != nil {
		w.stop = err
	}
}

// UnmarshalJSONFrom makes walker a json.UnmarshalerFrom.
func (w *walker) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	w.dec = dec
	if w.next == nil {
		return w.readArguments()
	}
	return w.next()
}

// arguments reads data, which must be an object.
func (w *walker) arguments(data []byte, o *object, roots []reflect.Value) {
	w.top, w.roots = o, roots
	w.read(data, nil)
}

func (w *walker) readArguments() error {
	if w.dec.PeekKind() != '{' {
		return w.notObject()
	}
	return w.object(w.top, w.roots)
}

func (w *walker) notObject() error {
	w.fail("type", "the arguments must be a JSON object")
	return w.dec.SkipValue()
}

// result turns what was found into an *Error, or nil.
func (w *walker) result() error {
	if w.stop != nil {
		return &Error{Fields: []FieldError{syntaxError(w.stop)}}
	}
	if len(w.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(w.errs, func(a, b placedError) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	e := &Error{Fields: make([]FieldError, len(w.errs))}
	for i, p := range w.errs {
		e.Fields[i] = p.FieldError
	}
	if w.failures > len(w.errs) {
		e.Fields = append(e.Fields, FieldError{Rule: "more", Message: "there are more errors; correct these first"})
	}
	return e
}

func syntaxError(err error) FieldError {
	message := "the arguments are not valid JSON"
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		message += " (byte " + strconv.FormatInt(s.ByteOffset, 10) + ")"
	}
	return FieldError{Rule: "json", Message: message}
}

// fail records an error of the value at the current path, found here.
func (w *walker) fail(rule, message string) {
	w.failAt(w.dec.InputOffset(), w.pathText(), rule, message)
}

func (w *walker) failAt(at int64, path, rule, message string) {
	w.add(placedError{FieldError{Path: path, Rule: rule, Message: message}, at, w.part()})
}

func (w *walker) add(e placedError) {
	if w.failures++; len(w.errs) < maxErrors {
		w.errs = append(w.errs, e)
	}
}

// part finds which part the current path belongs to.
func (w *walker) part() int {
	if len(w.path) == 0 || w.top == nil {
		return everyPart
	}
	if i, ok := w.top.byName[w.path[0].name]; ok {
		return w.top.fields[i].part
	}
	return w.rest
}

// position finds where the argument at the head of path stood in the document.
func (w *walker) position(path string) int64 {
	if end := strings.IndexAny(path, ".["); end >= 0 {
		path = path[:end]
	}
	i, ok := w.top.byName[path]
	seen := w.seen[:len(w.top.fields)] // the outermost object was the last to use it
	if !ok || seen[i] == 0 {
		return atEnd
	}
	return max(seen[i], -seen[i])
}

func (w *walker) pathText() string {
	var b []byte
	for _, s := range w.path {
		switch {
		case s.index >= 0:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		case s.key && len(b) > 0:
			b = append(append(append(b, '['), clip(s.name)...), ']')
		default:
			if len(b) > 0 {
				b = append(b, '.')
			}
			b = append(b, clip(s.name)...)
		}
	}
	return string(b)
}

// clip bounds a name that came from the caller.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == nearest.MaxLength {
			return s[:i]
		}
		n++
	}
	return s
}

// wrongType skips a value of the wrong type and says so.
func (w *walker) wrongType(want string) error {
	rest := ""
	if w.dec.PeekKind() == 'n' {
		rest = ", not null; leave it out instead"
	}
	at := w.dec.InputOffset()
	if err := w.dec.SkipValue(); err != nil {
		return err
	}
	w.failAt(at+1, w.pathText(), "type", "must be "+want+rest)
	return nil
}

// tooDeep skips a value below the depth limit.
func (w *walker) tooDeep() error {
	w.fail("depth", "is nested too deep; "+strconv.Itoa(maxDepth)+" levels are allowed")
	return w.dec.SkipValue()
}
