package mcpecho_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

type byPK struct {
	PK int64 `json:"pk" validate:"required,gte=1"`
}

type byPath struct {
	Path string `json:"path" validate:"required"`
}

func widgetByPK(c *mcpecho.Call, in byPK) (*gorm.DB, error) {
	return c.DB().Where("id = ?", in.PK), nil
}

// read reads a resource on the modern wire.
func (b *bundle) read(uri string) reply {
	b.t.Helper()
	return b.modern("resources/read", fmt.Sprintf(`"uri":%q`, uri), "Mcp-Name", uri)
}

// contents is the only content of a resource.
func (r reply) contents(t *testing.T) map[string]any {
	t.Helper()
	list, _ := r.Result["contents"].([]any)
	if len(list) != 1 {
		t.Fatalf("not one content: %d %s", r.Status, r.Body)
	}
	return list[0].(map[string]any)
}

func say[Out any](v Out) func(*mcpecho.Call, none) (Out, error) {
	return func(*mcpecho.Call, none) (Out, error) { return v, nil }
}

func TestWhatAResourceReturnsDecidesItsContents(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	blob := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := map[string]struct {
		spec                 *mcpecho.Spec
		mime, member, holds  string
		absent, listedAsMIME string
	}{
		"string":       {spec: mcpecho.Resource("x://r", say("hi")), mime: "text/plain", member: "text", holds: "hi", absent: "blob"},
		"empty string": {spec: mcpecho.Resource("x://r", say("")), mime: "text/plain", member: "text", holds: "", absent: "blob"},
		"typed string": {spec: mcpecho.Resource("x://r", say("# hi"), mcpecho.MIMEType("text/markdown")), mime: "text/markdown", member: "text", holds: "# hi", absent: "blob"},
		"bytes":        {spec: mcpecho.Resource("x://r", say([]byte("\x00\xff"))), mime: "application/octet-stream", member: "blob", holds: blob("\x00\xff"), absent: "text"},
		"no bytes":     {spec: mcpecho.Resource("x://r", say([]byte(nil))), mime: "application/octet-stream", member: "blob", holds: "", absent: "text"},
		"reader":       {spec: mcpecho.Resource("x://r", say(io.Reader(strings.NewReader("abc"))), mcpecho.MIMEType("image/png")), mime: "image/png", member: "blob", holds: blob("abc"), absent: "text"},
		"empty reader": {spec: mcpecho.Resource("x://r", say(strings.NewReader(""))), mime: "application/octet-stream", member: "blob", holds: "", absent: "text"},
		"struct":       {spec: mcpecho.Resource("x://r", say(point{3})), mime: "application/json", member: "text", holds: `{"x":3}`, absent: "blob"},
		"nil slice":    {spec: mcpecho.Resource("x://r", say([]point(nil))), mime: "application/json", member: "text", holds: `[]`, absent: "blob"},
		"contents":     {spec: mcpecho.Resource("x://r", say(content.Contents{Text: "a,b", MIMEType: "text/csv"})), mime: "text/csv", member: "text", holds: "a,b", absent: "blob"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(tt.spec)
			got := b.read("x://r").contents(t)
			if got["uri"] != "x://r" || got["mimeType"] != tt.mime || got[tt.member] != tt.holds {
				t.Errorf("contents = %v", got)
			}
			if _, has := got[tt.absent]; has {
				t.Errorf("both text and blob: %v", got)
			}
		})
	}
}

func TestAResourceMayHaveSeveralContents(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Resource("dir://all", say([]content.Contents{
		{URI: "dir://a", Text: "a"}, {URI: "dir://b", Blob: []byte("b"), MIMEType: "image/png"},
	}), mcpecho.MIMEType("text/plain")))
	r := b.read("dir://all")
	const want = `"contents":[{"uri":"dir://a","mimeType":"text/plain","text":"a"},{"uri":"dir://b","mimeType":"image/png","blob":"Yg=="}]`
	if !strings.Contains(r.Body, want) {
		t.Error(r.Body)
	}
	if r.Result["resultType"] != "complete" || r.Result["ttlMs"] != 0.0 || r.Result["cacheScope"] != "private" {
		t.Error("a read without its caching hints: ", r.Body)
	}
}

// closing is a reader that fails after n bytes, or never ends when n is
// negative, and remembers that it was closed.
type closing struct {
	n      int
	read   int
	closed bool
}

