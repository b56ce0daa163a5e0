package conduit_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/conduit"
	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// site is the application with its MCP server, on a port.
type site struct {
	t   *testing.T
	db  *gorm.DB
	url string
	log *logbuf.Buffer
}

func start(t *testing.T, db *gorm.DB) *site {
	t.Helper()
	if err := db.Use(mcpecho.JoinTransactions()); err != nil {
		t.Fatal(err)
	}
	app, e, err := conduit.New(db)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, db: db, log: &logbuf.Buffer{}}
	srv := mcpecho.New(mcpecho.Config{Name: "conduit", DB: db, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	srv.Add(app.Specs(mw.Transaction())...)
	srv.Mount(e.Group("/mcp", app.Login), conduit.Identify)
	web := httptest.NewServer(e)
	t.Cleanup(web.Close)
	s.url = web.URL
	for _, name := range []string{"ada", "bob"} {
		if err := db.Create(&conduit.Writer{Name: name, Token: name + "-token"}).Error; err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// as gives a request the token of a writer, "" for nobody; in a cookie of a browser.
func as(r *http.Request, writer string) *http.Request {
	if name, ok := strings.CutPrefix(writer, "browser of "); ok {
		r.AddCookie(&http.Cookie{Name: "session", Value: name + "-token"})
	} else if writer != "" {
		r.Header.Set("Authorization", "Token "+writer+"-token")
	}
	return r
}

func (s *site) do(r *http.Request) (int, string) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(body))
}

// rest calls a route.
func (s *site) rest(writer, method, target, media, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return s.do(as(r, writer))
}

// result is what a tool answers.
type result struct {
	Status  int            `json:"-"`
	RPC     jsontext.Value `json:"-"`
	IsError bool           `json:"isError"`
	Content []struct {
		Text     string `json:"text"`
		Data     string `json:"data"`
		MIMEType string `json:"mimeType"`
	} `json:"content"`
}

func (r result) text() string {
	if len(r.Content) == 0 {
		return string(r.RPC)
	}
	return r.Content[0].Text
}

// call calls a tool.
func (s *site) call(writer, tool string, arguments any) result {
	s.t.Helper()
	args, err := json.Marshal(arguments)
	if err != nil {
		s.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, tool, args)
	r, err := http.NewRequest("POST", s.url+"/mcp", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool} {
		r.Header.Set(name, value)
	}
	status, reply := s.do(as(r, writer))
	var message struct {
		Result result         `json:"result"`
		Error  jsontext.Value `json:"error"`
	}
	if err := json.Unmarshal([]byte(reply), &message); err != nil {
		s.t.Fatalf("%v: %d %s", err, status, reply)
	}
	message.Result.Status, message.Result.RPC = status, message.Error
	return message.Result
}

var png = append([]byte("\x89PNG\r\n\x1a\n"), 0, 0xff, 1)

func article(title, body string, tags ...string) map[string]any {
	return map[string]any{"article": map[string]any{"title": title, "body": body, "tags": tags}}
}

// The same deeds by the routes and by the tools, one after the other.
func TestToolsDoWhatTheRoutesDo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := start(t, db)
		if status, body := s.rest("ada", "POST", "/api/articles", "application/json", `{"article":{"title":" By Hand ","body":"b","tags":["go","web"]}}`); status != 201 {
			t.Fatal(status, body)
		}
		if r := s.call("ada", "articles_publish", article(" By Tool ", "b", "go")); r.text() != `{"article":{"slug":"by-tool","title":"By Tool","body":"b","writer":{"name":"ada"}}}` {
			t.Error(r)
		}
		same := []struct {
			tool      string
			arguments map[string]any
			target    string
		}{
			{"articles_list", map[string]any{}, "/api/articles?limit=20"},
			{"articles_list", map[string]any{"tag": []string{"go", "web"}}, "/api/articles?tag=go&tag=web"},
			{"articles_list", map[string]any{"writer": "bob"}, "/api/articles?writer=bob"},
			{"articles_list", map[string]any{"writer": "b&b", "limit": 1}, "/api/articles?limit=1&writer=b%26b"},
			{"me", map[string]any{}, "/api/writer"},
		}
		for _, tt := range same {
			_, route := s.rest("ada", "GET", tt.target, "", "")
			if r := s.call("ada", tt.tool, tt.arguments); r.text() != route {
				t.Errorf("%s %v:\n%s\nby the route:\n%s", tt.tool, tt.arguments, r.text(), route)
			}
		}
		if r := s.call("ada", "articles_edit", map[string]any{"slug": "by-hand", "silent": true, "article": map[string]any{"body": "new"}}); !strings.Contains(r.text(), `"title":"By Hand","body":"new"`) {
			t.Error(r)
		}
		if r := s.call("bob", "articles_comment", map[string]any{"slug": "by-hand", "text": " a&b=c\n"}); !strings.Contains(r.text(), `"text":"a\u0026b=c","by":"bob"`) && !strings.Contains(r.text(), `"text":"a&b=c","by":"bob"`) {
			t.Error(r)
		}
		if r := s.call("ada", "articles_set_picture", map[string]any{"slug": "by-hand", "picture": png}); r.text() != "11 bytes" {
			t.Error(r)
		}
		if r := s.call("", "articles_picture", map[string]any{"slug": "by-hand"}); r.Content == nil || r.Content[0].Data != base64.StdEncoding.EncodeToString(png) || r.Content[0].MIMEType != "image/png" {
			t.Error(r)
		}
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, _ := w.CreateFormFile("picture", "p.png")
		_, _ = part.Write(png)
		w.Close()
		if status, body := s.rest("ada", "PUT", "/api/articles/by-tool/picture", w.FormDataContentType(), form.String()); status != 200 || body != "11 bytes" {
			t.Error(status, body)
		}
		if r := s.call("ada", "articles_delete", map[string]any{"slug": "by-tool"}); r.IsError || r.text() != "null" {
			t.Error(r)
		}
		if status, _ := s.rest("", "GET", "/api/articles/by-tool", "", ""); status != 404 {
			t.Error(status)
		}
	})
}

