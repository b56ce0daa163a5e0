package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer sends a token with each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func connect(t *testing.T, url, token string) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	return client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}}, nil)
}

func TestTheOfficialClientUsesTheToolsOfAnEchoV5Application(t *testing.T) {
	web := httptest.NewServer(application(map[string]string{"one": "ada", "two": "bob"}))
	defer web.Close()
	call := func(session *mcp.ClientSession, tool string, arguments any) string {
		result, err := session.CallTool(context.Background(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil {
			t.Fatal(err)
		}
		return result.Content[0].(*mcp.TextContent).Text
	}
	ada, err := connect(t, web.URL, "one")
	if err != nil {
		t.Fatal(err)
	}
	defer ada.Close()
	bob, err := connect(t, web.URL, "two")
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	if got := call(ada, "notes_add", map[string]any{"text": "milk"}); got != `{"text":"milk"}` {
		t.Error(got)
	}
	if got := call(ada, "notes_add", map[string]any{"txt": "milk"}); !strings.Contains(got, `did you mean \"text\"`) {
		t.Error(got)
	}
	if got := call(ada, "notes_list", nil); got != `[{"text":"milk"}]` {
		t.Error(got)
	}
	if got := call(bob, "notes_list", nil); got != `[]` {
		t.Error(got)
	}
	if session, err := connect(t, web.URL, "three"); err == nil {
		session.Close()
		t.Error("a token that nobody has opens a session")
	}

	req, err := http.NewRequest(http.MethodGet, web.URL+"/notes", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: bearer("one")}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); !strings.Contains(string(body), "milk") {
		t.Errorf("the application's own route: %d %s", res.StatusCode, body)
	}
}
