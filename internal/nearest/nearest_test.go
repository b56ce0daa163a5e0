package nearest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	known := []string{"number", "amount_cents", "page", "pk", "invoices_list"}
	for name, want := range map[string]string{
		"numbr": "number", "Number": "number", "NUMBER": "number", "amountCents": "amount_cents", "amount-cents": "amount_cents", "nubmer": "number",
		"pag": "page", "xyz": "", "id": "", "PK": "pk", "": "", "__": "", strings.Repeat("a", 10000): "", "İnumber": "number",
		"invoices.list": "invoices_list", "invoices.lst": "invoices_list", strings.Repeat("İ", 30): "",
	} {
		if got := Of(name, known); got != want {
			t.Errorf("Of(%.20q) = %q, want %q", name, got, want)
		}
		if got := New(known).Nearest(name); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}

// distance is the table of the textbook.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func TestTheDistanceIsThatOfTheTextbook(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	word := func(most int) string {
		b := make([]byte, random.IntN(most+1))
		for i := range b {
			b[i] = "abc"[random.IntN(3)]
		}
		return string(b)
	}
	for range 20000 {
		a, b := word(12), word(12)
		if random.IntN(8) == 0 {
			a, b = word(64), word(64)
		}
		var q query
		if !q.set(a) {
			continue
		}
		if got, want := q.distanceTo(b), distance(a, b); got != want {
			t.Fatalf("seed %d: from %q to %q are %d steps, counted %d", seed, a, b, want, got)
		}
	}
}

func TestOneWrongLetterIsFoundAmongTenThousandNames(t *testing.T) {
	var names []string
	random := rand.New(rand.NewPCG(1, 2))
	for _, area := range strings.Fields("accounts billing customers deliveries employees files groups holidays invoices jobs") {
		for _, verb := range strings.Fields("add cancel create delete export find get import list move") {
			for range 100 {
				names = append(names, fmt.Sprintf("%s_%s_%c%c%c%cs", area, verb, 'a'+random.IntN(26), 'a'+random.IntN(26), 'a'+random.IntN(26), 'a'+random.IntN(26)))
			}
		}
	}
	n := New(names)
	found := 0
	const tries = 1000
	for range tries {
		name := names[random.IntN(len(names))]
		at := random.IntN(len(name))
		if n.Nearest(name[:at]+"q"+name[at+1:]) == name {
			found++
		}
	}
	if found < tries*9/10 {
		t.Errorf("of %d names with a wrong letter %d were found", tries, found)
	}
}

func BenchmarkNearest(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("tools_number_%05d", i)
		}
		prepared := New(names)
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepared.Nearest("tools_numbr_00500")
			}
		})
	}
}
