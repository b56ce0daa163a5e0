package hostile_test

import "strings"

var sizeAttacks = []attack{
	spoilt("2 MiB", `"a"`, `"${repeat a 2097152}"`),
	message("the limit exactly", "${padded 1048576}"),
	message("a byte over the limit", "${padded 1048577}"),
	{name: "a bomb of 20 MB", header: append([]string{"Content-Encoding: gzip"}, goodHeader...), body: "${gzip 20000000}"},
	{name: "gzip a byte over the limit", header: append([]string{"Content-Encoding: gzip"}, goodHeader...), body: "${gzip 1048576}"},
	{name: "a page of everything", header: head("tools/call", "invoices_list"), body: strings.Replace(goodCall, `"note","arguments":{"title":"a"}`, `"invoices_list","arguments":{"limit":9223372036854775807,"ordering":"number","created_after":"2999-01-01T00:00:00Z"}`, 1)},
}

func encoded(name, encoding, body string) attack {
	return attack{name: name, header: append([]string{"Content-Encoding: " + encoding}, goodHeader...), body: body}
}

var encodingAttacks = []attack{
	encoded("br", "br", goodCall),
	encoded("gzip twice", "gzip, gzip", goodCall),
	encoded("deflate", "deflate", goodCall),
	encoded("gzip of nothing", "gzip", ""),
	encoded("gzip that is cut off", "gzip", "${hex 1f8b0800000000000003}"),
	encoded("gzip that is broken", "gzip", "${hex 1f8b08000000000000ffffffffffff}"),
	encoded("gzip in name alone", "gzip", goodCall),
	{name: "Content-Encoding twice", header: append([]string{"Content-Encoding: gzip", "Content-Encoding: identity"}, goodHeader...), body: goodCall},
	message("a byte order mark", "${hex efbbbf}"+goodCall),
	message("UTF-16", "${hex fffe7b007d00}"),
	spoilt("invalid UTF-8", `"a"`, `"${hex ff}"`),
	spoilt("overlong UTF-8", `"a"`, `"${hex c0af}"`),
	spoilt("a surrogate in UTF-8", `"a"`, `"${hex eda080}"`),
	spoilt("a lone surrogate", `"a"`, `"\ud800"`),
	spoilt("surrogates the wrong way round", `"a"`, `"\udd1e\ud834"`),
	spoilt("a raw control character", `"a"`, `"${hex 01}"`),
	spoilt("a no-break space between values", `"id":1`, `"id":${hex c2a0}1`),
}

// reading reads a resource.
func reading(name, uri string) attack {
	return attack{name: name, header: head("resources/read", uri), body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"` + uri + `",${meta}}}`}
}

var uriAttacks = []attack{
	reading("traversal", "invoices://../1"),
	reading("traversal, encoded", "invoices://%2e%2e%2f1"),
	reading("traversal, double encoded", "pages://%252e%252e%252fetc"),
	reading("traversal, overlong", "pages://%c0%ae%c0%ae"),
	reading("a path for a name", "invoices://a/b"),
	reading("an encoded slash for a name", "pages://a%2fb"),
	reading("a backslash", "pages://a%5cb"),
	reading("an encoded NUL", "pages://a%00"),
	reading("a line break", "pages://a%0d%0aX:%201"),
	reading("traversal in a path", "files://a/../../etc/passwd"),
	reading("traversal in a path, encoded dots", "files://a/%2e%2e/b"),
	reading("traversal in a path, encoded slashes", "files://a%2f..%2fb"),
	reading("traversal in a path, with a backslash", "files://a%5c..%5cb"),
	reading("an absolute path", "files:///etc/passwd"),
	reading("a query", "invoices://1?admin=true"),
	reading("a fragment", "invoices://1#stats"),
	reading("the wrong type", "invoices://one"),
	reading("over int64", "invoices://9223372036854775808"),
	reading("an exponent", "invoices://1e0"),
	reading("a name that is too long", "pages://${repeat a 33}"),
	reading("over 8 KiB", "pages://${repeat a 9000}"),
	reading("another scheme", "file:///etc/passwd"),
	reading("javascript", "javascript:alert(1)"),
	reading("data", "data:text/html,<script>alert(1)</script>"),
	reading("the metadata service", "http://169.254.169.254/latest/meta-data/"),
	reading("the template itself", "invoices://{pk}"),
	reading("empty", ""),
	reading("another case", "INVOICES://1"),
	{name: "the header names another", header: head("resources/read", "invoices://stats"), body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"invoices://1",${meta}}}`},
	{name: "a number", header: head("resources/read", "7"), body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":7,${meta}}}`},
}

