package mcpecho_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
)

func echoTool() *mcpecho.Spec {
	return mcpecho.Service("say", func(_ *mcpecho.Call, in struct {
		Text string `json:"text,omitempty"`
	}) (struct {
		Text string `json:"text"`
	}, error) {
		return struct {
			Text string `json:"text"`
		}{in.Text}, nil
	}, mcpecho.Describe("Say it back."))
}

func TestModernRequestMetadata(t *testing.T) {
	const (
		caps    = `"io.modelcontextprotocol/clientCapabilities":{}`
		version = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`
	)
	list := func(meta string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{` + meta + `}}`
	}
	call := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"say","_meta":{` + version + `,` + caps + `}}}`
	full := list(`"_meta":{` + version + `,` + caps + `}`)
	tests := map[string]struct {
		body    string
		headers []string
		status  int
		code    int
	}{
		"complete":                          {full, []string{"Mcp-Method", "tools/list"}, 200, 0},
		"header name in lower case":         {full, []string{"mcp-method", "tools/list"}, 200, 0},
		"no _meta":                          {list(""), []string{"Mcp-Method", "tools/list"}, 400, -32602},
		"no params":                         {`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, []string{"Mcp-Method", "tools/list"}, 400, -32602},
		"no protocolVersion":                {list(`"_meta":{` + caps + `}`), []string{"Mcp-Method", "tools/list"}, 400, -32602},
		"no clientCapabilities":             {list(`"_meta":{` + version + `}`), []string{"Mcp-Method", "tools/list"}, 400, -32602},
		"protocolVersion is a number":       {list(`"_meta":{"io.modelcontextprotocol/protocolVersion":1,` + caps + `}`), []string{"Mcp-Method", "tools/list"}, 400, -32602},
		"method header differs":             {full, []string{"Mcp-Method", "tools/call"}, 400, -32020},
		"method header in another case":     {full, []string{"Mcp-Method", "TOOLS/LIST"}, 400, -32020},
		"method header missing":             {full, nil, 400, -32020},
		"method header twice":               {full, []string{"Mcp-Method", "tools/list", "Mcp-Method", "tools/list"}, 400, -32020},
		"version in body differs":           {list(`"_meta":{"io.modelcontextprotocol/protocolVersion":"v999.0.0",` + caps + `}`), []string{"Mcp-Method", "tools/list"}, 400, -32020},
		"name header":                       {call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "say"}, 200, 0},
		"name header with blanks around":    {call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "  say  "}, 200, 0},
		"name header in base64":             {call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "=?base64?c2F5?="}, 200, 0},
		"name header in broken base64":      {call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "=?base64?c2F!5?="}, 400, -32020},
		"name header differs":               {call, []string{"Mcp-Method", "tools/call", "Mcp-Name", "other"}, 400, -32020},
		"name header missing":               {call, []string{"Mcp-Method", "tools/call"}, 400, -32020},
		"initialize is not known":           {strings.Replace(full, "tools/list", "initialize", 1), []string{"Mcp-Method", "initialize"}, 404, -32601},
		"ping is not known":                 {strings.Replace(full, "tools/list", "ping", 1), []string{"Mcp-Method", "ping"}, 404, -32601},
		"an unknown session header is fine": {full, []string{"Mcp-Method", "tools/list", "Mcp-Session-Id", "junk"}, 200, 0},
	}
	b := setup(t)
	b.srv.Add(echoTool())
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			r := b.send(http.MethodPost, tt.body, append([]string{"MCP-Protocol-Version", "2026-07-28"}, tt.headers...)...)
			expect(t, r, tt.status, tt.code)
			if r.ID != 7.0 {
				t.Errorf("id = %v, want that of the request", r.ID)
			}
			if tt.code == 0 && r.Result["resultType"] != "complete" {
				t.Errorf("resultType = %v", r.Result["resultType"])
			}
			if r.Header.Get("Mcp-Session-Id") != "" {
				t.Error("a session was minted on the modern wire")
			}
		})
	}
}