func (c *closing) Read(p []byte) (int, error) {
	if c.n == 0 {
		return 0, errors.New("disk=secret")
	}
	n := len(p)
	if c.n > 0 {
		n = min(n, c.n)
		c.n -= n
	}
	c.read += n
	return n, nil
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestAReaderIsReadUpToTheResultLimitAndClosed(t *testing.T) {
	tests := map[string]struct {
		reader *closing
		code   int
	}{
		"endless":      {&closing{n: -1}, http.StatusRequestEntityTooLarge},
		"fails midway": {&closing{n: 10}, -32603},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 4096 })
			b.srv.Add(mcpecho.Resource("x://r", say(tt.reader)))
			r := b.read("x://r")
			expect(t, r, http.StatusOK, tt.code)
			if strings.Contains(r.Body, "secret") {
				t.Error(r.Body)
			}
			if !tt.reader.closed || tt.reader.read > 3*4096 {
				t.Errorf("closed %v after %d bytes", tt.reader.closed, tt.reader.read)
			}
		})
	}
}

func TestAResourceThatReturnsNothingIsAMistakeOfTheProgram(t *testing.T) {
	tests := map[string]*mcpecho.Spec{
		"no contents":        mcpecho.Resource("x://r", say([]content.Contents{})),
		"nil contents":       mcpecho.Resource("x://r", say([]content.Contents(nil))),
		"nil reader":         mcpecho.Resource("x://r", say(io.Reader(nil))),
		"nil pointer":        mcpecho.Resource("x://r", say((*widget)(nil))),
		"text is not UTF-8":  mcpecho.Resource("x://r", say("\xff")),
		"contents not UTF-8": mcpecho.Resource("x://r", say(content.Contents{Text: "\xff"})),
		"a channel":          mcpecho.Resource("x://r", say(any(make(chan int)))),
	}
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(spec)
			r := b.read("x://r")
			expect(t, r, http.StatusOK, -32603)
			if r.Error.Data["reference"] == nil {
				t.Error(r.Body)
			}
		})
	}
}

func TestAMissingResourceHasTheCodeOfTheWireAndItsURI(t *testing.T) {
	b := setup(t)
	b.seed(1)
	b.srv.Add(
		mcpecho.Retrieve[widget]("w.get", widgetByPK).AsResource("w://{pk}"),
		mcpecho.Resource("gone://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", fmt.Errorf("x: %w", gorm.ErrRecordNotFound) }),
	)
	session := b.initialize()
	for _, uri := range []string{"nope://1", "w://99", "gone://1", "w://1/2", "w://1%2F2", "W://1", "w:1", "w://1?x=1", "w://1#f", "", strings.Repeat("w", 9000)} {
		t.Run(uri[:min(len(uri), 20)], func(t *testing.T) {
			header := uri
			if uri == "" {
				header = "=?base64??="
			}
			r := b.modern("resources/read", fmt.Sprintf(`"uri":%q`, uri), "Mcp-Name", header)
			expect(t, r, http.StatusOK, -32602)
			if got, _ := r.Error.Data["uri"].(string); !strings.HasPrefix(got, uri[:min(len(uri), 2000)]) || r.Error.Message != "Resource not found" {
				t.Errorf("error = %+v", r.Error)
			}
			r = b.dated(session, "resources/read", fmt.Sprintf(`"uri":%q`, uri))
			expect(t, r, http.StatusOK, -32002)
			if r.Error.Data["uri"] == nil {
				t.Errorf("error = %+v", r.Error)
			}
		})
	}
	if r := b.read("w://1"); r.contents(t)["text"] != `{"id":1,"name":"w1","size":0}` {
		t.Error(r.Body)
	}
}

func TestTheURIMustBeAString(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Resource("x://r", say("hi")))
	session := b.initialize()
	for _, params := range []string{``, `"uri":7`, `"uri":null`, `"uri":["x://r"]`} {
		expect(t, b.dated(session, "resources/read", params), http.StatusOK, -32602)
		expect(t, b.dated(session, "resources/subscribe", params), http.StatusOK, -32602)
		expect(t, b.dated(session, "resources/unsubscribe", params), http.StatusOK, -32602)
	}
}

