package mcpecho_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// complete is a completer that always knows two values.
func complete(argument string) mcpecho.Option {
	return mcpecho.Complete(argument, func(*mcpecho.Call, string, map[string]string) ([]string, error) {
		return []string{"formal", "casual"}, nil
	})
}

// completion asks for suggestions on the modern wire.
func (b *bundle) completion(ref, argument, value, more string) reply {
	b.t.Helper()
	return b.modern("completion/complete", fmt.Sprintf(`"ref":%s,"argument":{"name":%q,"value":%q}%s`, ref, argument, value, more))
}

const (
	refPrompt   = `{"type":"ref/prompt","name":"summarise"}`
	refTemplate = `{"type":"ref/resource","uri":"w://{name}"}`
)

func (r reply) completed() string {
	c, _ := r.Result["completion"].(map[string]any)
	return fmt.Sprintf("%v%v", c["values"], c["hasMore"])
}

func TestCompletionGetsTheTextSoFarAndTheArgumentsChosen(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise, mcpecho.Complete("tone",
		func(_ *mcpecho.Call, value string, chosen map[string]string) ([]string, error) {
			return []string{value + "/" + chosen["period"]}, nil
		})))
	r := b.completion(refPrompt, "tone", "fo", `,"context":{"arguments":{"period":"2026-07"}}`)
	if r.completed() != "[fo/2026-07]false" || r.Result["resultType"] != "complete" || r.Result["_meta"] == nil {
		t.Error(r.Body)
	}
	r = b.dated(b.initialize(), "completion/complete", `"ref":`+refPrompt+`,"argument":{"name":"tone","value":""}`)
	if strings.TrimSpace(r.Body) != `{"jsonrpc":"2.0","id":1,"result":{"completion":{"values":["/"],"hasMore":false}}}` {
		t.Error(r.Body)
	}
	if r := b.modern("server/discover", ""); !strings.Contains(r.Body, `"completions":{}`) {
		t.Error(r.Body)
	}
}

func TestACompletionHasAtMostAHundredValues(t *testing.T) {
	tests := map[int]bool{0: false, 100: false, 101: true, 5000: true}
	for n, more := range tests {
		b := setup(t)
		b.srv.Add(mcpecho.Prompt("summarise", summarise, mcpecho.Complete("tone", func(*mcpecho.Call, string, map[string]string) ([]string, error) {
			return make([]string, n), nil
		})))
		r := b.completion(refPrompt, "tone", "", "")
		c := r.Result["completion"].(map[string]any)
		if values := c["values"].([]any); len(values) != min(n, 100) || c["hasMore"] != more {
			t.Errorf("%d: %d values, hasMore %v", n, len(values), c["hasMore"])
		}
	}
}

func TestBadCompletionRequests(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise, complete("tone")), mcpecho.Prompt("plain", summarise),
		mcpecho.Resource("w://fixed", say("")), mcpecho.Service("summarise", summarise))
	tests := map[string]string{
		"no ref":               `"argument":{"name":"tone","value":""}`,
		"no argument":          `"ref":` + refPrompt,
		"unknown ref type":     `"ref":{"type":"ref/tool","name":"summarise"},"argument":{"name":"tone","value":""}`,
		"unknown prompt":       `"ref":{"type":"ref/prompt","name":"sumarise"},"argument":{"name":"tone","value":""}`,
		"unknown argument":     `"ref":` + refPrompt + `,"argument":{"name":"tune","value":""}`,
		"without completer":    `"ref":` + refPrompt + `,"argument":{"name":"period","value":""}`,
		"nothing to complete":  `"ref":{"type":"ref/prompt","name":"plain"},"argument":{"name":"tone","value":""}`,
		"a fixed URI":          `"ref":{"type":"ref/resource","uri":"w://fixed"},"argument":{"name":"tone","value":""}`,
		"value is a number":    `"ref":` + refPrompt + `,"argument":{"name":"tone","value":7}`,
		"context is a list":    `"ref":` + refPrompt + `,"argument":{"name":"tone","value":""},"context":[]`,
		"chosen is no string":  `"ref":` + refPrompt + `,"argument":{"name":"tone","value":""},"context":{"arguments":{"period":7}}`,
		"ref is a string":      `"ref":"summarise","argument":{"name":"tone","value":""}`,
		"U+0000":               `"ref":` + refPrompt + `,"argument":{"name":"tone","value":"a\u0000"}`,
		"U+0000 in a chosen":   `"ref":` + refPrompt + `,"argument":{"name":"tone","value":""},"context":{"arguments":{"period":"\u0000"}}`,
		"name in another case": `"ref":{"type":"ref/prompt","Name":"summarise"},"argument":{"name":"tone","value":""}`,
	}
	session := b.initialize()
	for name, params := range tests {
		t.Run(name, func(t *testing.T) {
			expect(t, b.modern("completion/complete", params), http.StatusOK, -32602)
			expect(t, b.dated(session, "completion/complete", params), http.StatusOK, -32602)
		})
	}
	if r := b.completion(refPrompt, "tune", "", ""); fmt.Sprint(r.Error.Data["completable"]) != "[tone]" {
		t.Error(r.Body)
	}
}

