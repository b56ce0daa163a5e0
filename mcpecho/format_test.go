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

const (
	widgetsJSON = `[{"id":1,"name":"w1","size":0},{"id":2,"name":"w2","size":1}]`
	widgetsTOON = "# format: toon\n```toon\n[2]{id,name,size}:\n  1,w1,0\n  2,w2,1\n```"
)

func TestTheFormatOfTheTextIsChosenBySpecServerAndRequest(t *testing.T) {
	tests := map[string]struct {
		config, spec mcpecho.OutputFormat
		request      string
		list, one    string
	}{
		"json by default":       {list: widgetsJSON, one: `"plain"`},
		"server toon":           {config: mcpecho.FormatTOON, list: widgetsTOON},
		"spec wins over server": {config: mcpecho.FormatTOON, spec: mcpecho.FormatJSON, list: widgetsJSON},
		"request wins":          {config: mcpecho.FormatTOON, spec: mcpecho.FormatTOON, request: `"outputFormat":"json",`, list: widgetsJSON},
		"request toon":          {request: `"outputFormat":"toon",`, list: widgetsTOON},
		"auto, a uniform list":  {request: `"outputFormat":"auto",`, list: widgetsTOON},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) { c.OutputFormat = tt.config })
			b.seed(2)
			var opts []mcpecho.Option
			if tt.spec != "" {
				opts = append(opts, mcpecho.Format(tt.spec))
			}
			b.srv.Add(mcpecho.Selector[widget]("list", widgets, opts...))
			r := b.modern("tools/call", tt.request+`"name":"list"`, "Mcp-Name", "list")
			if r.text() != tt.list {
				t.Errorf("text = %q", r.text())
			}
			if fmt.Sprint(r.Result["structuredContent"]) != "[map[id:1 name:w1 size:0] map[id:2 name:w2 size:1]]" {
				t.Error("the format changed structuredContent: ", r.Body)
			}
			if r := b.dated(b.initialize(), "tools/call", tt.request+`"name":"list"`); r.text() != tt.list {
				t.Errorf("dated text = %q", r.text())
			}
		})
	}
}

func TestAutoIsJSONForWhatIsNoUniformList(t *testing.T) {
	type row struct {
		A int  `json:"a"`
		B *int `json:"b,omitzero"`
	}
	seven := 7
	b := setup(t)
	auto := mcpecho.Format(mcpecho.FormatAuto)
	b.srv.Add(
		mcpecho.Service("object", say(row{A: 1}), auto), mcpecho.Service("empty", say([]row{}), auto),
		mcpecho.Service("mixed", say([]row{{A: 1}, {A: 2, B: &seven}}), auto), mcpecho.Service("numbers", say([]int{1, 2}), auto),
		mcpecho.Service("text", say("a,b"), mcpecho.Format(mcpecho.FormatTOON)),
		mcpecho.Service("fails", func(*mcpecho.Call, none) ([]row, error) { return nil, mcpecho.Errorf("no") }, mcpecho.Format(mcpecho.FormatTOON)),
	)
	for tool, want := range map[string]string{"object": `{"a":1}`, "empty": `[]`, "mixed": `[{"a":1},{"a":2,"b":7}]`, "numbers": `[1,2]`, "text": "a,b"} {
		if got := b.call(tool, `{}`).text(); got != want {
			t.Errorf("%s: %q, want %q", tool, got, want)
		}
	}
	if f := b.call("fails", `{}`).failure(t); f["message"] != "no" {
		t.Error(f)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	b := setup(t)
	ran := 0
	b.srv.Add(mcpecho.Service("t", say("x"), mcpecho.Named("count", counting(&ran))))
	for _, format := range []string{`"xml"`, `"JSON"`, `""`, `null`, `7`, `["toon"]`} {
		expect(t, b.modern("tools/call", `"name":"t","outputFormat":`+format, "Mcp-Name", "t"), http.StatusOK, -32602)
	}
	if ran != 0 {
		t.Error("the tool ran")
	}
	// A name is what a parser reads, however it is spelt.
	expect(t, b.modern("tools/call", `"name":"t","output\u0046orma\u0074":"xml"`, "Mcp-Name", "t"), http.StatusOK, -32602)
	if ran != 0 {
		t.Error("the tool ran")
	}
	// Only the member of params counts.
	if r := b.modern("tools/call", `"name":"t","arguments":{"outputFormat":"xml"}`, "Mcp-Name", "t"); r.Error != nil || r.failure(t)["type"] != mcpecho.TypeValidation {
		t.Error(r.Body)
	}
	if err := b.srv.AddSafely(mcpecho.Service("u", say("x"), mcpecho.Format("xml"))); err == nil || !strings.Contains(err.Error(), `output format "xml"`) {
		t.Errorf("error = %v", err)
	}
}

func TestTextIsTheSummaryInstead(t *testing.T) {
	b := setup(t)
	b.seed(2)
	cached := mcpecho.Named("cache", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return c.JSON(http.StatusOK, widget{ID: 9, Name: "cached"}) }
	})
	name := mcpecho.Text(func(w widget) string { return "widget " + w.Name })
	type badge struct {
		Label string `json:"label"`
	}
	label := mcpecho.Step{Name: "serialize", Stage: mcpecho.StageSerialize, Single: true, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if err := c.Serialize(func(v any) (any, error) { return badge{v.(widget).Name}, nil }); err != nil {
			return err
		}
		return next(ec)
	})}
	b.srv.Add(
		mcpecho.Service("mapped", say(widget{Name: "x"}), label, name, mcpecho.OutputSchema(false), mcpecho.Format(mcpecho.FormatTOON)),
		mcpecho.Service("service", say(widget{Name: "x"}), name),
		mcpecho.Retrieve[widget]("retrieve", widgetByPK, name),
		mcpecho.Retrieve[widget]("nullable", widgetByPK, name, mcpecho.Nullable()),
		mcpecho.Selector[widget]("list", widgets, mcpecho.Text(func(w []widget) string { return fmt.Sprint(len(w), " widgets") })),
		mcpecho.Service("cached", say(widget{}), name, cached),
		mcpecho.Service("panics", say(widget{}), mcpecho.Text(func(widget) string { panic("dsn=secret") })),
	)
	tests := map[string]struct{ arguments, text, structured string }{
		"mapped":   {`{}`, "widget x", "map[label:x]"},
		"service":  {`{}`, "widget x", "map[id:0 name:x size:0]"},
		"retrieve": {`{"pk":2}`, "widget w2", "map[id:2 name:w2 size:1]"},
		"nullable": {`{"pk":99}`, "null", "<nil>"},
		"list":     {`{}`, "2 widgets", "[map[id:1 name:w1 size:0] map[id:2 name:w2 size:1]]"},
		"cached":   {`{}`, `{"id":9,"name":"cached","size":0}`, "map[id:9 name:cached size:0]"},
	}
	for tool, tt := range tests {
		r := b.call(tool, tt.arguments)
		if r.text() != tt.text || fmt.Sprint(r.Result["structuredContent"]) != tt.structured || r.Result["isError"] != nil {
			t.Errorf("%s: %s", tool, r.Body)
		}
	}
	if f := b.call("panics", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
		t.Error(f)
	}
	err := b.srv.AddSafely(mcpecho.Service("wrong", say(1), name))
	if err == nil || !strings.Contains(err.Error(), "Text is for a mcpecho_test.widget, the service returns a int") {
		t.Errorf("error = %v", err)
	}
}

