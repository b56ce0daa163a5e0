package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// ResourceMetadata is the protected resource metadata of an MCP endpoint (RFC 9728): a public
// document by which a client that got a 401 finds the authorization server to log in at.
//
//	meta := mw.ResourceMetadata{
//		Resource:             "https://api.example.com/mcp",
//		AuthorizationServers: []string{"https://login.example.com"},
//	}
//	meta.Mount(e, "/mcp")
//	srv.Mount(e.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
//		Verifier: auth.JWT(auth.JWTConfig{
//			Keys:     auth.JWKS("https://login.example.com/keys"),
//			Issuer:   "https://login.example.com",
//			Resource: meta.Resource,
//		}),
//	}))
type ResourceMetadata struct {
	// Resource is the absolute URL of the MCP endpoint as clients see it, a proxy's path included.
	// It is never guessed from a request: whoever sends the request chooses its Host. Required.
	Resource string `json:"resource"`
	// AuthorizationServers are the issuers whose tokens are accepted. Required.
	// (specification 2026-07-28, basic/authorization/authorization-server-discovery)
	AuthorizationServers []string `json:"authorization_servers"`
	// Scopes are what a client should ask for when a challenge names none: the least that makes the
	// server useful. Optional.
	Scopes []string `json:"scopes_supported,omitempty"`
	// Name is shown to the user who is asked for consent. Optional.
	Name string `json:"resource_name,omitempty"`
	// Documentation is the URL of a page for developers. Optional.
	Documentation string `json:"resource_documentation,omitempty"`
	// Policy and Terms are the URLs of pages on how data may be used. Optional.
	Policy string `json:"resource_policy_uri,omitempty"`
	Terms  string `json:"resource_tos_uri,omitempty"`
}

const wellKnown = "/.well-known/oauth-protected-resource"

// wellKnownURL puts the well-known path between the host and the path of a resource. (RFC 9728
// section 3.1)
func wellKnownURL(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return "" // for check to report
	}
	u.RawPath = ""
	u.Path = wellKnown + strings.TrimSuffix(u.Path, "/")
	return u.String()
}

// Mount serves the document where clients look for it: at /.well-known/oauth-protected-resource,
// there followed by the prefix of the group that the server is mounted on, and there followed by
// the path of Resource, in case that differs because of a proxy. Of several documents in one
// application the first has the path without a suffix. A proxy that forwards only its own path to
// the application needs a rule for the last one.
//
// The document may be cached for five minutes and read by every web page. It panics when a field is
// wrong; [ResourceMetadata.Handler] returns the error.
func (m ResourceMetadata) Mount(e *echo.Echo, prefix string) {
	handler := must(m.Handler())
	if prefix != "" && prefix[0] != '/' {
		panic(fmt.Sprintf("middleware: the prefix %q of ResourceMetadata.Mount must begin with a slash, as that of the group", prefix))
	}
	u, _ := url.Parse(m.Resource)
	for _, path := range []string{
		wellKnown + strings.TrimSuffix(prefix, "/"), wellKnown + strings.TrimSuffix(u.Path, "/"), wellKnown,
	} {
		taken := func(r *echo.Route) bool { return r.Path == path && r.Method == http.MethodGet }
		if !slices.ContainsFunc(e.Routes(), taken) {
			e.Match([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, path, handler)
		}
	}
}

// Handler serves the document, or says what is wrong with it. It is for applications that choose
// the paths themselves and name one by [BearerConfig.ResourceMetadata].
func (m ResourceMetadata) Handler() (echo.HandlerFunc, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	document, err := json.Marshal(struct {
		ResourceMetadata `json:",inline"`
		Methods          []string `json:"bearer_methods_supported"`
	}{m, []string{"header"}})
	if err != nil {
		return nil, err
	}
	return func(ec echo.Context) error {
		h := ec.Response().Header()
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		if ec.Request().Method == http.MethodOptions { // clients add a header that needs a preflight
			h.Set(echo.HeaderAccessControlAllowMethods, "GET, HEAD")
			h.Set(echo.HeaderAccessControlAllowHeaders, "*")
			return ec.NoContent(http.StatusNoContent)
		}
		h.Set(echo.HeaderCacheControl, "public, max-age=300")
		return ec.JSONBlob(http.StatusOK, document)
	}, nil
}

func (m ResourceMetadata) check() error {
	if m.Resource == "" {
		return errors.New("middleware: ResourceMetadata requires Resource: the absolute URL of the MCP endpoint")
	}
	if len(m.AuthorizationServers) == 0 {
		return errors.New("middleware: ResourceMetadata requires AuthorizationServers: the issuers to log in at")
	}
	if slices.Contains(m.Scopes, "offline_access") {
		return errors.New("middleware: ResourceMetadata Scopes must leave out offline_access: refresh tokens are between client and authorization server")
	}
	errs := []error{checkScopes(m.Scopes), checkPublicURL("Resource", m.Resource)}
	for _, server := range m.AuthorizationServers {
		if server == "" {
			return fmt.Errorf("middleware: AuthorizationServers has an empty value: name the issuer")
		}
		errs = append(errs, checkPublicURL("AuthorizationServers", server))
	}
	for field, page := range map[string]string{"Documentation": m.Documentation, "Policy": m.Policy, "Terms": m.Terms} {
		errs = append(errs, checkPublicURL(field, page))
	}
	return errors.Join(errs...)
}
