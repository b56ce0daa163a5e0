package mcpecho_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
)

func TestContentBlocksHaveTheFormOfTheSpecification(t *testing.T) {
	one, zero := 1.0, 0.0
	tests := map[string]struct {
		content mcpecho.Content
		want    string
	}{
		"text":          {mcpecho.TextContent{Text: "hi"}, `{"type":"text","text":"hi"}`},
		"empty text":    {mcpecho.TextContent{}, `{"type":"text","text":""}`},
		"image":         {mcpecho.ImageContent{Data: []byte{0, 0xff}, MIMEType: "image/png"}, `{"type":"image","data":"AP8=","mimeType":"image/png"}`},
		"image in caps": {mcpecho.ImageContent{Data: []byte("x"), MIMEType: "IMAGE/svg+xml; charset=utf-8"}, `{"type":"image","data":"eA==","mimeType":"IMAGE/svg+xml; charset=utf-8"}`},
		"audio":         {mcpecho.AudioContent{Data: []byte("x"), MIMEType: "audio/wav"}, `{"type":"audio","data":"eA==","mimeType":"audio/wav"}`},
		"link": {mcpecho.ResourceLink{URI: "w://1", Name: "one", Title: "One", Description: "The first.", MIMEType: "text/plain"},
			`{"type":"resource_link","uri":"w://1","name":"one","title":"One","description":"The first.","mimeType":"text/plain"}`},
		"embedded text": {mcpecho.EmbeddedResource{Resource: mcpecho.Contents{URI: "w://1", Text: "", MIMEType: "text/plain"}}, `{"type":"resource","resource":{"uri":"w://1","mimeType":"text/plain","text":""}}`},
		"embedded blob": {mcpecho.EmbeddedResource{Resource: mcpecho.Contents{URI: "file:///a", Blob: []byte{}}}, `{"type":"resource","resource":{"uri":"file:///a","blob":""}}`},
		"annotations": {mcpecho.TextContent{Text: "x", Hints: &mcpecho.Hints{Audience: []string{"user", "assistant"}, Priority: &one, LastModified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
			`{"type":"text","text":"x","annotations":{"audience":["user","assistant"],"priority":1,"lastModified":"2026-01-02T03:04:05Z"}}`},
		"priority zero is said": {mcpecho.ImageContent{Data: []byte("x"), MIMEType: "image/png", Hints: &mcpecho.Hints{Priority: &zero}}, `{"type":"image","data":"eA==","mimeType":"image/png","annotations":{"priority":0}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("c", say(tt.content)), mcpecho.Service("list", say([]mcpecho.Content{tt.content, mcpecho.TextContent{Text: "and"}})))
			for _, r := range []reply{b.call("c", `{}`), b.dated(b.initialize(), "tools/call", `"name":"c"`)} {
				if !strings.Contains(r.Body, `"content":[`+tt.want+`]`) || r.Result["structuredContent"] != nil || r.Result["isError"] != nil {
					t.Error(r.Body)
				}
			}
			if r := b.call("list", `{}`); !strings.Contains(r.Body, `"content":[`+tt.want+`,{"type":"text","text":"and"}]`) {
				t.Error(r.Body)
			}
		})
	}
}

func TestContentThatIsNotWhatItSaysIsNotSent(t *testing.T) {
	over, nan := 1.5, math.NaN()
	data := []byte("secret")
	tests := map[string]mcpecho.Content{
		"image of text":            mcpecho.ImageContent{Data: data, MIMEType: "text/html"},
		"image of sound":           mcpecho.ImageContent{Data: data, MIMEType: "audio/wav"},
		"sound of image":           mcpecho.AudioContent{Data: data, MIMEType: "image/png"},
		"image without type":       mcpecho.ImageContent{Data: data},
		"image of no kind":         mcpecho.ImageContent{Data: data, MIMEType: "image/"},
		"a type that looks alike":  mcpecho.ImageContent{Data: data, MIMEType: "imagesque/png"},
		"a type with a line break": mcpecho.ImageContent{Data: data, MIMEType: "image/png\r\nX: y"},
		"image without data":       mcpecho.ImageContent{MIMEType: "image/png"},
		"sound without data":       mcpecho.AudioContent{Data: []byte{}, MIMEType: "audio/wav"},
		"link without name":        mcpecho.ResourceLink{URI: "w://1"},
		"link without URI":         mcpecho.ResourceLink{Name: "x"},
		"relative link":            mcpecho.ResourceLink{URI: "/etc/passwd", Name: "x"},
		"link to a program":        mcpecho.ResourceLink{URI: "javascript:alert(1)", Name: "x"},
		"link to a program, caps":  mcpecho.ResourceLink{URI: "JavaScript:alert(1)", Name: "x"},
		"link to a program, blank": mcpecho.ResourceLink{URI: " javascript:alert(1)", Name: "x"},
		"link to a program, tab":   mcpecho.ResourceLink{URI: "java\tscript:alert(1)", Name: "x"},
		"link to data":             mcpecho.ResourceLink{URI: "data:text/html,x", Name: "x"},
		"link to a file":           mcpecho.ResourceLink{URI: "file:///etc/passwd", Name: "x"},
		"embedded without URI":     mcpecho.EmbeddedResource{Resource: mcpecho.Contents{Text: "secret"}},
		"embedded, relative URI":   mcpecho.EmbeddedResource{Resource: mcpecho.Contents{URI: "a/b", Text: "secret"}},
		"embedded program":         mcpecho.EmbeddedResource{Resource: mcpecho.Contents{URI: "javascript:alert(1)", Text: "secret"}},
		"text not UTF-8":           mcpecho.TextContent{Text: "\xff"},
		"audience of nobody":       mcpecho.TextContent{Text: "secret", Hints: &mcpecho.Hints{Audience: []string{"system"}}},
		"priority over 1":          mcpecho.TextContent{Text: "secret", Hints: &mcpecho.Hints{Priority: &over}},
		"priority NaN":             mcpecho.TextContent{Text: "secret", Hints: &mcpecho.Hints{Priority: &nan}},
		"nothing":                  nil,
		"nil pointer":              (*mcpecho.TextContent)(nil),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("c", say(content)), mcpecho.Service("list", say([]mcpecho.Content{mcpecho.TextContent{Text: "ok"}, content})))
			for _, tool := range []string{"c", "list"} {
				r := b.call(tool, `{}`)
				if f := r.failure(t); f["type"] != mcpecho.TypeInternal || strings.Contains(r.Body, "secret") {
					t.Error(r.Body)
				}
			}
		})
	}
}

func TestMediaToolsAdvertiseNoOutputSchema(t *testing.T) {
	b := setup(t)
	image := mcpecho.ImageContent{Data: []byte("x"), MIMEType: "image/png"}
	b.srv.Add(
		mcpecho.Service("content", say[mcpecho.Content](image)), mcpecho.Service("contents", say([]mcpecho.Content{image})),
		mcpecho.Service("image", say(image)), mcpecho.Service("images", say([]mcpecho.ImageContent{image, image})), mcpecho.Service("pointer", say(&image)),
		mcpecho.Service("any", say[any](image)),
	)
	for _, e := range b.modern("tools/list", "").Result["tools"].([]any) {
		if e := e.(map[string]any); e["outputSchema"] != nil {
			t.Errorf("%s has outputSchema %v", e["name"], e["outputSchema"])
		}
	}
	for tool, n := range map[string]int{"content": 1, "contents": 1, "image": 1, "images": 2, "pointer": 1, "any": 1} {
		if r := b.call(tool, `{}`); strings.Count(r.Body, `{"type":"image","data":"eA==","mimeType":"image/png"}`) != n || r.Result["structuredContent"] != nil {
			t.Errorf("%s: %s", tool, r.Body)
		}
	}
}

func TestMediaOverTheResultLimitIsRefused(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 1000 })
	b.srv.Add(mcpecho.Service("c", say(mcpecho.ImageContent{Data: make([]byte, 800), MIMEType: "image/png"})))
	if f := b.call("c", `{}`).failure(t); f["type"] != mcpecho.TypeTooLarge {
		t.Error(f)
	}
}

func TestALinkIsTextForAClientThatDoesNotKnowLinks(t *testing.T) {
	b := setup(t)
	link := mcpecho.ResourceLink{URI: "w://1", Name: "one", Title: "One", Description: "The first."}
	b.srv.Add(
		mcpecho.Service("link", func(*mcpecho.Call, none) (mcpecho.ResourceLink, error) { return link, nil }),
		mcpecho.Prompt("ask", func(*mcpecho.Call, none) (mcpecho.Message, error) { return mcpecho.Message{Content: link}, nil }),
	)
	for version, known := range map[string]bool{"2025-03-26": false, "2025-06-18": true, "2025-11-25": true} {
		opened := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`)
		headers := []string{"Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id")}
		for _, body := range []string{
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"link"}}`,
			`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"ask"}}`,
		} {
			r := b.send(http.MethodPost, body, headers...)
			text := strings.Contains(r.Body, `{"type":"text","text":"One: w://1\nThe first."}`)
			if r.Status != http.StatusOK || text == known || strings.Contains(r.Body, "resource_link") != known {
				t.Errorf("%s: %s", version, r.Body)
			}
		}
	}
}
