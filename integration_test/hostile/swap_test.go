package hostile_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// handle is something that the server gives to a caller and takes back.
type handle struct {
	name    string
	get     func(s *site, token string) string
	use     func(s *site, token, handle string) *httptest.ResponseRecorder
	unknown string // one that nobody was given
}

// sessionUses is a handle for each thing that a session can be used for.
func sessionUses() []handle {
	bodies := map[string]string{
		"ping":                      `"id":1,"method":"ping"`,
		"tools/list":                `"id":1,"method":"tools/list"`,
		"tools/call":                `"id":1,"method":"tools/call","params":{"name":"note","arguments":{"title":"a"}}`,
		"resources/read":            `"id":1,"method":"resources/read","params":{"uri":"pages://a"}`,
		"resources/subscribe":       `"id":1,"method":"resources/subscribe","params":{"uri":"pages://eve"}`,
		"resources/unsubscribe":     `"id":1,"method":"resources/unsubscribe","params":{"uri":"pages://a"}`,
		"prompts/get":               `"id":1,"method":"prompts/get","params":{"name":"summarise","arguments":{"period":"2026-01"}}`,
		"completion/complete":       `"id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"tone","value":""}}`,
		"logging/setLevel":          `"id":1,"method":"logging/setLevel","params":{"level":"debug"}`,
		"an unknown method":         `"id":1,"method":"x"`,
		"notifications/initialized": `"method":"notifications/initialized"`,
		"notifications/cancelled":   `"method":"notifications/cancelled","params":{"requestId":1}`,
		"a result":                  `"id":1,"result":{}`,
	}
	open := func(s *site, token string) string { return s.session("/mcp", token) }
	const unknown = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	uses := []handle{{"session, DELETE", open, func(s *site, token, id string) *httptest.ResponseRecorder {
		return s.do(http.MethodDelete, "/mcp", dated(token, id), "")
	}, unknown}}
	for name, body := range bodies {
		uses = append(uses, handle{"session, " + name, open, func(s *site, token, id string) *httptest.ResponseRecorder {
			return s.do(http.MethodPost, "/mcp", dated(token, id), `{"jsonrpc":"2.0",`+body+`}`)
		}, unknown})
	}
	return uses
}

// cursors are the handles of lists. Those of the server's own lists are of entries that only the
// owner sees.
func cursors() []handle {
	return []handle{
		{"keyset cursor",
			func(s *site, token string) string { return s.cursor(token, "vault_list", `{}`) },
			func(s *site, token, cursor string) *httptest.ResponseRecorder {
				return s.call(token, "vault_list", `{"cursor":"`+cursor+`"}`)
			}, "AAAA"},
		{"list cursor",
			func(s *site, token string) string {
				w := list(s, token, "")
				_, rest, _ := strings.Cut(w.Body.String(), `"nextCursor":"`)
				cursor, _, _ := strings.Cut(rest, `"`)
				return cursor
			}, func(s *site, token, cursor string) *httptest.ResponseRecorder {
				return list(s, token, `"cursor":"`+cursor+`",`)
			}, "AAAA"},
	}
}

func list(s *site, token, cursor string) *httptest.ResponseRecorder {
	return s.do(http.MethodPost, "/strict", rawhttp.Header(token, "tools/list", ""), `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+cursor+rawhttp.Meta+`}}`)
}

// whole is everything of an answer.
func whole(w *httptest.ResponseRecorder) string {
	return fmt.Sprint(w.Code, w.Header(), w.Body)
}

func TestAForeignHandleIsAnsweredAsAnUnknownOne(t *testing.T) {
	s := start(t)
	ann, eve := goodToken("ann"), goodToken("eve")
	for _, h := range append(sessionUses(), cursors()...) {
		t.Run(h.name, func(t *testing.T) {
			eve := eve
			if h.name == "list cursor" {
				eve = sign(hs256, key, claims("eve", "")) // who sees other tools
			}
			given := h.get(s, ann)
			if given == "" {
				t.Fatal("ann was given none")
			}
			foreign, unknown := whole(h.use(s, eve, given)), whole(h.use(s, eve, h.unknown))
			if foreign != unknown {
				t.Errorf("ann's handle answers eve\n%s\nand an unknown one\n%s", foreign, unknown)
			}
			if own := whole(h.use(s, ann, given)); own == unknown {
				t.Errorf("ann herself is answered like eve: %s", own)
			}
		})
	}
}

// TestARowOfAnotherIsAnsweredAsOneThatIsNotThere asks for a row in each way that there is; ids of
// the same length, so that only the id may differ.
func TestARowOfAnotherIsAnsweredAsOneThatIsNotThere(t *testing.T) {
	s := start(t)
	ann, eve := goodToken("ann"), goodToken("eve")
	const foreign, missing = "1", "9" // of ann, of nobody
	request := func(method, name, params string) func(token string) string {
		return func(token string) string {
			return whole(s.do(http.MethodPost, "/mcp", rawhttp.Header(token, method, name), `{"jsonrpc":"2.0","id":0,"method":"`+method+`","params":{`+params+`,`+rawhttp.Meta+`}}`))
		}
	}
	session := s.session("/mcp", eve)
	ways := map[string]func(id string) func(token string) string{
		"tool": func(id string) func(string) string {
			return request("tools/call", "vault_get", `"name":"vault_get","arguments":{"id":`+id+`}`)
		},
		"resource": func(id string) func(string) string {
			return request("resources/read", "vault://"+id, `"uri":"vault://`+id+`"`)
		},
		"completion": func(id string) func(string) string {
			return request("completion/complete", "", `"ref":{"type":"ref/resource","uri":"vault://{id}"},"argument":{"name":"id","value":"`+id+`"}`)
		},
	}
	for name, way := range ways {
		if a, b := way(foreign)(eve), way(missing)(eve); strings.ReplaceAll(a, "vault://"+foreign, "vault://"+missing) != b {
			t.Errorf("%s: ann's row answers eve\n%s\nand no row\n%s", name, a, b)
		}
		if a, b := way(foreign)(ann), way(missing)(ann); strings.ReplaceAll(a, foreign, missing) == b {
			t.Errorf("%s: ann is answered like eve: %s", name, a)
		}
	}
	for _, method := range []string{"resources/subscribe", "resources/unsubscribe"} {
		ask := func(id string) string {
			return whole(s.do(http.MethodPost, "/mcp", dated(eve, session), `{"jsonrpc":"2.0","id":0,"method":"`+method+`","params":{"uri":"vault://`+id+`"}}`))
		}
		if a, b := ask(foreign), ask(missing); a != b {
			t.Errorf("%s: ann's row answers eve\n%s\nand no row\n%s", method, a, b)
		}
	}
}

func TestAForeignSessionIsNotChanged(t *testing.T) {
	s := start(t)
	ann, eve := goodToken("ann"), goodToken("eve")
	id := s.session("/mcp", ann)
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}`,
		`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"pages://a"}}`,
	} {
		if w := s.do(http.MethodPost, "/mcp", dated(ann, id), body); !strings.Contains(w.Body.String(), `"result":{}`) {
			t.Fatal(whole(w))
		}
	}
	before, err := s.sessions.Get(t.Context(), id)
	if err != nil || before.LogLevel != "error" || len(before.Subscriptions) != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	for _, h := range sessionUses() {
		h.use(s, eve, id)
	}
	after, err := s.sessions.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if before.Seen = after.Seen; !reflect.DeepEqual(before, after) {
		t.Errorf("eve changed %+v into %+v", before, after)
	}
}

