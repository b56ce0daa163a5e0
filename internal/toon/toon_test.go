package toon

import (
	"strings"
	"testing"
)

type section struct {
	name  string
	cases []example
}

type example struct{ json, toon string }

// lines joins the lines of a document.
func lines(l ...string) string { return strings.Join(l, "\n") }

var sections = []section{
	{"§2 numbers are written without exponent, surplus zeros and rounding", []example{
		{`0`, `0`},
		{`-0`, `0`},
		{`-0.00`, `0`},
		{`0e5`, `0`},
		{`-0E99999999999999999999`, `0`},
		{`-12`, `-12`},
		{`10`, `10`},
		{`2.0`, `2`},
		{`120.50`, `120.5`},
		{`-0.25`, `-0.25`},
		{`0.05`, `0.05`},
		{`2e3`, `2000`},
		{`2.5E+1`, `25`},
		{`1.234e1`, `12.34`},
		{`1250e-2`, `12.5`},
		{`1200e-2`, `12`},
		{`-5e-3`, `-0.005`},
		{`1e0000000002`, `100`},
		{`9007199254740993`, `9007199254740993`},
		{`123456789012345678901234567890`, `123456789012345678901234567890`},
		{`0.00000000010`, `0.0000000001`},
	}},
	{"§2 exponents stay on numbers outside of the canonical range", []example{
		{`1e-6`, `0.000001`},
		{`10e-7`, `0.000001`},
		{`9.9e-7`, `9.9e-7`},
		{`1e20`, `100000000000000000000`},
		{`0.001e23`, `100000000000000000000`},
		{`1e21`, `1e21`},
		{`-1E+21`, `-1E+21`},
		{`1e999999999`, `1e999999999`},
		{`1e-99999999999999999999`, `1e-99999999999999999999`},
	}},
	{"§5 the root may be anything", []example{
		{`null`, `null`},
		{`true`, `true`},
		{`false`, `false`},
		{`"paid"`, `paid`},
		{`{}`, ``},
		{`[]`, `[]`},
		{`[1,"b",null]`, `[3]: 1,b,null`},
		{`[{"id":7}]`, lines(`[1]{id}:`, `  7`)},
		{` [ 1 , 2 ] `, `[2]: 1,2`},
	}},
	{"§7.1 only the escapes of the table are used", []example{
		{`"a\"b"`, `"a\"b"`},
		{`"a\\b"`, `"a\\b"`},
		{`"a\nb\rc\td"`, `"a\nb\rc\td"`},
		{`"\b\f\u0000\u001F"`, `"\u0008\u000c\u0000\u001f"`},
		{`"a\/b"`, `a/b`},
		{`"\u00e9\ud83d\ude00"`, "é\U0001F600"},
		{`"\"\u2028\u007f"`, "\"\\\"\u2028\u007f\""},
		{`{"tab\tkey":1}`, `"tab\tkey": 1`},
	}},
	{"§7.2 strings that read as something else are quoted", []example{
		{`""`, `""`},
		{`" a"`, `" a"`},
		{`"a "`, `"a "`},
		{`"true"`, `"true"`},
		{`"false"`, `"false"`},
		{`"null"`, `"null"`},
		{`"12"`, `"12"`},
		{`"+12"`, `"+12"`},
		{`"-12"`, `"-12"`},
		{`"007"`, `"007"`},
		{`"1.50"`, `"1.50"`},
		{`"1E9"`, `"1E9"`},
		{`"1.5e-9"`, `"1.5e-9"`},
		{`"-"`, `"-"`},
		{`"-x"`, `"-x"`},
		{`"#12"`, `"#12"`},
		{`"a:b"`, `"a:b"`},
		{`"a,b"`, `"a,b"`},
		{`"[a"`, `"[a"`},
		{`"a]"`, `"a]"`},
		{`"{a"`, `"{a"`},
		{`"a}"`, `"a}"`},
	}},
	{"§7.2 other strings are bare", []example{
		{`"net 30 days"`, `net 30 days`},
		{`"True"`, `True`},
		{`"nullable"`, `nullable`},
		{`"no. #12"`, `no. #12`},
		{`"2026-01-31"`, `2026-01-31`},
		{`"1."`, `1.`},
		{`"1.x"`, `1.x`},
		{`".5"`, `.5`},
		{`"1e"`, `1e`},
		{`"1e+"`, `1e+`},
		{`"+"`, `+`},
		{`"12a"`, `12a`},
		{`"a|b"`, `a|b`},
		{`"\u00a0a"`, "\u00a0a"},
		{`"Grüße 你好"`, `Grüße 你好`},
	}},
	{"§7.3 keys that are not plain words are quoted", []example{
		{`{"a_1.b":1}`, `a_1.b: 1`},
		{`{"_":1}`, `_: 1`},
		{`{"":1}`, `"": 1`},
		{`{"1a":1}`, `"1a": 1`},
		{`{".a":1}`, `".a": 1`},
		{`{"a-b":1}`, `"a-b": 1`},
		{`{"a b":1}`, `"a b": 1`},
		{`{"größe":1}`, `"größe": 1`},
		{`{"#":1}`, `"#": 1`},
		{`{"true":1}`, `true: 1`},
		{`{"a:b":[1]}`, `"a:b"[1]: 1`},
		{`{"a:b":[{"c d":1}]}`, lines(`"a:b"[1]{"c d"}:`, `  1`)},
	}},
	{"§8 objects keep the order of their members", []example{
		{`{"z":1,"a":"x","m":null}`, lines(`z: 1`, `a: x`, `m: null`)},
		{`{"customer":{"name":"Ines","address":{"city":"Porto"}},"total":3}`,
			lines(`customer:`, `  name: Ines`, `  address:`, `    city: Porto`, `total: 3`)},
		{`{"a":{},"b":1}`, lines(`a:`, `b: 1`)},
		{`{"a":{"b":{}}}`, lines(`a:`, `  b:`)},
		{`{"note":"a|b"}`, `note: a|b`},
	}},
	{"§9.1 arrays of primitives stand on one line", []example{
		{`{"tags":["new","a,b","",true,"true",null,1.0]}`, `tags[7]: new,"a,b","",true,"true",null,1`},
		{`{"tags":[]}`, `tags: []`},
		{`{"a":[1],"b":{"c":[2,3]}}`, lines(`a[1]: 1`, `b:`, `  c[2]: 2,3`)},
	}},
	{"§9.2 arrays of arrays are lists", []example{
		{`{"pairs":[[1,2],[],["x"]]}`, lines(`pairs[3]:`, `  - [2]: 1,2`, `  - [0]:`, `  - [1]: x`)},
		{`[[]]`, lines(`[1]:`, `  - [0]:`)},
		{`[[[1],[2]],[]]`, lines(`[2]:`, `  - [2]:`, `    - [1]: 1`, `    - [1]: 2`, `  - [0]:`)},
	}},
	{"§9.3 arrays of objects of one shape are tables", []example{
		{`{"items":[{"id":1,"to":"Ines","paid":true},{"id":2,"to":"Li, Wu","paid":null}],"page":1}`,
			lines(`items[2]{id,to,paid}:`, `  1,Ines,true`, `  2,"Li, Wu",null`, `page: 1`)},
		{`[{"a":1,"b":2},{"b":4,"a":3}]`, lines(`[2]{a,b}:`, `  1,2`, `  3,4`)},
		{`[{"id":1,"to":{"name":"Ines","at":{"x":2,"y":3}},"n":4},{"n":8,"to":{"at":{"y":7,"x":6},"name":"Wu"},"id":5}]`,
			lines(`[2]{id,to{name,at{x,y}},n}:`, `  1,Ines,2,3,4`, `  5,Wu,6,7,8`)},
		{`[{"a":"-1"},{"a":"#2"},{"a":""}]`, lines(`[3]{a}:`, `  "-1"`, `  "#2"`, `  ""`)},
	}},
	{"§9.4 all other arrays are lists", []example{
		{`[{"a":1},{"b":2}]`, lines(`[2]:`, `  - a: 1`, `  - b: 2`)},
		{`[{"a":1},{"a":2,"b":3}]`, lines(`[2]:`, `  - a: 1`, `  - a: 2`, `    b: 3`)},
		{`[{"b":1,"a":2},{"a":[],"b":3}]`, lines(`[2]:`, `  - b: 1`, `    a: 2`, `  - a: []`, `    b: 3`)},
		{`[{"a":1},{"a":{"b":2}}]`, lines(`[2]:`, `  - a: 1`, `  - a:`, `      b: 2`)},
		{`[{"a":{}}]`, lines(`[1]:`, `  - a:`)},
		{`[{"a":[1]}]`, lines(`[1]:`, `  - a[1]: 1`)},
		{`[{},{}]`, lines(`[2]:`, `  -`, `  -`)},
		{`{"mix":["x",{"a":1},[2,3],null]}`, lines(`mix[4]:`, `  - x`, `  - a: 1`, `  - [2]: 2,3`, `  - null`)},
		{`[[{"a":1},{"a":2}]]`, lines(`[1]:`, `  - [2]:`, `    - a: 1`, `    - a: 2`)},
	}},
	{"§9.5 objects of objects of one shape are tables with keys", []example{
		{`{"EUR":{"rate":1,"on":"2026-01-31"},"US dollar":{"on":"2026-02-01","rate":1.08}}`,
			lines(`[2:]{rate,on}:`, `  EUR: 1,2026-01-31`, `  "US dollar": 1.08,2026-02-01`)},
		{`{"at":{"a":{"p":{"x":1}},"b":{"p":{"x":2}}},"n":1}`, lines(`at[2:]{p{x}}:`, `  a: 1`, `  b: 2`, `n: 1`)},
		{`{"at":{"a":{"x":1}}}`, lines(`at:`, `  a:`, `    x: 1`)},
		{`{"at":{"a":{"x":1},"b":{}}}`, lines(`at:`, `  a:`, `    x: 1`, `  b:`)},
		{`{"at":{"a":{"x":1},"b":2}}`, lines(`at:`, `  a:`, `    x: 1`, `  b: 2`)},
		{`{"at":{"a":{"x":[1]},"b":{"x":[2]}}}`, lines(`at:`, `  a:`, `    x[1]: 1`, `  b:`, `    x[1]: 2`)},
	}},
	{"§10 the first member of a listed object stands behind the hyphen", []example{
		{`[{"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"id":7},{"id":8}]`,
			lines(`[2]:`, `  - lines[2]{sku,n}:`, `      a,1`, `      b,2`, `    id: 7`, `  - id: 8`)},
		{`[{"rates":{"a":{"x":1},"b":{"x":2}},"id":7},1]`,
			lines(`[2]:`, `  - rates[2:]{x}:`, `      a: 1`, `      b: 2`, `    id: 7`, `  - 1`)},
		{`[{"m":[[1],[2]],"id":7}]`, lines(`[1]:`, `  - m[2]:`, `      - [1]: 1`, `      - [1]: 2`, `    id: 7`)},
		{`[{"to":{"name":"Ines"},"id":7},1]`, lines(`[2]:`, `  - to:`, `      name: Ines`, `    id: 7`, `  - 1`)},
		{`[{"a":{"x":1},"b":{"x":2}},5]`, lines(`[2]:`, `  - a:`, `      x: 1`, `    b:`, `      x: 2`, `  - 5`)},
		{`[{"e":[],"o":{},"id":7}]`, lines(`[1]:`, `  - e: []`, `    o:`, `    id: 7`)},
		{`{"a":[{"b":[{"c":[{"d":[1]},2]},3]},4]}`,
			lines(`a[2]:`, `  - b[2]:`, `      - c[2]:`, `          - d[1]: 1`, `          - 2`, `      - 3`, `  - 4`)},
	}},
}

