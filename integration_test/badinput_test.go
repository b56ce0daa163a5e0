package integration_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// good is a call that would create an invoice; each case spoils it.
var good = rawhttp.Call("invoices_create", `{"number":"B-1","amount_cents":1}`)

func spoil(old, new string) string {
	if !strings.Contains(good, old) {
		panic("no " + old + " in " + good)
	}
	return strings.Replace(good, old, new, 1)
}

func TestABadMessageIsNotExecuted(t *testing.T) {
	s := start(t)
	token := s.token("ann", writer)
	tests := map[string]struct {
		body   string
		status int
		code   int
	}{
		"method twice":                {spoil(`"method":`, `"method":"tools/list","method":`), 400, -32700},
		"id twice":                    {spoil(`"id":1`, `"id":1,"id":2`), 400, -32700},
		"params twice":                {spoil(`"params":`, `"params":{},"params":`), 400, -32700},
		"name twice":                  {spoil(`"name":`, `"name":"invoices_list","name":`), 400, -32700},
		"argument twice":              {spoil(`"number":`, `"number":"B-0","number":`), 400, -32700},
		"argument twice, one escaped": {spoil(`"number":`, `"n\u0075mber":"B-0","number":`), 400, -32700},
		"_meta member twice":          {spoil(rawhttp.Meta, `"_meta":{"a":1,"a":1}`), 400, -32700},
		"Method":                      {spoil(`"method":`, `"Method":"tools/list","method":`), 400, -32600},
		"METHOD alone":                {spoil(`"method"`, `"METHOD"`), 400, -32600},
		"Params":                      {spoil(`"params":`, `"Params":{},"params":`), 400, -32600},
		"params with a long s":        {spoil(`"params":`, `"paramſ":{},"params":`), 400, -32600},
		"Name":                        {spoil(`"name":`, `"Name":"invoices_list","name":`), 400, -32600},
		"Arguments":                   {spoil(`"arguments":`, `"Arguments":{},"arguments":`), 400, -32600},
		"JSONRPC":                     {spoil(`"jsonrpc"`, `"JSONRPC"`), 400, -32600},
		"another message after it":    {good + good, 400, -32700},
		"bytes after it":              {good + "x", 400, -32700},
		"a NUL after it":              {good + "\x00", 400, -32700},
		"a byte order mark":           {"\ufeff" + good, 400, -32700},
		"invalid UTF-8":               {spoil("B-1", "B-\xff"), 400, -32700},
		"a lone surrogate":            {spoil("B-1", `B-\ud800`), 400, -32700},
		"cut off":                     {good[:len(good)-1], 400, -32700},
		"nothing":                     {"", 400, -32700},
		"a batch":                     {"[" + good + "]", 400, -32600},
		"a string":                    {`"` + "x" + `"`, 400, -32600},
		"no version":                  {spoil(`"jsonrpc":"2.0",`, ""), 400, -32600},
		"version 1.0":                 {spoil("2.0", "1.0"), 400, -32600},
		"id null":                     {spoil(`"id":1`, `"id":null`), 400, -32600},
		"id 1.5":                      {spoil(`"id":1`, `"id":1.5`), 400, -32600},
		"method is a number":          {spoil(`"tools/call"`, `7`), 400, -32600},
		"params is an array":          {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, 400, -32600},
		"nested a hundred times":      {spoil(`"B-1"`, strings.Repeat("[", 100)+strings.Repeat("]", 100)), 400, -32600},
		"arguments is an array":       {spoil(`{"number":"B-1","amount_cents":1}`, `[]`), 200, -32602},
		"arguments is a number":       {spoil(`{"number":"B-1","amount_cents":1}`, `0`), 200, -32602},
		"name is another tool":        {spoil("invoices_create", "invoices_list"), 400, -32020},
		"method is another":           {spoil("tools/call", "tools/list"), 400, -32020},
		"version is another":          {spoil("2026-07-28", "2099-01-01"), 400, -32020},
		"no _meta":                    {spoil(","+rawhttp.Meta, ""), 400, -32602},
		"no capabilities":             {spoil(`,"io.modelcontextprotocol/clientCapabilities":{}`, ""), 400, -32602},
		"two MiB":                     {spoil("B-1", strings.Repeat("B", 2<<20)), 413, -32600},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s.untouched(t, func() {
				a := s.post(rawhttp.Header(token, "tools/call", "invoices_create"), tt.body)
				if a.Status != tt.status || a.code() != tt.code {
					t.Errorf("status %d, code %d, want %d and %d: %s", a.Status, a.code(), tt.status, tt.code, a.Body)
				}
			})
		})
	}
	if a := s.post(rawhttp.Header(token, "tools/call", "invoices_create"), good); a.Status != http.StatusOK || a.Result == nil || a.Result.IsError {
		t.Errorf("the call that the cases spoil is not good itself: %s", a.Body)
	}
}

