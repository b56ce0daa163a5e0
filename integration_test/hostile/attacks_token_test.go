package hostile_test

// bearing is a good call with another Authorization header.
func bearing(name string, values ...string) attack {
	a := attack{name: name, header: in(goodHeader, "Authorization"), body: goodCall}
	for _, v := range values {
		a.header = append(a.header, "Authorization: "+v)
	}
	return a
}

func at(mount string, a attack) attack {
	a.line = "POST " + mount
	return a
}

var tokenAttacks = []attack{
	bearing("none"),
	bearing("empty", ""),
	bearing("Bearer alone", "Bearer"),
	bearing("Bearer and a space", "Bearer "),
	bearing("another scheme", "Basic YW5uOmFubg=="),
	bearing("without a scheme", "${ann}"),
	bearing("not a JWT", "Bearer x"),
	bearing("two parts", "Bearer ${head}.${payload}"),
	bearing("four parts", "Bearer ${ann}.x"),
	bearing("no signature", "Bearer ${head}.${payload}."),
	bearing("claims of another under the signature", "Bearer ${head}.${payload of eve}.${signature}"),
	bearing("a letter more", "Bearer ${ann}A"),
	bearing("padding", "Bearer ${ann}="),
	bearing("a space inside", "Bearer ${head} .${payload}.${signature}"),
	bearing("two tokens in one", "Bearer ${ann}, Bearer ${eve}"),
	bearing("two headers", "Bearer ${ann}", "Bearer ${eve}"),
	bearing("two headers, the first of another scheme", "Basic YW5u", "Bearer ${ann}"),
	bearing("alg none", "Bearer ${alg none}"),
	bearing("alg HS512", "Bearer ${alg HS512}"),
	bearing("alg RS256 where HS256 is expected", "Bearer ${alg RS256}"),
	at("/rsa", bearing("HS256 by the public key", "Bearer ${HS256 by public key}")),
	at("/rsa", bearing("HS256 where RS256 is expected", "Bearer ${ann}")),
	bearing("by the empty key", "Bearer ${HS256 by empty key}"),
	bearing("by another key", "Bearer ${another key}"),
	bearing("no exp", "Bearer ${no exp}"),
	bearing("exp as a text", "Bearer ${exp text}"),
	bearing("expired", "Bearer ${expired}"),
	bearing("not yet", "Bearer ${nbf later}"),
	bearing("issued in the future", "Bearer ${iat later}"),
	bearing("no iss", "Bearer ${no iss}"),
	bearing("iss of another", "Bearer ${iss of another}"),
	bearing("iss that begins right", "Bearer ${iss longer}"),
	bearing("no aud", "Bearer ${no aud}"),
	bearing("aud of a sibling", "Bearer ${aud of another}"),
	bearing("aud of the parent", "Bearer ${aud of parent}"),
	bearing("aud that begins right", "Bearer ${aud longer}"),
	bearing("aud a list of others", "Bearer ${aud list of others}"),
	bearing("aud a number", "Bearer ${aud number}"),
	bearing("over 8 KiB", "Bearer ${repeat a 8193}"),
	bearing("over 8 KiB of dots", "Bearer ${repeat . 9000}"),
	{name: "in the query", line: "POST /mcp?access_token=${ann}", header: in(goodHeader, "Authorization"), body: goodCall},
	{name: "in a cookie", header: in(goodHeader, "Authorization", "Cookie: Authorization=${ann}; access_token=${ann}"), body: goodCall},
	{name: "in another header", header: in(goodHeader, "Authorization", "X-Authorization: Bearer ${ann}", "Proxy-Authorization: Bearer ${ann}"), body: goodCall},
	{name: "in the body", header: in(goodHeader, "Authorization"), body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a","access_token":"${ann}"},${meta}}}`},
	{name: "none, with a broken body", header: in(goodHeader, "Authorization"), body: `{`},
	{name: "none, ending a session", line: "DELETE /mcp", header: []string{"Mcp-Session-Id: ${session of ann}"}},
	tool("a scope claim that is a number", "invoices_list", `{}`, "Authorization: Bearer ${scope number}"),
	tool("no scopes", "invoices_list", `{}`, "Authorization: Bearer ${scope of none}"),
	{name: "no scopes, reading", header: in(head("resources/read", "invoices://1"), "Authorization", "Authorization: Bearer ${scope of none}"), body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"invoices://1",${meta}}}`},
	{name: "no scopes, reading what does not exist", header: in(head("resources/read", "invoices://99"), "Authorization", "Authorization: Bearer ${scope of none}"), body: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"invoices://99",${meta}}}`},
	{name: "no scopes, completing", header: in(head("completion/complete", ""), "Authorization", "Authorization: Bearer ${scope of none}"), body: `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"invoices://{pk}"},"argument":{"name":"pk","value":""},${meta}}}`},
}
