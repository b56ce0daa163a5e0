package integration_test

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
)

var (
	reader = []string{invoices.ScopeRead}
	writer = []string{invoices.ScopeRead, invoices.ScopeWrite}
)

// site is a running application: HTTP on a port, SQLite in a file.
type site struct {
	t   *testing.T
	db  *gorm.DB
	key []byte
	url string
	log *logbuf.Buffer
}

// start runs the example, after change has had a go at its server.
func start(t *testing.T, change ...func(*mcpecho.Server)) *site {
	t.Helper()
	db, err := invoices.Open(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, db, change...)
}

// startOn is [start] on a database that the test has opened.
func startOn(t *testing.T, db *gorm.DB, change ...func(*mcpecho.Server)) *site {
	t.Helper()
	s := &site{t: t, db: db, key: []byte(strings.Repeat("k", invoices.MinKeyBytes)), log: &logbuf.Buffer{}}
	app, srv := invoices.New(db, s.key, slog.New(slog.NewTextHandler(s.log, nil)))
	for _, f := range change {
		f(srv)
	}
	s.serve(app)
	return s
}

func (s *site) serve(app *echo.Echo) {
	server := httptest.NewServer(app)
	s.url = server.URL
	s.t.Cleanup(func() {
		server.Close()
		if err := invoices.Close(s.db); err != nil {
			s.t.Error(err)
		}
	})
}

// token signs a token of a subject, good for an hour.
func (s *site) token(subject string, scopes []string) string {
	return s.sign(jwt.SigningMethodHS256, s.key, jwt.MapClaims{
		"sub": subject, "scope": strings.Join(scopes, " "), "exp": time.Now().Add(time.Hour).Unix(),
	})
}

func (s *site) sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	s.t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// rows are all invoices, oldest first.
func (s *site) rows() []invoices.Invoice {
	s.t.Helper()
	var rows []invoices.Invoice
	if err := s.db.Order("id").Find(&rows).Error; err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// answer is an HTTP response with the JSON-RPC message in it.
type answer struct {
	Status   int
	Header   http.Header
	Body     string
	Messages []jsontext.Value // all of an event stream, or the one

	ID     jsontext.Value `json:"id"`
	Result *struct {
		IsError    bool           `json:"isError"`
		Structured jsontext.Value `json:"structuredContent"`
		Content    []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"result"`
	Error *struct {
		Code    int            `json:"code"`
		Message string         `json:"message"`
		Data    jsontext.Value `json:"data"`
	} `json:"error"`
}

// code is the JSON-RPC error code, 0 for a result.
func (a answer) code() int {
	if a.Error == nil {
		return 0
	}
	return a.Error.Code
}

type fieldError struct{ Path, Rule, Message string }

type toolError struct {
	Type, Message, Reference string
	Fields                   []fieldError
}

// failure is the error object of a tool result, zero for a success.
func (a answer) failure(t *testing.T) toolError {
	t.Helper()
	if a.Result == nil || !a.Result.IsError {
		return toolError{}
	}
	var text struct{ Error toolError }
	if err := json.Unmarshal([]byte(a.Result.Content[0].Text), &text, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, a.Body)
	}
	return text.Error
}

// exchange sends one request as it is.
func exchange(t *testing.T, ctx context.Context, verb, url string, header http.Header, body string) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, verb, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: response.StatusCode, Header: response.Header, Body: string(b)}
	for line := range strings.Lines(a.Body) {
		line = strings.TrimPrefix(line, "data: ")
		if strings.HasPrefix(line, "{") && strings.Contains(line, `"jsonrpc"`) {
			a.Messages = append(a.Messages, jsontext.Value(line))
		}
	}
	if n := len(a.Messages); n > 0 {
		if err := json.Unmarshal(a.Messages[n-1], &a); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
	}
	return a, nil
}

// post sends a modern request to the MCP endpoint.
func (s *site) post(header http.Header, body string) answer {
	s.t.Helper()
	a, err := exchange(s.t, s.t.Context(), http.MethodPost, s.url+"/mcp", header, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// call calls a tool on the modern wire.
func (s *site) call(token, tool, arguments string) answer {
	s.t.Helper()
	return s.post(rawhttp.Header(token, "tools/call", tool), rawhttp.Call(tool, arguments))
}

// open opens a session on the dated wire and returns its header.
func (s *site) open(token string) http.Header {
	s.t.Helper()
	h, _ := s.initialize(token, "2025-11-25")
	return h
}

// initialize opens a session of a protocol version; it returns its header and the answer.
func (s *site) initialize(token, version string) (http.Header, answer) {
	s.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	a := s.post(h, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	id := a.Header.Get("Mcp-Session-Id")
	if id == "" {
		s.t.Fatalf("initialize gave no session: %s", a.Body)
	}
	h.Set("Mcp-Session-Id", id)
	h.Set("Mcp-Protocol-Version", version)
	return h, a
}

// ask sends a request of any method with the members of params, on the wire of a protocol version.
// name is what the Mcp-Name header repeats.
func (s *site) ask(version, token, method, name, params string) answer {
	s.t.Helper()
	body := func(params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + strings.Trim(params, ",") + `}}`
	}
	if version != "2026-07-28" {
		header, _ := s.initialize(token, version)
		return s.post(header, body(params))
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		name = "=?base64?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?="
	}
	return s.post(rawhttp.Header(token, method, name), body(params+","+rawhttp.Meta))
}
