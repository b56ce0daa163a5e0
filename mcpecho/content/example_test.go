package content_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
	"github.com/mcpecho/kit/mcptest"
)

type none = struct{}

// A tool whose function returns a []Block answers with blocks of any kind.
func ExampleBlock() {
	chart := func(*mcpecho.Call, none) ([]content.Block, error) {
		return []content.Block{
			content.Image{Data: []byte("\x89PNG..."), MIMEType: "image/png"},
			content.Text{Text: "Amounts by month."},
			content.Link{URI: "invoices://stats", Name: "stats"},
		}, nil
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("chart", chart))
	for _, block := range mcptest.New(inExample(), srv).Do("chart", nil).Content {
		fmt.Println(block.Type, block.MIMEType+block.Text+block.URI)
	}
	// Output:
	// image image/png
	// text Amounts by month.
	// resource_link invoices://stats
}

func ExampleText() {
	show(mcpecho.Service("remind", func(*mcpecho.Call, none) (content.Text, error) {
		return content.Text{Text: "Three reminders went out."}, nil
	}))
	// Output:
	// {"type":"text","text":"Three reminders went out."}
}

func ExampleImage() {
	show(mcpecho.Service("chart", func(*mcpecho.Call, none) (content.Image, error) {
		return content.Image{Data: []byte("\x89PNG..."), MIMEType: "image/png"}, nil
	}))
	// Output:
	// {"type":"image","data":"iVBORy4uLg==","mimeType":"image/png"}
}

func ExampleAudio() {
	show(mcpecho.Service("read_aloud", func(*mcpecho.Call, none) (content.Audio, error) {
		return content.Audio{Data: []byte("RIFF..."), MIMEType: "audio/wav"}, nil
	}))
	// Output:
	// {"type":"audio","data":"UklGRi4uLg==","mimeType":"audio/wav"}
}

// The client decides whether to read what a link points to.
func ExampleLink() {
	show(mcpecho.Service("newest", func(*mcpecho.Call, none) (content.Link, error) {
		return content.Link{URI: "invoices://7", Name: "A-7", Description: "The newest invoice."}, nil
	}))
	// Output:
	// {"type":"resource_link","uri":"invoices://7","name":"A-7","description":"The newest invoice."}
}

// An embedded resource brings its contents along.
func ExampleEmbedded() {
	show(mcpecho.Service("newest", func(*mcpecho.Call, none) (content.Embedded, error) {
		return content.Embedded{Resource: content.Contents{URI: "invoices://7", MIMEType: "text/csv", Text: "number,cents\nA-7,1200\n"}}, nil
	}))
	// Output:
	// {"type":"resource","resource":{"uri":"invoices://7","mimeType":"text/csv","text":"number,cents\nA-7,1200\n"}}
}

// Priority is a pointer, because 0 says something: that the block can be left out.
func ExampleHints() {
	priority := 0.0
	show(mcpecho.Service("remind", func(*mcpecho.Call, none) (content.Text, error) {
		return content.Text{Text: "Three reminders went out.", Hints: &content.Hints{
			Audience:     []string{"user"}, // not for the model
			Priority:     &priority,
			LastModified: time.Date(2026, 7, 28, 9, 0, 0, 0, time.UTC),
		}}, nil
	}))
	// Output:
	// {"type":"text","text":"Three reminders went out.","annotations":{"audience":["user"],"priority":0,"lastModified":"2026-07-28T09:00:00Z"}}
}

// The contents of a resource say their own type, and one resource may have several.
func ExampleContents() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Resource("invoices://export", func(*mcpecho.Call, none) ([]content.Contents, error) {
		return []content.Contents{
			{Text: "number,cents\nA-7,1200\n", MIMEType: "text/csv"},
			{URI: "invoices://export/logo", Blob: []byte("\x89PNG..."), MIMEType: "image/png"},
		}, nil
	}))
	for _, c := range mcptest.New(inExample(), srv).Read("invoices://export").Contents {
		fmt.Printf("%s %s %q %d\n", c.URI, c.MIMEType, c.Text, len(c.Blob))
	}
	// Output:
	// invoices://export text/csv "number,cents\nA-7,1200\n" 0
	// invoices://export/logo image/png "" 7
}

// show calls a tool and prints the blocks that a client gets.
func show(tool *mcpecho.Spec) {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(tool)
	var answer struct {
		Content []jsontext.Value `json:"content"`
	}
	if err := json.Unmarshal(mcptest.New(inExample(), srv).Do(tool.Name(), nil).Response.Result, &answer); err != nil {
		panic(err)
	}
	for _, block := range answer.Content {
		fmt.Println(string(block))
	}
}

// inExample stands in for the *testing.T that an example does not have.
func inExample() testing.TB { return exampleT{} }

type exampleT struct{ testing.TB }

func (exampleT) Helper()                   {}
func (exampleT) Context() context.Context  { return context.Background() }
func (exampleT) Cleanup(func())            {}
func (exampleT) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (exampleT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
