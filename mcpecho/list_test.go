package mcpecho_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// permission lets callers with a scope pass.
func permission(scope string) mcpecho.Step {
	return mcpecho.Step{
		Name: "permission", Stage: mcpecho.StagePermissions,
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			if !c.Principal().HasScope(scope) {
				c.Response().Header().Set("WWW-Authenticate", `Bearer scope="`+scope+`"`)
				return &mcpecho.Error{Code: http.StatusForbidden, Message: "no"}
			}
			return next(ec)
		}),
	}
}

// counting is a plain Echo middleware that counts its calls.
func counting(n *int) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			*n++
			return next(c)
		}
	}
}

// fourLists adds n entries to each list.
func fourLists(srv *mcpecho.Server, n int, opts ...mcpecho.Option) {
	for i := range n {
		srv.Add(
			mcpecho.Service(fmt.Sprintf("t%03d", i), say(""), opts...),
			mcpecho.Prompt(fmt.Sprintf("p%03d", i), say(""), opts...),
			mcpecho.Resource(fmt.Sprintf("r%03d://x", i), say(""), opts...),
			mcpecho.Resource(fmt.Sprintf("u%03d://{pk}", i), func(*mcpecho.Call, byPK) (string, error) { return "", nil }, opts...),
		)
	}
}

// fourMethods are the list methods, with the member and the letter of theirs.
var fourMethods = []struct{ method, member, letter string }{
	{"tools/list", "tools", "t"}, {"prompts/list", "prompts", "p"}, {"resources/list", "resources", "r"}, {"resources/templates/list", "resourceTemplates", "u"},
}

// names are the names in a list result.
func names(r reply, member string) []string {
	entries, _ := r.Result[member].([]any)
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.(map[string]any)["name"].(string)
	}
	return list
}

// walk follows the cursors of a list to its end.
func (b *bundle) walk(method, member string) (all []string, pages int) {
	b.t.Helper()
	params := ""
	for {
		r := b.modern(method, params)
		if r.Error != nil {
			b.t.Fatalf("%s: %s", method, r.Body)
		}
		all = append(all, names(r, member)...)
		pages++
		cursor, more := r.Result["nextCursor"].(string)
		if !more {
			return all, pages
		}
		params = fmt.Sprintf(`"cursor":%q`, cursor)
	}
}

func TestEveryListPagesInTheOrderOfRegistration(t *testing.T) {
	tests := map[int]int{1: 1, 3: 1, 4: 2, 7: 3} // entries -> pages of three
	for n, want := range tests {
		b := setup(t, func(c *mcpecho.Config) { c.ListPageSize = 3 })
		fourLists(b.srv, n)
		for _, m := range fourMethods {
			all, pages := b.walk(m.method, m.member)
			if len(all) != n || pages != want || !slices.IsSorted(all) || !strings.HasPrefix(all[0], m.letter) {
				t.Errorf("%s of %d: %d pages, %v", m.method, n, pages, all)
			}
		}
	}
}

func TestThePagesOfAListHaveAThousandEntriesByDefault(t *testing.T) {
	b := setup(t)
	fourLists(b.srv, 1001)
	for _, m := range fourMethods {
		r := b.modern(m.method, "")
		if n := len(names(r, m.member)); n != 1000 || r.Result["ttlMs"] != 60000.0 || r.Result["cacheScope"] != "public" || r.Result["resultType"] != "complete" {
			t.Errorf("%s: %d entries, %v %v", m.method, n, r.Result["ttlMs"], r.Result["cacheScope"])
		}
		d := b.dated(b.initialize(), m.method, "")
		if len(names(d, m.member)) != 1000 || d.Result["nextCursor"] == nil || d.Result["ttlMs"] != nil || d.Result["resultType"] != nil {
			t.Errorf("%s on the dated wire has %v", m.method, d.Body[max(0, len(d.Body)-200):])
		}
	}
}

