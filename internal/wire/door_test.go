package wire_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/store"
)

// app is an application that only counts what reaches it.
type app struct {
	asked, answered int
	last            *wire.Exchange
}

type nobody struct{}

func (nobody) Key() string { return "" }

func (a *app) Owner(echo.Context) wire.Owner { a.asked++; return nobody{} }

func (a *app) Answer(x *wire.Exchange) error {
	a.answered++
	a.last = x
	if x.Message.Method == "initialize" {
		return x.Initialize([]byte(`"capabilities":{}}`))
	}
	return x.Result([]byte(`{}`))
}

func (a *app) Report(_ *wire.Exchange, err error) wire.Failure {
	r, ok := err.(*wire.Refusal)
	if !ok {
		return wire.Failure{Status: 200, Code: jsonrpc.InternalError, Message: "internal", Hidden: true}
	}
	status := r.Status
	if status == 0 {
		status = 200
	}
	return wire.Failure{Status: status, Code: r.Code, Message: r.Message}
}

func (*app) Refused(echo.Context, error) {}

func mount(a *app) *echo.Echo {
	door := wire.New(wire.Config{
		Hosts: []string{"example.com"}, Origins: []string{"https://app.example.com"},
		MaxInFlight: 100, MaxBodyBytes: 1 << 16, BodyTimeout: time.Second, ReplyTimeout: time.Second,
		Sessions: store.NewMemorySessions(store.MemorySessionsConfig{}),
	}, a)
	e := echo.New()
	door.Mount(e.Group("/mcp"))
	return e
}

func post(e *echo.Echo, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

const modernPing = `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`

func TestWhatAGuardRefusesAsksForNoOwner(t *testing.T) {
	for name, headers := range map[string][]string{
		"host":             {"Host", "evil.example"},
		"origin":           {"Origin", "https://evil.example"},
		"null origin":      {"Origin", "null"},
		"cross-site":       {"Sec-Fetch-Site", "cross-site"},
		"content type":     {"Content-Type", "text/plain"},
		"content encoding": {"Content-Encoding", "br"},
		"accept":           {"Accept", "text/html"},
	} {
		a := &app{}
		if w := post(mount(a), modernPing, headers...); w.Code < 400 || a.asked != 0 || a.answered != 0 {
			t.Errorf("%s: status %d, asked %d times, answered %d", name, w.Code, a.asked, a.answered)
		}
	}
}

func TestNothingReachesTheApplicationBeforeItsWireIsNegotiated(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		headers []string
	}{
		"no JSON":               {`{`, nil},
		"no message":            {`{"jsonrpc":"2.0"}`, nil},
		"an unknown version":    {`{"jsonrpc":"2.0","id":1,"method":"x"}`, []string{"Mcp-Protocol-Version", "2020-01-01"}},
		"no version header":     {modernPing, nil},
		"another version":       {modernPing, []string{"Mcp-Protocol-Version", "2025-11-25"}},
		"no method header":      {modernPing, []string{"Mcp-Protocol-Version", "2026-07-28"}},
		"another method header": {modernPing, []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "y"}},
		"no session":            {`{"jsonrpc":"2.0","id":1,"method":"x"}`, []string{"Mcp-Protocol-Version", "2025-11-25"}},
		"an unknown session": {`{"jsonrpc":"2.0","id":1,"method":"x"}`,
			[]string{"Mcp-Protocol-Version", "2025-11-25", "Mcp-Session-Id", "1"}},
		"a response": {`{"jsonrpc":"2.0","id":1,"result":{}}`, []string{"Mcp-Protocol-Version", "2026-07-28"}},
	} {
		a := &app{}
		if w := post(mount(a), c.body, c.headers...); w.Code < 400 || a.answered != 0 {
			t.Errorf("%s: status %d, answered %d times", name, w.Code, a.answered)
		}
	}
}

func TestARequestReachesTheApplicationOnItsWire(t *testing.T) {
	a := &app{}
	e := mount(a)
	if w := post(e, modernPing, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "x"); w.Code != 200 || a.last.Wire != wire.Modern {
		t.Errorf("modern: %d %s", w.Code, w.Body)
	}
	opened := post(e, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}}}}`)
	id := opened.Header().Get("Mcp-Session-Id")
	if opened.Code != 200 || id == "" {
		t.Fatalf("initialize: %d %s", opened.Code, opened.Body)
	}
	w := post(e, `{"jsonrpc":"2.0","id":2,"method":"x"}`, "Mcp-Session-Id", id)
	if w.Code != 200 || a.last.Wire != wire.Dated || string(a.last.Capabilities()) != `{"roots":{}}` || a.last.Session.Protocol != "2025-06-18" {
		t.Errorf("dated: %d %s, session %+v", w.Code, w.Body, a.last.Session)
	}
}

// Whatever is sent, the door answers, and only what is a request of a known wire reaches the
// application.
func FuzzDoor(f *testing.F) {
	f.Add(modernPing, "2026-07-28", "x", "", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`, "", "", "", "")
	f.Add(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, "2025-11-25", "", "", "1")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`, "2026-07-28", "tools/call", "=?base64?YQ==?=", "")
	f.Fuzz(func(t *testing.T, body, version, method, name, session string) {
		a := &app{}
		r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
		for header, value := range map[string]string{
			"Content-Type": "application/json", "Mcp-Protocol-Version": version, "Mcp-Method": method, "Mcp-Name": name, "Mcp-Session-Id": session,
		} {
			if value != "" {
				r.Header[header] = []string{value}
			}
		}
		w := httptest.NewRecorder()
		mount(a).ServeHTTP(w, r)
		if w.Body.Len() > 0 && !jsontext.Value(w.Body.Bytes()).IsValid() {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if w.Body.Len() == 0 && w.Code != http.StatusAccepted {
			t.Errorf("status %d without a body", w.Code)
		}
		if a.last != nil && (a.last.Message.Kind != jsonrpc.Request || a.last.Message.Method == "") {
			t.Errorf("%+v reached the application", a.last.Message)
		}
	})
}