func TestABadTokenIsRefusedBeforeAnythingElse(t *testing.T) {
	s := start(t)
	hour := time.Now().Add(time.Hour).Unix()
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "ann", "scope": strings.Join(writer, " "), "exp": hour}
		change(c)
		return c
	}
	hs256 := func(change func(jwt.MapClaims)) string { return s.sign(jwt.SigningMethodHS256, s.key, claims(change)) }
	whole := s.token("ann", writer)
	head, tail, _ := strings.Cut(whole, ".")
	payload, signature, _ := strings.Cut(tail, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "ann", "bob", 1)))

	tests := map[string]struct {
		authorization []string
		challenge     string // what WWW-Authenticate says besides the realm
	}{
		"none":                  {nil, ""},
		"expired":               {[]string{"Bearer " + hs256(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-5 * time.Minute).Unix() })}, "invalid_token"},
		"without exp":           {[]string{"Bearer " + hs256(func(c jwt.MapClaims) { delete(c, "exp") })}, "invalid_token"},
		"not valid yet":         {[]string{"Bearer " + hs256(func(c jwt.MapClaims) { c["nbf"] = hour })}, "invalid_token"},
		"alg none":              {[]string{"Bearer " + s.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(func(jwt.MapClaims) {}))}, "invalid_token"},
		"another algorithm":     {[]string{"Bearer " + s.sign(jwt.SigningMethodHS512, s.key, claims(func(jwt.MapClaims) {}))}, "invalid_token"},
		"another key":           {[]string{"Bearer " + s.sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), claims(func(jwt.MapClaims) {}))}, "invalid_token"},
		"another subject":       {[]string{"Bearer " + head + "." + forged + "." + signature}, "invalid_token"},
		"without the signature": {[]string{"Bearer " + head + "." + payload + "."}, "invalid_token"},
		"two of them":           {[]string{"Bearer " + whole, "Bearer " + whole}, "invalid_token"},
		"very long":             {[]string{"Bearer " + whole + strings.Repeat("x", 9<<10)}, "invalid_token"},
		"another scheme":        {[]string{"Basic " + whole}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s.untouched(t, func() {
				header := rawhttp.Header("", "tools/call", "invoices_create")
				header["Authorization"] = tt.authorization
				a := s.post(header, good)
				challenge := a.Header.Get("WWW-Authenticate")
				if a.Status != http.StatusUnauthorized || !strings.HasPrefix(challenge, `Bearer realm="mcp"`) ||
					strings.Contains(challenge, "error=") != (tt.challenge != "") || !strings.Contains(challenge, tt.challenge) {
					t.Errorf("status %d, challenge %q: %s", a.Status, challenge, a.Body)
				}
				if strings.Contains(a.Body, `"jsonrpc"`) || strings.Contains(a.Body, payload) {
					t.Errorf("body %s", a.Body)
				}
			})
		})
	}
	t.Run("in the query", func(t *testing.T) {
		a, err := exchange(t, t.Context(), http.MethodPost, s.url+"/mcp?access_token="+whole, rawhttp.Header("", "tools/call", "invoices_create"), good)
		if err != nil || a.Status != http.StatusUnauthorized {
			t.Errorf("status %d (%v)", a.Status, err)
		}
	})
	if strings.Contains(s.log.String(), payload) {
		t.Error("the log has a token")
	}
}

func TestALackingScopeIsAChallenge(t *testing.T) {
	s := start(t)
	s.overBoth(t, s.token("bob", reader), "invoices_create", `{"number":"B-1","amount_cents":1}`, func(t *testing.T, a answer) {
		challenge := a.Header.Get("WWW-Authenticate")
		if a.Status != http.StatusForbidden || a.code() != 403 || string(a.Error.Data) != `{"requiredScopes":["invoices:write"]}` ||
			!strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, `scope="invoices:read invoices:write"`) {
			t.Errorf("status %d, challenge %q: %s", a.Status, challenge, a.Body)
		}
	})
	// What is wrong with the arguments is not for those who may not call.
	if a := s.call(s.token("bob", reader), "invoices_create", `{"foo":1}`); a.Status != http.StatusForbidden {
		t.Errorf("bad arguments: status %d: %s", a.Status, a.Body)
	}
}