func TestACursorIsGoodForItsOwnListOnly(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ListPageSize = 1 })
	fourLists(b.srv, 3)
	session := b.initialize()
	cursors := map[string]string{}
	for _, m := range fourMethods {
		cursors[m.method] = b.modern(m.method, "").Result["nextCursor"].(string)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, m := range fourMethods {
		bad := map[string]string{
			"empty":           `""`,
			"number":          `1`,
			"object":          `{}`,
			"noise":           `"!!"`,
			"padded":          fmt.Sprintf("%q", cursors[m.method]+"="),
			"cut":             fmt.Sprintf("%q", cursors[m.method][:len(cursors[m.method])-2]),
			"a line break":    fmt.Sprintf("%q", cursors[m.method][:4]+"\n"+cursors[m.method][4:]),
			"no page":         fmt.Sprintf("%q", encode([]byte(m.member+":nobody"))),
			"empty name":      fmt.Sprintf("%q", encode([]byte(m.member+":"))),
			"an offset":       fmt.Sprintf("%q", encode([]byte("offset:1"))),
			"very long":       fmt.Sprintf("%q", strings.Repeat("A", 100_000)),
			"bytes, not text": `"_____w"`,
		}
		for method, cursor := range cursors {
			if method != m.method {
				bad["of "+method] = fmt.Sprintf("%q", cursor)
			}
		}
		for name, cursor := range bad {
			t.Run(m.method+" "+name, func(t *testing.T) {
				expect(t, b.modern(m.method, `"cursor":`+cursor), http.StatusOK, -32602)
				expect(t, b.dated(session, m.method, `"cursor":`+cursor), http.StatusOK, -32602)
			})
		}
	}
}

func TestAListShowsOnlyWhatTheCallerMayUse(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true; c.ListPageSize = 2 })
	fourLists(b.srv, 2)
	admin := b.srv.Group("z", permission("admin"))
	for i := range 3 {
		n := fmt.Sprint(i)
		admin.Add(mcpecho.Service("t"+n, say("")), mcpecho.Prompt("p"+n, say("")), mcpecho.Resource("zr"+n+"://x", say("")),
			mcpecho.Resource("zu"+n+"://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil }))
	}
	ann, root := &mcpecho.Principal{Subject: "ann"}, &mcpecho.Principal{Subject: "root", Scopes: []string{"admin"}}
	for _, m := range fourMethods {
		sizes := map[*mcpecho.Principal]int{nil: 2, ann: 2, root: 5}
		for range 2 { // the second time from what is kept
			for who, want := range sizes {
				b.user = who
				all, pages := b.walk(m.method, m.member)
				if len(all) != want || pages != (want+1)/2 {
					t.Errorf("%s of %v: %v on %d pages", m.method, who, all, pages)
				}
				r := b.modern(m.method, "")
				if r.Result["cacheScope"] != "private" || r.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s of %v: cacheScope %v, challenge %q", m.method, who, r.Result["cacheScope"], r.Header.Get("WWW-Authenticate"))
				}
			}
		}
		// A cursor is a place in a list, not a permission.
		b.user = root
		second := b.modern(m.method, "").Result["nextCursor"].(string)
		third := b.modern(m.method, fmt.Sprintf(`"cursor":%q`, second)).Result["nextCursor"].(string)
		b.user = ann
		expect(t, b.modern(m.method, fmt.Sprintf(`"cursor":%q`, third)), http.StatusOK, -32602)
	}
	// List and call agree, and a wrong name is no oracle.
	b.user = ann
	expect(t, b.call("z.t0", `{}`), http.StatusOK, -32602)
	if r := b.call("z.t9", `{}`); r.Error == nil || strings.Contains(r.Error.Message, "did you mean") {
		t.Error(r.Body)
	}
	b.user = root
	if r := b.call("z.t0", `{}`); r.Error != nil {
		t.Error(r.Body)
	}
}

