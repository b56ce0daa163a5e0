package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	mw "github.com/mcpecho/kit/middleware"
)

var meta = mw.ResourceMetadata{
	Resource:             "https://api.example.com/mcp",
	AuthorizationServers: []string{"https://login.example.com", "http://localhost:9000/tenant"},
	Scopes:               []string{"invoices:read"},
	Name:                 "Billing",
}

func ask(e *echo.Echo, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "attacker.example"
	r.Header.Set("X-Forwarded-Host", "attacker.example")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	return rec
}

const document = `{"resource":"https://api.example.com/mcp",` +
	`"authorization_servers":["https://login.example.com","http://localhost:9000/tenant"],"scopes_supported":["invoices:read"],` +
	`"resource_name":"Billing","bearer_methods_supported":["header"]}`

func TestResourceMetadataIsServedWhereClientsLook(t *testing.T) {
	const root = "/.well-known/oauth-protected-resource"
	for name, tc := range map[string]struct {
		resource, prefix string
		found, missing   []string
	}{
		"at a path":        {"https://api.example.com/mcp", "/mcp", []string{root, root + "/mcp"}, []string{root + "/", root + "/other"}},
		"at the root":      {"https://api.example.com", "", []string{root}, []string{root + "/mcp"}},
		"at the slash":     {"https://api.example.com/", "/", []string{root}, []string{root + "/mcp"}},
		"behind a proxy":   {"https://api.example.com/team/mcp", "/mcp", []string{root, root + "/mcp", root + "/team/mcp"}, []string{root + "/team"}},
		"slash at the end": {"https://api.example.com/mcp/", "/mcp/", []string{root, root + "/mcp"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := echo.New()
			m := meta
			m.Resource = tc.resource
			m.Mount(e, tc.prefix)
			for _, path := range tc.found {
				rec := ask(e, http.MethodGet, path)
				equal(t, path, rec.Code, http.StatusOK)
				contains(t, path, rec.Body.String(), `"resource":"`+tc.resource+`"`)
			}
			for _, path := range tc.missing {
				equal(t, path, ask(e, http.MethodGet, path).Code, http.StatusNotFound)
			}
		})
	}
}

func TestResourceMetadataIsAPublicDocument(t *testing.T) {
	e := echo.New()
	meta.Mount(e, "/mcp")
	rec := ask(e, http.MethodGet, "/.well-known/oauth-protected-resource/mcp")
	equal(t, "document", rec.Body.String(), document)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*",
	} {
		equal(t, name, rec.Header().Get(name), want)
	}
	rec = ask(e, http.MethodOptions, "/.well-known/oauth-protected-resource/mcp")
	equal(t, "preflight", rec.Code, http.StatusNoContent)
	equal(t, "headers", rec.Header().Get("Access-Control-Allow-Headers"), "*")
	equal(t, "origin", rec.Header().Get("Access-Control-Allow-Origin"), "*")
	equal(t, "POST", ask(e, http.MethodPost, "/.well-known/oauth-protected-resource").Code, http.StatusMethodNotAllowed)
}

func TestResourceMetadataOfTwoServersShareTheRootInOrder(t *testing.T) {
	e := echo.New()
	meta.Mount(e, "/mcp")
	second := meta
	second.Resource = "https://api.example.com/other"
	second.Mount(e, "/other")
	for path, resource := range map[string]string{"": meta.Resource, "/mcp": meta.Resource, "/other": second.Resource} {
		contains(t, path, ask(e, http.MethodGet, "/.well-known/oauth-protected-resource"+path).Body.String(), `"resource":"`+resource+`"`)
	}
}

func TestResourceMetadataRefusesToStart(t *testing.T) {
	for want, change := range map[string]func(*mw.ResourceMetadata){
		"requires Resource":              func(m *mw.ResourceMetadata) { m.Resource = "" },
		`Resource "/mcp" must be`:        func(m *mw.ResourceMetadata) { m.Resource = "/mcp" },
		`Resource "http://api.exa`:       func(m *mw.ResourceMetadata) { m.Resource = "http://api.example.com/mcp" },
		"requires AuthorizationServers":  func(m *mw.ResourceMetadata) { m.AuthorizationServers = nil },
		"has an empty value":             func(m *mw.ResourceMetadata) { m.AuthorizationServers = []string{""} },
		`AuthorizationServers "javascri`: func(m *mw.ResourceMetadata) { m.AuthorizationServers = []string{"javascript:alert(1)"} },
		"leave out offline_access":       func(m *mw.ResourceMetadata) { m.Scopes = []string{"a", "offline_access"} },
		"is not an OAuth scope":          func(m *mw.ResourceMetadata) { m.Scopes = []string{"a b"} },
		`Policy "x" must be`:             func(m *mw.ResourceMetadata) { m.Policy = "x" },
	} {
		m := meta
		change(&m)
		contains(t, "panic", panics(t, func() { m.Mount(echo.New(), "/mcp") }), want)
	}
	contains(t, "panic", panics(t, func() { meta.Mount(echo.New(), "mcp") }), "must begin with a slash")
}