func expect(t *testing.T, r reply, status, code int) {
	t.Helper()
	got := 0
	if r.Error != nil {
		got = r.Error.Code
	}
	if r.Status != status || got != code {
		t.Errorf("status %d code %d, want %d and %d: %s", r.Status, got, status, code, r.Body)
	}
}

func TestAnUnsupportedVersionNamesTheSupportedOnes(t *testing.T) {
	b := setup(t)
	for _, v := range []string{"v999.0.0", "2099-01-01", "2025-11-25"} {
		r := b.send(http.MethodPost, strings.ReplaceAll(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+meta+`}}`, "2026-07-28", v),
			"MCP-Protocol-Version", v, "Mcp-Method", "server/discover")
		expect(t, r, 400, -32022)
		if r.Error != nil && (r.Error.Data["requested"] != v || fmt.Sprint(r.Error.Data["supported"]) != "[2026-07-28]") {
			t.Errorf("data = %v", r.Error.Data)
		}
	}
}

func TestDiscoverDescribesTheServer(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Instructions = "Be kind." })
	r := b.modern("server/discover", "")
	info := r.Result["_meta"].(map[string]any)["io.modelcontextprotocol/serverInfo"].(map[string]any)
	if info["name"] != "test" || info["version"] != "1.2.3" || r.Result["instructions"] != "Be kind." ||
		r.Result["ttlMs"] != 60000.0 || r.Result["cacheScope"] != "public" || fmt.Sprint(r.Result["supportedVersions"]) != "[2026-07-28]" {
		t.Error(r.Body)
	}
}

