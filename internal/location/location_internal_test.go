package location

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
		l, err := New(raw)
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
	commas := strings.Repeat("a,", MaxBytes/2-20)
	for template, matches := range map[string]bool{
		"s://{x}": true, "s://{x*}": true, "s://{x}/end": true, "s://{+x}": true, "s://a{?x,y}": true,
		"s://{x:3}": false, "s://{x}{y}": false, "s://a{?x*}": false, "s://{x,y}": false,
	} {
		l, err := New(template)
		if err != nil {
			t.Fatal(err)
		}
		uri := strings.Replace(strings.NewReplacer("{?x,y}", "?x=1", "{?x*}", "?x=1").Replace(template), "1", commas, 1)
		for _, expression := range []string{"{x}", "{x*}", "{+x}", "{x:3}", "{x,y}"} {
			uri = strings.Replace(uri, expression, commas, 1)
		}
		uri = strings.Replace(uri, "{y}", "", 1)
		var values map[string][]string
		n := testing.AllocsPerRun(1, func() { values, _ = l.Match(uri) })
		if (values != nil) != matches || n > 4*MaxBytes { // a matcher that copies makes a million
			t.Errorf("%s: %d values with %v allocations", template, len(values["x"]), n)
		}
	}
	l, err := New("s://{x,y}")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Match("s://a,b"); !ok {
		t.Error("a short list does not match")
	}
}

func TestAURIIsNotComparedWithTemplatesOfOtherEnds(t *testing.T) {
	for template, uri := range map[string]string{"s://a/{x}": "s://b/1", "s://{x}/end": "s://a/ends", "s://{x}/s://": "s://"} {
		l, err := New(template)
		if err != nil {
			t.Fatal(err)
		}
		l.pattern = nil // it would be looked at
		if _, ok := l.Match(uri); ok {
			t.Errorf("%s matches %s", uri, template)
		}
	}
}

// BenchmarkAURIOfCommas is the cost of a template for the longest URI of nothing else.
func BenchmarkAURIOfCommas(b *testing.B) {
	for _, template := range []string{"s://{x}/1", "s://{x}{y}/1", "s://{x,y}/1"} {
		l, err := New(template)
		if err != nil {
			b.Fatal(err)
		}
		for _, uri := range []string{"s://" + strings.Repeat("a,", 1000) + "/1", "s://" + strings.Repeat("aaaaaa,", maxSlowCommas) + "/1"} {
			b.Run(fmt.Sprintf("%s of %d bytes", template, len(uri)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l.Match(uri)
				}
			})
		}
	}
}
