package hostile_test

import (
	"strings"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// goodCall is what the attacks on messages spoil.
const goodCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a"},${meta}}}`

var goodHeader = head("tools/call", "note")

// head is the header of a modern request by ann.
func head(method, name string) []string {
	h := []string{"Authorization: Bearer ${ann}", "Content-Type: application/json", "MCP-Protocol-Version: 2026-07-28"}
	if method != "" {
		h = append(h, "Mcp-Method: "+method)
	}
	if name != "" {
		h = append(h, "Mcp-Name: "+name)
	}
	return h
}

// in replaces a line of a header by others.
func in(header []string, name string, lines ...string) []string {
	var changed []string
	for _, line := range header {
		if !strings.HasPrefix(line, name+":") {
			changed = append(changed, line)
		}
	}
	return append(changed, lines...)
}

// spoilt is a good call with a part replaced.
func spoilt(name, old, new string) attack {
	if !strings.Contains(goodCall, old) {
		panic("no " + old)
	}
	return attack{name: name, header: goodHeader, body: strings.Replace(goodCall, old, new, 1)}
}

func message(name, body string) attack { return attack{name: name, header: goodHeader, body: body} }

// jsonAttacks are read differently by different readers, or by none.
var jsonAttacks = []attack{
	spoilt("name in two cases", `"name":"note"`, `"name":"note","Name":"danger"`),
	spoilt("name in another case alone", `"name"`, `"Name"`),
	spoilt("method in two cases", `"method":"tools/call"`, `"method":"ping","METHOD":"tools/call"`),
	spoilt("params with a long s", `"params"`, `"params":{},"paramſ"`),
	spoilt("a Kelvin sign in a name of params", `"name":"note"`, `"name":"note","taſKId":"x"`),
	spoilt("name twice", `"name":"note"`, `"name":"note","name":"danger"`),
	spoilt("name twice, once escaped", `"name":"note"`, `"name":"note","n\u0061me":"danger"`),
	spoilt("method twice", `"method":`, `"method":"ping","method":`),
	spoilt("id twice", `"id":1`, `"id":1,"id":2`),
	spoilt("argument twice", `"title":"a"`, `"title":"a","title":"b"`),
	spoilt("argument twice, deep", `"title":"a"`, `"title":{"x":[{"y":1,"y":2}]}`),
	spoilt("member of _meta twice", `${meta}`, `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/protocolVersion":"2025-11-25"}`),
	spoilt("NUL in a name", `"name":"note"`, `"name":"note","name\u0000":"danger"`),
	spoilt("NUL in the name of an argument", `"title":"a"`, `"title":"a","title\u0000":"b"`),
	message("another message after it", goodCall+goodCall),
	message("another object after it", goodCall+`{"x":1}`),
	message("a NUL after it", goodCall+"${hex 00}"),
	message("cut off", goodCall[:len(goodCall)-1]),
	message("nothing", ""),
	message("spaces", "   "),
	message("a string", `"tools/call"`),
	message("null", `null`),
	message("a batch", "["+goodCall+"]"),
	message("an empty batch", "[]"),
	message("a batch in a batch", "[["+goodCall+"]]"),
	message("a comment", "/* */"+goodCall),
	message("single quotes", "{'jsonrpc':'2.0'}"),
	message("a trailing comma", strings.TrimSuffix(goodCall, "}")+",}"),
	spoilt("a number with a leading zero", `"id":1`, `"id":01`),
	spoilt("nested 65 levels", `"a"`, "${repeat [ 65}${repeat ] 65}"),
	spoilt("nested 9000 levels", `"a"`, "${repeat [ 9000}${repeat ] 9000}"),
	spoilt("20000 values", `"a"`, "[${repeat 0, 20000}0]"),
	spoilt("NaN", `"a"`, "NaN"),
	spoilt("jsonrpc 1.0", `"2.0"`, `"1.0"`),
	spoilt("jsonrpc as a number", `"2.0"`, `2.0`),
	spoilt("no jsonrpc", `"jsonrpc":"2.0",`, ""),
	spoilt("params as an array", `{"name":"note","arguments":{"title":"a"},${meta}}`, `["note",{"title":"a"}]`),
	spoilt("method as a number", `"tools/call"`, "7"),
	spoilt("a request and a result", `"id":1`, `"id":1,"result":{}`),
	message("a result that nobody asked for", `{"jsonrpc":"2.0","id":1,"result":{}}`),
	spoilt("_meta as an array", "${meta}", `"_meta":[]`),
	spoilt("_meta member in another case", "${meta}", strings.Replace(rawhttp.Meta, "protocolVersion", "ProtocolVersion", 1)),
}

var idAttacks = []attack{
	spoilt("null", `"id":1`, `"id":null`),
	spoilt("a fraction", `"id":1`, `"id":1.5`),
	spoilt("an integer written as a fraction", `"id":1`, `"id":1.0`),
	spoilt("an exponent", `"id":1`, `"id":1e3`),
	spoilt("minus zero", `"id":1`, `"id":-0`),
	spoilt("a bool", `"id":1`, `"id":true`),
	spoilt("an object", `"id":1`, `"id":{"a":1}`),
	spoilt("over 2^53, echoed exactly", `"id":1`, `"id":9007199254740993`),
	spoilt("over 2^64, echoed exactly", `"id":1`, `"id":123456789012345678901234567890`),
	spoilt("300 digits", `"id":1`, `"id":${repeat 9 300}`),
	spoilt("256 digits, echoed exactly", `"id":1`, `"id":${repeat 9 256}`),
	spoilt("a text of 256 bytes", `"id":1`, `"id":"${repeat i 256}"`),
	spoilt("a text of 257 bytes", `"id":1`, `"id":"${repeat i 257}"`),
	spoilt("markup, echoed as it was", `"id":1`, `"id":"</script><script>alert(1)</script>"`),
	spoilt("a line break for an event stream", `"id":1`, `"id":"1\n\nevent: x\ndata: {}"`),
	spoilt("a lone surrogate", `"id":1`, `"id":"\ud800"`),
	spoilt("empty", `"id":1`, `"id":""`),
}

// streamed calls the tool that turns its reply into an event stream, with members of _meta.
func streamed(name, members string) attack {
	a := tool(name, "steps", `{}`)
	a.body = strings.Replace(a.body, "${meta}", strings.TrimSuffix(rawhttp.Meta, "}")+","+members+"}", 1)
	return a
}

var streamAttacks = []attack{
	streamed("a progress token with line breaks", `"progressToken":"1\n\nevent: x\rdata: {}\u2028"`),
	streamed("a progress token over 2^53", `"progressToken":9007199254740993`),
	streamed("a progress token that is an object", `"progressToken":{"a":1}`),
	streamed("a progress token that is a fraction", `"progressToken":1.5`),
	streamed("an id with line breaks", `"progressToken":1`),
	streamed("a log level of nobody", `"io.modelcontextprotocol/logLevel":"everything"`),
	streamed("a log level", `"io.modelcontextprotocol/logLevel":"debug"`),
	streamed("a progress token of 10 KB", `"progressToken":"${repeat p 10000}"`),
}

func init() {
	a := &streamAttacks[4]
	a.body = strings.Replace(a.body, `"id":1`, `"id":"1\n\ndata: {}\r\n"`, 1)
}

// arguments are attacks on the tool note.
func arguments(name, raw string) attack { return spoilt(name, `{"title":"a"}`, raw) }

var argumentAttacks = []attack{
	arguments("absent", `null`),
	arguments("an array", `[]`),
	arguments("a text with an object", `"{\"title\":\"a\"}"`),
	arguments("empty", `{}`),
	arguments("unknown ones", `{"title":"a","isAdmin":true,"__proto__":{"x":1},"constructor":1}`),
	arguments("misspelt", `{"titel":"a"}`),
	arguments("another case", `{"Title":"a"}`),
	arguments("all wrong at once", `{"title":7,"count":-1,"mood":"ugly","tags":["123456789","b","c"],"mail":"x","pin":"123"}`),
	arguments("a number as text", `{"title":"a","count":"1"}`),
	arguments("a fraction for an integer", `{"title":"a","count":1.5}`),
	arguments("an integer over int64", `{"title":"a","count":9223372036854775808}`),
	arguments("an exponent over everything", `{"title":"a","count":1e999}`),
	arguments("null for a required one", `{"title":null}`),
	arguments("too long", `{"title":"${repeat a 65}"}`),
	arguments("a secret that is too long", `{"title":"a","pin":"98765"}`),
	arguments("an unknown one with a name of 200 KB", `{"title":"a","${repeat k 200000}":1}`),
	arguments("300 unknown ones", `{"title":"a"`+numbered(`,"x%d":1`, 300)+`}`),
	arguments("a format that does not exist", `{"title":"a"},"outputFormat":"xml"`),
	{name: "an unknown tool", header: head("tools/call", "notes"), body: strings.Replace(goodCall, `"note"`, `"notes"`, 1)},
	{name: "a tool without a name", header: head("tools/call", "x"), body: strings.Replace(goodCall, `"name":"note",`, "", 1)},
	{name: "a tool whose name is a number", header: head("tools/call", "7"), body: strings.Replace(goodCall, `"note"`, "7", 1)},
	{name: "a tool with a name of 10 KB", header: head("tools/call", "${repeat n 10000}"), body: strings.Replace(goodCall, `"note"`, `"${repeat n 10000}"`, 1)},
	tool("a scope is missing", "invoices_create", `{"number":"B-1","amount_cents":1}`, "Authorization: Bearer ${reader}"),
	tool("a panic", "panic", `{}`),
	tool("an error", "broken", `{}`),
	tool("SQL in an ordering", "vault_list", `{"ordering":"weight; DROP TABLE vaults"}`),
	tool("a column in an ordering that is not offered", "vault_list", `{"ordering":"-secret"}`),
	tool("a column in a filter that is not offered", "vault_list", `{"secret":"x"}`),
	tool("an operator in a filter", "vault_list", `{"min":{"$gt":0}}`),
	tool("SQL in a filter", "vault_list", `{"label":"' OR 1=1 --"}`),
	tool("wildcards in a filter", "vault_list", `{"has":"%_e%"}`),
	tool("NUL in a filter", "vault_list", `{"label":"\u0000"}`),
	tool("a filter of 1001 values", "vault_list", `{"not_among":[0`+strings.Repeat(",1", 1000)+`]}`),
	tool("page 0", "invoices_list", `{"page":0}`),
	tool("a page over everything", "invoices_list", `{"page":9223372036854775807,"limit":100}`),
	tool("limit 0", "invoices_list", `{"limit":0}`),
	tool("a limit below 0", "invoices_list", `{"limit":-1}`),
	{name: "a completion of no argument", header: head("completion/complete", ""), body: `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"__proto__","value":""},${meta}}}`},
	{name: "a completion of no prompt", header: head("completion/complete", ""), body: `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"nothing like it"},"argument":{"name":"a","value":""},${meta}}}`},
	{name: "a prompt without its argument", header: head("prompts/get", "summarise"), body: `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"summarise","arguments":{"tone":"rude"},${meta}}}`},
}

// tool calls any tool; header lines replace those of the same name.
func tool(name, tool, arguments string, header ...string) attack {
	h := head("tools/call", tool)
	for _, line := range header {
		field, _, _ := strings.Cut(line, ":")
		h = in(h, field, line)
	}
	body := strings.Replace(goodCall, `"note","arguments":{"title":"a"}`, `"`+tool+`","arguments":`+arguments, 1)
	return attack{name: name, header: h, body: body}
}