func TestAFilteredListIsJudgedByEveryKindOfPermission(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	at := func(stage mcpecho.Stage, mw echo.MiddlewareFunc) mcpecho.Step {
		return mcpecho.Step{Name: "p", Stage: stage, Func: mw}
	}
	ran := 0
	limiter := mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: counting(&ran)}
	b.srv.Add(
		mcpecho.Service("open", say(""), limiter, at(mcpecho.StageUser, counting(&ran))),
		mcpecho.Service("writes", say(""), at(mcpecho.StagePermissions, func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return c.JSON(http.StatusForbidden, echo.Map{"message": "no"}) }
		})),
		mcpecho.Service("reports", say(""), at(mcpecho.StageAuth, func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { c.Error(echo.ErrUnauthorized); return nil }
		})),
		mcpecho.Service("panics", say(""), at(mcpecho.StagePermissions, func(echo.HandlerFunc) echo.HandlerFunc {
			return func(echo.Context) error { panic("dsn=secret") }
		})),
		mcpecho.Service("speaks", say(""), at(mcpecho.StagePermissions, mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			c.Log(mcpecho.LogEmergency, "who is there")
			c.Progress(1, 2, "")
			return next(ec)
		}))),
	)
	if all, _ := b.walk("tools/list", "tools"); fmt.Sprint(all) != "[open speaks]" || ran != 0 {
		t.Errorf("%v, limits and other steps ran %d times", all, ran)
	}
	if !strings.Contains(b.log.String(), "dsn=secret") || strings.Count(b.log.String(), "internal error") != 1 {
		t.Error("the panic, and it alone, belongs into the log: ", b.log)
	}
	// A permission step that notifies must not turn a list into a stream.
	r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+talkative+`}}`,
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list")
	if fmt.Sprint(names(r, "tools")) != "[open speaks]" || r.Header.Get("Content-Type") != "application/json" {
		t.Error(r.Body)
	}
	session := b.initialize()
	if r := b.dated(session, "tools/list", ""); fmt.Sprint(names(r, "tools")) != "[open speaks]" {
		t.Error(r.Body)
	}
}

func TestAListBesideARunningCallOfTheSameIDIsRefusedNotEmptied(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	running, release := make(chan struct{}), make(chan struct{})
	b.srv.Add(mcpecho.Service("wait", func(*mcpecho.Call, none) (string, error) {
		close(running)
		<-release
		return "done", nil
	}, permission("w")))
	b.user = &mcpecho.Principal{Subject: "ann", Scopes: []string{"w"}}
	session := b.initialize()
	done := make(chan reply)
	go func() { done <- b.dated(session, "tools/call", `"name":"wait"`) }()
	<-running
	expect(t, b.dated(session, "tools/list", ""), http.StatusBadRequest, -32600)
	close(release)
	if r := <-done; r.text() != "done" {
		t.Error(r.Body)
	}
	if r := b.dated(session, "tools/list", ""); fmt.Sprint(names(r, "tools")) != "[wait]" {
		t.Error(r.Body)
	}
}

func TestHintsFollowTheKindUnlessStated(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("service", say("")),
		mcpecho.Service("safe", say(""), mcpecho.Annotate(mcpecho.ReadOnly(true))),
		mcpecho.Service("adds", say(""), mcpecho.Annotate(mcpecho.Destructive(false), mcpecho.Idempotent(true), mcpecho.OpenWorld(false))),
		mcpecho.Selector[widget]("selector", widgets),
		mcpecho.Retrieve[widget]("retrieve", widgetByPK, mcpecho.Annotate(mcpecho.ReadOnly(false))),
	)
	want := map[string]string{
		"service":  "map[destructiveHint:true readOnlyHint:false]",
		"safe":     "map[readOnlyHint:true]",
		"adds":     "map[destructiveHint:false idempotentHint:true openWorldHint:false readOnlyHint:false]",
		"selector": "map[readOnlyHint:true]",
		"retrieve": "map[destructiveHint:true readOnlyHint:false]",
	}
	for _, e := range b.modern("tools/list", "").Result["tools"].([]any) {
		e := e.(map[string]any)
		if got := fmt.Sprint(e["annotations"]); got != want[e["name"].(string)] {
			t.Errorf("%s: %s", e["name"], got)
		}
	}
}

