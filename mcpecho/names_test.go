package mcpecho_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// listed are the names in a list of b.
func (b *bundle) listed(method, member string) (names []string) {
	b.t.Helper()
	all, _ := b.modern(method, "").Result[member].([]any)
	for _, e := range all {
		names = append(names, e.(map[string]any)["name"].(string))
	}
	return names
}

func TestToolsAndPromptsAreListedAndCalledByPortableNames(t *testing.T) {
	b := setup(t)
	var written []string
	tell := func(c *mcpecho.Call, _ none) (string, error) {
		written = append(written, c.Name())
		return "hello", nil
	}
	b.srv.Add(mcpecho.Service("w.x-y.z_1", tell), mcpecho.Prompt("p.q", tell), mcpecho.Service("plain", tell))
	if got := fmt.Sprint(b.listed("tools/list", "tools"), b.listed("prompts/list", "prompts")); got != "[w_x-y_z_1 plain] [p_q]" {
		t.Fatal(got)
	}
	session := b.initialize()
	for name, r := range map[string]reply{
		"modern": b.modern("tools/call", `"name":"w_x-y_z_1"`, "Mcp-Name", "w_x-y_z_1"),
		"dated":  b.dated(session, "tools/call", `"name":"w_x-y_z_1"`),
		"prompt": b.modern("prompts/get", `"name":"p_q"`, "Mcp-Name", "p_q"),
	} {
		if r.Error != nil || r.Result["isError"] == true {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	for _, name := range written {
		if name != "w.x-y.z_1" && name != "p.q" {
			t.Errorf("the program sees %q", name)
		}
	}
	if len(written) != 3 {
		t.Errorf("ran %v", written)
	}
}

func TestTheWrittenNameIsRefusedWithTheListedOne(t *testing.T) {
	b := setup(t)
	ran := false
	tell := func(*mcpecho.Call, none) (string, error) { ran = true; return "", nil }
	b.srv.Add(mcpecho.Service("w.grow", tell), mcpecho.Prompt("p.q", func(*mcpecho.Call, struct {
		A string `json:"a"`
	}) (string, error) {
		ran = true
		return "", nil
	}, mcpecho.Complete("a", func(*mcpecho.Call, string, map[string]string) ([]string, error) { ran = true; return nil, nil })))
	for want, r := range map[string]reply{
		`unknown tool "w.grow"; it is listed as "w_grow"`: b.modern("tools/call", `"name":"w.grow"`, "Mcp-Name", "w.grow"),
		`unknown tool "w_grwo"; did you mean "w_grow"?`:   b.modern("tools/call", `"name":"w_grwo"`, "Mcp-Name", "w_grwo"),
		`unknown prompt "p.q"; it is listed as "p_q"`:     b.modern("prompts/get", `"name":"p.q"`, "Mcp-Name", "p.q"),
	} {
		if r.Error == nil || r.Error.Code != -32602 || r.Error.Message != want {
			t.Errorf("%s: %s", want, r.Body)
		}
	}
	ref := `"ref":{"type":"ref/prompt","name":%q},"argument":{"name":"a","value":""}`
	if r := b.modern("completion/complete", fmt.Sprintf(ref, "p.q")); r.Error == nil || !strings.Contains(r.Error.Message, `"p_q"`) {
		t.Error(r.Body)
	}
	if ran {
		t.Error("a written name ran something")
	}
	if r := b.modern("completion/complete", fmt.Sprintf(ref, "p_q")); r.Error != nil || !ran {
		t.Error(r.Body)
	}
}

func TestNamesAsWrittenAreListedAndCalledAsWritten(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ToolNames = mcpecho.NamesAsWritten })
	long := strings.Repeat("a.", 60)
	b.srv.Add(mcpecho.Service("w.grow", say("grown")), mcpecho.Service("w_grow", say("another")), mcpecho.Service(long, say("long")))
	if got := fmt.Sprint(b.listed("tools/list", "tools")); got != "[w.grow w_grow "+long+"]" {
		t.Error(got)
	}
	if r := b.modern("tools/call", `"name":"w.grow"`, "Mcp-Name", "w.grow"); r.text() != "grown" {
		t.Error(r.Body)
	}
	var out strings.Builder
	b.srv.Fprint(&out)
	if strings.Contains(out.String(), "listed as") {
		t.Error(out.String())
	}
}

