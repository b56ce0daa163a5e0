package mcpecho_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// hiding is a server that hides what ann may not call: whatever has "secret" in its name.
func hiding(t *testing.T) *bundle {
	t.Helper()
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	talks := mcpecho.Step{Name: "talks", Stage: mcpecho.StageObserve, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		c.Progress(1, 2, "here")
		c.Response().Header().Set("X-Observed", "yes")
		return next(ec)
	})}
	foreign := mcpecho.Step{Name: "foreign", Stage: mcpecho.StagePermissions, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if !mcpecho.CallFrom(ec).Principal().HasScope("admin") {
				ec.Response().Header().Set("Set-Cookie", "seen=1")
				return ec.JSON(http.StatusForbidden, echo.Map{"message": "no"})
			}
			return next(ec)
		}
	}}
	type named struct {
		Region string `json:"region" mcpheader:"Region"`
	}
	page := func(_ *mcpecho.Call, in byPK) (string, error) { return fmt.Sprint("page ", in.PK), nil }
	suggest := mcpecho.Complete("pk", func(*mcpecho.Call, string, map[string]string) ([]string, error) { return []string{"1"}, nil })
	b.srv.Add(
		mcpecho.Service("open", say("open")),
		mcpecho.Service("secret", func(_ *mcpecho.Call, in named) (string, error) { return "told " + in.Region, nil }, talks, permission("admin")),
		mcpecho.Service("secret_foreign", say("told"), talks, foreign),
		mcpecho.Service("secret_panics", say("told"), mcpecho.Step{Name: "panics", Stage: mcpecho.StagePermissions, Native: permission("").Native,
			Func: func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { panic("dsn=hunter2") } }}),
		mcpecho.Prompt("secret", func(_ *mcpecho.Call, in byPK) (string, error) { return "told", nil }, permission("admin"), suggest),
		mcpecho.Resource("pages://secret", say("told"), permission("admin")),
		mcpecho.Resource("pages://{pk}", page, suggest),
		mcpecho.Resource("secrets://{pk}", page, permission("admin"), suggest),
	)
	b.user = &mcpecho.Principal{Subject: "ann"}
	return b
}

func TestWhatIsHiddenIsAnsweredAsWhatDoesNotExist(t *testing.T) {
	b := hiding(t)
	session := b.initialize()
	tests := map[string]struct{ method, params, hidden, unknown string }{
		"call":                   {"tools/call", `"name":%q,"arguments":{}`, "secret", "nobody"},
		"call, foreign":          {"tools/call", `"name":%q,"arguments":{}`, "secret_foreign", "nobody"},
		"call, panic":            {"tools/call", `"name":%q,"arguments":{}`, "secret_panics", "nobody"},
		"call, wrong arguments":  {"tools/call", `"name":%q,"arguments":{"region":7,"x":1}`, "secret", "nobody"},
		"call, wrong format":     {"tools/call", `"name":%q,"outputFormat":"xml"`, "secret", "nobody"},
		"call, a header differs": {"tools/call", `"name":%q,"arguments":{"region":"elsewhere"}`, "secret", "nobody"},
		"prompt":                 {"prompts/get", `"name":%q,"arguments":{"pk":"1"}`, "secret", "nobody"},
		"prompt, wrong form":     {"prompts/get", `"name":%q,"arguments":[]`, "secret", "nobody"},
		"read":                   {"resources/read", `"uri":%q`, "secrets://1", "nobodys://1"},
		"read before another":    {"resources/read", `"uri":%q`, "pages://secret", "pages://nobody"},
		"complete a prompt":      {"completion/complete", `"ref":{"type":"ref/prompt","name":%q},"argument":{"name":"pk","value":""}`, "secret", "nobody"},
		"complete nothing":       {"completion/complete", `"ref":{"type":"ref/prompt","name":%q},"argument":{"name":"x","value":""}`, "secret", "nobody"},
		"complete a template":    {"completion/complete", `"ref":{"type":"ref/resource","uri":%q},"argument":{"name":"pk","value":""}`, "secrets://{pk}", "nobodys://{pk}"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ask := map[string]func(what string) reply{
				"modern": func(what string) reply {
					return b.modern(tc.method, fmt.Sprintf(tc.params, what), "Mcp-Name", what, "Mcp-Param-Region", "here")
				},
				"dated": func(what string) reply { return b.dated(session, tc.method, fmt.Sprintf(tc.params, what)) },
			}
			for wire, ask := range ask {
				hidden, unknown := ask(tc.hidden), ask(tc.unknown)
				same := strings.ReplaceAll(hidden.Body, tc.hidden, tc.unknown)
				if hidden.Status != unknown.Status || same != unknown.Body {
					t.Errorf("%s: hidden %d %s\nunknown %d %s", wire, hidden.Status, hidden.Body, unknown.Status, unknown.Body)
				}
				unknown.Header.Set("Content-Length", hidden.Header.Get("Content-Length"))
				if !maps.EqualFunc(hidden.Header, unknown.Header, func(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
					t.Errorf("%s: headers\n%v\n%v", wire, hidden.Header, unknown.Header)
				}
			}
		})
	}
	// What an observing step reports would turn the answer into a stream.
	r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret_foreign",`+talkative+`}}`,
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "secret_foreign")
	if r.Header.Get("Content-Type") != "application/json" {
		t.Error(r.Body)
	}
	hidden, unknown := b.dated(session, "resources/subscribe", `"uri":"secrets://1"`), b.dated(session, "resources/subscribe", `"uri":"nobodys://1"`)
	if hidden.Status != unknown.Status || strings.ReplaceAll(hidden.Body, "secrets", "nobodys") != unknown.Body || hidden.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%s\n%s", hidden.Body, unknown.Body)
	}
	if log := b.log.String(); !strings.Contains(log, "spec=secret principal=ann reason=forbidden") || strings.Count(log, "dsn=hunter2") == 0 {
		t.Errorf("the log has not the reasons: %s", log)
	}
}

