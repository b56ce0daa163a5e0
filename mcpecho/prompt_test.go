package mcpecho_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

type summariseIn struct {
	Period string `json:"period" validate:"required" doc:"Month, as 2026-07."`
	Tone   string `json:"tone" validate:"omitempty,oneof=formal casual" doc:"How to write."`
	Limit  int    `json:"limit" validate:"omitempty,gte=1,lte=10"`
}

func summarise(_ *mcpecho.Call, in summariseIn) (string, error) {
	return fmt.Sprintf("Summarise %s, %s, %d.", in.Period, in.Tone, in.Limit), nil
}

// prompt renders a prompt on the modern wire.
func (b *bundle) prompt(name, arguments string) reply {
	b.t.Helper()
	return b.modern("prompts/get", fmt.Sprintf(`"name":%q,"arguments":%s`, name, arguments), "Mcp-Name", name)
}

func TestAPromptRendersMessagesOfAnyKind(t *testing.T) {
	text := func(s string) content.Block { return content.Text{Text: s} }
	half := 0.5
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"a string":  {mcpecho.Prompt("p", say("hi")), `[{"role":"user","content":{"type":"text","text":"hi"}}]`},
		"strings":   {mcpecho.Prompt("p", say([]string{"a", "b"})), `[{"role":"user","content":{"type":"text","text":"a"}},{"role":"user","content":{"type":"text","text":"b"}}]`},
		"a message": {mcpecho.Prompt("p", say(mcpecho.Message{Role: "assistant", Content: text("ok")})), `[{"role":"assistant","content":{"type":"text","text":"ok"}}]`},
		"messages": {mcpecho.Prompt("p", say([]mcpecho.Message{
			{Content: content.Image{Data: []byte("png"), MIMEType: "image/png"}},
			{Content: content.Audio{Data: []byte("wav"), MIMEType: "audio/wav"}},
			{Content: content.Link{URI: "w://1", Name: "one"}},
			{Content: content.Embedded{Resource: content.Contents{URI: "w://1", Text: "x", MIMEType: "text/plain"}, Hints: &content.Hints{Audience: []string{"user"}, Priority: &half}}},
		})), `[{"role":"user","content":{"type":"image","data":"cG5n","mimeType":"image/png"}},` +
			`{"role":"user","content":{"type":"audio","data":"d2F2","mimeType":"audio/wav"}},` +
			`{"role":"user","content":{"type":"resource_link","uri":"w://1","name":"one"}},` +
			`{"role":"user","content":{"type":"resource","resource":{"uri":"w://1","mimeType":"text/plain","text":"x"},"annotations":{"audience":["user"],"priority":0.5}}}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(tt.spec)
			r := b.prompt("p", `{}`)
			if !strings.Contains(r.Body, `"resultType":"complete","messages":`+tt.want) {
				t.Error(r.Body)
			}
			if r = b.dated(b.initialize(), "prompts/get", `"name":"p"`); !strings.HasSuffix(strings.TrimSpace(r.Body), `"result":{"messages":`+tt.want+`}}`) {
				t.Error(r.Body)
			}
		})
	}
}

func TestAPromptThatRendersNonsenseIsAnInternalError(t *testing.T) {
	text := content.Text{Text: "dsn=secret"}
	tests := map[string]func(*mcpecho.Call, none) (any, error){
		"a number":         say[any](42),
		"nothing":          say[any](nil),
		"no message":       say[any]([]mcpecho.Message{}),
		"no strings":       say[any]([]string{}),
		"no content":       say[any](mcpecho.Message{}),
		"a system message": say[any](mcpecho.Message{Role: "system", Content: text}),
		"not UTF-8":        say[any]("\xff"),
		"a wrong image":    say[any](mcpecho.Message{Content: content.Image{Data: []byte("x"), MIMEType: "text/html"}}),
		"a struct":         say[any](struct{ DSN string }{"dsn=secret"}),
		"an error":         func(*mcpecho.Call, none) (any, error) { return nil, errors.New("dsn=secret") },
		"a panic":          func(*mcpecho.Call, none) (any, error) { panic("dsn=secret") },
	}
	for name, render := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Prompt("p", render))
			r := b.prompt("p", `{}`)
			expect(t, r, http.StatusOK, -32603)
			if strings.Contains(r.Body, "secret") || r.Error.Data["reference"] == nil || r.Result != nil {
				t.Error(r.Body)
			}
			if !strings.Contains(b.log.String(), r.Error.Data["reference"].(string)) {
				t.Error("the cause is not in the log")
			}
		})
	}
}

func TestPromptArgumentsAreStringsDecodedByType(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise, mcpecho.Title("Summary")))
	tests := map[string]struct{ arguments, text, missing, fields string }{
		"all":                {arguments: `{"period":"2026-07","tone":"casual","limit":"3"}`, text: "Summarise 2026-07, casual, 3."},
		"the required":       {arguments: `{"period":"true"}`, text: "Summarise true, , 0."},
		"none":               {arguments: `{}`, missing: "[period]", fields: "[period]"},
		"null":               {arguments: `null`, missing: "[period]", fields: "[period]"},
		"empty":              {arguments: `{"period":""}`, missing: "[period]", fields: "[period]"},
		"unknown and absent": {arguments: `{"peroid":"x"}`, missing: "[period]", fields: "[peroid period]"},
		"wrong":              {arguments: `{"period":"x","tone":"rude","limit":"many"}`, fields: "[tone limit]"},
		"out of range":       {arguments: `{"period":"x","limit":"11"}`, fields: "[limit]"},
		"a number":           {arguments: `{"period":"x","limit":3}`},
		"a list":             {arguments: `["period"]`},
		"an object":          {arguments: `{"period":{"a":1}}`},
		"a null value":       {arguments: `{"period":null}`, missing: "[period]", fields: "[period]"},
	}
	session := b.initialize()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, r := range []reply{b.prompt("summarise", tt.arguments), b.dated(session, "prompts/get", `"name":"summarise","arguments":`+tt.arguments)} {
				if tt.text != "" {
					if !strings.Contains(r.Body, tt.text) {
						t.Error(r.Body)
					}
					continue
				}
				expect(t, r, http.StatusOK, -32602)
				var paths []string
				fields, _ := r.Error.Data["fields"].([]any)
				for _, f := range fields {
					paths = append(paths, f.(map[string]any)["path"].(string))
				}
				if tt.fields != "" && fmt.Sprint(paths) != tt.fields {
					t.Errorf("fields = %v, want %s", paths, tt.fields)
				}
				if missing, has := r.Error.Data["missing"]; has != (tt.missing != "") || has && fmt.Sprint(missing) != tt.missing {
					t.Errorf("missing = %v, want %s", missing, tt.missing)
				}
			}
		})
	}
}

func TestAPromptListsItsArguments(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise, mcpecho.Title("Summary"), mcpecho.Describe("Summarise a month."),
		mcpecho.Icons(mcpecho.Icon{Src: "https://x.test/i.svg"}), mcpecho.Meta("com.example/a", 1)))
	r := b.modern("prompts/list", "")
	const want = `"prompts":[{"name":"summarise","title":"Summary","description":"Summarise a month.","arguments":[` +
		`{"name":"period","description":"Month, as 2026-07.","required":true},{"name":"tone","description":"How to write."},{"name":"limit"}],` +
		`"icons":[{"src":"https://x.test/i.svg"}],"_meta":{"com.example/a":1}}]`
	if !strings.Contains(r.Body, want) {
		t.Error(r.Body)
	}
}

func TestAnUnknownPromptIsNamedWithTheNearest(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise))
	r := b.prompt("sumarise", `{}`)
	expect(t, r, http.StatusOK, -32602)
	if !strings.Contains(r.Error.Message, `did you mean "summarise"?`) {
		t.Error(r.Body)
	}
	expect(t, b.dated(b.initialize(), "prompts/get", `"name":7`), http.StatusOK, -32602)
}

func TestAPromptHasTheGuardsOfATool(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 1000 })
	b.srv.Add(
		mcpecho.Prompt("p", func(*mcpecho.Call, none) (string, error) { t.Error("it ran"); return "", nil }, permission("p")),
		mcpecho.Prompt("big", say(strings.Repeat("x", 1000))),
		mcpecho.Prompt("busy", func(*mcpecho.Call, none) (string, error) {
			return "", &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "slow down", RetryAfter: 1500e6}
		}),
		mcpecho.Prompt("closed", func(*mcpecho.Call, none) (string, error) { return "", mcpecho.Errorf("the ledger is closed") }),
	)
	expect(t, b.prompt("p", `{}`), http.StatusForbidden, http.StatusForbidden)
	expect(t, b.prompt("big", `{}`), http.StatusOK, http.StatusRequestEntityTooLarge)
	r := b.prompt("busy", `{}`)
	expect(t, r, http.StatusOK, http.StatusTooManyRequests)
	if r.Error.Data["retryAfterMs"] != 1500.0 || r.Header.Get("Retry-After") != "2" {
		t.Error(r.Header, r.Body)
	}
	r = b.prompt("closed", `{}`)
	expect(t, r, http.StatusOK, http.StatusBadRequest)
	if r.Error.Message != "the ledger is closed" {
		t.Error(r.Body)
	}
}

func TestAPromptThatCannotWorkIsRefusedAtAdd(t *testing.T) {
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"a result that is no message":       {mcpecho.Prompt("p", say(42)), "a prompt cannot render a int"},
		"a bad name":                        {mcpecho.Prompt("p q", say("")), "must be 1 to 128"},
		"tool options":                      {mcpecho.Prompt("p", say(""), mcpecho.StructuredContent(false)), "are for tools"},
		"a completer for no argument":       {mcpecho.Prompt("p", summarise, mcpecho.Complete("perod", nil)), "not one of the arguments"},
		"two completers":                    {mcpecho.Prompt("p", summarise, complete("tone"), complete("tone")), "two completers"},
		"a tool with completion":            {mcpecho.Service("p", summarise, complete("tone")), "completion is for prompts"},
		"an icon that is a program":         {mcpecho.Prompt("p", say(""), mcpecho.Icons(mcpecho.Icon{Src: "javascript:alert(1)"})), "must be an https: or data: URI"},
		"an icon that is a program, hidden": {mcpecho.Prompt("p", say(""), mcpecho.Icons(mcpecho.Icon{Src: "JavaScript:alert(1)"})), "must be an https: or data: URI"},
		"an icon in clear text":             {mcpecho.Prompt("p", say(""), mcpecho.Icons(mcpecho.Icon{Src: "http://x.test/i.png"})), "must be an https: or data: URI"},
		"an icon of the file system":        {mcpecho.Prompt("p", say(""), mcpecho.Icons(mcpecho.Icon{Src: "file:///etc/passwd"})), "must be an https: or data: URI"},
		"a relative icon":                   {mcpecho.Prompt("p", say(""), mcpecho.Icons(mcpecho.Icon{Src: "/i.png"})), "must be an https: or data: URI"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := setup(t).srv.AddSafely(tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}