func TestAClientReadsListedNamesInMessages(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Retrieve[widget]("w.get", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }))
	if got := b.call("w.get", `{}`).failure(t)["message"]; got != "w_get: no matching row found" {
		t.Errorf("message %q", got)
	}
	if log := b.log.String(); !strings.Contains(log, "spec=w.get") {
		t.Errorf("the log has another name than the program: %s", log)
	}
}

func TestNamesThatClientsCannotTellApartAreRefused(t *testing.T) {
	group := func(prefix, name string) func(*mcpecho.Server) error {
		return func(s *mcpecho.Server) error { return s.Group(prefix).AddSafely(mcpecho.Service(name, say(""))) }
	}
	tests := map[string]struct {
		add  func(*mcpecho.Server) error
		want string
	}{
		"one listed name": {group("", "w_grow"), `cannot add service "w_grow": clients see it as "w_grow", and so they see "w.grow"`},
		"within one Add": {func(s *mcpecho.Server) error {
			return s.AddSafely(mcpecho.Service("a.b", say("")), mcpecho.Service("a_b", say("")))
		}, `and so they see "a.b"`},
		"the same name": {group("w", "grow"), `cannot add service "w.grow": a tool of that name exists`},
		"65 characters": {group(strings.Repeat("g", 32), strings.Repeat("n", 32)), "has 65 characters, and model APIs take 64"},
		"a space":       {group("", "w grow"), "ASCII letters"},
		"no name":       {group("", ""), "ASCII letters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("w.grow", say("")), mcpecho.Prompt("w.grow", say("")))
			if err := tt.add(b.srv); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := fmt.Sprint(b.listed("tools/list", "tools")); got != "[w_grow]" {
				t.Errorf("after the refusal %s are listed", got)
			}
		})
	}
	b := setup(t)
	if err := group("", strings.Repeat("n", 64))(b.srv); err != nil {
		t.Error(err)
	}
	b.srv.Remove(strings.Repeat("n", 64))
	if err := group("", strings.Repeat("n", 64))(b.srv); err != nil {
		t.Errorf("a removed name is still taken: %v", err)
	}
}

func TestADotStandsBetweenAGroupAndAName(t *testing.T) {
	b := setup(t)
	articles := b.srv.Group("articles")
	articles.Add(mcpecho.Service("list", say("")))
	articles.Group("drafts.").Add(mcpecho.Service("list", say("")))
	articles.Group("").Add(mcpecho.Service("get", say("")))
	b.srv.Group("dotted.").Add(mcpecho.Prompt("list", say("")))
	for _, name := range []string{"articles.list", "articles.drafts.list", "articles.get", "dotted.list"} {
		if _, ok := b.srv.Chain(name); !ok {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestAResourceHasANameOfItsOwn(t *testing.T) {
	b := setup(t)
	var names []string
	tell := func(c *mcpecho.Call, _ none) (string, error) { names = append(names, c.Name()); return "", nil }
	get := mcpecho.Retrieve[widget]("get", func(c *mcpecho.Call, _ byPK) (*gorm.DB, error) { return c.DB(), nil })
	g := b.srv.Group("w")
	g.Add(mcpecho.Resource("w://stats", tell, mcpecho.Name("stats")), mcpecho.Resource("w://plain", tell),
		get.AsResource("w://{pk}", mcpecho.Name("widget")), get.AsResource("v://{pk}"))
	if got := fmt.Sprint(b.listed("resources/list", "resources"), b.listed("resources/templates/list", "resourceTemplates")); got != "[w.stats w://plain] [w.widget w.get]" {
		t.Error(got)
	}
	b.modern("resources/read", `"uri":"w://stats"`, "Mcp-Name", "w://stats")
	if fmt.Sprint(names) != "[w.stats]" {
		t.Errorf("the call is named %v", names)
	}
	b.srv.Remove("w.stats")
	if r := b.modern("resources/read", `"uri":"w://stats"`, "Mcp-Name", "w://stats"); r.Error == nil {
		t.Error("a resource is removed by its name, and was read")
	}
	for want, spec := range map[string]*mcpecho.Spec{
		"Name is for resources: a tool has": mcpecho.Service("x", tell, mcpecho.Name("y")),
		"ASCII letters":                     mcpecho.Resource("x://y", tell, mcpecho.Name("a b")),
	} {
		if err := b.srv.AddSafely(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTheNameHeaderHasTheListedName(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.grow", say("grown")))
	if r := b.modern("tools/call", `"name":"w_grow"`, "Mcp-Name", "w.grow"); r.Status != http.StatusBadRequest || r.Error.Code != -32020 {
		t.Error(r.Body)
	}
}
