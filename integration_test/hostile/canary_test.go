package hostile_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// Secrets, each in one kind of place, all ten characters and more so that nothing else contains
// them.
const (
	claimCanary  = "cLaImSeCrEt"
	argCanary    = "aRgUmEnTsEcReT"
	headerCanary = "hEaDeRsEcReT"
	tokenCanary  = "tOkEnSeCrEt"
)

// canaryRequests are calls that succeed and calls that fail, with secrets in everything that a
// client sends but the names of tools, methods and URIs, which a reply may repeat.
func canaryRequests(s *site, token, session string) []*httptest.ResponseRecorder {
	var answers []*httptest.ResponseRecorder
	send := func(verb, mount string, header http.Header, body string) {
		header.Set("X-Api-Key", headerCanary)
		header.Set("Cookie", "session="+headerCanary)
		header.Set("User-Agent", headerCanary)
		header.Set("X-Forwarded-For", headerCanary)
		answers = append(answers, s.do(verb, mount, header, body))
	}
	const id = `{"jsonrpc":"2.0","id":1,"method":`
	both := func(method, name, params string) {
		for _, mount := range []string{"/mcp", "/strict"} {
			send(http.MethodPost, mount, rawhttp.Header(token, method, name), id+`"`+method+`","params":{`+params+`,`+rawhttp.Meta+`}}`)
		}
		send(http.MethodPost, "/mcp", dated(token, session), id+`"`+method+`","params":{`+params+`}}`)
	}
	for _, a := range []string{
		`{"title":"%s","pin":"1234"}`, `{"title":"%[1]s","count":"%[1]s"}`, `{"title":"%[1]s","mood":"%[1]s","mail":"%[1]s","pin":"%[1]s","tags":["%[1]s","%[1]s","%[1]s"]}`,
		`{"title":["%s"]}`, `{"title":{"%[1]s":"%[1]s"}}`, `{"title":"a","unknown":"%s"}`, `{"title":"a","nested":{"deep":["%s"]}}`, `"%s"`, `["%s"]`,
	} {
		a = strings.ReplaceAll(a, "%[1]s", argCanary)
		both("tools/call", "note", `"name":"note","arguments":`+strings.ReplaceAll(a, "%s", argCanary))
	}
	for _, a := range []string{`{}`, `{"label":"%s"}`, `{"has":"%s"}`, `{"among":["%s"]}`, `{"min":"%s"}`, `{"ordering":"%s"}`, `{"ordering":["%s"]}`, `{"cursor":"%s"}`, `{"limit":"%s"}`} {
		both("tools/call", "vault_list", `"name":"vault_list","arguments":`+strings.ReplaceAll(a, "%s", argCanary))
	}
	both("tools/call", "region", `"name":"region","arguments":{"region":"`+argCanary+`","floor":"`+argCanary+`"}`)
	both("tools/call", "panic", `"name":"panic"`)
	both("tools/call", "broken", `"name":"broken"`)
	both("tools/call", "invoices_create", `"name":"invoices_create","arguments":{"number":"A-1","amount_cents":1,"note":"`+argCanary+`"}`)
	both("tools/call", "invoices_create", `"name":"invoices_create","arguments":{"number":"A-1","amount_cents":-5}`)
	both("tools/call", "note", `"name":"note","arguments":{"title":"a"},"outputFormat":"`+argCanary+`"`)
	both("prompts/get", "summarise", `"name":"summarise","arguments":{"period":"`+argCanary+`","tone":"`+argCanary+`"}`)
	both("completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"tone","value":"`+argCanary+`"},"context":{"arguments":{"period":"`+argCanary+`"}}`)
	both("completion/complete", "", `"ref":{"type":"ref/resource","uri":"invoices://{pk}"},"argument":{"name":"pk","value":"`+argCanary+`"}`)
	both("tools/list", "", `"cursor":"`+argCanary+`"`)
	both("logging/setLevel", "", `"level":"`+argCanary+`"`)
	both("tools/call", "note", `"name":"note","arguments":{"title":"`+argCanary+`","title":"`+argCanary+`"}`) // broken JSON
	both("tools/call", "note", `"name":"note","arguments":{"title":"`+argCanary+`\ud800"}`)

	note := id + `"tools/call","params":{"name":"note","arguments":{"title":"` + argCanary + `"},` + rawhttp.Meta + `}}`
	for _, header := range []string{"Mcp-Name", "Mcp-Method", "Mcp-Session-Id", "Mcp-Param-Region", "Content-Type", "Content-Encoding", "Accept", "Sec-Fetch-Site"} {
		h := rawhttp.Header(token, "tools/call", "note")
		h.Set(header, headerCanary)
		send(http.MethodPost, "/mcp", h, note)
		send(http.MethodPost, "/mcp", dated(token, headerCanary), note)
		send(http.MethodDelete, "/mcp", dated(token, headerCanary), "")
	}
	for _, bad := range []string{tokenCanary, tokenCanary + ".a.b", token + tokenCanary, strings.Repeat(tokenCanary, 1000)} {
		send(http.MethodPost, "/mcp", rawhttp.Header(bad, "tools/call", "note"), note)
		send(http.MethodDelete, "/mcp", dated(bad, session), "")
	}
	send(http.MethodPost, "/mcp?access_token="+tokenCanary, rawhttp.Header("", "tools/call", "note"), note)
	return answers
}

func TestASecretComesOutNowhere(t *testing.T) {
	s := start(t)
	token := sign(hs256, key, claims("ann", allScopes, set("note", claimCanary), func(c jwt.MapClaims) { c["jti"] = tokenCanary }))
	answers := canaryRequests(s, token, s.session("/mcp", token))

	// What the test rests on: calls succeeded, failed, and reached panics.
	statuses := map[int]int{}
	for _, a := range answers {
		statuses[a.Code]++
	}
	if statuses[200] < 50 || statuses[400] < 5 || statuses[401] < 5 || statuses[404] < 5 {
		t.Errorf("too few of some kind: %v", statuses)
	}
	log := s.log.String()
	for _, logged := range []string{"pAnIcSeCrEt", "eRrOrSeCrEt"} {
		if !strings.Contains(log, logged) {
			t.Errorf("the operator does not find %q in the log", logged)
		}
	}

	parts := strings.Split(token, ".")
	everywhere := map[string]string{
		"a row": rowSecret, "a claim": claimCanary, "an argument": argCanary, "a header": headerCanary, "a wrong token": tokenCanary,
		"the token": token, "the claims of the token": parts[1], "the signature of the token": parts[2],
	}
	replies := map[string]string{"a panic": "pAnIcSeCrEt", "an error": "eRrOrSeCrEt", "the database": "constraint failed", "a stack": "goroutine ", "a path": ".go:"}
	for _, a := range answers {
		text := fmt.Sprint(a.Code, a.Header(), a.Body)
		for _, secrets := range []map[string]string{everywhere, replies} {
			for place, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("a reply tells what is in %s: %s", place, text)
				}
			}
		}
	}
	for place, secret := range everywhere {
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				t.Errorf("the log tells what is in %s: %.500s", place, line)
			}
		}
	}
}
