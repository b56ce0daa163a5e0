package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/generates"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/golang-jwt/jwt/v5"
)

const (
	clientID     = "official-client"
	clientSecret = "kept by the client"
	redirectURL  = "http://127.0.0.1/callback"
	keyID        = "2026"
)

// authServer is an OAuth authorization server on a port of its own: the code grant with PKCE,
// tokens that are JWTs for the resource that was asked for, the public keys of those, and its
// metadata. Its user ann is always logged in and consents to the scopes that may be granted.
type authServer struct {
	t       *testing.T
	url     string
	private *ecdsa.PrivateKey
	grants  []string // scopes that the user may grant

	mu       sync.Mutex
	requests []url.Values // of the authorization endpoint
}

func startAuthServer(t *testing.T, grants ...string) *authServer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authServer{t: t, private: private, grants: grants}
	oauth := a.oauth()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", a.metadata)
	mux.HandleFunc("GET /keys", a.keys)
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		a.note(r.URL.Query())
		if err := oauth.HandleAuthorizeRequest(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if err := oauth.HandleTokenRequest(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

func (a *authServer) oauth() *server.Server {
	m := manage.NewManager()
	m.MapAuthorizeGenerate(generates.NewAuthorizeGenerate())
	m.MapAccessGenerate(a)
	m.MapTokenStorage(&codes{byCode: map[string]oauth2.TokenInfo{}})
	m.MapClientStorage(a)
	m.SetAuthorizeCodeTokenCfg(&manage.Config{AccessTokenExp: time.Hour})
	m.SetValidateURIHandler(func(registered, asked string) error {
		if asked != registered {
			return errors.New("the redirect URI is not registered")
		}
		return nil
	})
	// A token is for the resource that the user was asked about. (RFC 8707)
	m.SetExtractExtensionHandler(func(r *oauth2.TokenGenerateRequest, t oauth2.ExtendableTokenInfo) {
		resource := r.Request.FormValue("resource")
		if asked := t.GetExtension().Get("resource"); asked != "" && asked != resource {
			resource = "" // for nobody
		}
		t.SetExtension(url.Values{"resource": {resource}})
	})
	s := server.NewServer(&server.Config{
		TokenType:                   "Bearer",
		AllowedResponseTypes:        []oauth2.ResponseType{oauth2.Code},
		AllowedGrantTypes:           []oauth2.GrantType{oauth2.AuthorizationCode},
		AllowedCodeChallengeMethods: []oauth2.CodeChallengeMethod{oauth2.CodeChallengeS256},
		ForcePKCE:                   true,
	}, m)
	s.SetClientInfoHandler(server.ClientFormHandler)
	s.SetUserAuthorizationHandler(func(http.ResponseWriter, *http.Request) (string, error) { return "ann", nil })
	s.SetAuthorizeScopeHandler(func(_ http.ResponseWriter, r *http.Request) (string, error) {
		granted := slices.DeleteFunc(strings.Fields(r.FormValue("scope")), func(s string) bool { return !slices.Contains(a.grants, s) })
		return strings.Join(granted, " "), nil
	})
	return s
}

// GetByID implements [oauth2.ClientStore].
func (a *authServer) GetByID(_ context.Context, id string) (oauth2.ClientInfo, error) {
	if id != clientID {
		return nil, errors.New("unknown client")
	}
	return &models.Client{ID: clientID, Secret: clientSecret, Domain: redirectURL}, nil
}

// Token implements [oauth2.AccessGenerate].
func (a *authServer) Token(_ context.Context, data *oauth2.GenerateBasic, _ bool) (access, refresh string, err error) {
	info := data.TokenInfo.(oauth2.ExtendableTokenInfo)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": a.url, "sub": data.UserID, "aud": info.GetExtension().Get("resource"), "client_id": data.Client.GetID(),
		"scope": info.GetScope(), "iat": data.CreateAt.Unix(), "exp": data.CreateAt.Add(time.Hour).Unix(), "jti": rand.Text(),
	})
	token.Header["typ"], token.Header["kid"] = "at+jwt", keyID
	access, err = token.SignedString(a.private)
	return access, "", err
}

func (a *authServer) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	err := json.MarshalWrite(w, map[string]any{
		"issuer": a.url, "authorization_endpoint": a.url + "/authorize", "token_endpoint": a.url + "/token", "jwks_uri": a.url + "/keys",
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
	})
	if err != nil {
		a.t.Error(err)
	}
}

func (a *authServer) keys(w http.ResponseWriter, r *http.Request) {
	key, err := jwkset.NewJWKFromKey(a.private, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{KID: keyID, ALG: jwkset.AlgES256, USE: jwkset.UseSig},
	})
	if err != nil {
		a.t.Error(err)
		return
	}
	set := jwkset.NewMemoryStorage()
	if err := set.KeyWrite(r.Context(), key); err != nil {
		a.t.Error(err)
	}
	body, err := set.JSONPublic(r.Context())
	if err != nil {
		a.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (a *authServer) note(request url.Values) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, request)
}

// asked lists one parameter of the authorization requests so far.
func (a *authServer) asked(parameter string) (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		all = append(all, r.Get(parameter))
	}
	return all
}

// codes keeps authorization codes until they are used. Access tokens are JWTs, and there are no
// refresh tokens, so nothing else is kept.
type codes struct {
	mu     sync.Mutex
	byCode map[string]oauth2.TokenInfo
}

func (c *codes) Create(_ context.Context, info oauth2.TokenInfo) error {
	if code := info.GetCode(); code != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.byCode[code] = info
	}
	return nil
}

func (c *codes) GetByCode(_ context.Context, code string) (oauth2.TokenInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byCode[code], nil
}

func (c *codes) RemoveByCode(_ context.Context, code string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byCode, code)
	return nil
}

func (c *codes) GetByAccess(context.Context, string) (oauth2.TokenInfo, error)  { return nil, nil }
func (c *codes) GetByRefresh(context.Context, string) (oauth2.TokenInfo, error) { return nil, nil }
func (c *codes) RemoveByAccess(context.Context, string) error                   { return nil }
func (c *codes) RemoveByRefresh(context.Context, string) error                  { return nil }
