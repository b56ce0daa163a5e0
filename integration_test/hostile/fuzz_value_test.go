package hostile_test

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// FuzzURI reads any URI: what reaches a handler stays below where it begins.
func FuzzURI(f *testing.F) {
	for _, a := range uriAttacks {
		_, rest, _ := strings.Cut(a.body, `"uri":"`)
		uri, _, _ := strings.Cut(rest, `"`)
		f.Add(strings.NewReplacer("${repeat a 33}", "aaa", "${repeat a 9000}", "aa").Replace(uri))
	}
	for _, uri := range []string{"files://a/b", "pages://é", "pages://%C3%A9", "files://%2e/a", "files://.%2e", "files://a//b", "pages://a,b", "pages://%", "files://%5c%5chost", "pages://\u202e", "files://a\u2215..\u2215b"} {
		f.Add(uri)
	}
	s := start(f)
	token := goodToken("ann")
	session := s.session("/mcp", token)
	f.Fuzz(func(t *testing.T, uri string) {
		if !utf8.ValidString(uri) {
			return
		}
		for _, method := range []string{"resources/read", "resources/subscribe", "resources/unsubscribe"} {
			w := s.do(http.MethodPost, "/mcp", dated(token, session), `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"uri":`+rawhttp.Quote(uri)+`}}`)
			sound(t, w)
			_, _, _, values := s.seen.take()
			for _, v := range values {
				if strings.ContainsAny(v, "\\\x00\r\n") || !utf8.ValidString(v) {
					t.Errorf("%q reaches a handler as %q", uri, v)
				}
				if strings.HasPrefix(uri, "pages:") && strings.Contains(v, "/") {
					t.Errorf("%q reaches a handler that wants a name as %q", uri, v)
				}
				if inside := path.Join("/files", v); inside != "/files" && !strings.HasPrefix(inside, "/files/") {
					t.Errorf("%q leaves its root: %q", uri, v)
				}
			}
		}
	})
}