func TestAnotherPrincipalsSessionDoesNotExist(t *testing.T) {
	s := start(t)
	ann := s.open(s.token("ann", writer))
	stolen := ann.Clone()
	stolen.Set("Authorization", "Bearer "+s.token("eve", writer))
	invented := stolen.Clone()
	invented.Set("Mcp-Session-Id", "invented")
	dated := strings.Replace(good, ","+rawhttp.Meta, "", 1)

	var answers []answer
	for _, header := range []http.Header{stolen, invented} {
		for _, body := range []string{dated, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`} {
			s.untouched(t, func() { answers = append(answers, s.post(header, body)) })
		}
		a, err := exchange(t, t.Context(), http.MethodDelete, s.url+"/mcp", header, "")
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	for i, a := range answers {
		if a.Status != http.StatusNotFound || a.code() != -32600 {
			t.Errorf("answer %d: status %d: %s", i, a.Status, a.Body)
		}
		if other := answers[(i+len(answers)/2)%len(answers)]; a.Body != other.Body {
			t.Errorf("a session of another caller is told from one that does not exist:\n%s\n%s", a.Body, other.Body)
		}
	}
	if a := s.post(ann, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.Status != http.StatusOK {
		t.Errorf("the owner's session has ended: %d %s", a.Status, a.Body)
	}
}

func TestAForeignOriginIsRefusedOnEveryVerb(t *testing.T) {
	s := start(t)
	token := s.token("ann", writer)
	for _, origin := range []string{"https://evil.example", "null", "http://localhost.evil.example", strings.Replace(s.url, "http:", "https:", 1) + ".evil.example"} {
		for _, verb := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			s.untouched(t, func() {
				header := rawhttp.Header(token, "tools/call", "invoices_create")
				header.Set("Origin", origin)
				a, err := exchange(t, t.Context(), verb, s.url+"/mcp", header, good)
				if err != nil || a.Status != http.StatusForbidden || a.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s from %s: status %d (%v)", verb, origin, a.Status, err)
				}
			})
		}
	}
	header := rawhttp.Header(token, "tools/call", "invoices_create")
	header.Set("Origin", s.url)
	if a := s.post(header, good); a.Status != http.StatusOK {
		t.Errorf("the own loopback origin: status %d: %s", a.Status, a.Body)
	}
}

func TestAForeignContentTypeIsRefused(t *testing.T) {
	s := start(t)
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16"} {
		s.untouched(t, func() {
			header := rawhttp.Header(s.token("ann", writer), "tools/call", "invoices_create")
			header.Set("Content-Type", contentType)
			if a := s.post(header, good); a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%q: status %d", contentType, a.Status)
			}
		})
	}
}

func TestATamperedCursorIsRefused(t *testing.T) {
	s := start(t, func(srv *mcpecho.Server) {
		for _, name := range []string{"walk", "stroll"} {
			srv.Add(mcpecho.Selector[invoices.Invoice](name, func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB(), nil },
				mcpecho.Describe("Walk through the invoices."),
				mw.Filter[invoices.Filter](), mw.Order("amount_cents", "number"), mw.PaginateWithConfig(mw.PaginateConfig{Limit: 1, Keyset: true})))
		}
	})
	type cursorPage struct {
		Items []invoices.Invoice `json:"items"`
		Next  string             `json:"nextCursor"`
	}
	next := func(t *testing.T, token, arguments string) cursorPage {
		t.Helper()
		var p cursorPage
		if a := s.call(token, "walk", arguments); a.Result == nil || json.Unmarshal(a.Result.Structured, &p) != nil || len(p.Items) != 1 {
			t.Fatal(a.Body)
		}
		return p
	}
	ann, eve := s.token("ann", reader), s.token("eve", reader)
	const by = `"ordering":"-amount_cents"`
	first := next(t, ann, `{`+by+`}`)
	second := next(t, ann, `{`+by+`,"cursor":"`+first.Next+`"}`)
	third := next(t, ann, `{`+by+`,"cursor":"`+second.Next+`"}`)
	if got := numbers([]invoices.Invoice{first.Items[0], second.Items[0], third.Items[0]}); got != "A-2 A-3 A-1" || third.Next != "" {
		t.Fatalf("walked %s, then %q", got, third.Next)
	}

	flip := func(i int) string {
		b, err := base64.RawURLEncoding.DecodeString(first.Next)
		if err != nil {
			t.Fatal(err)
		}
		b[(i+len(b))%len(b)] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	tests := map[string]struct{ token, tool, arguments string }{
		"first bit":            {ann, "walk", `{` + by + `,"cursor":"` + flip(0) + `"}`},
		"a bit in the middle":  {ann, "walk", `{` + by + `,"cursor":"` + flip(20) + `"}`},
		"last bit":             {ann, "walk", `{` + by + `,"cursor":"` + flip(-1) + `"}`},
		"longer":               {ann, "walk", `{` + by + `,"cursor":"` + first.Next + `AAAA"}`},
		"shorter":              {ann, "walk", `{` + by + `,"cursor":"` + first.Next[:len(first.Next)-4] + `"}`},
		"empty":                {ann, "walk", `{` + by + `,"cursor":""}`},
		"invented":             {ann, "walk", `{` + by + `,"cursor":"1"}`},
		"of another principal": {eve, "walk", `{` + by + `,"cursor":"` + first.Next + `"}`},
		"of another tool":      {ann, "stroll", `{` + by + `,"cursor":"` + first.Next + `"}`},
		"of another order":     {ann, "walk", `{"ordering":"amount_cents","cursor":"` + first.Next + `"}`},
		"of another filter":    {ann, "walk", `{` + by + `,"sent":true,"cursor":"` + first.Next + `"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s.overBoth(t, tt.token, tt.tool, tt.arguments, func(t *testing.T, a answer) {
				e := a.failure(t)
				if e.Type != "validation_error" || len(e.Fields) != 1 || e.Fields[0].Path != "cursor" || e.Fields[0].Rule != "cursor" {
					t.Errorf("got %+v: %s", e, a.Body)
				}
			})
		})
	}
}
