package mcptest

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	path          = "/mcp"
	modernVersion = "2026-07-28"
	datedVersion  = "2025-11-25"
)

// Response is the answer to one JSON-RPC request.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header is the HTTP header.
	Header http.Header
	// Body is the whole HTTP body.
	Body []byte
	// Result is the JSON-RPC result, nil when there is none.
	Result jsontext.Value
	// RPCError is the JSON-RPC error, nil when there is none.
	RPCError *RPCError
	// Notifications are what the server sent before the answer, in order.
	Notifications []Notification
}

// RPCError is a JSON-RPC error: what a client's program sees, not its model.
type RPCError struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Data    jsontext.Value `json:"data"`
}

func (e *RPCError) Error() string { return strconv.Itoa(e.Code) + " " + e.Message }

// Raw sends one request with any method and params and returns the answer, whatever it is. params
// must encode as a JSON object; nil means none, and a [jsontext.Value] is sent as it is. On the
// modern wire the `_meta` and the headers that the protocol demands are added, on the dated wire
// the session.
func (c *Client) Raw(method string, params any) *Response {
	c.t.Helper()
	return c.send(method, "", params)
}

// send is Raw with the name that the Mcp-Name header mirrors.
func (c *Client) send(method, name string, params any) *Response {
	c.t.Helper()
	header := http.Header{}
	if c.dated {
		if method != "initialize" {
			header.Set("Mcp-Session-Id", c.open())
			header.Set("Mcp-Protocol-Version", datedVersion)
		}
	} else {
		header.Set("Mcp-Protocol-Version", modernVersion)
		header.Set("Mcp-Method", method)
		if name != "" {
			header.Set("Mcp-Name", headerValue(name))
		}
	}
	response := c.do(http.MethodPost, header, c.encode(method, params))
	for _, message := range messages(response) {
		c.receive(method, response, message)
	}
	return response
}

// messages are the JSON-RPC messages of a response: the events of a stream, or the one body.
func messages(r *Response) (all []jsontext.Value) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		if len(r.Body) > 0 {
			all = append(all, r.Body)
		}
		return all
	}
	for event := range strings.SplitSeq(string(r.Body), "\n\n") {
		var data []string
		for line := range strings.Lines(event) {
			if text, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data:"); ok {
				data = append(data, strings.TrimPrefix(text, " "))
			}
		}
		if data != nil {
			all = append(all, jsontext.Value(strings.Join(data, "\n")))
		}
	}
	return all
}

