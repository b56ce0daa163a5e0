package mcpecho

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// The pattern of a template must find what the matcher of package uritemplate finds, which is
// slow and follows RFC 6570.
func TestAPatternFindsWhatTheMatcherOfTheTemplateFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	const templates, uris = 300, 60
	matched := 0
	for range templates {
		raw := "x://" + pick("", "h", "h/")
		for i := range 1 + random.IntN(3) {
			raw += "{" + pick("", "", "+", "/", "?", "&", ";", "#") + fmt.Sprintf("v%d", i)
			if last := raw[len(raw)-3]; random.IntN(3) == 0 && (last == '?' || last == '&' || last == ';') {
				raw += fmt.Sprintf(",w%d", i)
			}
			raw += "}" + pick("", "/", "/x", "-")
		}
		l, err := newLocation(raw)
		if err != nil {
			t.Fatal(err)
		}
		for range uris {
			uri := "x://" + pick("", "h", "h/")
			for range random.IntN(8) {
				uri += pick("a", "b", "%2F", "/", "/x", "-", ",", "?v0=1", "&v0=", "&w0=2", ";v0=3", ";v1", "#", "%41", "=", ".")
			}
			got, want := l.extract(uri), l.extractSlowly(uri)
			if got != nil {
				matched++
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s of %s: %v, want %v", uri, raw, got, want)
			}
		}
	}
	if matched < 500 {
		t.Errorf("only %d URIs matched: the test says little", matched)
	}
}

// costly is a URI of the greatest length and templates that it is compared with to its end.
func costly(t testing.TB, n int) (*registry, string) {
	r := &registry{}
	for i := range n {
		l, err := newLocation(fmt.Sprintf("s://{+a}/%d/{+b}", i))
		if err != nil {
			t.Fatal(err)
		}
		r.lists[templates] = append(r.lists[templates], &entry{location: l})
	}
	return r, "s://" + strings.Repeat("ab/", maxURIBytes/3-2)
}

func TestMatchingAURICostsTheSameMemoryAtAnyLength(t *testing.T) {
	r, long := costly(t, 20)
	for _, uri := range []string{long[:50], long, long + long} {
		if n := testing.AllocsPerRun(10, func() {
			if e, _ := r.resource(uri); e != nil {
				t.Fatal("it matches")
			}
		}); n > 200 { // the race detector makes pools forget
			t.Errorf("%d bytes: %v allocations", len(uri), n)
		}
	}
}

func TestAURIIsNotComparedWithTemplatesOfOtherEnds(t *testing.T) {
	for template, uri := range map[string]string{"s://a/{x}": "s://b/1", "s://{x}/end": "s://a/ends", "s://{x}/s://": "s://"} {
		l, err := newLocation(template)
		if err != nil {
			t.Fatal(err)
		}
		l.pattern = nil // it would be looked at
		if _, ok := l.match(uri); ok {
			t.Errorf("%s matches %s", uri, template)
		}
	}
}

// BenchmarkATemplateThatDoesNotMatch is the cost of one more template for the longest URI.
func BenchmarkATemplateThatDoesNotMatch(b *testing.B) {
	r, uri := costly(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.resource(uri)
	}
}
