package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	clientauth "github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// protect runs the tools of the example behind tokens of the authorization server. path is that of
// the endpoint as clients see it; what is before /mcp is stripped by a proxy in front of the
// application.
func protect(t *testing.T, a *authServer, path string) (s *site, endpoint string) {
	t.Helper()
	db, err := invoices.Open(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	s = &site{t: t, db: db, log: &logbuf.Buffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	srv := mcpecho.New(mcpecho.Config{Name: "invoicing", DB: db, Logger: log})
	srv.Add(invoices.Specs(log)...)

	app := echo.New()
	s.serve(app)
	endpoint = s.url + path
	if prefix := strings.TrimSuffix(path, "/mcp"); prefix != "" {
		endpoint = proxy(t, s.url, prefix) + path
	}
	meta := mw.ResourceMetadata{Resource: endpoint, AuthorizationServers: []string{a.url}, Scopes: reader, Name: "Invoicing"}
	meta.Mount(app, "/mcp")
	srv.Mount(app.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
		Verifier: auth.JWT(auth.JWTConfig{
			Keys: auth.JWKSConfig{URL: a.url + "/keys", LoopbackHTTP: true}, Issuer: a.url, Type: "at+jwt", Resource: endpoint,
		}),
		Scopes: reader,
	}))
	return s, endpoint
}

// proxy forwards the paths below the prefix without it, and the well-known ones as they are.
func proxy(t *testing.T, to, prefix string) string {
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, forward))
	mux.Handle("/.well-known/", forward)
	p := httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p.URL
}

// browse is the user's browser: it follows the client's link, and hands the client what the
// authorization server sends to the redirect URI.
func browse(ctx context.Context, args *clientauth.AuthorizationArgs) (*clientauth.AuthorizationResult, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	to, err := response.Location()
	if err != nil {
		return nil, fmt.Errorf("status %d: %w", response.StatusCode, err)
	}
	if !strings.HasPrefix(to.String(), redirectURL+"?") {
		return nil, fmt.Errorf("sent to %s", to)
	}
	if to.Query().Has("error") {
		return nil, errors.New(to.Query().Get("error"))
	}
	return &clientauth.AuthorizationResult{Code: to.Query().Get("code"), State: to.Query().Get("state")}, nil
}

// login connects the official client, which knows the endpoint and its own registration, and
// nothing else.
func login(t *testing.T, endpoint, protocol string) *mcp.ClientSession {
	t.Helper()
	handler, err := clientauth.NewAuthorizationCodeHandler(&clientauth.AuthorizationCodeHandlerConfig{
		PreregisteredClient: &oauthex.ClientCredentials{
			ClientID: clientID, ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: clientSecret},
		},
		RedirectURL: redirectURL, AuthorizationCodeFetcher: browse,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "integration", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: endpoint, OAuthHandler: handler, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestTheOfficialClientLogsInAndStepsUp(t *testing.T) {
	for _, protocol := range protocols {
		for _, path := range []string{"/mcp", "/team/billing/mcp"} {
			t.Run(protocol+path, func(t *testing.T) {
				a := startAuthServer(t, writer...)
				s, endpoint := protect(t, a, path)
				session := login(t, endpoint, protocol)

				list, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "invoices_list"})
				if err != nil || list.IsError {
					t.Fatalf("list: %v, %+v", err, list)
				}
				if got, want := a.asked("scope"), []string{"invoices:read"}; !slices.Equal(got, want) {
					t.Fatalf("asked for the scopes %q, want %q", got, want)
				}

				create, err := session.CallTool(t.Context(), &mcp.CallToolParams{
					Name: "invoices_create", Arguments: map[string]any{"number": "A-4", "amount_cents": 400},
				})
				if err != nil || create.IsError {
					t.Fatalf("create: %v, %+v", err, create)
				}
				if got, want := a.asked("scope"), [][]string{reader, writer}; !slices.EqualFunc(got, want, sameScopes) {
					t.Errorf("asked for the scopes %q, want %q", got, want)
				}
				if got, want := a.asked("resource"), []string{endpoint, endpoint}; !slices.Equal(got, want) {
					t.Errorf("asked for the resources %q, want %q", got, want)
				}
				if rows := s.rows(); len(rows) != 4 || rows[3].Number != "A-4" {
					t.Errorf("rows %+v", rows)
				}
				if strings.Contains(s.log.String(), "eyJ") {
					t.Errorf("a token is in the log:\n%s", s.log)
				}
			})
		}
	}
}

// sameScopes compares a scope parameter, whose order means nothing.
func sameScopes(got string, want []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(strings.Fields(got))), slices.Sorted(slices.Values(want)))
}

func TestAUserWhoMayNotWriteIsNotStuckInALoop(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			a := startAuthServer(t, reader...)
			s, endpoint := protect(t, a, "/mcp")
			session := login(t, endpoint, protocol)
			_, err := session.CallTool(t.Context(), &mcp.CallToolParams{
				Name: "invoices_create", Arguments: map[string]any{"number": "A-4", "amount_cents": 400},
			})
			if err == nil {
				t.Error("the tool was called without its scope")
			}
			if got := len(a.asked("scope")); got != 2 {
				t.Errorf("%d logins, want 2", got)
			}
			if got := len(s.rows()); got != 3 {
				t.Errorf("%d rows, want 3", got)
			}
		})
	}
}

func TestATokenForAnotherResourceOfTheSameIssuerIsRefused(t *testing.T) {
	a := startAuthServer(t, writer...)
	s, endpoint := protect(t, a, "/mcp")
	for resource, status := range map[string]int{
		endpoint: http.StatusOK, endpoint + "2": http.StatusUnauthorized, s.url: http.StatusUnauthorized, "": http.StatusUnauthorized,
	} {
		r := s.call(a.token(resource), "invoices_list", `{}`)
		if r.Status != status {
			t.Errorf("token for %q: status %d, want %d", resource, r.Status, status)
		}
		want := `Bearer realm="mcp", error="invalid_token", error_description="the token is not valid", scope="invoices:read", resource_metadata="` +
			s.url + `/.well-known/oauth-protected-resource/mcp"`
		if got := r.Header.Get("WWW-Authenticate"); status != http.StatusOK && got != want {
			t.Errorf("challenge\n got %s\nwant %s", got, want)
		}
	}
}

// token goes through the code grant for a resource of the caller's choice.
func (a *authServer) token(resource string) string {
	a.t.Helper()
	cfg := oauth2.Config{
		ClientID: clientID, ClientSecret: clientSecret, RedirectURL: redirectURL, Scopes: writer,
		Endpoint: oauth2.Endpoint{AuthURL: a.url + "/authorize", TokenURL: a.url + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	verifier := oauth2.GenerateVerifier()
	forResource := oauth2.SetAuthURLParam("resource", resource)
	result, err := browse(a.t.Context(), &clientauth.AuthorizationArgs{URL: cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), forResource)})
	if err != nil {
		a.t.Fatal(err)
	}
	token, err := cfg.Exchange(a.t.Context(), result.Code, oauth2.VerifierOption(verifier), forResource)
	if err != nil {
		a.t.Fatal(err)
	}
	return token.AccessToken
}