// TestARequestIsCancelledOnlyInItsOwnSession lets others try first: with the same id in their own
// session, with the session itself, and the caller's own second session.
func TestARequestIsCancelledOnlyInItsOwnSession(t *testing.T) {
	s := start(t)
	ann, eve := goodToken("ann"), goodToken("eve")
	session := s.session("/mcp", ann)
	cancel := func(token, session, id string) int {
		return s.do(http.MethodPost, "/mcp", dated(token, session), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`}}`).Code
	}
	wait := func(token, session string) chan *httptest.ResponseRecorder {
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			answer <- s.do(http.MethodPost, "/mcp", dated(token, session), `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"wait"}}`)
		}()
		<-s.gate.arrived
		return answer
	}

	running := wait(ann, session)
	attempts := map[string]int{
		"eve, in her own session":  cancel(eve, s.session("/mcp", eve), "7"),
		"eve, in ann's session":    cancel(eve, session, "7"),
		"ann, in another session":  cancel(ann, s.session("/mcp", ann), "7"),
		"ann, with the id as text": cancel(ann, session, `"7"`),
	}
	for who, code := range attempts {
		if want := map[bool]int{true: 404, false: 202}[who == "eve, in ann's session"]; code != want {
			t.Errorf("%s: status %d, want %d", who, code, want)
		}
	}
	if w := s.do(http.MethodPost, "/mcp", dated(ann, session), `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"wait"}}`); w.Code != http.StatusBadRequest {
		t.Errorf("the id is in use, and still: %s", whole(w))
	}
	eves := wait(eve, s.session("/mcp", eve)) // the same id, of somebody else
	s.gate.open <- struct{}{}
	s.gate.open <- struct{}{}
	for _, answer := range []*httptest.ResponseRecorder{<-running, <-eves} {
		if !strings.Contains(answer.Body.String(), `"structuredContent":{"ok":true}`) {
			t.Errorf("the call was cancelled: %s", whole(answer))
		}
	}

	running = wait(ann, session)
	if code := cancel(ann, session, "7"); code != http.StatusAccepted {
		t.Errorf("status %d", code)
	}
	if answer := <-running; answer.Body.Len() != 0 || answer.Code != http.StatusOK {
		t.Errorf("ann could not cancel her own call: %s", whole(answer))
	}
}

func TestAHiddenToolIsNotInAnyListOrHint(t *testing.T) {
	s := start(t)
	eve := sign(hs256, key, claims("eve", ""))
	all := ""
	for cursor := ""; ; {
		w := list(s, eve, cursor)
		all += w.Body.String()
		_, rest, more := strings.Cut(w.Body.String(), `"nextCursor":"`)
		if !more {
			break
		}
		next, _, _ := strings.Cut(rest, `"`)
		cursor = `"cursor":"` + next + `",`
	}
	if !strings.Contains(all, `"name":"note"`) || strings.Contains(all, "vault") {
		t.Errorf("eve sees %s", all)
	}
	for _, near := range []string{"vault_lis", "vault_othe", "vault_list2", "vault.list"} {
		w := s.do(http.MethodPost, "/strict", rawhttp.Header(eve, "tools/call", near), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+near+`",`+rawhttp.Meta+`}}`)
		if hint := strings.ReplaceAll(w.Body.String(), near, ""); strings.Contains(hint, "vault") {
			t.Errorf("the hint for %s names a hidden tool: %s", near, w.Body)
		}
	}
}
