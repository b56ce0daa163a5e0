package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// An identity provider makes the tokens. The challenge says where to find out how to log in.
func ExampleBearerWithConfig() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	e := echo.New()
	srv.Mount(e.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
		Verifier: auth.JWT(auth.JWTConfig{
			Keys:     auth.JWKS("https://login.example.com/keys"),
			Issuer:   "https://login.example.com",
			Resource: "https://api.example.com/mcp",
		}),
	}))

	request := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	request.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, request)
	fmt.Println(rec.Code, rec.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="mcp", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"
}

// A server whose tokens come from an authorization server: a client that knows
// only the endpoint finds the way from the challenge.
func ExampleResourceMetadata() {
	meta := mw.ResourceMetadata{
		Resource:             "https://api.example.com/mcp",
		AuthorizationServers: []string{"https://login.example.com"},
		Scopes:               []string{"invoices:read"},
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	e := echo.New()
	meta.Mount(e, "/mcp")
	srv.Mount(e.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
		Verifier: auth.JWT(auth.JWTConfig{
			Keys:     auth.JWKS("https://login.example.com/keys"),
			Issuer:   "https://login.example.com",
			Resource: meta.Resource,
		}),
		Scopes: meta.Scopes,
	}))

	request := httptest.NewRequest(http.MethodPost, "/mcp", nil)
	request.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, request)
	fmt.Println(rec.Code, rec.Header().Get("WWW-Authenticate"))

	rec = httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource/mcp", nil))
	fmt.Println(rec.Body)
	// Output:
	// 401 Bearer realm="mcp", scope="invoices:read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"
	// {"resource":"https://api.example.com/mcp","authorization_servers":["https://login.example.com"],"scopes_supported":["invoices:read"],"bearer_methods_supported":["header"]}
}

// Either a scope of the token or a rule of the application lets a call pass.
func ExamplePermit_combined() {
	employee := func(c *mcpecho.Call) error {
		if c.Principal() == nil || c.Principal().Issuer != "https://login.example.com" {
			return fmt.Errorf("%w: no employee", mw.ErrDenied)
		}
		return nil
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("rates", func(*mcpecho.Call, struct{}) (map[string]float64, error) {
		return map[string]float64{"EUR": 1}, nil
	}, mw.Permit(mw.Or(employee, mw.HasScopes("rates:read")))))
	chain, _ := srv.Chain("rates")
	fmt.Println(chain)
	// Output: permit → validate → handle → serialize
}
