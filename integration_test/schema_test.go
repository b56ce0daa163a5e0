package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
)

// request is a request to the example, and what the wire schema of the protocol calls its answer.
type request struct {
	method, name, params string
	answer               string
	only                 string // "modern" or "dated" for what is not on both wires
}

// everything has each kind of answer that the example can give.
var everything = []request{
	{"server/discover", "", ``, "DiscoverResult", "modern"},
	{"ping", "", ``, "EmptyResult", "dated"},
	{"logging/setLevel", "", `"level":"debug"`, "EmptyResult", "dated"},
	{"resources/subscribe", "", `"uri":"invoices://1"`, "EmptyResult", "dated"},
	{"resources/unsubscribe", "", `"uri":"invoices://1"`, "EmptyResult", "dated"},
	{"tools/list", "", ``, "ListToolsResult", ""},
	{"resources/list", "", ``, "ListResourcesResult", ""},
	{"resources/templates/list", "", ``, "ListResourceTemplatesResult", ""},
	{"prompts/list", "", ``, "ListPromptsResult", ""},
	call("invoices_create", `{"number":"B-1","amount_cents":9007199254740993}`),
	call("invoices_mark_sent", `{"pk":1}`),
	call("invoices_create_and_send", `{"number":"B-2","amount_cents":0}`),
	call("invoices_list", `{"ordering":["-amount_cents"],"limit":2}`),
	call("invoices_list", `{"page":9,"sent":false}`),
	call("invoices_get", `{"pk":1}`),
	call("invoices_total", `{}`),
	call("invoices_chart", `{}`),
	call("invoices_export", `{}`),
	call("invoices_export", `{},"_meta":{"progressToken":"p"}`),
	call("invoices_get", `{"pk":999}`),
	call("invoices_create", `{"numbr":1}`),
	call("invoices_create", `{"number":"A-1","amount_cents":1}`),
	call("invoices_create_and_send", `{"number":"A-1","amount_cents":1}`),
	{"resources/read", "invoices://stats", `"uri":"invoices://stats"`, "ReadResourceResult", ""},
	{"resources/read", "invoices://1", `"uri":"invoices://1"`, "ReadResourceResult", ""},
	{"prompts/get", "summarise", `"name":"summarise","arguments":{"period":"2026-11"}`, "GetPromptResult", ""},
	{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"period","value":"2"}`, "CompleteResult", ""},
	{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"tone","value":"x"}`, "CompleteResult", ""},
	{"completion/complete", "", `"ref":{"type":"ref/resource","uri":"invoices://{pk}"},"argument":{"name":"pk","value":""}`, "CompleteResult", ""},
	{"tools/call", "nothing", `"name":"nothing"`, "error", ""},
	{"resources/read", "invoices://999", `"uri":"invoices://999"`, "error", ""},
	{"resources/read", "invoices://x", `"uri":"invoices://x"`, "error", ""},
	{"prompts/get", "summarise", `"name":"summarise"`, "error", ""},
	{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"x","value":""}`, "error", ""},
	{"tools/list", "", `"cursor":"x"`, "error", ""},
	{"nothing", "", ``, "error", ""},
	{"tools/call", "another", `"name":"invoices_total"`, "HeaderMismatchError", "modern"},
}

func call(tool, arguments string) request {
	return request{"tools/call", tool, `"name":"` + tool + `","arguments":` + arguments, "CallToolResult", ""}
}

// versions are the revisions whose results differ or whose schemas do.
var versions = []string{"2026-07-28", "2025-11-25", "2025-06-18"}

// on says whether a request is for the wire of a version.
func (r request) on(version string) bool {
	return r.only == "" || (r.only == "modern") == (version == "2026-07-28")
}

// send sends the request, which may have a _meta of its own.
func (r request) send(s *site, version string) answer {
	params := r.params
	if version == "2026-07-28" {
		params = strings.Replace(params, `"_meta":{`, strings.TrimSuffix(rawhttp.Meta, "}")+`,`, 1)
	}
	if params == r.params {
		return s.ask(version, s.token("ann", writer), r.method, r.name, params)
	}
	return s.post(rawhttp.Header(s.token("ann", writer), r.method, r.name), `{"jsonrpc":"2.0","id":1,"method":"`+r.method+`","params":{`+params+`}}`)
}

// officialSchemas is where the wire schemas of the protocol may be found, from the root of the
// repository.
const officialSchemas = "../shared/protocol/schema"

// definitions loads the wire schema of a version; a definition is resolved by its name.
func definitions(t *testing.T, version string) func(name string) *jsonschema.Resolved {
	t.Helper()
	file := filepath.Join("..", officialSchemas, version+".json")
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("no %s beside the repository: get it from the specification's repository, folder schema", filepath.Join(officialSchemas, version+".json"))
	} else if err != nil {
		t.Fatal(err)
	}
	resolved := map[string]*jsonschema.Resolved{}
	return func(name string) *jsonschema.Resolved {
		t.Helper()
		if resolved[name] != nil {
			return resolved[name]
		}
		var root jsonschema.Schema
		if err := json.Unmarshal(b, &root); err != nil {
			t.Fatal(err)
		}
		root.Schema = ""
		switch {
		case root.Defs[name] != nil:
			root.Ref = "#/$defs/" + name
		case root.Definitions[name] != nil:
			root.Ref = "#/definitions/" + name
		default:
			t.Fatalf("%s defines no %s", file, name)
		}
		r, err := root.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		resolved[name] = r
		return r
	}
}

// value decodes JSON as the validator wants it.
func value(t *testing.T, data jsontext.Value) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryAnswerFitsTheOfficialSchema(t *testing.T) {
	notifications := map[string]string{"notifications/progress": "ProgressNotification", "notifications/message": "LoggingMessageNotification"}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			def := definitions(t, version)
			s := start(t, func(srv *mcpecho.Server) {
				srv.Add(mcpecho.Service("narrate", func(c *mcpecho.Call, _ empty) (string, error) {
					c.Log(mcpecho.LogError, map[string]int{"line": 7})
					return "told", nil
				}, mcpecho.Describe("Tells.")))
			})
			check := func(what, name string, data jsontext.Value) {
				t.Helper()
				if err := def(name).Validate(value(t, data)); err != nil {
					t.Errorf("%s is no %s: %v\n%.1000s", what, name, err, data)
				}
			}
			// message checks one message of an answer by what it is.
			message := func(r request, data jsontext.Value) (kind string) {
				t.Helper()
				var m struct {
					Method        string
					Result, Error jsontext.Value
				}
				if err := json.Unmarshal(data, &m, json.MatchCaseInsensitiveNames(true)); err != nil {
					t.Fatal(err)
				}
				what := r.method + " " + r.name
				switch {
				case m.Method != "":
					check(what, notifications[m.Method], data)
					return notifications[m.Method]
				case m.Error != nil && version == "2025-06-18":
					check(what, "JSONRPCError", data)
				case m.Error != nil:
					check(what, "JSONRPCErrorResponse", data)
				default:
					check(what, r.answer, m.Result)
				}
				if isError := m.Error != nil; isError != strings.HasSuffix(r.answer, "rror") {
					t.Errorf("%s: %s", what, data)
				} else if isError && r.answer != "error" {
					check(what, r.answer, data) // these are whole messages
				}
				return r.answer
			}

			seen := map[string]bool{}
			for _, r := range everything {
				if !r.on(version) {
					continue
				}
				a := r.send(s, version)
				if len(a.Messages) == 0 {
					t.Fatalf("%s %s: %d %s", r.method, r.name, a.Status, a.Body)
				}
				for _, data := range a.Messages {
					seen[message(r, data)] = true
				}
			}
			if !seen["ProgressNotification"] {
				t.Error("no progress was reported")
			}
			narrated := call("narrate", `{},"_meta":{"io.modelcontextprotocol/logLevel":"debug"}`)
			var a answer
			if version == "2026-07-28" {
				a = narrated.send(s, version)
				unsupported := strings.ReplaceAll(rawhttp.Call("narrate", `{}`), "2026-07-28", "2099-01-01")
				header := rawhttp.Header(s.token("ann", reader), "tools/call", "narrate")
				header.Set("Mcp-Protocol-Version", "2099-01-01")
				refused := s.post(header, unsupported)
				message(request{"tools/call", "", "", "UnsupportedProtocolVersionError", ""}, refused.Messages[0])
			} else {
				header, initialized := s.initialize(s.token("ann", reader), version)
				message(request{"initialize", "", "", "InitializeResult", ""}, initialized.Messages[0])
				s.post(header, `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`)
				a = s.post(header, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"narrate"}}`)
			}
			for _, data := range a.Messages {
				seen[message(narrated, data)] = true
			}
			if !seen["LoggingMessageNotification"] {
				t.Errorf("no log message was sent: %s", a.Body)
			}
		})
	}
}

