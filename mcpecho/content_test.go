package mcpecho_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

func TestContentBlocksHaveTheFormOfTheSpecification(t *testing.T) {
	one, zero := 1.0, 0.0
	tests := map[string]struct {
		block content.Block
		want  string
	}{
		"text":          {content.Text{Text: "hi"}, `{"type":"text","text":"hi"}`},
		"empty text":    {content.Text{}, `{"type":"text","text":""}`},
		"image":         {content.Image{Data: []byte{0, 0xff}, MIMEType: "image/png"}, `{"type":"image","data":"AP8=","mimeType":"image/png"}`},
		"image in caps": {content.Image{Data: []byte("x"), MIMEType: "IMAGE/svg+xml; charset=utf-8"}, `{"type":"image","data":"eA==","mimeType":"IMAGE/svg+xml; charset=utf-8"}`},
		"audio":         {content.Audio{Data: []byte("x"), MIMEType: "audio/wav"}, `{"type":"audio","data":"eA==","mimeType":"audio/wav"}`},
		"link": {content.Link{URI: "w://1", Name: "one", Title: "One", Description: "The first.", MIMEType: "text/plain"},
			`{"type":"resource_link","uri":"w://1","name":"one","title":"One","description":"The first.","mimeType":"text/plain"}`},
		"embedded text": {content.Embedded{Resource: content.Contents{URI: "w://1", Text: "", MIMEType: "text/plain"}}, `{"type":"resource","resource":{"uri":"w://1","mimeType":"text/plain","text":""}}`},
		"embedded blob": {content.Embedded{Resource: content.Contents{URI: "file:///a", Blob: []byte{}}}, `{"type":"resource","resource":{"uri":"file:///a","blob":""}}`},
		"annotations": {content.Text{Text: "x", Hints: &content.Hints{Audience: []string{"user", "assistant"}, Priority: &one, LastModified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
			`{"type":"text","text":"x","annotations":{"audience":["user","assistant"],"priority":1,"lastModified":"2026-01-02T03:04:05Z"}}`},
		"priority zero is said": {content.Image{Data: []byte("x"), MIMEType: "image/png", Hints: &content.Hints{Priority: &zero}}, `{"type":"image","data":"eA==","mimeType":"image/png","annotations":{"priority":0}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("c", say(tt.block)), mcpecho.Service("list", say([]content.Block{tt.block, content.Text{Text: "and"}})))
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
	tests := map[string]content.Block{
		"image of text":            content.Image{Data: data, MIMEType: "text/html"},
		"image of sound":           content.Image{Data: data, MIMEType: "audio/wav"},
		"sound of image":           content.Audio{Data: data, MIMEType: "image/png"},
		"image without type":       content.Image{Data: data},
		"image of no kind":         content.Image{Data: data, MIMEType: "image/"},
		"a type that looks alike":  content.Image{Data: data, MIMEType: "imagesque/png"},
		"a type with a line break": content.Image{Data: data, MIMEType: "image/png\r\nX: y"},
		"image without data":       content.Image{MIMEType: "image/png"},
		"sound without data":       content.Audio{Data: []byte{}, MIMEType: "audio/wav"},
		"link without name":        content.Link{URI: "w://1"},
		"link without URI":         content.Link{Name: "x"},
		"relative link":            content.Link{URI: "/etc/passwd", Name: "x"},
		"link to a program":        content.Link{URI: "javascript:alert(1)", Name: "x"},
		"link to a program, caps":  content.Link{URI: "JavaScript:alert(1)", Name: "x"},
		"link to a program, blank": content.Link{URI: " javascript:alert(1)", Name: "x"},
		"link to a program, tab":   content.Link{URI: "java\tscript:alert(1)", Name: "x"},
		"link to data":             content.Link{URI: "data:text/html,x", Name: "x"},
		"link to a file":           content.Link{URI: "file:///etc/passwd", Name: "x"},
		"embedded without URI":     content.Embedded{Resource: content.Contents{Text: "secret"}},
		"embedded, relative URI":   content.Embedded{Resource: content.Contents{URI: "a/b", Text: "secret"}},
		"embedded program":         content.Embedded{Resource: content.Contents{URI: "javascript:alert(1)", Text: "secret"}},
		"text not UTF-8":           content.Text{Text: "\xff"},
		"audience of nobody":       content.Text{Text: "secret", Hints: &content.Hints{Audience: []string{"system"}}},
		"priority over 1":          content.Text{Text: "secret", Hints: &content.Hints{Priority: &over}},
		"priority NaN":             content.Text{Text: "secret", Hints: &content.Hints{Priority: &nan}},
		"nothing":                  nil,
		"nil pointer":              (*content.Text)(nil),
	}
	for name, block := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("c", say(block)), mcpecho.Service("list", say([]content.Block{content.Text{Text: "ok"}, block})))
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
	image := content.Image{Data: []byte("x"), MIMEType: "image/png"}
	b.srv.Add(
		mcpecho.Service("content", say[content.Block](image)), mcpecho.Service("contents", say([]content.Block{image})),
		mcpecho.Service("image", say(image)), mcpecho.Service("images", say([]content.Image{image, image})), mcpecho.Service("pointer", say(&image)),
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
	b.srv.Add(mcpecho.Service("c", say(content.Image{Data: make([]byte, 800), MIMEType: "image/png"})))
	if f := b.call("c", `{}`).failure(t); f["type"] != mcpecho.TypeTooLarge {
		t.Error(f)
	}
}

func TestALinkIsTextForAClientThatDoesNotKnowLinks(t *testing.T) {
	b := setup(t)
	link := content.Link{URI: "w://1", Name: "one", Title: "One", Description: "The first."}
	b.srv.Add(
		mcpecho.Service("link", func(*mcpecho.Call, none) (content.Link, error) { return link, nil }),
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
