package hostile_test

import (
	"fmt"
	"strings"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// headed is the good call with other header lines.
func headed(name, field string, lines ...string) attack {
	return attack{name: name, header: in(goodHeader, field, lines...), body: goodCall}
}

var headerAttacks = []attack{
	headed("Mcp-Method is another", "Mcp-Method", "Mcp-Method: tools/list"),
	headed("Mcp-Method in another case", "Mcp-Method", "Mcp-Method: Tools/Call"),
	headed("no Mcp-Method", "Mcp-Method"),
	headed("Mcp-Method twice", "Mcp-Method", "Mcp-Method: tools/call", "Mcp-Method: tools/call"),
	headed("Mcp-Method as a list", "Mcp-Method", "Mcp-Method: tools/call, tools/call"),
	headed("Mcp-Name is another", "Mcp-Name", "Mcp-Name: danger"),
	headed("no Mcp-Name", "Mcp-Name"),
	headed("Mcp-Name twice, different", "Mcp-Name", "Mcp-Name: note", "Mcp-Name: danger"),
	headed("Mcp-Name in Base64, of another", "Mcp-Name", "Mcp-Name: =?base64?ZGFuZ2Vy?="),
	headed("Mcp-Name in Base64 without padding", "Mcp-Name", "Mcp-Name: =?base64?bm90ZQ?="),
	headed("Mcp-Name in Base64 with stray bits", "Mcp-Name", "Mcp-Name: =?base64?bm90ZR==?="),
	headed("Mcp-Name in Base64, cut off", "Mcp-Name", "Mcp-Name: =?base64?bm90ZQ=="),
	headed("Mcp-Name percent-encoded", "Mcp-Name", "Mcp-Name: %6eote"),
	headed("Mcp-Name beyond ASCII", "Mcp-Name", "Mcp-Name: ${hex c3b6}"),
	headed("Content-Type text/plain", "Content-Type", "Content-Type: text/plain"),
	headed("Content-Type of a form", "Content-Type", "Content-Type: application/x-www-form-urlencoded"),
	headed("Content-Type only begins right", "Content-Type", "Content-Type: application/json-patch+json"),
	headed("Content-Type text/plain, hiding JSON", "Content-Type", "Content-Type: text/plain; application/json"),
	headed("no Content-Type", "Content-Type"),
	headed("Content-Type twice", "Content-Type", "Content-Type: text/plain", "Content-Type: application/json"),
	headed("charset UTF-16", "Content-Type", "Content-Type: application/json; charset=utf-16"),
	headed("Accept of something else", "Accept", "Accept: text/html"),
	headed("Accept of nothing", "Accept", "Accept:"),
	headed("X-HTTP-Method-Override is ignored", "X-HTTP-Method-Override", "X-HTTP-Method-Override: DELETE"),
	headed("X-Forwarded headers are ignored", "X-Forwarded-Host", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: javascript", "Forwarded: host=evil.example"),
}

var versionAttacks = []attack{
	headed("no version header", "MCP-Protocol-Version"),
	headed("another version in the header", "MCP-Protocol-Version", "MCP-Protocol-Version: 2025-11-25"),
	headed("version header twice", "MCP-Protocol-Version", "MCP-Protocol-Version: 2026-07-28", "MCP-Protocol-Version: 2026-07-28"),
	{name: "a version that does not exist", header: in(goodHeader, "MCP-Protocol-Version", "MCP-Protocol-Version: 2099-01-01"), body: strings.Replace(goodCall, "${meta}", strings.Replace(rawhttp.Meta, "2026-07-28", "2099-01-01", 1), 1)},
	{name: "a version that is a script", header: in(goodHeader, "MCP-Protocol-Version", "MCP-Protocol-Version: <script>"), body: strings.Replace(goodCall, "${meta}", strings.Replace(rawhttp.Meta, "2026-07-28", "<script>", 1), 1)},
	spoilt("a version that is a number", "${meta}", strings.Replace(rawhttp.Meta, `"2026-07-28"`, "20260728", 1)),
	spoilt("no _meta", ",${meta}", ""),
	spoilt("no capabilities", "${meta}", `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`),
	{name: "no _meta and an unknown version header", header: in(goodHeader, "MCP-Protocol-Version", "MCP-Protocol-Version: 1999-01-01"), body: strings.Replace(goodCall, ",${meta}", "", 1)},
	{name: "initialize on the modern wire", header: head("initialize", ""), body: `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2026-07-28",${meta}}}`},
	{name: "an unknown method", header: head("tools/destroy", ""), body: `{"jsonrpc":"2.0","id":1,"method":"tools/destroy","params":{${meta}}}`},
	{name: "a method of 1000 letters", header: head("${repeat m 1000}", ""), body: `{"jsonrpc":"2.0","id":1,"method":"${repeat m 1000}","params":{${meta}}}`},
	{name: "initialize without params", header: goodHeader[:2], body: `{"jsonrpc":"2.0","id":1,"method":"initialize"}`},
	{name: "initialize with capabilities of 17 KiB", header: goodHeader[:2], body: `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"x":"${repeat x 17408}"},"clientInfo":{"name":"x","version":"1"}}}`},
}

// regional calls the tool whose arguments are repeated in headers.
func regional(name, arguments string, header ...string) attack {
	a := tool(name, "region", arguments)
	a.header = append(a.header, header...)
	return a
}

var parameterAttacks = []attack{
	regional("equal", `{"region":"eu","floor":42,"dry":true}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 42.0", "Mcp-Param-Dry: true"),
	regional("no header", `{"region":"eu"}`),
	regional("another value", `{"region":"eu"}`, "Mcp-Param-Region: us"),
	regional("another case", `{"region":"eu"}`, "Mcp-Param-Region: EU"),
	regional("twice", `{"region":"eu"}`, "Mcp-Param-Region: eu", "Mcp-Param-Region: eu"),
	regional("for an argument that is not there", `{"region":"eu"}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 1"),
	regional("for an argument that is null", `{"region":"eu","floor":null}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 1"),
	regional("an integer over 2^53 that rounds to the other", `{"region":"eu","floor":9007199254740993}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 9007199254740992"),
	regional("an integer as a ratio", `{"region":"eu","floor":2}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 4/2"),
	regional("an integer in hexadecimal", `{"region":"eu","floor":16}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 0x10"),
	regional("an integer with an exponent", `{"region":"eu","floor":1e2}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 100"),
	regional("an integer with a huge exponent", `{"region":"eu","floor":1e999999999}`, "Mcp-Param-Region: eu", "Mcp-Param-Floor: 1"),
	regional("a bool in another case", `{"region":"eu","dry":true}`, "Mcp-Param-Region: eu", "Mcp-Param-Dry: True"),
	regional("an empty one for an empty one", `{"region":""}`, "Mcp-Param-Region:"),
	regional("of an undeclared argument", `{"region":"eu"}`, "Mcp-Param-Region: eu", "Mcp-Param-Isadmin: true"),
	regional("beyond ASCII without Base64", `{"region":"ö"}`, "Mcp-Param-Region: ö"),
}

func from(name, mount string, header ...string) attack {
	return attack{name: name, line: "POST " + mount, header: append(goodHeader[:len(goodHeader):len(goodHeader)], header...), body: goodCall}
}

var originAttacks = []attack{
	from("a foreign one", "/mcp", "Origin: https://evil.example"),
	from("null", "/mcp", "Origin: null"),
	from("empty", "/mcp", "Origin:"),
	from("the server's own name, which is not loopback", "/mcp", "Origin: https://mcp.example"),
	from("loopback of another port", "/mcp", "Origin: http://localhost:1"),
	from("a listed one, twice", "/strict", "Origin: https://app.example", "Origin: https://app.example"),
	from("a listed one and more", "/strict", "Origin: https://app.example.evil.example"),
	from("a listed one with a user", "/strict", "Origin: https://app.example@evil.example"),
	from("a listed one with another port", "/strict", "Origin: https://app.example:8443"),
	from("a listed one with another scheme", "/strict", "Origin: http://app.example"),
	from("a listed one with a slash", "/strict", "Origin: https://app.example/"),
	from("of 100 KB", "/mcp", "Origin: https://${repeat e 100000}.example"),
	from("with markup", "/mcp", "Origin: https://<script>alert(1)</script>"),
	from("none, but cross-site", "/mcp", "Sec-Fetch-Site: cross-site"),
	from("none, but cross-site without a token", "/mcp", "Sec-Fetch-Site: Cross-Site", "Cookie: token=1"),
	{name: "a foreign Host", line: "POST /strict", header: in(goodHeader, "", "Host: evil.example"), body: goodCall},
	{name: "a Host with a dot at its end", line: "POST /strict", header: in(goodHeader, "", "Host: mcp.example."), body: goodCall},
	{name: "a Host with another port", line: "POST /strict", header: in(goodHeader, "", "Host: mcp.example:8080"), body: goodCall},
	{name: "rebinding: loopback under a foreign name", header: in(goodHeader, "", "Host: evil.example", "Origin: http://evil.example"), body: goodCall},
	{name: "rebinding: a name that begins like loopback", header: in(goodHeader, "", "Host: localhost.evil.example", "Origin: http://localhost.evil.example"), body: goodCall},
	{name: "GET", line: "GET /mcp", header: []string{"Authorization: Bearer ${ann}", "Origin: https://evil.example", "Accept: text/event-stream"}},
	{name: "DELETE", line: "DELETE /mcp", header: []string{"Authorization: Bearer ${ann}", "Origin: https://evil.example", "Mcp-Session-Id: ${session of ann}"}},
	{name: "a preflight of a foreign one", line: "OPTIONS /strict", header: []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"}},
	{name: "a preflight to a server that lists none", line: "OPTIONS /mcp", header: []string{"Origin: https://app.example", "Access-Control-Request-Method: POST"}},
	{name: "a preflight of a listed one, for odd headers", line: "OPTIONS /strict", header: []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization, X-Admin, Mcp-Param-Region, Mcp-Param-a b, cookie"}},
	from("a listed one without a token", "/strict", "Origin: https://app.example"),
}

func init() {
	last := &originAttacks[len(originAttacks)-1]
	last.header = in(last.header, "Authorization")
}

var methodAttacks = []attack{
	{name: "GET", line: "GET /mcp", header: []string{"Authorization: Bearer ${ann}", "Accept: text/event-stream"}},
	{name: "GET with a session", line: "GET /mcp", header: []string{"Authorization: Bearer ${ann}", "Mcp-Session-Id: ${session of ann}"}},
	{name: "GET without a token", line: "GET /mcp"},
	{name: "HEAD", line: "HEAD /mcp", header: []string{"Authorization: Bearer ${ann}"}},
	{name: "PUT", line: "PUT /mcp", header: goodHeader, body: goodCall},
	{name: "PATCH", line: "PATCH /mcp", header: goodHeader, body: goodCall},
	{name: "TRACE", line: "TRACE /mcp", header: goodHeader},
	{name: "CONNECT", line: "CONNECT /mcp", header: goodHeader},
	{name: "a verb of nobody", line: "STEAL /mcp", header: goodHeader},
	{name: "TRACE from a foreign page", line: "TRACE /mcp", header: []string{"Origin: https://evil.example"}},
	{name: "OPTIONS without an Origin", line: "OPTIONS /mcp"},
	{name: "DELETE on the modern wire", line: "DELETE /mcp", header: goodHeader},
	{name: "a path below", line: "POST /mcp/admin", header: goodHeader, body: goodCall},
	{name: "a slash after it", line: "POST /mcp/", header: goodHeader, body: goodCall},
	{name: "two slashes before it", line: "POST //mcp", header: goodHeader, body: goodCall},
	{name: "a path in another case", line: "POST /MCP", header: goodHeader, body: goodCall},
}
