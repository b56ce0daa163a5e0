package matrix_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
)

// client speaks to the server of an env over HTTP, as one caller on one wire.
type client struct {
	env           *env
	caller, scope string
	dated         bool
	rest          bool // calls the route of the spec instead
	streams       bool // asks for progress
	session       string
}

// reply is what a client was told, whatever was asked.
type reply struct {
	none      bool   // there was no answer
	ok        bool   // a result that is no error
	typ       string // of the error; "code N" for a JSON-RPC error that has no type
	committed bool   // the error says that something was committed before it
	result    jsontext.Value
	body      string
}

const version = "2026-07-28"

// request makes the HTTP request of one message.
func (c *client) request(ctx context.Context, method, name string, params map[string]any) *http.Request {
	meta := map[string]any{}
	if !c.dated {
		meta["io.modelcontextprotocol/protocolVersion"] = version
		meta["io.modelcontextprotocol/clientCapabilities"] = struct{}{}
		meta["io.modelcontextprotocol/clientInfo"] = map[string]string{"name": "matrix", "version": "1"}
	}
	if c.streams {
		meta["progressToken"] = "p"
	}
	all := map[string]any{"_meta": meta}
	for k, v := range params {
		all[k] = v
	}
	message := map[string]any{"jsonrpc": "2.0", "method": method, "params": all}
	if !strings.HasPrefix(method, "notifications/") {
		message["id"] = 1
	}
	body, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.env.web.URL+"/mcp", strings.NewReader(string(body)))
	if err != nil {
		panic(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"X-Caller": {c.caller}, "X-Scopes": {c.scope}}
	if c.dated {
		r.Header["Mcp-Protocol-Version"] = []string{"2025-11-25"}
		if c.session != "" {
			r.Header["Mcp-Session-Id"] = []string{c.session}
		}
		return r
	}
	r.Header["Mcp-Protocol-Version"], r.Header["Mcp-Method"] = []string{version}, []string{method}
	if name != "" {
		r.Header["Mcp-Name"] = []string{name}
	}
	return r
}

// open begins a session, on the dated wire.
func (c *client) open(t *testing.T) {
	t.Helper()
	if !c.dated || c.rest {
		return
	}
	response, err := http.DefaultClient.Do(c.request(t.Context(), "initialize", "", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": struct{}{}, "clientInfo": map[string]string{"name": "matrix", "version": "1"}}))
	must(t, err)
	response.Body.Close()
	if c.session = response.Header.Get("Mcp-Session-Id"); c.session == "" {
		t.Fatal("initialize gave no session")
	}
	response, err = http.DefaultClient.Do(c.request(t.Context(), "notifications/initialized", "", nil))
	must(t, err)
	response.Body.Close()
}

// send sends one request and reads what comes back.
func (c *client) send(ctx context.Context, t *testing.T, method, name string, params map[string]any) reply {
	t.Helper()
	response, err := http.DefaultClient.Do(c.request(ctx, method, name, params))
	if err != nil {
		return reply{none: true, body: err.Error()}
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{none: true, body: string(b)}
	}
	return readReply(t, string(b))
}

// fetch calls a route.
func (c *client) fetch(ctx context.Context, t *testing.T, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, c.env.web.URL+"/api"+path, strings.NewReader(body))
	must(t, err)
	r.Header = http.Header{"X-Caller": {c.caller}, "X-Scopes": {c.scope}}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{none: true, body: err.Error()}
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{none: true, body: string(b)}
	}
	if response.StatusCode < 300 {
		return reply{ok: true, body: string(b), result: jsontext.Value(b)}
	}
	var problem struct {
		Code      string
		Committed bool
	}
	if err := json.Unmarshal(b, &problem, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if problem.Code == "" && response.StatusCode == http.StatusNotFound {
		problem.Code = unknown // Echo's own answer to a path that nothing is behind
	}
	return reply{body: string(b), typ: problem.Code, committed: problem.Committed}
}

// readReply takes the last message of a body: the answer.
func readReply(t *testing.T, body string) reply {
	t.Helper()
	last := ""
	for line := range strings.Lines(body) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "data: "); strings.HasPrefix(line, "{") {
			last = line
		}
	}
	var message struct {
		Result jsontext.Value `json:"result"`
		Error  *struct {
			Code int
			Data struct {
				Type      string
				Committed bool
			}
		} `json:"error"`
	}
	ignoreCase := json.MatchCaseInsensitiveNames(true)
	if last == "" {
		return reply{none: true, body: body}
	}
	if err := json.Unmarshal([]byte(last), &message, ignoreCase); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	r := reply{body: body, result: message.Result}
	if e := message.Error; e != nil {
		r.typ, r.committed = typeOf(e.Code, e.Data.Type), e.Data.Committed
		return r
	}
	var result struct {
		IsError bool
		Content []struct{ Text string }
	}
	_ = json.Unmarshal(message.Result, &result, ignoreCase) // what is no result of a tool has neither
	if r.ok = !result.IsError; !r.ok {
		var failure struct {
			Error struct {
				Type      string
				Committed bool
			}
		}
		if err := json.Unmarshal([]byte(result.Content[0].Text), &failure, ignoreCase); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		r.typ, r.committed = failure.Error.Type, failure.Error.Committed
	}
	return r
}

// typeOf gives a JSON-RPC error the type that it would have as the result of a tool.
func typeOf(code int, typ string) string {
	switch {
	case typ != "":
		return typ
	case code == -32603:
		return mcpecho.TypeInternal
	case code == -32602, code == -32002:
		return unknown
	}
	for typ, n := range map[string]int{mcpecho.TypeError: 400, mcpecho.TypeForbidden: 403, mcpecho.TypeNotFound: 404, mcpecho.TypeTimeout: 408,
		mcpecho.TypeConflict: 409, mcpecho.TypeTooLarge: 413, mcpecho.TypeRate: 429, mcpecho.TypeBusy: 503} {
		if n == code {
			return typ
		}
	}
	return "unexpected"
}

// unknown is the type here of what is answered about something that does not exist: a tool, a
// prompt, a resource.
const unknown = "unknown"