func listing(name, mount, method, cursor string) attack {
	return attack{name: name, line: "POST " + mount, header: head(method, ""), body: `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"cursor":` + cursor + `,${meta}}}`}
}

func walking(name, arguments string) attack { return tool(name, "vault_list", arguments) }

var cursorAttacks = []attack{
	listing("empty", "/strict", "tools/list", `""`),
	listing("invented", "/strict", "tools/list", `"1"`),
	listing("a number", "/strict", "tools/list", `1`),
	listing("of another list", "/strict", "tools/list", `"cHJvbXB0czpub3Rl"`),
	listing("of a tool that is not there", "/strict", "tools/list", `"dG9vbHM6bm90aGluZw"`),
	listing("with padding", "/strict", "tools/list", `"dG9vbHM6ZGFuZ2Vy=="`),
	listing("of tools, for templates", "/strict", "resources/templates/list", `"dG9vbHM6ZGFuZ2Vy"`),
	listing("over 1 KB", "/mcp", "tools/list", `"${repeat A 2000}"`),
	walking("keyset: empty", `{"cursor":""}`),
	walking("keyset: invented", `{"cursor":"1"}`),
	walking("keyset: a number", `{"cursor":1}`),
	walking("keyset: longer", `{"cursor":"${cursor of ann}A"}`),
	walking("keyset: with padding", `{"cursor":"${cursor of ann}="}`),
	walking("keyset: of another caller", `{"cursor":"${cursor of eve}"}`),
	walking("keyset: of another tool", `{"cursor":"${cursor of another tool}"}`),
	walking("keyset: of another order", `{"cursor":"${cursor of another order}"}`),
	walking("keyset: of another filter", `{"cursor":"${cursor of another filter}"}`),
	walking("keyset: with a filter that it was not for", `{"cursor":"${cursor of ann}","has":"o"}`),
	walking("keyset: over 8 KiB", `{"cursor":"${repeat A 9000}"}`),
	listing("with a line break", "/strict", "tools/list", `"dG9v\nbHM6dmF1bHQub3RoZXI"`), listing("with stray bits", "/strict", "tools/list", `"dG9vbHM6dmF1bHQub3RoZXJ"`),
}

// inSession is a request on the dated wire.
func inSession(name, session, body string) attack {
	a := attack{name: name, header: goodHeader[:2:2], body: body}
	if session != "" {
		a.header = append(a.header, "Mcp-Session-Id: "+session)
	}
	return a
}

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