func TestAListEntryShowsWhatTheSpecSays(t *testing.T) {
	b := setup(t)
	half := 0.5
	opts := []mcpecho.Option{
		mcpecho.Title("Title"), mcpecho.Describe("Words."), mcpecho.Meta("com.example/k", map[string]int{"v": 1}),
		mcpecho.Icons(mcpecho.Icon{Src: "https://x.test/i.png", MIMEType: "image/png", Sizes: []string{"48x48"}, Theme: "dark"}, mcpecho.Icon{Src: "data:image/svg+xml;base64,PHN2Zy8+"}),
	}
	hint := mcpecho.Hint(content.Hints{Audience: []string{"user", "assistant"}, Priority: &half, LastModified: time.Date(2026, 7, 28, 0, 0, 0, 0, time.UTC)})
	b.srv.Add(mcpecho.Service("e", say(""), opts...), mcpecho.Prompt("e", say(""), opts...), mcpecho.Resource("e://x", say(""), append(opts, hint)...),
		mcpecho.Resource("e://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil }, append(opts, hint)...))
	const common = `"icons":[{"src":"https://x.test/i.png","mimeType":"image/png","sizes":["48x48"],"theme":"dark"},{"src":"data:image/svg+xml;base64,PHN2Zy8+"}],"_meta":{"com.example/k":{"v":1}}}]`
	for _, m := range fourMethods {
		r := b.modern(m.method, "")
		if !strings.Contains(r.Body, common) || !strings.Contains(r.Body, `"title":"Title","description":"Words."`) {
			t.Errorf("%s: %s", m.method, r.Body)
		}
		if m.letter == "r" || m.letter == "u" {
			if !strings.Contains(r.Body, `"annotations":{"audience":["user","assistant"],"priority":0.5,"lastModified":"2026-07-28T00:00:00Z"}`) {
				t.Errorf("%s: %s", m.method, r.Body)
			}
		}
	}
}

func TestListsChangeWhileTheServerServes(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ListPageSize = 5; c.Logger = slog.New(slog.DiscardHandler) })
	fourLists(b.srv, 6)
	var events [3]atomic.Int32
	kinds := map[string]int{"tools": 0, "resources": 1, "prompts": 2}
	b.srv.OnListChange(func(list string) { events[kinds[list]].Add(1) })

	stop := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 4 {
		m := fourMethods[i]
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := b.modern(m.method, "")
				if got := names(r, m.member); len(got) != 5 || got[0] != map[string]string{"t": "t000", "p": "p000", "r": "r000://x", "u": "u000://{pk}"}[m.letter] {
					t.Errorf("%s: %v", m.method, got)
					return
				}
				if r := b.call("t000", `{}`); r.Result["isError"] != nil {
					t.Error(r.Body)
					return
				}
			}
		})
	}
	const rounds = 25
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			n := fmt.Sprint("x", w)
			for range rounds {
				b.srv.Add(mcpecho.Service(n, say("")))
				if r := b.call(n, `{}`); r.Result["isError"] != nil || r.Error != nil {
					t.Error("a tool that was added is not served: ", r.Body)
				}
				b.srv.Add(mcpecho.Prompt(n, say("")), mcpecho.Resource(n+"://x", say("")))
				b.srv.Remove(n, n+"://x", "never there")
				if r := b.call(n, `{}`); r.Error == nil {
					t.Error("a tool that was removed is served: ", r.Body)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for list, i := range kinds {
		if got := events[i].Load(); got != 2*2*rounds {
			t.Errorf("%d changes of %s, want %d", got, list, 2*2*rounds)
		}
	}
}

func TestAChangeIsAnnouncedOnceItIsInForceAndOnlyWhenThereIsOne(t *testing.T) {
	b := setup(t)
	var events []string
	b.srv.OnListChange(func(list string) {
		events = append(events, fmt.Sprint(list, len(names(b.modern("tools/list", ""), "tools"))))
	})
	b.srv.Add(mcpecho.Service("a", say("")))
	b.srv.Remove("nobody")
	if err := b.srv.AddSafely(mcpecho.Service("b", say("")), mcpecho.Service("a", say(""))); err == nil {
		t.Error("a name was added twice")
	}
	b.srv.Add(mcpecho.Resource("u://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil }))
	b.srv.Remove("a", "u://{pk}")
	if fmt.Sprint(events) != "[tools1 resources1 tools0 resources0]" {
		t.Error(events)
	}
}

func TestARunningCallFinishesAfterItsToolIsRemoved(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("suicide", func(c *mcpecho.Call, _ none) (string, error) {
		c.Server().Remove("suicide")
		return "done", nil
	}))
	if r := b.call("suicide", `{}`); r.text() != "done" {
		t.Error(r.Body)
	}
	expect(t, b.call("suicide", `{}`), http.StatusOK, -32602)
}

func TestTheSameNameMayBeAToolAPromptAndAResource(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("same", say("tool")), mcpecho.Prompt("same", say("prompt")), mcpecho.Resource("same://x", say("resource")))
	if b.call("same", `{}`).text() != "tool" || !strings.Contains(b.prompt("same", `{}`).Body, "prompt") {
		t.Error("names of tools and prompts clash")
	}
	for _, again := range []*mcpecho.Spec{mcpecho.Service("same", say("")), mcpecho.Prompt("same", say("")), mcpecho.Resource("same://x", say(""))} {
		if err := b.srv.AddSafely(again); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("error = %v", err)
		}
	}
}