// receive files one message under the response that it came with.
func (c *Client) receive(method string, r *Response, message jsontext.Value) {
	c.t.Helper()
	var m struct {
		ID     jsontext.Value `json:"id"`
		Method string         `json:"method"`
		Params jsontext.Value `json:"params"`
		Result jsontext.Value `json:"result"`
		Error  *RPCError      `json:"error"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		c.t.Fatalf("mcptest: %s: the answer, with status %d, is not a JSON-RPC message: %v\n%s", method, r.Status, err, message)
	}
	switch {
	case r.Result != nil || r.RPCError != nil:
		c.t.Fatalf("mcptest: %s: a message came after the answer: %s", method, message)
	case m.Method != "" && m.ID != nil:
		c.t.Fatalf("mcptest: %s: the server asks the client for %s, which this client does not do: %s", method, m.Method, message)
	case m.Method != "":
		r.Notifications = append(r.Notifications, Notification{m.Method, m.Params})
	default:
		r.Result, r.RPCError = m.Result, m.Error
	}
}

// encode makes the body of a request. Duplicate names are passed on, so that a test can see them
// refused.
func (c *Client) encode(method string, params any) []byte {
	c.t.Helper()
	object := jsontext.Value("{}")
	if params != nil {
		b, err := json.Marshal(params, json.Deterministic(true), jsontext.AllowDuplicateNames(true))
		if err != nil || len(b) < 2 || b[0] != '{' {
			c.t.Fatalf("mcptest: %s: params must encode as a JSON object, not %s (%v)", method, b, err)
		}
		object = b
	}
	id := c.ids.Add(1)
	if !has(object, "_meta") {
		object = c.addMeta(object, method, id)
	}
	request := struct {
		Version string         `json:"jsonrpc"`
		ID      int64          `json:"id"`
		Method  string         `json:"method"`
		Params  jsontext.Value `json:"params"`
	}{"2.0", id, method, object}
	body, err := json.Marshal(request, jsontext.AllowDuplicateNames(true))
	if err != nil {
		c.t.Fatalf("mcptest: %s: %v", method, err)
	}
	return body
}

// has says whether a JSON object has a member of that name.
func has(object jsontext.Value, name string) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	for _, err := dec.ReadToken(); err == nil && dec.PeekKind() == '"'; err = dec.SkipValue() {
		if key, err := dec.ReadToken(); err == nil && key.String() == name {
			return true
		}
	}
	return false
}

// addMeta puts the metadata of a request in front of the other params: what the modern wire
// demands, and what the client asked for. (specification 2026-07-28, basic, section `_meta`)
func (c *Client) addMeta(object jsontext.Value, method string, id int64) jsontext.Value {
	var meta []string
	if !c.dated {
		meta = append(meta, `"io.modelcontextprotocol/protocolVersion":"`+modernVersion+`"`,
			`"io.modelcontextprotocol/clientInfo":{"name":"mcptest","version":"1"}`,
			`"io.modelcontextprotocol/clientCapabilities":{}`)
		if c.logs != "" {
			meta = append(meta, `"io.modelcontextprotocol/logLevel":"`+string(c.logs)+`"`)
		}
	}
	if c.progress && method != "initialize" {
		meta = append(meta, `"progressToken":`+strconv.FormatInt(id, 10))
	}
	if meta == nil {
		return object
	}
	out := []byte(`{"_meta":{` + strings.Join(meta, ",") + `}`)
	if rest := bytes.TrimSpace(object[1:]); rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, object[1:]...)
}

// open returns the session of a dated client, which the first call opens.
func (c *Client) open() string {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != "" {
		return c.session
	}
	r := c.send("initialize", "", map[string]any{
		"protocolVersion": datedVersion, "capabilities": struct{}{},
		"clientInfo": map[string]string{"name": "mcptest", "version": "1"},
	})
	session := r.Header.Get("Mcp-Session-Id")
	if r.RPCError != nil || session == "" {
		c.t.Fatalf("mcptest: initialize gave no session: status %d\n%s", r.Status, r.Body)
	}
	header := http.Header{"Mcp-Session-Id": {session}, "Mcp-Protocol-Version": {datedVersion}}
	c.do(http.MethodPost, header, []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
	if c.logs != "" {
		r := c.do(http.MethodPost, header, c.encode("logging/setLevel", map[string]string{"level": string(c.logs)}))
		if c.receive("logging/setLevel", r, r.Body); r.RPCError != nil {
			c.t.Fatalf("mcptest: logging/setLevel: JSON-RPC error %v", r.RPCError)
		}
	}
	c.t.Cleanup(func() { c.do(http.MethodDelete, header, nil) })
	c.session = session
	return session
}

// do sends one HTTP request through the Echo.
func (c *Client) do(verb string, header http.Header, body []byte) *Response {
	// Requests may be sent by a Cleanup, when the test's context has ended.
	ctx := context.WithValue(context.WithoutCancel(c.t.Context()), principalKey{}, c.principal)
	request := httptest.NewRequestWithContext(ctx, verb, path, bytes.NewReader(body))
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	recorder := httptest.NewRecorder()
	c.server.ServeHTTP(recorder, request)
	return &Response{Status: recorder.Code, Header: recorder.Result().Header, Body: recorder.Body.Bytes()}
}

// headerValue encodes what a header cannot hold as it is. (specification 2026-07-28,
// basic/transports/streamable-http, section Value Encoding)
func headerValue(s string) string {
	unsafe := func(r rune) bool { return r < 0x20 || r > 0x7e }
	if strings.ContainsFunc(s, unsafe) || strings.TrimSpace(s) != s || strings.HasPrefix(s, "=?base64?") {
		return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return s
}