func TestErrorsOfTheApplicationReachTheModel(t *testing.T) {
	s := start(t, dbtest.SQLite(t, t.TempDir()+"/test.db"))
	s.call("ada", "articles_publish", article("One", "b"))
	tests := map[string]struct {
		writer, tool string
		arguments    map[string]any
		typ, has     string
	}{
		"the validator of the application": {"ada", "articles_publish", article(strings.Repeat("x", 101), ""), "error", `"title":"max"`},
		"its trimming binder":              {"ada", "articles_publish", article("   ", ""), "error", `"title":"required"`},
		"an error of its domain":           {"ada", "articles_get", map[string]any{"slug": "none"}, "error", "article not found"},
		"one of a middleware":              {"bob", "articles_delete", map[string]any{"slug": "one"}, "forbidden", "not the writer of the article"},
		"an error of Echo":                 {"ada", "articles_set_picture", map[string]any{"slug": "one", "picture": []byte("text")}, "error", "a picture is a PNG"},
		"a file that is not there":         {"ada", "articles_picture", map[string]any{"slug": "one"}, "error", "no picture"},
		"the strict arguments":             {"ada", "articles_list", map[string]any{"limit": "x", "tags": []string{"go"}}, "validation_error", "did you mean"},
		"a form that is empty":             {"ada", "articles_comment", map[string]any{"slug": "one", "text": " "}, "error", `"text":"required"`},
		"a conflict of the database":       {"ada", "articles_publish", article("One", "b"), "conflict", ""},
		"a failure":                        {"ada", "articles_publish", article("Two", "and then the server fails"), "internal_error", "reference"},
	}
	for name, tt := range tests {
		r := s.call(tt.writer, tt.tool, tt.arguments)
		if !r.IsError || !strings.Contains(r.text(), `"type":"`+tt.typ+`"`) || !strings.Contains(r.text(), tt.has) || strings.Contains(r.text(), "unexpected EOF") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := s.call("", "me", map[string]any{}); r.Status != 401 {
		t.Errorf("nobody: %+v", r)
	}
}

func TestAFailedHandlerLeavesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := start(t, db)
		s.call("ada", "articles_publish", article("Two", "and then the server fails"))
		var n int64
		if err := db.Model(&conduit.Article{}).Count(&n).Error; err != nil || n != 0 {
			t.Errorf("%d articles, %v", n, err)
		}
		// By the route it stays: the application has no transaction there.
		s.rest("ada", "POST", "/api/articles", "application/json", `{"article":{"title":"Two","body":"and then the server fails"}}`)
		if db.Model(&conduit.Article{}).Count(&n); n != 1 {
			t.Errorf("%d articles", n)
		}
	})
}