func TestAppendFollowsTheSpecification(t *testing.T) {
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.cases {
				if got, err := Append(nil, []byte(c.json)); err != nil || string(got) != c.toon {
					t.Errorf("%s gives, with error %v,\n%s\nwant\n%s", c.json, err, got, c.toon)
				}
				checkRoundTrip(t, []byte(c.json))
			}
		})
	}
}

func TestAppendLeavesWhatIsThereAndTheSource(t *testing.T) {
	src := []byte(`{"total":12.50,"note":"a\nb"}`)
	got, err := Append([]byte("# format: toon\n"), src)
	if want := "# format: toon\ntotal: 12.5\nnote: \"a\\nb\""; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if want := `{"total":12.50,"note":"a\nb"}`; string(src) != want {
		t.Errorf("the source is now %s", src)
	}
}

func TestAppendRefusesWhatAReaderCouldMistake(t *testing.T) {
	for name, src := range map[string]string{
		"nothing":                "",
		"only space":             " ",
		"unfinished":             `{"a":[1`,
		"wrong bracket":          `[1}`,
		"no value":               `{"a"}`,
		"name that is no string": `{1:2}`,
		"two values":             `1 2`,
		"garbage at the end":     `{}x`,
		"bare word":              `yes`,
		"repeated name":          `{"a":1,"a":2}`,
		"name repeated escaped":  `{"a":1,"\u0061":2}`,
		"broken UTF-8":           "\"\xff\"",
		"lone surrogate":         `"\ud800"`,
	} {
		got, err := Append([]byte("kept"), []byte(src))
		if err == nil || !strings.HasPrefix(err.Error(), "toon: ") || string(got) != "kept" {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
		if Uniform([]byte(src)) {
			t.Errorf("%s: is uniform", name)
		}
	}
}

func TestAppendBoundsTheDepth(t *testing.T) {
	nest := func(n int) []byte { return []byte(strings.Repeat(`[{"a":`, n/2) + "1" + strings.Repeat(`}]`, n/2)) }
	checkRoundTrip(t, nest(maxDepth))
	if _, err := Append(nil, nest(maxDepth)); err != nil {
		t.Errorf("depth %d: %v", maxDepth, err)
	}
	if _, err := Append(nil, nest(maxDepth+2)); err != errDeep {
		t.Errorf("depth %d: error %v, want %v", maxDepth+2, err, errDeep)
	}
}

func TestUniformIsTrueOnlyForFlatTables(t *testing.T) {
	for src, want := range map[string]bool{
		`[{"id":1}]`:                          true,
		`[{"a":1,"b":"x"},{"b":null,"a":2}]`:  true,
		`{"items":[{"id":1}],"page":1}`:       true,
		`{"page":1,"items":[{"id":1}]}`:       true,
		`{"\u0069tems":[{"id":1}]}`:           true,
		`[]`:                                  false,
		`[{}]`:                                false,
		`[1,2]`:                               false,
		`[{"id":1},2]`:                        false,
		`[2,{"id":1}]`:                        false,
		`[{"id":1},{"id":1,"a":2}]`:           false,
		`[{"a":1},{"b":1}]`:                   false,
		`[{"a":{"b":1}}]`:                     false,
		`[{"a":1},{"a":[]}]`:                  false,
		`[[{"id":1}]]`:                        false,
		`{"id":1}`:                            false,
		`{"items":[]}`:                        false,
		`{"items":{"items":[{"id":1}]}}`:      false,
		`{"rows":[{"id":1}]}`:                 false,
		`{"a":{"x":1},"b":{"x":2}}`:           false,
		`{"items":{"a":{"x":1},"b":{"x":2}}}`: false,
		`"items"`:                             false,
		`null`:                                false,
	} {
		if got := Uniform([]byte(src)); got != want {
			t.Errorf("Uniform(%s) = %v", src, got)
		}
	}
}