type labelled struct {
	ID    uint    `json:"id" gorm:"primaryKey"`
	Label *string `json:"label"`
	Size  int64   `json:"size"`
	Owner string  `json:"owner"`
}

func TestCompleteColumnSuggestsWhatTheCallerMaySee(t *testing.T) {
	b := setup(t)
	if err := b.db.AutoMigrate(&labelled{}); err != nil {
		t.Fatal(err)
	}
	add := func(label string, size int64, owner string) {
		row := labelled{Label: &label, Size: size, Owner: owner}
		if label == "NULL" {
			row.Label = nil
		}
		if err := b.db.Create(&row).Error; err != nil {
			t.Fatal(err)
		}
	}
	add("beta", 12, "ann")
	add("alpha", 120, "ann")
	add("alpha", 7, "ann")
	add("50%", 5, "ann")
	add("5x", 5, "ann")
	add("a_c", 1, "ann")
	add("abc", 1, "ann")
	add("ärger", 1, "ann")
	add("NULL", 1, "ann")
	add("allsecret", 1, "bob")
	own := func(c *mcpecho.Call) *gorm.DB {
		return c.DB().Model(&labelled{}).Where("owner = ?", c.Principal().Subject)
	}
	type in struct {
		Label string `json:"label" validate:"required"`
		Size  int64  `json:"size"`
	}
	b.srv.Add(mcpecho.Resource("l://{label}{?size}", func(*mcpecho.Call, in) (string, error) { return "", nil },
		mcpecho.CompleteColumn("label", "label", own), mcpecho.CompleteColumn("size", "size", own)))
	b.user = &mcpecho.Principal{Subject: "ann"}
	const ref = `{"type":"ref/resource","uri":"l://{label}{?size}"}`
	tests := []struct{ argument, value, want string }{
		{"label", "", "[50% 5x a_c abc alpha beta ärger]false"},
		{"label", "al", "[alpha]false"},
		{"label", "alpha", "[alpha]false"},
		{"label", "alphabet", "[]false"},
		{"label", "5%", "[]false"},
		{"label", "50%", "[50%]false"},
		{"label", "a_", "[a_c]false"},
		{"label", "%", "[]false"},
		{"label", "ä", "[ärger]false"},
		{"label", "' OR 1=1 --", "[]false"},
		{"size", "12", "[12 120]false"},
	}
	for _, tt := range tests {
		if got := b.completion(ref, tt.argument, tt.value, ""); got.completed() != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.argument, tt.value, got.Body, tt.want)
		}
	}
	for i := range 150 {
		add(fmt.Sprintf("z%03d", i), 1, "ann")
	}
	c := b.completion(ref, "label", "z", "").Result["completion"].(map[string]any)
	if values := c["values"].([]any); len(values) != 100 || values[99] != "z099" || c["hasMore"] != true {
		t.Error(c)
	}
}

func TestCompletionRevealsNothingThatAReadWouldRefuse(t *testing.T) {
	b := setup(t)
	b.seed(1)
	asked := 0
	limited := mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: mcpecho.Func(func(_ *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if asked++; asked > 1 {
			return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "slow down"}
		}
		return next(ec)
	})}
	type in struct {
		Name string `json:"name" validate:"required"`
	}
	b.srv.Add(mcpecho.Resource("w://{name}", func(*mcpecho.Call, in) (string, error) { return "", nil }, permission("w"), limited,
		mcpecho.CompleteColumn("name", "name", func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&widget{}) })))
	r := b.completion(refTemplate, "name", "", "")
	expect(t, r, http.StatusForbidden, http.StatusForbidden)
	if strings.Contains(r.Body, "w1") || asked != 0 {
		t.Error(r.Body)
	}
	b.user = &mcpecho.Principal{Subject: "ann", Scopes: []string{"w"}}
	if r := b.completion(refTemplate, "name", "", ""); r.completed() != "[w1]false" {
		t.Error(r.Body)
	}
	expect(t, b.completion(refTemplate, "name", "", ""), http.StatusOK, http.StatusTooManyRequests)
}

func TestACompleterThatFailsRevealsNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Prompt("summarise", summarise,
		mcpecho.Complete("tone", func(*mcpecho.Call, string, map[string]string) ([]string, error) { panic("dsn=secret") }),
		mcpecho.Complete("period", func(*mcpecho.Call, string, map[string]string) ([]string, error) { return []string{"\xff"}, nil })))
	for _, argument := range []string{"tone", "period"} {
		r := b.completion(refPrompt, argument, "", "")
		expect(t, r, http.StatusOK, -32603)
		if strings.Contains(r.Body, "secret") {
			t.Error(r.Body)
		}
	}
}
