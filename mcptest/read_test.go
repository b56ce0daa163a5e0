package mcptest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
	"github.com/mcpecho/kit/mcptest"
)

type book struct {
	Title string `json:"title" validate:"required" doc:"Which book."`
}

var pixel = []byte("\x89PNG\r\n\x1a\n")

// library is a server of every kind of entry.
func library(change ...func(*mcpecho.Config)) *mcpecho.Server {
	srv := newServer(change...)
	srv.Add(
		mcpecho.Resource("lib://opening", func(*mcpecho.Call, struct{}) (string, error) { return "9 to 5", nil },
			mcpecho.Describe("When it is open."), mcpecho.Title("Opening hours")),
		mcpecho.Resource("lib://cover", func(*mcpecho.Call, struct{}) ([]byte, error) { return pixel, nil }, mcpecho.MIMEType("image/png")),
		mcpecho.Resource("lib://books/{title}", func(_ *mcpecho.Call, in book) (book, error) {
			if in.Title == "lost" {
				return in, gorm.ErrRecordNotFound
			}
			return in, nil
		}, mcpecho.Complete("title", func(_ *mcpecho.Call, value string, chosen map[string]string) ([]string, error) {
			titles := []string{"Emma", "Erewhon", "Ulysses"}
			return slices.DeleteFunc(titles, func(s string) bool { return !strings.HasPrefix(s, value) || s == chosen["not"] }), nil
		})),
		mcpecho.Prompt("review", func(_ *mcpecho.Call, in book) ([]mcpecho.Message, error) {
			return []mcpecho.Message{
				{Content: content.Text{Text: "Review " + in.Title}},
				{Role: "assistant", Content: content.Image{Data: pixel, MIMEType: "image/png"}},
			}, nil
		}, mcpecho.Describe("Review a book."), mcpecho.Complete("title", func(*mcpecho.Call, string, map[string]string) ([]string, error) {
			return make([]string, 101), nil
		})),
		mcpecho.Service("mixed", func(*mcpecho.Call, struct{}) ([]content.Block, error) {
			return []content.Block{
				content.Image{Data: pixel, MIMEType: "image/png"},
				content.Link{URI: "lib://opening", Name: "opening"},
				content.Embedded{Resource: content.Contents{URI: "lib://x", Text: "x"}},
			}, nil
		}),
		mcpecho.Service("title", func(*mcpecho.Call, struct{}) (string, error) { return `"Emma"`, nil }),
		mcpecho.Service("count", func(c *mcpecho.Call, _ struct{}) (int, error) {
			c.Log(mcpecho.LogDebug, "not asked for")
			c.Log(mcpecho.LogWarning, map[string]int{"shelf": 3})
			c.Progress(1, 2, "half")
			c.Progress(2, 2, "")
			return 2, nil
		}),
	)
	return srv
}

func TestListsHaveAllPagesOfEveryKind(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, library(func(cfg *mcpecho.Config) { cfg.ListPageSize = 1 }), wire)
			resources := c.Resources()
			if len(resources) != 2 || resources[0].URI != "lib://opening" || resources[0].Title != "Opening hours" || resources[1].MIMEType != "image/png" {
				t.Errorf("resources: %+v", resources)
			}
			if templates := c.Templates(); len(templates) != 1 || templates[0].URITemplate != "lib://books/{title}" || templates[0].URI != "" {
				t.Errorf("templates: %+v", templates)
			}
			prompts := c.Prompts()
			if len(prompts) != 1 || prompts[0].Name != "review" || fmt.Sprint(prompts[0].Arguments) != "[{title  Which book. true}]" {
				t.Errorf("prompts: %+v", prompts)
			}
		})
	}
}

func TestReadReturnsContentsOrTheError(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, library(), wire)
			for uri, want := range map[string]mcptest.Contents{
				"lib://opening":             {URI: "lib://opening", MIMEType: "text/plain", Text: "9 to 5"},
				"lib://cover":               {URI: "lib://cover", MIMEType: "image/png", Blob: pixel},
				"lib://books/Emma%20Woodho": {URI: "lib://books/Emma%20Woodho", MIMEType: "application/json", Text: `{"title":"Emma Woodho"}`},
			} {
				r := c.Read(uri)
				if len(r.Contents) != 1 || fmt.Sprint(r.Contents[0]) != fmt.Sprint(want) {
					t.Errorf("%s: %+v", uri, r.Contents)
				}
			}
			missing := map[string]int{"modern": -32602, "dated": -32002}[name]
			for _, uri := range []string{"lib://books/lost", "lib://nowhere"} {
				if r := c.Read(uri); r.RPCError == nil || r.RPCError.Code != missing || r.Contents != nil {
					t.Errorf("%s: %s", uri, r.Body)
				}
			}
		})
	}
}