func TestWhatHidesFromSomeIsServedToOthers(t *testing.T) {
	b := hiding(t)
	b.user = &mcpecho.Principal{Subject: "root", Scopes: []string{"admin"}}
	for what, want := range map[string]reply{
		"told here":      b.modern("tools/call", `"name":"secret","arguments":{"region":"here"}`, "Mcp-Name", "secret", "Mcp-Param-Region", "here"),
		`told`:           b.modern("resources/read", `"uri":"pages://secret"`, "Mcp-Name", "pages://secret"),
		`page 7`:         b.modern("resources/read", `"uri":"secrets://7"`, "Mcp-Name", "secrets://7"),
		`"values":["1"]`: b.modern("completion/complete", `"ref":{"type":"ref/resource","uri":"secrets://{pk}"},"argument":{"name":"pk","value":""}`),
	} {
		if want.Error != nil || !strings.Contains(want.Body, what) {
			t.Errorf("%s: %s", what, want.Body)
		}
	}
	if r := b.call("secret_foreign", `{}`); r.text() != "told" || r.Header.Get("X-Observed") != "yes" {
		t.Error(r.Body, r.Header)
	}
	// What fails behind the permissions is no secret.
	b.srv.Add(mcpecho.Service("secret_fails", func(*mcpecho.Call, none) (string, error) { return "", errors.New("x") }, permission("admin")))
	if f := b.call("secret_fails", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
		t.Error(f)
	}
}

func TestALimitOfTheServerCountsAFilteredListOnce(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	asked, left := 0, 2
	b.srv.Use(mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if left--; left < 0 {
			return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "too many calls of " + c.Name(), RetryAfter: 1500e6}
		}
		return next(ec)
	})})
	for i := range 20 {
		b.srv.Add(mcpecho.Service(fmt.Sprint("t", i), say(""), mcpecho.Step{Name: "ask", Stage: mcpecho.StagePermissions, Func: counting(&asked)}))
	}
	for range 5 {
		b.modern("tools/list", "")
	}
	if asked != 40 {
		t.Errorf("the permissions of 20 entries were asked %d times, for two lists within the limit", asked)
	}
	r := b.modern("tools/list", "")
	expect(t, r, http.StatusOK, http.StatusTooManyRequests)
	if r.Error.Data["retryAfterMs"] != 1500.0 || r.Header.Get("Retry-After") != "2" || !strings.Contains(r.Error.Message, "tools/list") {
		t.Error(r.Body, r.Header)
	}
}

func TestAnIDInFlightIsRefusedBeforeANameIsLookedUp(t *testing.T) {
	b := hiding(t)
	started, let := make(chan struct{}), make(chan struct{})
	b.srv.Add(mcpecho.Service("block", func(*mcpecho.Call, none) (string, error) {
		close(started)
		<-let
		return "", nil
	}))
	session := b.initialize()
	done := make(chan reply, 1)
	go func() { done <- b.dated(session, "tools/call", `"name":"block"`) }()
	await(t, "the call", started)
	for _, name := range []string{"secret", "nobody", "open"} {
		if r := b.dated(session, "tools/call", `"name":"`+name+`"`); r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "still running") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	close(let)
	expect(t, await(t, "the reply", done), http.StatusOK, 0)
}

func TestCheckNamesALimitThatCannotCountLists(t *testing.T) {
	for _, hides := range []bool{true, false} {
		b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = hides })
		b.srv.Use(mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Describe: func(d *mcpecho.Definition) error {
			if d.Result == nil {
				return errors.New("needs an input")
			}
			d.Func = func(next echo.HandlerFunc) echo.HandlerFunc { return next }
			return nil
		}})
		named := slices.ContainsFunc(b.srv.Check(), func(p mcpecho.Problem) bool {
			return p.Rule == "uncounted_list" && strings.Contains(p.Message, `step "limit": needs an input`)
		})
		if named != hides {
			t.Errorf("hidden entries %v: named %v", hides, named)
		}
	}
}
