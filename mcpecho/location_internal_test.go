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
	random, lists := rand.New(rand.NewPCG(5, 6)), rand.New(rand.NewPCG(7, 8))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	const templates, uris = 300, 60
	matched := 0
	for range templates {
		raw := "x://" + pick("", "h", "h/")
		for i := range 1 + random.IntN(3) {
			raw += "{" + pick("", "", "+", "/", "?", "&", ";", "#") + fmt.Sprintf("v%d", i)
			if last := raw[len(raw)-3]; random.IntN(3) == 0 && (last == '?' || last == '&' || last == ';') {
				raw += fmt.Sprintf(",w%d", i)
			} else if last == '{' && lists.IntN(3) == 0 {
				raw += "*"
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

func TestAURIWithManyCommasIsMatchedInLinearTimeOrNotAtAll(t *testing.T) {
	commas := strings.Repeat("a,", maxURIBytes/2-20)
	for template, matches := range map[string]bool{
		"s://{x}": true, "s://{x*}": true, "s://{x}/end": true, "s://{+x}": true, "s://a{?x,y}": true,
		"s://{x:3}": false, "s://{x}{y}": false, "s://a{?x*}": false, "s://{x,y}": false,
	} {
		l, err := newLocation(template)
		if err != nil {
			t.Fatal(err)
		}
		uri := strings.Replace(strings.NewReplacer("{?x,y}", "?x=1", "{?x*}", "?x=1").Replace(template), "1", commas, 1)
		for _, expression := range []string{"{x}", "{x*}", "{+x}", "{x:3}", "{x,y}"} {
			uri = strings.Replace(uri, expression, commas, 1)
		}
		uri = strings.Replace(uri, "{y}", "", 1)
		var values map[string][]string
		n := testing.AllocsPerRun(1, func() { values, _ = l.match(uri) })
		if (values != nil) != matches || n > 4*maxURIBytes { // a matcher that copies makes a million
			t.Errorf("%s: %d values with %v allocations", template, len(values["x"]), n)
		}
	}
	l, err := newLocation("s://{x,y}")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := l.match("s://a,b"); !ok {
		t.Error("a short list does not match")
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
		r.resource(uri, 0)
	}
}

// BenchmarkAURIOfCommas is the cost of a template for the longest URI of nothing else.
func BenchmarkAURIOfCommas(b *testing.B) {
	for _, template := range []string{"s://{x}/1", "s://{x}{y}/1", "s://{x,y}/1"} {
		l, err := newLocation(template)
		if err != nil {
			b.Fatal(err)
		}
		for _, uri := range []string{"s://" + strings.Repeat("a,", 1000) + "/1", "s://" + strings.Repeat("aaaaaa,", maxSlowCommas) + "/1"} {
			b.Run(fmt.Sprintf("%s of %d bytes", template, len(uri)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l.match(uri)
				}
			})
		}
	}
}