func TestPromptReturnsMessagesOrTheError(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, library(), wire)
			r := c.Prompt("review", map[string]string{"title": "Emma"})
			if len(r.Messages) != 2 || r.Messages[0].Role != "user" || r.Messages[0].Content.Text != "Review Emma" ||
				r.Messages[1].Role != "assistant" || !bytes.Equal(r.Messages[1].Content.Data, pixel) {
				t.Errorf("got %s", r.Body)
			}
			for _, arguments := range []map[string]string{nil, {"titel": "Emma"}} {
				if r := c.Prompt("review", arguments); r.RPCError == nil || r.RPCError.Code != -32602 || r.Messages != nil {
					t.Errorf("%v: %s", arguments, r.Body)
				}
			}
		})
	}
}

func TestCompleteTellsPromptsFromTemplates(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, library(), wire)
			if r := c.Complete("lib://books/{title}", "title", "E", nil); fmt.Sprint(r.Values) != "[Emma Erewhon]" || r.HasMore {
				t.Errorf("template: %s", r.Body)
			}
			if r := c.Complete("lib://books/{title}", "title", "E", map[string]string{"not": "Emma"}); fmt.Sprint(r.Values) != "[Erewhon]" {
				t.Errorf("with another argument chosen: %s", r.Body)
			}
			if r := c.Complete("lib://books/{title}", "title", "x", nil); r.RPCError != nil || len(r.Values) != 0 {
				t.Errorf("nothing to suggest: %s", r.Body)
			}
			if r := c.Complete("review", "title", "", nil); len(r.Values) != 100 || !r.HasMore {
				t.Errorf("prompt: %d values, more %v", len(r.Values), r.HasMore)
			}
			if r := c.Complete("review", "author", "", nil); r.RPCError == nil || r.RPCError.Code != -32602 || r.Values != nil {
				t.Errorf("unknown argument: %s", r.Body)
			}
		})
	}
}

func TestDoReturnsEveryKindOfContent(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, library(), wire)
			r := c.Do("mixed", nil)
			if len(r.Content) != 3 || r.Text != "" || !bytes.Equal(r.Content[0].Data, pixel) || r.Content[1].URI != "lib://opening" ||
				r.Content[2].Resource == nil || r.Content[2].Resource.Text != "x" {
				t.Errorf("got %s", r.Body)
			}
			if got := mcptest.Call[string](c, "title", nil); got != `"Emma"` {
				t.Errorf("a string result is %q", got)
			}
		})
	}
	modern := mcptest.New(t, library())
	mcptest.AssertConforms(t, modern, "title", modern.Do("title", nil))
}

func TestNotificationsArriveOnlyWhenAskedFor(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			quiet := mcptest.New(t, library(), wire)
			if r := quiet.Do("count", nil); r.Notifications != nil || r.Text != "2" {
				t.Errorf("unasked: %s", r.Body)
			}
			c := mcptest.New(t, library(), wire, mcptest.WithProgress(), mcptest.WithLogs(mcpecho.LogInfo)).As(&mcpecho.Principal{Subject: "ann"})
			r := c.Do("count", nil)
			if got := fmt.Sprint(r.Progress()); got != "[{1 2 half} {2 2 }]" {
				t.Errorf("progress: %s", got)
			}
			if logs := r.Logs(); len(logs) != 1 || logs[0].Level != mcpecho.LogWarning || logs[0].Logger != "count" || string(logs[0].Data) != `{"shelf":3}` {
				t.Errorf("logs: %+v", logs)
			}
			if len(r.Notifications) != 3 || r.Text != "2" || r.Header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("got %s", r.Body)
			}
			if got := mcptest.Call[int](c, "count", nil); got != 2 {
				t.Errorf("got %d", got)
			}
		})
	}
}