var sessionAttacks = []attack{
	inSession("missing", "", ping),
	inSession("invented", "AAAAAAAAAAAAAAAAAAAAAAAAAA", ping),
	inSession("of another", "${session of eve}", ping),
	inSession("ended", "${session of ann ended}", ping),
	inSession("of another mount", "${session of ann}", ping),
	inSession("in lower case", "${repeat a 26}", ping),
	inSession("of 10 KB", "${repeat A 10000}", ping),
	inSession("chosen by the client", "mine", initialize),
	inSession("a notification without one", "", `{"jsonrpc":"2.0","method":"notifications/initialized"}`),
	inSession("a notification to that of another", "${session of eve}", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`),
	inSession("a result to that of another", "${session of eve}", `{"jsonrpc":"2.0","id":1,"result":{}}`),
	inSession("cancelling nothing", "${session of ann}", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`),
	inSession("cancelling without an id", "${session of ann}", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`),
	inSession("an unknown log level", "${session of ann}", `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"everything"}}`),
	inSession("subscribing to nothing", "${session of ann}", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"javascript:alert(1)"}}`),
	inSession("a method of the modern wire", "${session of ann}", `{"jsonrpc":"2.0","id":1,"method":"server/discover"}`),
	{name: "in the query", line: "POST /mcp?sessionId=${session of ann}", header: goodHeader[:2], body: ping},
	{name: "twice", header: append(goodHeader[:2:2], "Mcp-Session-Id: ${session of ann}", "Mcp-Session-Id: ${session of eve}"), body: ping},
	{name: "ending that of another", line: "DELETE /mcp", header: []string{"Authorization: Bearer ${ann}", "Mcp-Session-Id: ${session of eve}"}},
	{name: "ending an invented one", line: "DELETE /mcp", header: []string{"Authorization: Bearer ${ann}", "Mcp-Session-Id: AAAAAAAAAAAAAAAAAAAAAAAAAA"}},
	{name: "ending none", line: "DELETE /mcp", header: []string{"Authorization: Bearer ${ann}"}},
	{name: "ending two", line: "DELETE /mcp", header: []string{"Authorization: Bearer ${ann}", "Mcp-Session-Id: ${session of ann}", "Mcp-Session-Id: ${session of eve}"}},
}

func init() {
	for i := range sessionAttacks {
		if sessionAttacks[i].name == "of another mount" {
			sessionAttacks[i].line = "POST /strict"
		}
	}
}

var rawHead = "Host: mcp.example\r\nConnection: close\r\n" + strings.Join(goodHeader, "\r\n") + "\r\n"

var connectionAttacks = []attack{
	{name: "Content-Length too small", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 20\r\n\r\n" + goodCall},
	{name: "Content-Length twice, different", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 20\r\nContent-Length: 500\r\n\r\n" + goodCall},
	{name: "Content-Length below 0", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: -1\r\n\r\n"},
	{name: "Content-Length of 1 GB, nothing sent of it", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 1000000000\r\n\r\n{"},
	{name: "Content-Length and chunks", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{name: "chunks", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n"},
	{name: "chunks of 2 MiB", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Transfer-Encoding: chunked\r\n\r\n200000\r\n${repeat a 2097152}\r\n0\r\n\r\n"},
	{name: "chunks that are none", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
	{name: "an unknown Transfer-Encoding", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"},
	{name: "a line break in a header", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "X-A: b\nMcp-Name: danger\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a carriage return in a header", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "X-A: b\rMcp-Name: danger\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a folded header", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "X-A: b\r\n Mcp-Name: danger\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a space before the colon", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "Origin : https://evil.example\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "NUL in a header", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "X-A: ${hex 00}\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "no Host", raw: "POST /mcp HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "two Hosts", raw: "POST /mcp HTTP/1.1\r\nHost: evil.example\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "a user in the Host", raw: "POST /strict HTTP/1.1\r\nHost: mcp.example@evil.example\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "an absolute target with another host", raw: "POST http://evil.example/strict HTTP/1.1\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "an absolute target with the host", raw: "POST http://mcp.example/strict HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n" + strings.Join(goodHeader, "\r\n") + "\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a target with dots", raw: "POST /x/../mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "a target with encoded letters", raw: "POST /%6dcp HTTP/1.1\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "HTTP/1.0", raw: "POST /mcp HTTP/1.0\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "HTTP/3.0", raw: "POST /mcp HTTP/3.0\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
	{name: "headers of 2 MiB", raw: "POST /mcp HTTP/1.1\r\n" + rawHead + "X-A: ${repeat a 2097152}\r\n\r\n"},
	{name: "a verb in lower case", raw: "post /mcp HTTP/1.1\r\n" + rawHead + "Content-Length: 2\r\n\r\n{}"},
}
