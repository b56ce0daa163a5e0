package mcpecho

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcpecho/kit/internal/location"
)

// costly is a URI of the greatest length and templates that it is compared with to its end.
func costly(t testing.TB, n int) (*registry, string) {
	r := &registry{}
	for i := range n {
		l, err := location.New(fmt.Sprintf("s://{+a}/%d/{+b}", i))
		if err != nil {
			t.Fatal(err)
		}
		r.lists[templates] = append(r.lists[templates], &entry{location: l})
	}
	return r, "s://" + strings.Repeat("ab/", maxURIBytes/3-2)
}

func TestMatchingAURICostsTheSameMemoryAtAnyLength(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes pools forget, so allocations say nothing")
	}
	r, long := costly(t, 20)
	for _, uri := range []string{long[:50], long, long + long} {
		if n := testing.AllocsPerRun(10, func() {
			if e, _, _ := r.resource(uri, 0); e != nil {
				t.Fatal("it matches")
			}
		}); n > 20 {
			t.Errorf("%d bytes: %v allocations", len(uri), n)
		}
	}
}

// BenchmarkATemplateThatDoesNotMatch is the cost of one more template for the longest URI.
func BenchmarkATemplateThatDoesNotMatch(b *testing.B) {
	r, uri := costly(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.resource(uri, 0)
	}
}