func TestTemplateVariablesAreDecodedByTypeAndValidated(t *testing.T) {
	type query struct {
		Region string   `json:"region" validate:"required,oneof=eu us"`
		ID     int64    `json:"id" validate:"required,gte=1,lte=99"`
		Full   bool     `json:"full"`
		Tags   []string `json:"tags"`
		Name   *string  `json:"name"`
	}
	b := setup(t)
	b.srv.Add(mcpecho.Resource("shop://{region}/{id}{?full,tags*,name}", func(_ *mcpecho.Call, in query) (query, error) { return in, nil }))
	tests := map[string]struct{ uri, text, fields string }{
		"by type":           {uri: "shop://eu/7?full=true&tags=a&tags=b", text: `{"region":"eu","id":7,"full":true,"tags":["a","b"],"name":null}`},
		"optional left out": {uri: "shop://us/99", text: `{"region":"us","id":99,"full":false,"tags":[],"name":null}`},
		"percent-encoded":   {uri: "shop://eu/7?name=%C3%A9%20%26", text: `{"region":"eu","id":7,"full":false,"tags":[],"name":"é &"}`},
		"a name like null":  {uri: "shop://eu/7?name=null", text: `{"region":"eu","id":7,"full":false,"tags":[],"name":"null"}`},
		"not a number":      {uri: "shop://eu/x", fields: "[id]"},
		"a float":           {uri: "shop://eu/1.5", fields: "[id]"},
		"out of range":      {uri: "shop://eu/100", fields: "[id]"},
		"over int64":        {uri: "shop://eu/9223372036854775808", fields: "[id]"},
		"both wrong":        {uri: "shop://mars/0", fields: "[region id]"},
		"not a bool":        {uri: "shop://eu/7?full=yes", fields: "[full]"},
		"empty":             {uri: "shop:///7", fields: "[region]"},
		"a list for one":    {uri: "shop://eu,us/7", fields: "[region]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := b.read(tt.uri)
			if tt.text != "" {
				if got := r.contents(t); got["text"] != tt.text || got["uri"] != tt.uri {
					t.Errorf("contents = %v", got)
				}
				return
			}
			expect(t, r, http.StatusOK, -32602)
			var paths []string
			fields, _ := r.Error.Data["fields"].([]any)
			for _, f := range fields {
				paths = append(paths, f.(map[string]any)["path"].(string))
			}
			if fmt.Sprint(paths) != tt.fields || r.Error.Data["uri"] != tt.uri {
				t.Errorf("error = %+v", r.Error)
			}
		})
	}
}

func TestNoURIReachesOutsideOfWhatATemplateNames(t *testing.T) {
	b := setup(t)
	var got string
	note := func(_ *mcpecho.Call, in byPath) (string, error) { got = in.Path; return "ok", nil }
	b.srv.Add(mcpecho.Resource("one://{path}", note), mcpecho.Resource("tree:///{+path}", note), mcpecho.Resource("seg://h{/path}", note),
		mcpecho.Resource("mix://{owner}/x/{+path}", func(_ *mcpecho.Call, in struct {
			Owner string `json:"owner"`
			Path  string `json:"path"`
		}) (string, error) {
			got = in.Owner + " " + in.Path
			return "ok", nil
		}))
	tests := map[string]string{ // URI -> what reaches the handler, "" for nothing
		"one://a":                   "a",
		"one://a.b..c":              "a.b..c",
		"one://a/b":                 "",
		"one://a%2Fb":               "",
		"one://a%2fb":               "",
		"one://..":                  "",
		"one://.":                   "",
		"one://%2e%2e":              "",
		"one://..%2f..%2fetc":       "",
		"one://a%5Cb":               "",
		"one://a%00b":               "",
		"one://a%0Ab":               "",
		"one://%ff":                 "",
		"one://%2":                  "",
		"one://%252e%252e":          "%2e%2e",
		"tree:///a/b.txt":           "a/b.txt",
		"tree:///a/...":             "a/...",
		"tree:///a/../b":            "",
		"tree:///../etc/passwd":     "",
		"tree:///a/..":              "",
		"tree:///%2e%2e/etc/passwd": "",
		"tree:///a%2F..%2Fb":        "",
		"tree:///a/%2E%2E/b":        "",
		"tree:///a/./b":             "",
		"tree:///..%5C..%5Cetc":     "",
		"tree:///a%00.txt":          "",
		"tree:////etc/passwd":       "",
		"tree:///%2Fetc/passwd":     "",
		"mix://a/x/b/c":             "a b/c",
		"mix://a%2Fb/x/c":           "",
		"mix://a/x//c":              "",
		"seg://h/a":                 "a",
		"seg://h/..":                "",
	}
	for uri, want := range tests {
		t.Run(uri, func(t *testing.T) {
			got = ""
			r := b.read(uri)
			if got != want {
				t.Errorf("the handler got %q, want %q", got, want)
			}
			if want == "" {
				expect(t, r, http.StatusOK, -32602)
			}
		})
	}
}