func TestStructuredContentAndOutputSchemaAreTurnedOffApart(t *testing.T) {
	type settings struct {
		noContent, noSchema bool
		opts                []mcpecho.Option
		content, schema     bool
		refused             string
	}
	with := func(o ...mcpecho.Option) []mcpecho.Option { return o }
	content, schema := mcpecho.StructuredContent, mcpecho.OutputSchema
	const forbidden = "an output schema without structured content is forbidden"
	tests := map[string]settings{
		"by default":                         {content: true, schema: true},
		"spec without schema":                {opts: with(schema(false)), content: true},
		"spec without content":               {opts: with(content(false))},
		"spec without both":                  {opts: with(content(false), schema(false))},
		"spec: schema without content":       {opts: with(content(false), schema(true)), refused: forbidden},
		"server without schema":              {noSchema: true, content: true},
		"server without content":             {noContent: true},
		"server without schema, spec with":   {noSchema: true, opts: with(schema(true)), content: true, schema: true},
		"server without content, spec with":  {noContent: true, opts: with(content(true)), content: true, schema: true},
		"server without content, its schema": {noContent: true, opts: with(schema(true)), refused: forbidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) { c.NoStructuredContent, c.NoOutputSchema = tt.noContent, tt.noSchema })
			err := b.srv.AddSafely(mcpecho.Service("t", say(widget{Name: "x"}), tt.opts...))
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("error = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			session := b.initialize()
			for _, list := range []reply{b.modern("tools/list", ""), b.dated(session, "tools/list", "")} {
				if got := strings.Contains(list.Body, `"outputSchema"`); got != tt.schema {
					t.Errorf("outputSchema %v, want %v", got, tt.schema)
				}
			}
			for _, r := range []reply{b.call("t", `{}`), b.dated(session, "tools/call", `"name":"t"`)} {
				if got := r.Result["structuredContent"] != nil; got != tt.content || r.text() != `{"id":0,"name":"x","size":0}` {
					t.Errorf("structuredContent %v, want %v: %s", got, tt.content, r.Body)
				}
			}
		})
	}
}

func TestANullableRetrieveIsANullTextAsAResource(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Retrieve[widget]("w", widgetByPK, mcpecho.Nullable()).AsResource("w://{pk}"))
	if got := b.read("w://5").contents(t); got["text"] != "null" || got["mimeType"] != "application/json" {
		t.Error(got)
	}
}

func TestTheTextOfAPageIsSummarisedByItsRows(t *testing.T) {
	type page struct {
		Items []widget `json:"items"`
	}
	b := setup(t)
	b.seed(3)
	envelope := mcpecho.Step{Name: "paginate", Stage: mcpecho.StagePaginate, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		c.SetQuery(c.Query().Limit(2))
		c.SetEnvelope(func(rows, _ any) (any, error) { return page{rows.([]widget)}, nil })
		return next(ec)
	})}
	b.srv.Add(mcpecho.Selector[widget]("list", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB().Order("id"), nil },
		envelope, mcpecho.Text(func(w []widget) string { return fmt.Sprint(len(w), " widgets") })))
	if r := b.call("list", `{}`); r.text() != "2 widgets" {
		t.Error(r.Body)
	}
}