func TestNoSlugReachesAnotherRoute(t *testing.T) {
	s := start(t, dbtest.SQLite(t, t.TempDir()+"/test.db"))
	s.call("ada", "articles_publish", article("One", "b"))
	if status, body := s.rest("", "GET", "/api/articles/one", "", ""); status != 200 {
		t.Fatal(status, body)
	}
	slugs := []string{"../writer", "..", ".", "", "one/comments", "one/picture", "one%2Fpicture", "%2e%2e%2fwriter", "one?x", "one#x", "one\x01", "one\r\nX: 1", "/one", "one/", `..\one`, "ONE/../one", "*", ":slug"}
	for _, slug := range slugs {
		for _, tool := range []string{"articles_get", "articles_delete", "articles_picture"} {
			r := s.call("ada", tool, map[string]any{"slug": slug})
			if !r.IsError || !strings.Contains(r.text(), "article not found") && !strings.Contains(r.text(), "validation_error") {
				t.Errorf("%s %q: %+v", tool, slug, r)
			}
		}
		for tool, arguments := range map[string]map[string]any{
			"articles_edit":        {"slug": slug, "article": map[string]any{"body": "hacked"}},
			"articles_comment":     {"slug": slug, "text": "hacked"},
			"articles_set_picture": {"slug": slug, "picture": png},
		} {
			if r := s.call("ada", tool, arguments); !r.IsError {
				t.Errorf("%s %q: %+v", tool, slug, r)
			}
		}
	}
	var one conduit.Article
	if err := s.db.Where("slug = ?", "one").Take(&one).Error; err != nil || one.Body != "b" || one.Picture != nil {
		t.Errorf("%+v %v", one, err)
	}
	var comments int64
	if s.db.Model(&conduit.Comment{}).Count(&comments); comments != 0 {
		t.Errorf("%d comments", comments)
	}
	// A slug is what it says, also where a URL means something else by it.
	for _, slug := range []string{"a b", "100%", "a+b", "%2e", "é", "a?b#c"} {
		if err := s.db.Create(&conduit.Article{Slug: slug, Title: slug, WriterID: 1}).Error; err != nil {
			t.Fatal(err)
		}
		var got struct {
			Article struct {
				Slug string `json:"slug"`
			} `json:"article"`
		}
		r := s.call("", "articles_get", map[string]any{"slug": slug})
		if err := json.Unmarshal([]byte(r.text()), &got); err != nil || got.Article.Slug != slug {
			t.Errorf("%q: %+v", slug, r)
		}
	}
}

func TestTheCallerOfTheMountIsTheUserOfTheHandlers(t *testing.T) {
	s := start(t, dbtest.SQLite(t, t.TempDir()+"/test.db"))
	s.call("ada", "articles_publish", article("One", "b"))
	if r := s.call("bob", "articles_edit", map[string]any{"slug": "one", "article": map[string]any{"body": "x"}}); !r.IsError {
		t.Errorf("bob edits the article of ada: %+v", r)
	}
	if r := s.call("browser of bob", "me", map[string]any{}); r.text() != `{"writer":{"name":"bob"}}` {
		t.Error(r)
	}
	if r := s.call("browser of bob", "articles_delete", map[string]any{"slug": "one"}); !r.IsError {
		t.Errorf("bob deletes the article of ada: %+v", r)
	}
	if strings.Contains(s.log.String(), "ada-token") || strings.Contains(s.log.String(), "bob-token") {
		t.Error("a token is in the log")
	}
}