func TestAFixedURIBeatsATemplateThatWasAddedFirst(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Resource("w://{path}", func(_ *mcpecho.Call, in byPath) (string, error) { return "template " + in.Path, nil }),
		mcpecho.Resource("w://{+path}", func(_ *mcpecho.Call, in byPath) (string, error) { return "later " + in.Path, nil }),
		mcpecho.Resource("w://stats", say("fixed")),
	)
	for uri, want := range map[string]string{"w://stats": "fixed", "w://other": "template other", "w://st%61ts": "template stats", "w://a/b": "later a/b"} {
		if got := b.read(uri).contents(t)["text"]; got != want {
			t.Errorf("%s: %v, want %s", uri, got, want)
		}
	}
	b.srv.Remove("w://stats")
	if got := b.read("w://stats").contents(t)["text"]; got != "template stats" {
		t.Error(got)
	}
}

func TestAResourceHasTheStepsOfTheSpecItIsMadeOf(t *testing.T) {
	b := setup(t)
	b.seed(3)
	ran := 0
	spec := mcpecho.Selector[widget]("w.list", widgets, permission("w"), mcpecho.Named("audit", counting(&ran)))
	b.srv.Add(spec, spec.AsResource("w://all", mcpecho.Title("All widgets")), mcpecho.Retrieve[widget]("w.get", widgetByPK, permission("w")).AsResource("w://{pk}"))

	for _, uri := range []string{"w://all", "w://1"} {
		r := b.read(uri)
		expect(t, r, http.StatusForbidden, http.StatusForbidden)
		expect(t, b.dated(b.initialize(), "resources/read", `"uri":"`+uri+`"`), http.StatusForbidden, http.StatusForbidden)
	}
	if ran != 0 {
		t.Error("the chain ran on after the refusal")
	}
	b.user = &mcpecho.Principal{Subject: "ann", Scopes: []string{"w"}}
	if text := b.read("w://all").contents(t)["text"].(string); !strings.HasPrefix(text, `[{"id":1,`) || ran != 1 {
		t.Errorf("%s, audit ran %d times", text, ran)
	}
	if r := b.modern("resources/list", ""); !strings.Contains(r.Body, `{"uri":"w://all","name":"w.list","title":"All widgets","mimeType":"application/json"}`) {
		t.Error(r.Body)
	}
	if r := b.modern("tools/list", ""); strings.Contains(r.Body, "All widgets") {
		t.Error("AsResource changed the spec: ", r.Body)
	}
}