func TestDatedHandshakeAndSession(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool())
	for asked, want := range map[string]string{"2025-11-25": "2025-11-25", "2025-06-18": "2025-06-18", "2025-03-26": "2025-03-26", "1999-01-01": "2025-11-25"} {
		r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`)
		if r.Result["protocolVersion"] != want {
			t.Errorf("asked %s, got %v, want %s", asked, r.Result["protocolVersion"], want)
		}
	}
	id := b.initialize()
	if len(id) < 22 || strings.ContainsFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		t.Errorf("session id %q", id)
	}
	if r := b.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "Mcp-Session-Id", id); r.Status != 202 || r.Body != "" {
		t.Errorf("initialized: %d %q", r.Status, r.Body)
	}
	if r := b.dated(id, "ping", ""); len(r.Result) != 0 || !strings.Contains(r.Body, `"result":{}`) {
		t.Errorf("ping: %s", r.Body)
	}
	r := b.dated(id, "tools/call", `"name":"say","arguments":{"text":"hi"}`)
	if r.Result["resultType"] != nil || r.Result["structuredContent"].(map[string]any)["text"] != "hi" {
		t.Error(r.Body)
	}
	expect(t, b.dated(id, "no/such", ""), 200, -32601)
	expect(t, b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, "Mcp-Session-Id", id), 200, 0)
	expect(t, b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, "Mcp-Session-Id", id, "MCP-Protocol-Version", "1.0"), 400, -32600)

	missing := b.dated("", "ping", "")
	expect(t, missing, 400, -32600)
	if missing.Header.Get("MCP-Error") != "session-missing" {
		t.Error("the reply does not say that the session is missing")
	}
	expect(t, b.dated("made-up", "ping", ""), 404, -32600)

	if r := b.send(http.MethodDelete, "", "Mcp-Session-Id", id); r.Status != 204 {
		t.Errorf("delete: %d", r.Status)
	}
	expect(t, b.dated(id, "ping", ""), 404, -32600)
	if r := b.send(http.MethodDelete, ""); r.Status != 204 {
		t.Errorf("delete without id: %d", r.Status)
	}
}

func TestASessionOfAnotherPrincipalDoesNotExist(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool())
	alice, mallory := &mcpecho.Principal{Issuer: "i", Subject: "alice"}, &mcpecho.Principal{Issuer: "i", Subject: "mallory"}
	b.user = alice
	id := b.initialize()
	for _, other := range []*mcpecho.Principal{mallory, {Issuer: "j", Subject: "alice"}, nil} {
		b.user = other
		foreign, unknown := b.dated(id, "tools/list", ""), b.dated("made-up", "tools/list", "")
		if foreign.Status != 404 || foreign.Body != unknown.Body {
			t.Errorf("a foreign session is told apart from an unknown one: %s / %s", foreign.Body, unknown.Body)
		}
		expect(t, b.send(http.MethodDelete, "", "Mcp-Session-Id", id), 404, -32600)
	}
	b.user = alice
	expect(t, b.dated(id, "ping", ""), 200, 0)
}

func TestGuards(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) {
		c.Origins = []string{"https://app.example.com"}
		c.MaxBodyBytes = 1000
	})
	body := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`
	std := []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "server/discover"}
	tests := map[string]struct {
		body    string
		headers []string
		status  int
		code    int
	}{
		"no origin":                          {body, nil, 200, 0},
		"listed origin":                      {body, []string{"Origin", "https://app.example.com"}, 200, 0},
		"foreign origin":                     {body, []string{"Origin", "https://evil.example"}, 403, -32600},
		"null origin":                        {body, []string{"Origin", "null"}, 403, -32600},
		"two origins":                        {body, []string{"Origin", "https://app.example.com", "Origin", "https://evil.example"}, 403, -32600},
		"origin with the listed as prefix":   {body, []string{"Origin", "https://app.example.com.evil.example"}, 403, -32600},
		"loopback origin of the same host":   {body, []string{"Host", "localhost:8080", "Origin", "http://localhost:8080"}, 200, 0},
		"loopback origin of another port":    {body, []string{"Host", "localhost:8080", "Origin", "http://localhost:3000"}, 403, -32600},
		"rebound name equal to its own host": {body, []string{"Host", "evil.example", "Origin", "http://evil.example"}, 403, -32600},
		"content type text":                  {body, []string{"Content-Type", "", "Content-Type", "text/plain"}, 415, -32600},
		"content type with charset":          {body, []string{"Content-Type", "", "Content-Type", "application/json; charset=utf-8"}, 200, 0},
		"content type missing":               {body, []string{"Content-Type", ""}, 415, -32600},
		"compressed another way":             {body, []string{"Content-Encoding", "br"}, 415, -32600},
		"accept html only":                   {body, []string{"Accept", "", "Accept", "text/html"}, 406, -32600},
		"accept anything":                    {body, []string{"Accept", "", "Accept", "*/*"}, 200, 0},
		"no accept":                          {body, []string{"Accept", ""}, 200, 0},
		"body at the limit":                  {body + strings.Repeat(" ", 1000-len(body)), nil, 200, 0},
		"body over the limit":                {body + strings.Repeat(" ", 1001-len(body)), nil, 413, -32600},
		"not JSON":                           {`{"jsonrpc":`, nil, 400, -32700},
		"batch":                              {`[` + body + `]`, nil, 400, -32600},
		"trailing bytes":                     {body + `{}`, nil, 400, -32700},
		"duplicate key":                      {strings.Replace(body, `"id":1`, `"id":1,"id":2`, 1), nil, 400, -32700},
		"case variant":                       {strings.Replace(body, `"id":1`, `"id":1,"Method":"x"`, 1), nil, 400, -32600},
		"null id":                            {strings.Replace(body, `"id":1`, `"id":null`, 1), nil, 400, -32600},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.t = t
			expect(t, b.send(http.MethodPost, tt.body, append(std, tt.headers...)...), tt.status, tt.code)
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
		if r := b.send(method, "", "Origin", "https://evil.example"); r.Status != 403 {
			t.Errorf("%s from a foreign origin: %d", method, r.Status)
		}
	}
	if r := b.send(http.MethodGet, ""); r.Status != 405 || r.Header.Get("Allow") != "POST, DELETE" {
		t.Errorf("GET: %d, Allow %q", r.Status, r.Header.Get("Allow"))
	}
	if r := b.send(http.MethodDelete, "", "MCP-Protocol-Version", "2026-07-28"); r.Status != 405 {
		t.Errorf("DELETE on the modern wire: %d", r.Status)
	}
}