func TestTheOfficialSchemasTellGoodFromBad(t *testing.T) {
	for _, version := range versions {
		def := definitions(t, version)
		for name, bad := range map[string]string{
			"CallToolResult": `{"resultType":"complete","content":[{"type":"image","data":"AA=="}]}`, "ListToolsResult": `{"resultType":"complete","ttlMs":0,"cacheScope":"public","tools":[{"name":"x"}]}`,
			"ReadResourceResult": `{"resultType":"complete","ttlMs":0,"cacheScope":"public","contents":[{"text":"x"}]}`, "CompleteResult": `{"resultType":"complete","completion":{}}`,
		} {
			if def(name).Validate(value(t, jsontext.Value(bad))) == nil {
				t.Errorf("%s: %s passes for a %s", version, bad, name)
			}
		}
	}
}

// toolsOf are the output schemas of the tools that a version lists, nil for a tool without one.
func (s *site) toolsOf(t *testing.T, version string) map[string]*jsonschema.Resolved {
	t.Helper()
	a := s.ask(version, s.token("ann", reader), "tools/list", "", "")
	var list struct {
		Result struct {
			Tools []struct {
				Name   string             `json:"name"`
				Output *jsonschema.Schema `json:"outputSchema"`
			} `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		t.Fatal(err)
	}
	tools := map[string]*jsonschema.Resolved{}
	for _, tool := range list.Result.Tools {
		tools[tool.Name] = nil
		if tool.Output != nil {
			resolved, err := tool.Output.Resolve(nil)
			if err != nil {
				t.Fatalf("%s: %v", tool.Name, err)
			}
			tools[tool.Name] = resolved
		}
	}
	return tools
}

func TestEveryStructuredContentFitsTheOutputSchemaThatIsListed(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			s := start(t)
			tools := s.toolsOf(t, version)
			var called []string
			for _, r := range everything {
				if r.answer != "CallToolResult" {
					continue
				}
				schema, listed := tools[r.name]
				if called = append(called, r.name); !listed {
					t.Fatalf("%s is not listed", r.name)
				}
				a := r.send(s, version)
				if a.Status != http.StatusOK || a.Result == nil {
					t.Fatalf("%s: %d %s", r.name, a.Status, a.Body)
				}
				// A failure has none; what is not an object has none before 2026-07-28.
				if structured := a.Result.Structured != nil; structured != (schema != nil && !a.Result.IsError) {
					t.Errorf("%s: structured content %v, an output schema %v: %.300s", r.name, structured, schema != nil, a.Body)
				}
				if schema == nil || a.Result.IsError {
					continue
				}
				if err := schema.Validate(value(t, a.Result.Structured)); err != nil {
					t.Errorf("%s: %v\n%s", r.name, err, a.Result.Structured)
				}
			}
			for tool := range tools {
				if !slices.Contains(called, tool) {
					t.Errorf("%s is never called", tool)
				}
			}
		})
	}
}