// FuzzHeaderValue sends any value in the headers that repeat the body: the server accepts what says
// the same as the body, and nothing else.
func FuzzHeaderValue(f *testing.F) {
	for _, pair := range [][2]string{
		{"eu", "eu"}, {" eu\t", "eu"}, {"EU", "eu"}, {"=?base64?ZXU=?=", "eu"}, {"=?base64?ZXU?=", "eu"}, {"=?base64?w7Y=?=", "ö"}, {"ö", "ö"}, {"=?base64??=", ""}, {"", ""},
		{"=?base64?ZXU=\r\n?=", "eu"}, {"=?BASE64?ZXU=?=", "eu"}, {"eu\x00", "eu"}, {"=?base64?PT9iYXNlNjQ/ZXU9Pz0=?=", "=?base64?eu=?="}, {"42", "42"}, {"42.0", "42"}, {"1_0", "10"}, {"0x10", "16"}, {"+5", "5"}, {"1e1", "10"}, {"true", "true"},
	} {
		f.Add(pair[0], pair[1])
	}
	s := start(f)
	token := goodToken("ann")
	f.Fuzz(func(t *testing.T, value, argument string) {
		if !utf8.ValidString(argument) {
			return
		}
		accepts := func(name, field, arguments string, others ...string) bool {
			h := rawhttp.Header(token, "tools/call", name)
			for i := 0; i < len(others); i += 2 {
				h[others[i]] = []string{others[i+1]}
			}
			h[field] = []string{value}
			r := sound(t, s.do(http.MethodPost, "/mcp", h, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":`+rawhttp.Quote(name)+`,"arguments":`+arguments+`,`+rawhttp.Meta+`}}`))
			_, _, called, _ := s.seen.take()
			return called && r.Result != nil
		}
		same := says(value) == "+"+argument
		if got := accepts("region", "Mcp-Param-Region", `{"region":`+rawhttp.Quote(argument)+`}`); got != same {
			t.Errorf("Mcp-Param-Region %q for %q: accepted %t", value, argument, got)
		}
		if argument == "note" || argument == "danger" { // a name is required, an empty one is none
			if got := accepts(argument, "Mcp-Name", `{"title":"a"}`); got != same {
				t.Errorf("Mcp-Name %q for %q: accepted %t", value, argument, got)
			}
		}
		n, err := strconv.ParseInt(argument, 10, 64)
		if err != nil {
			return
		}
		number, isNumber := new(big.Rat).SetString(strings.TrimPrefix(says(value), "+"))
		if accepts("region", "Mcp-Param-Floor", `{"region":"eu","floor":`+strconv.FormatInt(n, 10)+`}`, "Mcp-Param-Region", "eu") && (!isNumber || number.Cmp(new(big.Rat).SetInt64(n)) != 0) {
			t.Errorf("Mcp-Param-Floor %q for %d is accepted", value, n)
		}
	})
}

// says is what a header value means, after a plus sign, or nothing when it means nothing.
func says(value string) string {
	value = strings.Trim(value, " \t")
	inner, encoded := strings.CutPrefix(value, "=?base64?")
	if inner, ended := strings.CutSuffix(inner, "?="); encoded && ended {
		b, err := base64.StdEncoding.DecodeString(inner)
		if err != nil || !utf8.Valid(b) || base64.StdEncoding.EncodeToString(b) != inner {
			return ""
		}
		return "+" + string(b)
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c > '~' {
			return ""
		}
	}
	return "+" + value
}

// FuzzFilter lists rows with any filters, order and cursor: nothing fails, and every row is the
// caller's own.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"label":"one"}`, `{"has":"%"}`, `{"has":"_"}`, `{"starts":"th_"}`, `{"ends":"E"}`, `{"ends":"\\"}`, `{"among":["one","two"]}`, `{"among":[]}`, `{"not_among":[0,1]}`,
		`{"min":1}`, `{"min":-9223372036854775808}`, `{"unknown":true}`, `{"unknown":false,"has":"o"}`, `{"label":"' OR owner = 'eve' --"}`, `{"label":"\u0000"}`, `{"has":"\u00df\u0130"}`,
		`{"ordering":"-label"}`, `{"ordering":["weight","-label"]}`, `{"ordering":["label","label"]}`, `{"limit":100}`, `{"limit":0}`, `{"cursor":"x"}`, `{"owner":"eve"}`, `{"min":1e3}`, `{"label":null}`,
	} {
		f.Add(seed)
	}
	s := start(f)
	tokens := map[string]string{"ann": goodToken("ann"), "eve": goodToken("eve")}
	f.Fuzz(func(t *testing.T, arguments string) {
		if strings.Contains(arguments, "_meta") {
			return
		}
		for owner, token := range tokens {
			w := s.call(token, "vault_list", arguments)
			r := sound(t, w)
			if strings.Contains(w.Body.String(), rowSecret) {
				t.Fatalf("%s: %s", arguments, w.Body)
			}
			var result struct {
				Structured struct {
					Items []vaultRow `json:"items"`
				} `json:"structuredContent"`
			}
			if r.Result == nil || json.Unmarshal(r.Result, &result) != nil {
				continue
			}
			for _, row := range result.Structured.Items {
				if own := row.ID <= 3; own != (owner == "ann") {
					t.Errorf("%s sees row %d with %s", owner, row.ID, arguments)
				}
			}
		}
	})
}

// FuzzListCursor asks for any page of the server's own lists.
func FuzzListCursor(f *testing.F) {
	for _, seed := range []string{"", "1", "dG9vbHM6dmF1bHQub3RoZXI", "dG9vbHM6", "cHJvbXB0czpub3Rl", "dG9vbHM6dmF1bHQub3RoZXI=", "dG9vbHM6bm90aGluZw", "\n", "dG9v\nbHM6dmF1bHQub3RoZXI"} {
		f.Add(seed)
	}
	s := start(f)
	token := goodToken("ann")
	given := cursors()[1].get(s, token)
	f.Add(given)
	f.Fuzz(func(t *testing.T, cursor string) {
		if !utf8.ValidString(cursor) {
			return
		}
		r := sound(t, list(s, token, `"cursor":`+rawhttp.Quote(cursor)+`,`))
		plain, err := base64.RawURLEncoding.DecodeString(cursor)
		known := err == nil && strings.HasPrefix(string(plain), "tools:") && base64.RawURLEncoding.EncodeToString(plain) == cursor
		if r.Result != nil && !known {
			t.Errorf("%q is a page: %s", cursor, jsontext.Value(r.Result))
		}
	})
}