func TestAResourceThatCannotWorkIsRefusedAtAdd(t *testing.T) {
	get := func(*mcpecho.Call, byPK) (string, error) { return "", nil }
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"relative":                       {mcpecho.Resource("invoices", say("")), "must be absolute"},
		"no scheme":                      {mcpecho.Resource("{pk}", get), "must be absolute"},
		"a bad scheme":                   {mcpecho.Resource("in voices://x", say("")), "must be absolute"},
		"a digit first":                  {mcpecho.Resource("1x://x", say("")), "must be absolute"},
		"a space":                        {mcpecho.Resource("x://a b", say("")), "URI"},
		"an open brace":                  {mcpecho.Resource("x://{pk", get), "URI template"},
		"a variable that is no argument": {mcpecho.Resource("x://{id}", get), `{id} is not an argument`},
		"an argument that no URI gives":  {mcpecho.Resource("x://fixed", get), `argument "pk" is required`},
		"another that no variable gives": {mcpecho.Resource("x://{name}", func(*mcpecho.Call, struct {
			Name string `json:"name"`
			Key  string `json:"key" validate:"required"`
		}) (string, error) {
			return "", nil
		}), `argument "key" is required`},
		"tool options":              {mcpecho.Resource("x://r", say(""), mcpecho.Format(mcpecho.FormatTOON)), "are for tools"},
		"completion on a fixed URI": {mcpecho.Resource("x://r", say(""), mcpecho.Complete("pk", nil)), "resource templates"},
		"MIMEType on a tool":        {mcpecho.Service("t", say(""), mcpecho.MIMEType("text/plain")), "MIMEType is for resources"},
		"an audience of nobody":     {mcpecho.Resource("x://r", say(""), mcpecho.Hint(content.Hints{Audience: []string{"robot"}})), "audience"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := setup(t).srv.AddSafely(tt.spec)
			if err == nil || !strings.HasPrefix(err.Error(), "mcpecho: cannot add ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSubscriptionsAreBoundedAndGuardedLikeReads(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Resource("w://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil }),
		mcpecho.Resource("secret://x", say("x"), permission("s")))
	session := b.initialize()
	subscribe := func(uri string) reply { return b.dated(session, "resources/subscribe", fmt.Sprintf(`"uri":%q`, uri)) }
	for i := range 100 {
		if r := subscribe(fmt.Sprint("w://", i+1)); r.Error != nil {
			t.Fatal(r.Body)
		}
	}
	if r := subscribe("w://1"); r.Error != nil {
		t.Error("one that is watched already counts twice: ", r.Body)
	}
	expect(t, subscribe("w://101"), http.StatusOK, http.StatusTooManyRequests)
	expect(t, subscribe("w://../x"), http.StatusOK, -32002)
	expect(t, subscribe("nope://1"), http.StatusOK, -32002)
	expect(t, subscribe("secret://x"), http.StatusForbidden, http.StatusForbidden)
	if r := b.dated(session, "resources/unsubscribe", `"uri":"w://7"`); r.Error != nil {
		t.Error(r.Body)
	}
	if r := b.dated(session, "resources/unsubscribe", `"uri":"never://watched"`); r.Error != nil {
		t.Error(r.Body)
	}
	if r := subscribe("w://101"); r.Error != nil {
		t.Error(r.Body)
	}
	stored, err := b.srv.Config().Sessions.Get(t.Context(), session)
	if err != nil || len(stored.Subscriptions) != 100 {
		t.Errorf("%d subscriptions are kept, %v", len(stored.Subscriptions), err)
	}
	// The modern wire has subscriptions/listen instead.
	expect(t, b.modern("resources/subscribe", `"uri":"w://1"`), http.StatusNotFound, -32601)
}

func TestWithoutResourcesTheirMethodsDoNotExist(t *testing.T) {
	b := setup(t)
	for _, method := range []string{"resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get", "completion/complete"} {
		r := b.modern(method, `"uri":"x://y","name":"p"`, "Mcp-Name", map[bool]string{true: "p", false: "x://y"}[strings.HasPrefix(method, "p")])
		expect(t, r, http.StatusNotFound, -32601)
		expect(t, b.dated(b.initialize(), method, ""), http.StatusOK, -32601)
	}
	if r := b.modern("server/discover", ""); strings.Contains(r.Body, `"resources"`) || strings.Contains(r.Body, `"prompts"`) || strings.Contains(r.Body, `"completions"`) {
		t.Error(r.Body)
	}
	b.srv.Add(mcpecho.Resource("w://{pk}", func(*mcpecho.Call, byPK) (string, error) { return "", nil }))
	if r := b.modern("resources/list", ""); fmt.Sprint(r.Result["resources"]) != "[]" {
		t.Error("a template alone makes no empty resource list: ", r.Body)
	}
}

func TestCommasInAURISeparateTheValuesOfAList(t *testing.T) {
	b := setup(t)
	tags := func(_ *mcpecho.Call, in struct {
		Tags []string `json:"tags"`
		Page int      `json:"page"`
	}) (string, error) {
		return strings.Join(in.Tags, "+"), nil
	}
	b.srv.Add(mcpecho.Resource("w://tagged/{tags}{?page}", tags), mcpecho.Resource("v://tagged{?tags,page}", tags))
	for uri, want := range map[string]string{
		"w://tagged/a,b%2Cc":        "a+b,c",
		"w://tagged/a?page=2":       "a",
		"v://tagged?tags=a,b&page=": "",
		"v://tagged?tags=a,b":       "a+b",
	} {
		r := b.modern("resources/read", fmt.Sprintf(`"uri":%q`, uri), "Mcp-Name", uri)
		if want == "" {
			if r.Error == nil {
				t.Errorf("%s: %s", uri, r.Body)
			}
			continue
		}
		contents, _ := r.Result["contents"].([]any)
		if len(contents) != 1 || contents[0].(map[string]any)["text"] != want {
			t.Errorf("%s: %s", uri, r.Body)
		}
	}
}
