package integration_test

import (
	"encoding/base64"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

func TestAURIThatNamesNothingIsNotFound(t *testing.T) {
	s := start(t)
	token := s.token("ann", reader)
	uris := map[string]string{
		"no such row":               "invoices://999",
		"another scheme":            "orders://1",
		"another case":              "INVOICES://1",
		"no scheme":                 "1",
		"nothing at all":            "x",
		"two segments":              "invoices://a/b",
		"a trailing slash":          "invoices://1/",
		"a trailing space":          "invoices://1 ",
		"a query":                   "invoices://1?x=1",
		"a fragment":                "invoices://1#x",
		"traversal":                 "invoices://../1",
		"traversal, encoded slash":  "invoices://..%2f1",
		"traversal, encoded dots":   "invoices://%2e%2e",
		"traversal, all encoded":    "invoices://%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
		"traversal to another":      "invoices://x/../stats",
		"a dot":                     "invoices://.",
		"an encoded slash":          "invoices://1%2f2",
		"an encoded backslash":      "invoices://..%5c1",
		"an encoded NUL":            "invoices://1%00",
		"an encoded line break":     "invoices://1%0a",
		"not UTF-8 when decoded":    "invoices://%ff",
		"a broken escape":           "invoices://%zz",
		"the template itself":       "invoices://{pk}",
		"longer than any":           "invoices://" + strings.Repeat("1", 9<<10),
		"a file":                    "file:///etc/passwd",
		"a script":                  "javascript:alert(1)",
		"the statistics, and more":  "invoices://stats/1",
		"an expression of the kind": "invoices://{+pk}",
	}
	for name, uri := range uris {
		for version, code := range map[string]int{"2026-07-28": -32602, "2025-11-25": -32002} {
			t.Run(name+" "+version, func(t *testing.T) {
				a := s.ask(version, token, "resources/read", uri, `"uri":`+rawhttp.Quote(uri))
				var data struct{ URI string }
				if a.Error == nil || json.Unmarshal(a.Error.Data, &data, json.MatchCaseInsensitiveNames(true)) != nil {
					t.Fatalf("status %d: %s", a.Status, a.Body)
				}
				if a.code() != code || !strings.HasPrefix(uri, strings.TrimSuffix(data.URI, "…")) || data.URI == "" {
					t.Errorf("code %d, want %d, data %s", a.code(), code, a.Error.Data)
				}
			})
		}
	}
}

func TestAURIVariableIsValidatedLikeAnArgument(t *testing.T) {
	s := start(t)
	token := s.token("ann", reader)
	for _, version := range protocols {
		for uri, rule := range map[string]string{
			"invoices://abc": "type", "invoices://1.5": "type", "invoices://1e3": "type", "invoices://true": "type", "invoices://0x1": "type",
			"invoices://9223372036854775808": "range", "invoices://%73tats": "type", "invoices://1%20OR%201%3D1": "type", "invoices://%2A": "type", "invoices://1,2": "duplicate",
		} {
			t.Run(uri+" "+version, func(t *testing.T) {
				a := s.ask(version, token, "resources/read", uri, `"uri":`+rawhttp.Quote(uri))
				var data struct {
					URI    string       `json:"uri"`
					Fields []fieldError `json:"fields"`
				}
				if a.code() != -32602 || json.Unmarshal(a.Error.Data, &data, json.MatchCaseInsensitiveNames(true)) != nil ||
					data.URI != uri || len(data.Fields) != 1 || data.Fields[0].Path != "pk" || data.Fields[0].Rule != rule {
					t.Errorf("want rule %s: %s", rule, a.Body)
				}
			})
		}
		t.Run("an escaped digit "+version, func(t *testing.T) {
			if a := s.ask(version, token, "resources/read", "invoices://%31", `"uri":"invoices://%31"`); a.code() != 0 || !strings.Contains(a.Body, `\"number\":\"A-1\"`) {
				t.Errorf("%s", a.Body)
			}
		})
	}
}

func TestMalformedRequestsForResourcesAndPromptsAreRefused(t *testing.T) {
	s := start(t)
	token := s.token("ann", reader)
	tests := map[string]struct{ method, name, params, data string }{
		"uri is a number":         {"resources/read", "1", `"uri":1`, ""},
		"uri is missing":          {"resources/read", "invoices://1", ``, ""},
		"unknown prompt":          {"prompts/get", "summarize", `"name":"summarize"`, ""},
		"prompt name missing":     {"prompts/get", "summarise", ``, ""},
		"missing argument":        {"prompts/get", "summarise", `"name":"summarise"`, `"missing":["period"]`},
		"missing, empty object":   {"prompts/get", "summarise", `"name":"summarise","arguments":{}`, `"missing":["period"]`},
		"missing beside a wrong":  {"prompts/get", "summarise", `"name":"summarise","arguments":{"tone":"angry"}`, `"missing":["period"]`},
		"wrong period":            {"prompts/get", "summarise", `"name":"summarise","arguments":{"period":"soon"}`, `"path":"period"`},
		"wrong tone":              {"prompts/get", "summarise", `"name":"summarise","arguments":{"period":"2026-11","tone":"angry"}`, `"path":"tone"`},
		"unknown argument":        {"prompts/get", "summarise", `"name":"summarise","arguments":{"period":"2026-11","ton":"blunt"}`, `did you mean`},
		"argument is a number":    {"prompts/get", "summarise", `"name":"summarise","arguments":{"period":2026}`, ""},
		"arguments is an array":   {"prompts/get", "summarise", `"name":"summarise","arguments":["2026-11"]`, ""},
		"completion: argument":    {"completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"mood","value":""}`, `"completable":["period","tone"]`},
		"completion: prompt":      {"completion/complete", "", `"ref":{"type":"ref/prompt","name":"sumarise"},"argument":{"name":"tone","value":""}`, ""},
		"completion: template":    {"completion/complete", "", `"ref":{"type":"ref/resource","uri":"orders://{pk}"},"argument":{"name":"pk","value":""}`, ""},
		"completion: a fixed URI": {"completion/complete", "", `"ref":{"type":"ref/resource","uri":"invoices://stats"},"argument":{"name":"pk","value":""}`, ""},
		"completion: a tool":      {"completion/complete", "", `"ref":{"type":"ref/tool","name":"invoices_get"},"argument":{"name":"pk","value":""}`, ""},
		"completion: nothing":     {"completion/complete", "", ``, ""},
		"completion: a number":    {"completion/complete", "", `"ref":{"type":"ref/prompt","name":"summarise"},"argument":{"name":"tone","value":7}`, ""},
		"cursor of nothing":       {"resources/list", "", `"cursor":"x"`, ""},
		"cursor is a number":      {"prompts/list", "", `"cursor":1`, ""},
		"cursor is empty":         {"resources/templates/list", "", `"cursor":""`, ""},
	}
	for name, tt := range tests {
		for _, version := range protocols {
			t.Run(name+" "+version, func(t *testing.T) {
				a := s.ask(version, token, tt.method, tt.name, tt.params)
				if a.code() != -32602 || !strings.Contains(string(a.Error.Data), tt.data) {
					t.Errorf("%d %s", a.Status, a.Body)
				}
			})
		}
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	s := start(t)
	srv := mcpecho.New(mcpecho.Config{Name: "short pages", DB: s.db, ListPageSize: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	srv.Add(invoices.Specs(slog.New(slog.NewTextHandler(io.Discard, nil)))...)
	srv.Add(
		mcpecho.Prompt("invoices_create", func(*mcpecho.Call, empty) (string, error) { return "hello", nil }),
		mcpecho.Resource("invoices://more", func(*mcpecho.Call, empty) (string, error) { return "more", nil }),
		mcpecho.Resource("invoices://{pk}/more", func(*mcpecho.Call, invoices.Key) (string, error) { return "more", nil }),
	)
	methods := []string{"tools/list", "resources/list", "resources/templates/list", "prompts/list"}
	for name, wire := range map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()} {
		t.Run(name, func(t *testing.T) {
			client := mcptest.New(t, srv, wire)
			cursors := map[string]string{}
			for _, method := range methods {
				var page struct {
					Next string `json:"nextCursor"`
				}
				if r := client.Raw(method, nil); json.Unmarshal(r.Result, &page) != nil || page.Next == "" {
					t.Fatalf("%s: %s", method, r.Body)
				}
				if slices.ContainsFunc(methods, func(m string) bool { return cursors[m] == page.Next }) {
					t.Errorf("%s has the cursor of another list", method)
				}
				cursors[method] = page.Next
			}
			for _, method := range methods {
				for of, cursor := range cursors {
					r := client.Raw(method, map[string]string{"cursor": cursor})
					if refused := r.RPCError != nil && r.RPCError.Code == -32602; refused != (of != method) {
						t.Errorf("%s with a cursor of %s: %s", method, of, r.Body)
					}
				}
				own, err := base64.RawURLEncoding.DecodeString(cursors[method])
				if err != nil {
					continue // no base64: nothing to change inside
				}
				own[len(own)-1] ^= 1
				if r := client.Raw(method, map[string]string{"cursor": base64.RawURLEncoding.EncodeToString(own)}); r.RPCError == nil || r.RPCError.Code != -32602 {
					t.Errorf("%s with a changed cursor: %s", method, r.Body)
				}
			}
		})
	}
}
