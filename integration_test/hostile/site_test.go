package hostile_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/store"
)

const (
	issuer   = "https://issuer.example"
	resource = "https://mcp.example/mcp"
)

var hs256 = jwt.SigningMethodHS256

var (
	key    = []byte(strings.Repeat("k", 32))
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
)

// site is an application under attack, with its database in a file. It serves the invoicing
// example's specs and those of tools_test.go at /mcp; the same behind allowlists, with filtered
// lists and small pages, at /strict; and a server whose tokens are signed with RSA at /rsa.
type site struct {
	t        testing.TB
	db       *gorm.DB
	app      *echo.Echo
	log      logbuf.Buffer
	seen     recorder
	gate     *gate
	sessions store.Sessions // of /mcp
}

func start(t testing.TB) *site {
	t.Helper()
	db, err := invoices.Open(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := invoices.Close(db); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, db: db, app: echo.New(), gate: newGate(), sessions: store.NewMemorySessions(store.MemorySessionsConfig{})}
	s.app.Logger.SetOutput(&s.log)
	s.fillVault()
	log := slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	open := mcpecho.New(mcpecho.Config{Name: "open", DB: db, Logger: log, Sessions: s.sessions})
	open.Add(invoices.Specs(log)...)
	open.Add(s.specs()...)
	open.Mount(s.app.Group("/mcp"), bearer(auth.Secret(key)))

	strict := mcpecho.New(mcpecho.Config{
		Name: "strict", DB: db, Logger: log, HideForbidden: true, ListPageSize: 2,
		Origins: []string{"https://app.example"}, Hosts: []string{"mcp.example"},
	})
	strict.Add(s.specs()...)
	strict.Mount(s.app.Group("/strict"), bearer(auth.Secret(key)))

	signed := mcpecho.New(mcpecho.Config{Name: "rsa", DB: db, Logger: log})
	signed.Add(s.specs()...)
	signed.Mount(s.app.Group("/rsa"), bearer(auth.PublicKey(&rsaKey().PublicKey)))
	return s
}

// bearer authenticates by tokens of the issuer for the resource.
func bearer(keys auth.Keys) echo.MiddlewareFunc {
	return mw.BearerWithConfig(mw.BearerConfig{
		Verifier: auth.JWT(auth.JWTConfig{Keys: keys, Issuer: issuer, Resource: resource}),
	})
}

// serve listens, for what must go over a connection.
func (s *site) serve() *httptest.Server {
	server := httptest.NewUnstartedServer(s.app)
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&s.log, nil), slog.LevelError)
	server.Start()
	s.t.Cleanup(server.Close)
	return server
}

// claims are those of a good token of a subject, changed.
func claims(subject, scope string, change ...func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{"iss": issuer, "aud": resource, "sub": subject, "scope": scope, "exp": 4_000_000_000} // always the same tokens, also in the processes of a fuzz run
	for _, f := range change {
		f(c)
	}
	return c
}

// set puts a claim, without takes one out.
func set(claim string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { c[claim] = value }
}

func without(claim string) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { delete(c, claim) }
}

func sign(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		panic(err)
	}
	return token
}

const allScopes = invoices.ScopeRead + " " + invoices.ScopeWrite + " vault"

func goodToken(subject string) string {
	return sign(hs256, key, claims(subject, allScopes))
}

// rsaPublicPEM is the public key in the form that servers publish, which must not do as an HMAC
// secret.
func rsaPublicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// do sends a request through the application, without a network.
func (s *site) do(verb, target string, header http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(verb, target, strings.NewReader(body))
	r.Host = "mcp.example"
	r.Header = header
	w := httptest.NewRecorder()
	s.app.ServeHTTP(w, r)
	return w
}

// call calls a tool on the modern wire.
func (s *site) call(token, tool, arguments string) *httptest.ResponseRecorder {
	return s.do(http.MethodPost, "/mcp", rawhttp.Header(token, "tools/call", tool), rawhttp.Call(tool, arguments))
}

// dated is the header of a request in a session.
func dated(token, session string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	if session != "" {
		h.Set("Mcp-Session-Id", session)
	}
	return h
}

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// session opens one at a mount.
func (s *site) session(mount, token string) string {
	s.t.Helper()
	w := s.do(http.MethodPost, mount, dated(token, ""), initialize)
	id := w.Header().Get("Mcp-Session-Id")
	if id == "" {
		s.t.Fatalf("no session: %d %s", w.Code, w.Body)
	}
	return id
}
