package location_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcpecho/kit/internal/location"
)

func TestALocationKnowsItsVariables(t *testing.T) {
	for uri, vars := range map[string][]string{
		"s://a":             nil,
		"s:a":               nil,
		"s://{x}":           {"x"},
		"s://{b}/{a}/{b}":   {"b", "a"},
		"s://{+path}{?q,r}": {"path", "q", "r"},
	} {
		l, err := location.New(uri)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(l.Vars(), vars) || l.Fixed() != (vars == nil) {
			t.Errorf("%s has the variables %v, fixed %v", uri, l.Vars(), l.Fixed())
		}
	}
}

func TestAURIWithoutASchemeOrTooLongIsRefused(t *testing.T) {
	for uri, why := range map[string]string{
		"":                    "must be absolute",
		"a/b":                 "must be absolute",
		"//a":                 "must be absolute",
		":a":                  "must be absolute",
		"{scheme}://a":        "must be absolute",
		"7z://a":              "must be absolute",
		"é://a":               "must be absolute",
		"s://{":               "URI template",
		"s://{x":              "URI template",
		"s://{}":              "URI template",
		"s://{!x}":            "URI template",
		"s://" + long("{x}/"): "must be absolute",
	} {
		if _, err := location.New(uri); err == nil || !strings.Contains(err.Error(), why) || len(err.Error()) > 300 {
			t.Errorf("%.40q: %v, want %q", uri, err, why)
		}
	}
	for _, uri := range []string{"s:", "svn+ssh://a", "a.b-c:{x}", "S3://{x}", "s://" + long("a")[:location.MaxBytes-4]} {
		if _, err := location.New(uri); err != nil {
			t.Error(err)
		}
	}
}

// long is s as often as makes it too long.
func long(s string) string { return strings.Repeat(s, location.MaxBytes/len(s)+1) }

func TestMatchFindsTheVariables(t *testing.T) {
	type values = map[string][]string
	for _, tt := range []struct {
		template, uri string
		want          values // nil for no match
	}{
		{"s://a", "s://a", values{}},
		{"s://a", "s://b", nil},
		{"s://a", "s://a/", nil},
		{"s://{x}", "s://7", values{"x": {"7"}}},
		{"s://{x}", "s://a%20b", values{"x": {"a b"}}},
		{"s://{x}", "s://a/b", nil},
		{"s://{x}", "s://a%2fb", nil},
		{"s://{x}", "s://..", nil},
		{"s://{x}", "s://%ff", nil},
		{"s://{+x}", "s://a/b", values{"x": {"a/b"}}},
		{"s://{+x}", "s:///etc", nil},
		{"s://{+x}", "s://a/../b", nil},
		{"s://{x}/{y}", "s://1/2", values{"x": {"1"}, "y": {"2"}}},
		{"s://a{?q,r}", "s://a?q=1", values{"q": {"1"}}},
		{"s://a{?q}", "s://a?z=1", nil},
		{"s://{x*}", "s://a,b", values{"x": {"a", "b"}}},
		{"s://{x:3}/{y}", "s://abc/d", values{"x": {"abc"}, "y": {"d"}}},
		{"s://{x:3}/{y}", "s://abcd/d", nil},
		{"s://{x:3}/{y}", "s://../d", nil},
		{"s://{+x:9}", "s://a/b", values{"x": {"a/b"}}},
		{"s://{+x:9}", "s://a/../b", nil},
	} {
		l, err := location.New(tt.template)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := l.Match(tt.uri)
		if ok != (tt.want != nil) || ok && !reflect.DeepEqual(values(got), tt.want) {
			t.Errorf("%s of %s: %v, %v, want %v", tt.uri, tt.template, got, ok, tt.want)
		}
	}
}