func TestOnlyListedHostsAreServedWhenHostsAreListed(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Hosts = []string{"api.example.com"} })
	expect(t, b.modern("server/discover", "", "Host", "api.example.com"), 200, 0)
	expect(t, b.modern("server/discover", "", "Host", "127.0.0.1"), 403, -32600)
}

func TestAnErrorWithoutAReadableIDHasNone(t *testing.T) {
	b := setup(t)
	if r := b.send(http.MethodPost, `nonsense`); strings.Contains(r.Body, `"id"`) {
		t.Errorf("reply = %s", r.Body)
	}
}

func TestToolsListPages(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ListPageSize = 2 })
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b.srv.Add(mcpecho.Service(name, func(*mcpecho.Call, none) (string, error) { return "", nil }))
	}
	var names []string
	for cursor, params := "", ""; ; {
		r := b.modern("tools/list", params)
		for _, tool := range r.Result["tools"].([]any) {
			names = append(names, tool.(map[string]any)["name"].(string))
		}
		cursor, _ = r.Result["nextCursor"].(string)
		if cursor == "" {
			break
		}
		params = fmt.Sprintf(`"cursor":%q`, cursor)
	}
	if got := strings.Join(names, ""); got != "abcde" {
		t.Errorf("pages hold %s, want abcde", got)
	}
	for _, bad := range []string{`"cursor":"junk"`, `"cursor":""`, `"cursor":7`} {
		expect(t, b.modern("tools/list", bad), 200, -32602)
	}
}

func TestUnknownToolSuggestsANearOne(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool())
	r := b.call("sai", `{}`)
	expect(t, r, 200, -32602)
	if r.Error != nil && r.Error.Message != `unknown tool "sai"; did you mean "say"?` {
		t.Errorf("message = %s", r.Error.Message)
	}
	expect(t, b.modern("tools/call", `"name":"say","arguments":[]`, "Mcp-Name", "say"), 200, -32602)
	for _, falsy := range []string{`""`, `0`, `false`} {
		expect(t, b.modern("tools/call", `"name":"say","arguments":`+falsy, "Mcp-Name", "say"), 200, -32602)
	}
	expect(t, b.modern("tools/call", `"name":"say","arguments":null`, "Mcp-Name", "say"), 200, 0)
}

func TestADatedRequestMayNotLieInTheHeadersOfTheModernWire(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool(), mcpecho.Service("danger", say("done")))
	session := b.initialize()
	for name, tc := range map[string]struct {
		headers []string
		status  int
	}{
		"none":              {nil, 200},
		"the same":          {[]string{"Mcp-Method", "tools/call", "Mcp-Name", "danger"}, 200},
		"encoded":           {[]string{"Mcp-Name", "=?base64?ZGFuZ2Vy?="}, 200},
		"another name":      {[]string{"Mcp-Method", "tools/call", "Mcp-Name", "say"}, 400},
		"another name only": {[]string{"Mcp-Name", "say"}, 400},
		"another method":    {[]string{"Mcp-Method", "tools/list"}, 400},
		"two methods":       {[]string{"Mcp-Method", "tools/call", "Mcp-Method", "tools/list"}, 400},
		"two names":         {[]string{"Mcp-Name", "danger", "Mcp-Name", "say"}, 400},
	} {
		headers := append([]string{"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session}, tc.headers...)
		r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"}}`, headers...)
		code := 0
		if tc.status != 200 {
			code = -32020
		}
		t.Log(name)
		expect(t, r, tc.status, code)
	}
}
