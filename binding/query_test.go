package binding_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/mcpecho/kit/binding"
)

// words are a list that decodes itself, as that of an order.
type words []string

func (w *words) UnmarshalJSON(b []byte) error { *w = words{string(b)}; return nil }

func TestQueryFollowsTheTypesOfTheArguments(t *testing.T) {
	type in struct {
		Name  string              `json:"name"`
		N     *int64              `json:"n"`
		Rate  float64             `json:"rate"`
		On    bool                `json:"on"`
		IDs   []int               `json:"ids"`
		Tags  []string            `json:"tags"`
		Since time.Time           `json:"since"`
		Any   any                 `json:"any"`
		Map   map[string]int      `json:"map"`
		Opt   binding.Opt[int]    `json:"opt"`
		OptS  binding.Opt[string] `json:"opt_s"`
		Own   words               `json:"own"`
	}
	a := compile[in](t)
	for _, tt := range []struct{ query, json, errs string }{
		{"", `{}`, ""},
		{"rate=1.5&name=5&n=9007199254740993&on=true", `{"name":"5","n":9007199254740993,"rate":1.5,"on":true}`, ""},
		{"ids=1&ids=2", `{"ids":[1,2]}`, ""},
		{"ids=1,2", `{"ids":[1,2]}`, ""},
		{"ids=", `{"ids":[]}`, ""},
		{"own=a,b", `{"own":"a,b"}`, ""},
		{"own=a&own=b", `{"own":["a","b"]}`, ""},
		{"tags=a,b", `{"tags":["a","b"]}`, ""},
		{"tags=a,b&tags=c", `{"tags":["a,b","c"]}`, ""},
		{"since=2026-01-02T03:04:05Z", `{"since":"2026-01-02T03:04:05Z"}`, ""},
		{"any=x", `{"any":"x"}`, ""},
		{"any=x&any=y", `{"any":["x","y"]}`, ""},
		{`map={"a":1}`, `{"map":{"a":1}}`, ""},
		{"opt=null&opt_s=null", `{"opt":null,"opt_s":"null"}`, ""},
		{"n=abc&on=1&ids=1,x&map=x", `{"n":"abc","on":"1","ids":[1,"x"],"map":"x"}`,
			"n|type|must be an integer\non|type|must be true or false\nids[1]|type|must be an integer\nmap|type|must be an object"},
		{"n=1}&n=2", `{"n":"1}","n":2}`, "n|type|must be an integer\nn|duplicate|is given more than once"},
		{"zz=1&nam=x", `{"nam":"x","zz":"1"}`, "nam|unknown|is not an argument; did you mean \"name\"?\nzz|unknown|is not an argument"},
		{"name=a%22,b", `{"name":"a\",b"}`, ""},
	} {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		data, err := a.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, tt.query, string(data), tt.json)
		_, errs := decode[in](t, a, string(data))
		equal(t, tt.query, errs, tt.errs)
	}
	_, err := a.Query(url.Values{"name": {"\xff"}})
	equal(t, "invalid UTF-8", fieldErrors(t, err), "|json|the query string is not valid UTF-8")
}
