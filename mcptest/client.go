package mcptest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

const (
	path          = "/mcp"
	modernVersion = "2026-07-28"
	datedVersion  = "2025-11-25"
)

// Client calls a server on behalf of one caller. It is safe for concurrent
// use, but a failure that ends the test must happen on the test's goroutine:
// elsewhere use [Client.Do] and look at its result.
type Client struct {
	t         testing.TB
	echo      *echo.Echo
	principal *mcpecho.Principal
	dated     bool
	ids       *atomic.Int64

	mu      sync.Mutex // guards session
	session string
}

// Option configures a [Client]: [Modern] or [Dated].
type Option interface{ apply(*Client) }

type optionFunc func(*Client)

func (f optionFunc) apply(c *Client) { f(c) }

// Modern speaks protocol 2026-07-28: no handshake, each request stands alone.
// This is the default.
func Modern() Option { return optionFunc(func(c *Client) { c.dated = false }) }

// Dated speaks protocol 2025-11-25: initialize, then a session. The session
// is opened by the first call and deleted when the test ends.
func Dated() Option { return optionFunc(func(c *Client) { c.dated = true }) }

// New mounts srv on an Echo of its own and returns an anonymous client of it.
func New(t testing.TB, srv *mcpecho.Server, opts ...Option) *Client {
	t.Helper()
	e := echo.New()
	srv.Mount(e.Group(path, identify))
	c := &Client{t: t, echo: e, ids: new(atomic.Int64)}
	for _, o := range opts {
		o.apply(c)
	}
	return c
}

// As returns a client of the same server whose calls are made by p; nil is an
// anonymous caller. It has a session of its own.
func (c *Client) As(p *mcpecho.Principal) *Client {
	return &Client{t: c.t, echo: c.echo, principal: p, dated: c.dated, ids: c.ids}
}

type principalKey struct{}

// identify is the authentication of the test's Echo: it believes the request.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if p, _ := ec.Request().Context().Value(principalKey{}).(*mcpecho.Principal); p != nil {
			mcpecho.SetPrincipal(ec, p)
		}
		return next(ec)
	}
}

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
}

// RPCError is a JSON-RPC error: what a client's program sees, not its model.
type RPCError struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Data    jsontext.Value `json:"data"`
}

func (e *RPCError) Error() string { return strconv.Itoa(e.Code) + " " + e.Message }

// Raw sends one request with any method and params and returns the answer,
// whatever it is. params must encode as a JSON object; nil means none, and a
// [jsontext.Value] is sent as it is. On the modern wire the `_meta` and the
// headers that the protocol demands are added, on the dated wire the session.
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
	var message struct {
		Result jsontext.Value `json:"result"`
		Error  *RPCError      `json:"error"`
	}
	if len(response.Body) > 0 {
		if err := json.Unmarshal(response.Body, &message); err != nil {
			c.t.Fatalf("mcptest: %s: the answer, with status %d, is not a JSON-RPC message: %v\n%s", method, response.Status, err, response.Body)
		}
	}
	response.Result, response.RPCError = message.Result, message.Error
	return response
}

// encode makes the body of a request. Duplicate names are passed on, so that
// a test can see them refused.
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
	if !c.dated && !has(object, "_meta") {
		object = addMeta(object)
	}
	request := struct {
		Version string         `json:"jsonrpc"`
		ID      int64          `json:"id"`
		Method  string         `json:"method"`
		Params  jsontext.Value `json:"params"`
	}{"2.0", c.ids.Add(1), method, object}
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

// addMeta puts the metadata of a modern request in front of the other params.
// (specification 2026-07-28, basic, section `_meta`)
func addMeta(object jsontext.Value) jsontext.Value {
	out := []byte(`{"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernVersion +
		`","io.modelcontextprotocol/clientInfo":{"name":"mcptest","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`)
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
	c.echo.ServeHTTP(recorder, request)
	return &Response{Status: recorder.Code, Header: recorder.Result().Header, Body: recorder.Body.Bytes()}
}
