package jsonrpc

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestParseMetaReadsEveryMember(t *testing.T) {
	raw := []byte(`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","com.example/x":{"progressToken":9},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"caf\u00e9","title":"T","version":"1.2"},` +
		`"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/logLevel":"warning","progressToken":"t"}`)
	for range 4 { // decoded, then perhaps remembered
		m, err := ParseMeta(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := Meta{ProtocolVersion: "2026-07-28", HasVersion: true, ClientName: "café", ClientVersion: "1.2",
			ClientCapabilities: []byte(`{"sampling":{}}`), HasCapabilities: true, LogLevel: "warning", ProgressToken: []byte(`"t"`)}
		if !reflect.DeepEqual(*m, want) {
			t.Errorf("got  %+v\nwant %+v", *m, want)
		}
	}
}

func TestParseMetaTellsAbsentFromEmpty(t *testing.T) {
	for _, raw := range []string{"", "{}", `{"io.modelcontextprotocol/clientInfo":{}}`} {
		var in []byte
		if raw != "" {
			in = []byte(raw)
		}
		m, err := ParseMeta(in)
		if err != nil || m.HasVersion || m.HasCapabilities || m.ProgressToken != nil {
			t.Errorf("%s: %+v, %v", raw, m, err)
		}
	}
	m, err := ParseMeta([]byte(`{"io.modelcontextprotocol/protocolVersion":"","io.modelcontextprotocol/clientCapabilities":{}}`))
	if err != nil || !m.HasVersion || !m.HasCapabilities {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestANullProgressTokenIsNone(t *testing.T) {
	for range 4 { // the last ones are recognised by their bytes
		m, err := ParseMeta([]byte(`{"progressToken":null}`))
		if err != nil || m.ProgressToken != nil {
			t.Errorf("%q, %v", m.ProgressToken, err)
		}
	}
}

func TestParseMetaRefusesWrongTypes(t *testing.T) {
	const key = "io.modelcontextprotocol/"
	for _, test := range []struct{ raw, message string }{
		{`[]`, "must be an object"}, {`null`, "must be an object"}, {`"x"`, "must be an object"},
		{`{"` + key + `protocolVersion":1}`, "protocolVersion must be a string"},
		{`{"` + key + `protocolVersion":null}`, "protocolVersion must be a string"},
		{`{"` + key + `clientInfo":"x"}`, "clientInfo must be an object"},
		{`{"` + key + `clientInfo":{"name":1}}`, "name and version must be strings"},
		{`{"` + key + `clientInfo":{"version":null}}`, "name and version must be strings"},
		{`{"` + key + `clientCapabilities":[]}`, "clientCapabilities must be an object"},
		{`{"` + key + `clientCapabilities":null}`, "clientCapabilities must be an object"},
		{`{"` + key + `logLevel":5}`, "logLevel must be a string"},
		{`{"` + key + `logLevel":"loud"}`, "logLevel must be one of"},
		{`{"progressToken":1.5}`, "progressToken must be"}, {`{"progressToken":1e3}`, "progressToken must be"},
		{`{"progressToken":{}}`, "progressToken must be"}, {`{"progressToken":true}`, "progressToken must be"},
	} {
		for range 3 {
			m, err := ParseMeta([]byte(test.raw))
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != InvalidParams || !strings.Contains(refusal.Message, test.message) {
				t.Errorf("%s: %+v, %v, want InvalidParams with %q", test.raw, m, err, test.message)
			}
			if err != nil && strings.Contains(err.Error(), "loud") {
				t.Errorf("the message echoes a value: %v", err)
			}
		}
	}
}

func TestParseMetaRemembersWhatRepeats(t *testing.T) {
	parse := func(raw string) *Meta {
		t.Helper()
		m, err := ParseMeta([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	raw := `{"io.modelcontextprotocol/clientCapabilities":{"remembers":{}}}`
	parse(raw)
	parse(raw)
	if a, b := parse(raw), parse(raw); a != b {
		t.Error("an unchanged _meta was decoded again")
	}
	long := `{"x":"` + strings.Repeat("x", maxMetaBytes) + `"}`
	parse(long)
	parse(long)
	if a, b := parse(long), parse(long); a == b {
		t.Error("a _meta over the limit was kept")
	}
}

func TestRememberedMetaDoesNotShareTheBody(t *testing.T) {
	body := []byte(`{"io.modelcontextprotocol/clientCapabilities":{"shares":{}}}`)
	text := string(body)
	for range 3 {
		if _, err := ParseMeta(body); err != nil {
			t.Fatal(err)
		}
	}
	clear(body) // the buffer is used for something else
	m, err := ParseMeta([]byte(text))
	if err != nil || string(m.ClientCapabilities) != `{"shares":{}}` {
		t.Errorf("%s, %v", m.ClientCapabilities, err)
	}
}

// Each request has a token of its own; wherever it stands and whatever it looks like, the answer is
// that of a fresh decode.
func TestRememberedMetaKeepsTokensApart(t *testing.T) {
	for _, frame := range []string{
		`{"progressToken":%s,"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`,
		`{"io.modelcontextprotocol/protocolVersion":"2026-07-28", "progressToken" : %s }`,
		`{"a":{"progressToken":%s},"progressToken":1}`,
		`{"a":"\"progressToken\":1","progressToken":%s}`,
		`{"a":"progressToken","b":%s}`,
		`{"progress\u0054oken":%s}`,
		`{"x\"progressToken":%s}`,
		`{"com.example/fooToken":1,"progressToken":%s}`,
		`{"a":["progressToken",%s]}`,
	} {
		for _, token := range []string{`1`, `2`, `-3`, `123456789012345678901`, `"1"`, `"a"`, `"a\"b"`, `"}"`, `""`, `1`} {
			raw := []byte(strings.Replace(frame, "%s", token, 1))
			want, err := decodeMeta(raw)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				got, err := ParseMeta(raw)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s\ngot  %+v\nwant %+v", raw, *got, *want)
				}
			}
		}
	}
	if _, err := ParseMeta([]byte(`{"progressToken":1.5,"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`)); err == nil {
		t.Error("a fractional token passed between known bytes")
	}
}

func TestParseMetaFromManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				version, token := fmt.Sprintf("v%d", (w+i)%600), fmt.Sprint(i)
				m, err := ParseMeta([]byte(`{"progressToken":` + token + `,"io.modelcontextprotocol/protocolVersion":"` + version + `"}`))
				if err != nil || m.ProtocolVersion != version || string(m.ProgressToken) != token {
					t.Errorf("%s %s: %+v, %v", version, token, m, err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzParseMeta checks that what the cache answers is what a decode answers.
func FuzzParseMeta(f *testing.F) {
	f.Add([]byte(modernMeta), []byte(`"x"`))
	f.Add([]byte(`{"a":{"progressToken":1},"progressToken":1}`), []byte(`2`))
	f.Fuzz(func(t *testing.T, raw, token []byte) {
		var m Message
		for _, raw := range [][]byte{raw, withToken(raw, token)} {
			body := append(append([]byte(`{"jsonrpc":"2.0","method":"ping","params":{"_meta":`), raw...), "}}"...)
			if Parse(body, &m) != nil {
				continue
			}
			want, wantErr := decodeMeta(m.Meta)
			for range 3 {
				got, err := ParseMeta(m.Meta)
				if !reflect.DeepEqual(err, wantErr) || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, %v, want %+v, %v", got, err, want, wantErr)
				}
			}
		}
	})
}

// withToken puts another token where the cache sees one.
func withToken(raw, token []byte) []byte {
	head, old, tail := splitToken(raw)
	if old == nil {
		return nil
	}
	return append(append(append([]byte(nil), head...), token...), tail...)
}
