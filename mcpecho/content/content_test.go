package content_test

import (
	"math"
	"strings"
	"testing"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho/content"
)

// What tools and prompts send of each kind is tested in package mcpecho, through a server.

func TestALinkIsCheckedAlsoWhereItBecomesText(t *testing.T) {
	link := content.Link{URI: "w://1", Name: "one", Hints: &content.Hints{Audience: []string{"user"}}}
	for links, want := range map[bool]string{
		true:  `{"type":"resource_link","uri":"w://1","name":"one","annotations":{"audience":["user"]}}`,
		false: `{"type":"text","text":"one: w://1","annotations":{"audience":["user"]}}`,
	} {
		for _, b := range []content.Block{link, &link} {
			form, err := content.FormOf(b, links)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := binding.Marshal(form); err != nil || string(got) != want {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
		}
		if _, err := content.FormOf(content.Link{URI: "javascript:alert(1)", Name: "x"}, links); err == nil {
			t.Error("a link to a program has a form")
		}
	}
}

func TestContentsHaveTheDefaultsOfTheResource(t *testing.T) {
	list := []content.Contents{{Text: "a"}, {URI: "w://own", MIMEType: "text/csv", Blob: []byte{}}}
	got, err := content.MarshalContents(list, "w://asked", "text/plain")
	want := `[{"uri":"w://asked","mimeType":"text/plain","text":"a"},{"uri":"w://own","mimeType":"text/csv","blob":""}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if list[0].URI != "" || list[0].MIMEType != "" {
		t.Errorf("the list of the caller has changed: %+v", list[0])
	}
	if _, err := content.MarshalContents([]content.Contents{{URI: "w://1", Text: "\xff"}}, "", ""); err == nil {
		t.Error("a text that is not UTF-8 was encoded")
	}
}

func TestHintsThatTheProtocolDoesNotKnowAreRefused(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	tests := map[string]struct {
		hints *content.Hints
		wrong string // "" for right
	}{
		"nil":            {nil, ""},
		"none":           {&content.Hints{}, ""},
		"both":           {&content.Hints{Audience: []string{"user", "assistant"}}, ""},
		"nobody":         {&content.Hints{Audience: []string{"user", "system"}}, `audience "system"`},
		"lowest":         {&content.Hints{Priority: number(0)}, ""},
		"highest":        {&content.Hints{Priority: number(1)}, ""},
		"above":          {&content.Hints{Priority: number(1.5)}, "priority 1.5"},
		"below":          {&content.Hints{Priority: number(-0.1)}, "priority -0.1"},
		"not a priority": {&content.Hints{Priority: number(math.NaN())}, "priority NaN"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.hints.Check()
			if (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
}
