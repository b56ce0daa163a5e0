package binding

import (
	"strings"
	"unicode"
)

const maxHintLength = 64

// Nearest returns the name in known that name was most likely meant to be, or "" when none is near. Case, dashes and
// underscores count for nothing; beyond that about one wrong letter in three is forgiven. Names over 64 bytes have no
// neighbour, which bounds the work an attacker can cause.
func Nearest(name string, known []string) string {
	if len(name) > maxHintLength {
		return ""
	}
	folded := foldName(name)
	best, bestDistance := "", maxHintLength
	for _, k := range known {
		if len(k) > maxHintLength {
			continue
		}
		target := foldName(k)
		limit := min(len(folded), len(target)) / 3
		if d := distance(folded, target); d <= limit && d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func distance(a, b string) int {
	var rows [3][maxHintLength*3 + 1]int // lower case may take more bytes than the original
	before, prev, row := &rows[0], &rows[1], &rows[2]
	if len(a) >= len(row) || len(b) >= len(row) {
		return len(row)
	}
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
