// Package nearest guesses which name was meant by one that does not exist, at a cost that does not
// grow with what an attacker sends or with how many names there are.
package nearest

import (
	"slices"
	"strings"
	"unicode"
)

// MaxLength is the length in bytes, after folding, of the longest name that is compared: each
// letter needs one bit of a 64-bit word.
const MaxLength = 64

// Of returns the name in known that name was most likely meant to be, the first of equals, or ""
// when none is near. Case, dots, dashes and underscores are ignored; of the letters about one in
// three may be wrong. Nothing is near to a name over 64 bytes.
func Of(name string, known []string) string {
	var q query
	if !q.set(name) {
		return ""
	}
	for _, k := range known {
		q.try(k, fold(k))
	}
	return q.best
}

// Names are names prepared for many guesses. A guess looks at no more than a few dozen of them:
// those that begin like the wrong name, and those that end like it.
type Names struct {
	forward, backward []entry // sorted by key
}

type entry struct {
	key, folded, name string
}

// window is how many names a guess looks at on each side of the place where the wrong name would
// stand.
const window = 8

// New prepares names.
func New(known []string) *Names {
	n := &Names{}
	for _, name := range known {
		folded := fold(name)
		if len(folded) > MaxLength {
			continue
		}
		n.forward = append(n.forward, entry{folded, folded, name})
		n.backward = append(n.backward, entry{reverse(folded), folded, name})
	}
	for _, list := range [][]entry{n.forward, n.backward} {
		slices.SortStableFunc(list, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	}
	return n
}

// Nearest is [Of] among the names prepared.
func (n *Names) Nearest(name string) string {
	var q query
	if !q.set(name) {
		return ""
	}
	q.around(n.forward, q.folded)
	q.around(n.backward, reverse(q.folded))
	return q.best
}

func (q *query) around(list []entry, key string) {
	at, _ := slices.BinarySearchFunc(list, key, func(e entry, key string) int { return strings.Compare(e.key, key) })
	for _, e := range list[max(0, at-window):min(len(list), at+window)] {
		q.try(e.name, e.folded)
	}
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// query is one wrong name and the nearest one so far.
type query struct {
	folded   string
	letters  [256]uint64 // for each letter, the bits of the places where it stands
	best     string
	distance int
}

// set begins a query; it reports false when nothing can be near.
func (q *query) set(name string) bool {
	if len(name) > MaxLength {
		return false
	}
	q.folded, q.distance = fold(name), MaxLength+1
	if q.folded == "" || len(q.folded) > MaxLength {
		return false
	}
	for i := range len(q.folded) {
		q.letters[q.folded[i]] |= 1 << i
	}
	return true
}

// try takes a name when it is near, and nearer than the best.
func (q *query) try(name, folded string) {
	a, b := len(q.folded), len(folded)
	limit := min(a, b, MaxLength) / 3
	if b > MaxLength || max(a-b, b-a) > min(limit, q.distance-1) {
		return
	}
	if d := q.distanceTo(folded); d <= limit && d < q.distance {
		q.best, q.distance = name, d
	}
}

// distanceTo counts the insertions, deletions, replacements and swaps of neighbours that turn one
// name into the other. A word holds a column of the usual table, as differences between the rows.
// (Hyyrö, 2003: A bit-vector algorithm for computing Levenshtein and Damerau edit distances)
func (q *query) distanceTo(b string) int {
	m := len(q.folded)
	last := uint64(1) << (m - 1)
	distance := m
	var down, diagonal, before uint64
	up := ^uint64(0)
	for i := range len(b) {
		here := q.letters[b[i]]
		swapped := (^diagonal & here) << 1 & before
		diagonal = (here&up + up) ^ up | here | down | swapped
		right, left := down|^(diagonal|up), diagonal&up
		if right&last != 0 {
			distance++
		} else if left&last != 0 {
			distance--
		}
		right, left = right<<1|1, left<<1
		up, down = left|^(diagonal|right), right&diagonal
		before = here
	}
	return distance
}
