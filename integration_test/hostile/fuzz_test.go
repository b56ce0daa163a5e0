package hostile_test

import (
	jsonv1 "encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	official "github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// reply is an answer, as far as its form matters.
type reply struct {
	Version string         `json:"jsonrpc"`
	ID      jsontext.Value `json:"id"`
	Result  jsontext.Value `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// sound checks what holds for every answer, whatever was sent.
func sound(t *testing.T, w *httptest.ResponseRecorder) (r reply) {
	t.Helper()
	body := w.Body.Bytes()
	if w.Code >= 500 || strings.Contains(string(body), "internal_error") || strings.Contains(string(body), "-32603") {
		t.Fatalf("the server failed: %s", whole(w))
	}
	if w.Code == http.StatusAccepted || w.Code == http.StatusNoContent {
		if len(body) > 0 {
			t.Fatalf("a body: %s", whole(w))
		}
		return r
	}
	if err := json.Unmarshal(body, &r); err != nil || !utf8.Valid(body) {
		t.Fatalf("%v: %s", err, whole(w))
	}
	return r
}

// FuzzMessage sends any body in a session and on the modern wire. Whatever the server accepts, it
// has understood like encoding/json, the most lenient reader that may stand in front of it, and
// like the official SDK.
func FuzzMessage(f *testing.F) {
	vars := map[string]string{"meta": rawhttp.Meta, "ann": "", "eve": ""}
	for _, group := range [][]attack{jsonAttacks, idAttacks, argumentAttacks[:12], encodingAttacks[8:]} {
		for _, a := range group {
			f.Add([]byte(expand(a.body, vars)))
		}
	}
	for _, u := range []string{"ping", "tools/list", "prompts/list", "resources/list", "notifications/initialized"} {
		f.Add([]byte(`{"jsonrpc":"2.0","id":"a","method":"` + u + `"}`))
	}
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a"}}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"title":"a"},"na\u006de":"danger"}}`))
	s := start(f)
	token := goodToken("ann")
	session := s.session("/mcp", token)
	f.Fuzz(func(t *testing.T, body []byte) {
		s.seen.take()
		for _, header := range []http.Header{dated(token, session), rawhttp.Header(token, "tools/call", "note")} {
			if strings.Contains(string(body), `"initialize"`) {
				return // opens sessions, until there are no more
			}
			w := s.do(http.MethodPost, "/mcp", header, string(body))
			r := sound(t, w)
			name, arguments, called, _ := s.seen.take()
			if called || r.Result != nil {
				agree(t, body, r, called, name, arguments)
			}
		}
	})
}

// agree compares what the server did with what others read in the message.
func agree(t *testing.T, body []byte, r reply, called bool, name, arguments string) {
	t.Helper()
	var lenient struct {
		ID     jsonv1.RawMessage
		Method string
		Params *struct {
			Name      *string
			Arguments jsonv1.RawMessage
		}
	}
	if err := jsonv1.Unmarshal(body, &lenient); err != nil {
		t.Fatalf("encoding/json refuses it: %v", err)
	}
	message, err := official.DecodeMessage(body)
	if err != nil {
		if id := string(r.ID); id != "" && id[0] != '"' {
			return // an integer beyond what the SDK keeps
		}
		t.Fatalf("the SDK refuses it: %v", err)
	}
	request, ok := message.(*official.Request)
	if !ok || request.Method != lenient.Method {
		t.Fatalf("the SDK reads %+v, encoding/json the method %q", message, lenient.Method)
	}
	if r.ID != nil && string(lenient.ID) != string(r.ID) {
		t.Errorf("answered under id %s, encoding/json reads %s", r.ID, lenient.ID)
	}
	switch id := request.ID.Raw().(type) {
	case string:
		var own string
		if err := json.Unmarshal(r.ID, &own); err != nil || own != id {
			t.Errorf("answered under id %s, the SDK reads %q", r.ID, id)
		}
	case int64:
		var own float64
		if err := json.Unmarshal(r.ID, &own); err != nil || int64(own) != id {
			t.Errorf("answered under id %s, the SDK reads %d", r.ID, id)
		}
	}
	if !called {
		return
	}
	if lenient.Method != "tools/call" {
		t.Fatalf("called %s for the method %q", name, lenient.Method)
	}
	if lenient.Params == nil || lenient.Params.Name == nil || *lenient.Params.Name != name || !equalJSON(t, lenient.Params.Arguments, arguments) {
		t.Errorf("called %s with %s, encoding/json reads %+v", name, arguments, lenient.Params)
	}
	var sdk mcp.CallToolParamsRaw
	if err := jsonv1.Unmarshal(request.Params, &sdk); err != nil || sdk.Name != name || !equalJSON(t, sdk.Arguments, arguments) {
		t.Errorf("called %s with %s, the SDK reads %+v, %v", name, arguments, sdk, err)
	}
}

// equalJSON treats absent and null alike, as tools do.
func equalJSON(t *testing.T, a []byte, b string) bool {
	t.Helper()
	if len(a) == 0 || string(a) == "null" {
		return b == "" || b == "null"
	}
	x, y := jsontext.Value(a).Clone(), jsontext.Value(b)
	if err := x.Compact(); err != nil {
		t.Fatal(err)
	}
	if err := y.Compact(); err != nil {
		return false
	}
	return string(x) == string(y)
}

// FuzzArguments calls a tool with any arguments: what it accepts fulfils its rules, and what it
// refuses never names a value.
func FuzzArguments(f *testing.F) {
	vars := map[string]string{"meta": rawhttp.Meta}
	for _, a := range argumentAttacks {
		_, rest, ok := strings.Cut(expand(strings.NewReplacer("${ann}", "", "${reader}", "").Replace(a.body), vars), `"name":"note","arguments":`)
		if raw, _, ended := strings.Cut(rest, `,"_meta"`); ok && ended {
			f.Add(raw)
		}
	}
	f.Add(`{"title":"\u0061","count":9007199254740993,"mood":"good","tags":["a","b"],"mail":"a@b.example","pin":"1234"}`)
	s := start(f)
	token := goodToken("ann")
	f.Fuzz(func(t *testing.T, arguments string) {
		if strings.Contains(arguments, "_meta") || strings.Contains(arguments, "outputFormat") {
			return // would be another message
		}
		r := sound(t, s.call(token, "note", arguments))
		_, raw, called, _ := s.seen.take()
		if r.Result == nil || strings.Contains(string(r.Result), `"isError":true`) {
			return
		}
		var in noteInput
		if err := json.Unmarshal([]byte(raw), &in, json.RejectUnknownMembers(true)); !called || err != nil {
			t.Fatalf("accepted %s: %v", raw, err)
		}
		if n := utf8.RuneCountInString(in.Title); n == 0 || n > 64 || in.Count < 0 || len(in.Tags) > 2 || in.Mood != "" && in.Mood != "good" && in.Mood != "bad" {
			t.Errorf("accepted %s", raw)
		}
	})
}
