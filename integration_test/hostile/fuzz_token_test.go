package hostile_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// FuzzToken sends any Authorization header: only the one good token passes.
func FuzzToken(f *testing.F) {
	s := start(f)
	good := goodToken("ann")
	vars := s.vars()
	for _, a := range tokenAttacks {
		for _, line := range a.header {
			if value, ok := strings.CutPrefix(line, "Authorization: "); ok && !strings.Contains(line, "repeat") {
				f.Add(expand(value, vars))
			}
		}
	}
	// Some seeds are good tokens of other callers.
	known := map[string]bool{good: true, vars["ann"]: true, vars["eve"]: true, vars["reader"]: true, vars["scope number"]: true, vars["scope of none"]: true}
	for _, seed := range []string{"Bearer " + good, "bearer " + good, "Bearer  " + good, "Bearer\t" + good, "Bearer " + good + " ", " Bearer " + good, "Bearer " + good + "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		h := rawhttp.Header("", "tools/call", "note")
		h["Authorization"] = []string{authorization}
		w := s.do(http.MethodPost, "/mcp", h, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a"},`+rawhttp.Meta+`}}`)
		scheme, token, _ := strings.Cut(authorization, " ")
		may := strings.EqualFold(scheme, "Bearer") && known[strings.Trim(token, " ")]
		switch {
		case w.Code == http.StatusOK != may, w.Code != http.StatusOK && w.Code != http.StatusUnauthorized:
			t.Errorf("%q: %s", authorization, whole(w))
		case w.Code == http.StatusUnauthorized && !strings.HasPrefix(w.Header().Get("Www-Authenticate"), `Bearer realm="mcp"`):
			t.Errorf("no challenge: %s", whole(w))
		}
	})
}

// FuzzJWT signs any header and claims with the right key: what passes says, to a strict reader,
// HS256, this issuer, this audience and a time to come.
func FuzzJWT(f *testing.F) {
	const header, claims = `{"alg":"HS256","typ":"JWT"}`, `{"iss":"https://issuer.example","aud":"https://mcp.example/mcp","sub":"ann","exp":4000000000}`
	f.Add(header, claims)
	for _, h := range []string{`{"alg":"none"}`, `{"alg":"hs256"}`, `{"alg":"HS256","alg":"none"}`, `{"Alg":"HS256"}`, `{"alg":["HS256"]}`, `{"alg":"HS256","crit":["exp"]}`, `{"alg":"HS256","crit":null}`, `{"alg":"HS256","b64":false}`, `{"alg":"RS256","jwk":{}}`, `{"alg":"HS256","kid":"../../dev/null"}`, `{"alg":"HS256","jku":"https://evil.example"}`, `[]`, `null`, `{`, ``} {
		f.Add(h, claims)
	}
	for _, old := range []string{`4000000000`, `"ann"`, `"https://mcp.example/mcp"`, `"https://issuer.example"`} {
		for _, value := range []string{`0`, `1`, `-1`, `4e9`, `1e400`, `4000000000.5`, `"4000000000"`, `null`, `true`, `[]`, `{}`, `["https://mcp.example/mcp","x"]`, `"https://mcp.example/mcp/"`, `"https://MCP.example/mcp"`, `99999999999999999999`} {
			f.Add(header, strings.Replace(claims, old, value, 1))
		}
	}
	f.Add(header, `{"exp":1,"exp":4000000000,"iss":"https://issuer.example","aud":"https://mcp.example/mcp"}`)
	f.Add(header, `{"EXP":4000000000,"Iss":"https://issuer.example","AUD":"https://mcp.example/mcp"}`)
	s := start(f)
	f.Fuzz(func(t *testing.T, header, claims string) {
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		token := signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		w := s.do(http.MethodPost, "/mcp", rawhttp.Header(token, "tools/call", "note"), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a"},`+rawhttp.Meta+`}}`)
		if w.Code == http.StatusUnauthorized {
			return
		}
		if w.Code != http.StatusOK {
			t.Fatalf("%s %s: %s", header, claims, whole(w))
		}
		var head struct {
			Alg  string         `json:"alg"`
			Crit jsontext.Value `json:"crit"`
		}
		var body struct {
			Issuer   string         `json:"iss"`
			Audience jsontext.Value `json:"aud"`
			Expires  float64        `json:"exp"`
		}
		if err := json.Unmarshal([]byte(header), &head, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil || head.Alg != "HS256" || head.Crit != nil {
			t.Errorf("the header %s passes (%v)", header, err)
		}
		err := json.Unmarshal([]byte(claims), &body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err != nil || body.Issuer != issuer || !strings.Contains(string(body.Audience), "mcp") || body.Expires < float64(time.Now().Add(-time.Minute).Unix()) {
			t.Errorf("the claims %s pass (%v)", claims, err)
		}
	})
}
