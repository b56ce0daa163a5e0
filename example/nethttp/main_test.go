package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer sends a token with each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func TestTheOfficialClientUsesAToolOfAPlainServer(t *testing.T) {
	key := []byte("a key of 32 bytes for the test..")
	srv := tools()
	web := httptest.NewServer(application(srv, key))
	defer web.Close()
	connect := func(scope string) (*mcp.ClientSession, error) {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ada", "scope": scope, "exp": time.Now().Add(time.Hour).Unix()}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		return client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: web.URL + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}}, nil)
	}
	count := &mcp.CallToolParams{Name: "words_count", Arguments: map[string]any{"text": "one two three"}}
	session, err := connect("words:read")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	result, err := session.CallTool(t.Context(), count)
	if err != nil || result.Content[0].(*mcp.TextContent).Text != `{"words":3}` {
		t.Errorf("%v %+v", err, result)
	}
	weak, err := connect("other")
	if err != nil {
		t.Fatal(err)
	}
	defer weak.Close()
	if result, err := weak.CallTool(t.Context(), count); err == nil {
		t.Errorf("a token without the scope: %+v", result)
	}

	res, err := http.Get(web.URL + "/words?text=one+two")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "2\n" {
		t.Errorf("the route beside it: %q", body)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := connect("words:read"); err == nil {
		t.Error("a session begins after the shutdown")
	}
}
