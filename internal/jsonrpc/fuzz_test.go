package jsonrpc

import (
	"bytes"
	jsonv1 "encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// general is the message as a general decoder reads it, which calls undecoded JSON Raw.
type general[Raw any] struct {
	JSONRPC string `json:"jsonrpc"`
	ID      Raw    `json:"id"`
	Method  string `json:"method"`
	Params  *struct {
		Name      Raw `json:"name"`
		URI       Raw `json:"uri"`
		Cursor    Raw `json:"cursor"`
		Arguments Raw `json:"arguments"`
		Meta      Raw `json:"_meta"`
	} `json:"params"`
	Result Raw `json:"result"`
	Error  Raw `json:"error"`
}

type (
	wireV1 = general[jsonv1.RawMessage]
	wireV2 = general[jsontext.Value]
)

// FuzzParseAgreesWithOtherReaders checks that whatever Parse accepts is read the same by
// encoding/json, which folds case and lets the last of repeated names win, and by its strict
// successor; and that what Parse takes for broken JSON is refused by the strict one.
func FuzzParseAgreesWithOtherReaders(f *testing.F) {
	f.Add([]byte(datedCall))
	f.Add([]byte(modernCall))
	for _, seed := range seeds {
		f.Add([]byte(seed))
		f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":` + seed + `}}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var m Message
		refusal := Parse(body, &m)
		switch {
		case refusal == nil:
			agree(t, body, &m)
		case refusal.Code == ParseError:
			if strict := strictValid(body); strict && !strings.Contains(refusal.Message, "NUL") {
				t.Errorf("a strict reader takes what was refused with %q", refusal.Message)
			}
		case refusal.Code != InvalidRequest:
			t.Errorf("code %d", refusal.Code)
		case strings.Contains(refusal.Message, "64 levels"), strings.Contains(refusal.Message, "10000 values"): // the scan ended early
		case !strictValid(body):
			t.Errorf("a strict reader refuses what is called JSON: %q", refusal.Message)
		}
		if m.ID != nil && !jsontext.Value(m.ID).IsValid() {
			t.Errorf("the id %q cannot be echoed", m.ID)
		}
	})
}

func strictValid(body []byte) bool { return jsontext.Value(body).IsValid() }

func agree(t *testing.T, body []byte, m *Message) {
	t.Helper()
	if !strictValid(body) {
		t.Fatal("a strict reader refuses the body")
	}
	var v1 wireV1
	if err := jsonv1.Unmarshal(body, &v1); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	var v2 wireV2
	if err := json.Unmarshal(body, &v2); err != nil {
		t.Fatalf("json v2: %v", err)
	}
	if v1.JSONRPC != "2.0" || v2.JSONRPC != "2.0" {
		t.Errorf("jsonrpc: %q and %q", v1.JSONRPC, v2.JSONRPC)
	}
	if m.Method != v1.Method || m.Method != v2.Method {
		t.Errorf("method: %q here, %q in v1, %q in v2", m.Method, v1.Method, v2.Method)
	}
	three := func(name string, here, v1, v2 []byte) {
		if !bytes.Equal(here, v1) || !bytes.Equal(here, v2) || (here == nil) != (v2 == nil) {
			t.Errorf("%s: %q here, %q in v1, %q in v2", name, here, v1, v2)
		}
	}
	three("id", m.ID, v1.ID, v2.ID)
	three("result", m.Result, v1.Result, v2.Result)
	three("error", m.Failure, v1.Error, v2.Error)
	if m.Params == nil || v1.Params == nil || v2.Params == nil {
		if m.Params != nil || v1.Params != nil || v2.Params != nil {
			t.Errorf("params: %q here, %v in v1, %v in v2", m.Params, v1.Params, v2.Params)
		}
		return
	}
	three("name", m.Name, v1.Params.Name, v2.Params.Name)
	three("uri", m.URI, v1.Params.URI, v2.Params.URI)
	three("cursor", m.Cursor, v1.Params.Cursor, v2.Params.Cursor)
	three("arguments", m.Arguments, v1.Params.Arguments, v2.Params.Arguments)
	three("_meta", m.Meta, v1.Params.Meta, v2.Params.Meta)
	for _, raw := range [][]byte{m.Name, m.URI, m.Cursor} {
		var want string
		isString := len(raw) > 0 && raw[0] == '"'
		if isString {
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := Text(raw); got != want || ok != isString {
			t.Errorf("Text(%s) = %q, %v, want %q", raw, got, ok, want)
		}
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(m.Params, &members); err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, raw := range Members(m.Params) {
		n++
		if !bytes.Equal(raw, members[string(name)]) {
			t.Errorf("Members gives %q = %q, want %q", name, raw, members[string(name)])
		}
	}
	if n != len(members) {
		t.Errorf("Members gives %d members of %d", n, len(members))
	}
}

// seeds are values that parsers are known to disagree about, after the kinds of a well-known test
// suite, and attacks on message readers.
var seeds = []string{
	`null`, `true`, `false`, `tru`, `nul`, `True`, `0`, `-0`, `-`, `--1`, `+1`, `01`, `-01`, `1.`, `.1`, `1.0`, `1e`, `1e+`, `1E-2`, `1e999`, `-1e-999`, `0x1`, `1_0`, `NaN`, `Infinity`, `-Infinity`,
	`123456789012345678901234567890`, `9007199254740993`, `""`, `"`, `"\`, `"a`, `"\u00`, `"\u0000"`, `"\uD834\uDD1E"`, `"\uD834"`, `"\uDD1E"`, `"\uDD1E\uD834"`, `"\uD834\u0041"`, `"\uD834\uD834\uDD1E"`, `"\x00"`, `"\a"`,
	"\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\t\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x80\xa8\"", "\"\ufffe\"", "\"\U0010ffff\"",
	`[]`, `[`, `]`, `[,]`, `[1,]`, `[,1]`, `[1 2]`, `[1,,2]`, `[[]`, `[]]`, `["a"`, `[1}`, `{}`, `{`, `}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{"a":1]`, `{"a":1 "b":2}`,
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1,"A":2}`, `{"a\u0000":1,"a":2}`, `{"":1}`, `{"":1,"":2}`, `{"\ud800":1}`, `{"é":1,"\u00e9":2}`, `{"a":{"b":1,"b":1}}`, `[{"a":1},{"a":1}]`,
	"\ufeff{}", "\xff\xfe{\x00}\x00", "{}\x00", "{} {}", "{}x", "{}//", "/**/{}", "# {}", "\v{}", "\f{}", "\u00a0{}", "\u2028{}", " \t\r\n{} \t\r\n", "[1\u00a0]", "[\u2060]",
	strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70), strings.Repeat("[", 100),
	`{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}`, `{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{"name":"b"}}`,
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"tasKId":"a"}}`,
	`{"jsonrpc":"2.0","id":1,"method":"ping","par\u0061ms":{"n\u0061me":"\u0061"}}`, `{"jsonrpc":"2.0","id":"\u0031","method":"p\u0069ng"}`,
	`{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"jsonrpc":"2.0","id":1.0,"method":"ping"}`, `{"jsonrpc":"2.0","id":{},"method":"ping"}`, `{"jsonrpc":"2.0","method":"ping"}`,
	`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"error":{}}`, `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`,
}
