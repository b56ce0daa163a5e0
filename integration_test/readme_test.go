package integration_test

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/steps"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// The program itself is compiled with the module, as example/quickstart.
func TestTheREADMEShowsTheQuickstartProgram(t *testing.T) {
	readme, program := read(t, "../README.md"), read(t, "../example/quickstart/main.go")
	if !strings.Contains(readme, "```go\n"+program+"```") {
		t.Error("README.md does not show example/quickstart/main.go as it is: paste it again")
	}
}

// Every snippet is part of a file that is compiled, whatever its indentation.
func TestEverySnippetOfTheDocsIsCompiledSomewhere(t *testing.T) {
	var sources strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			sources.WriteString(flush(read(t, path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob("../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("no docs: %v", err)
	}
	for _, doc := range append(docs, "../README.md") {
		for i, block := range strings.Split(read(t, doc), "```go\n")[1:] {
			snippet, _, _ := strings.Cut(block, "```")
			if !strings.Contains(sources.String(), flush(snippet)) {
				t.Errorf("%s: snippet %d is not in any Go file:\n%s", doc, i+1, snippet)
			}
		}
	}
}

// The chain is what the example prints.
func TestTheDocsShowTheChainThatIsPrinted(t *testing.T) {
	var printed strings.Builder
	steps.New(nil, slog.New(slog.DiscardHandler), nil).Fprint(&printed)
	if !strings.Contains(read(t, "../docs/steps.md"), printed.String()) {
		t.Errorf("docs/steps.md does not show\n%s", printed.String())
	}
}

func TestTheREADMEShowsTheChainsOfTheQuickstart(t *testing.T) {
	type task struct{ ID, Title string }
	srv := mcpecho.New(mcpecho.Config{Name: "tasks", DB: start(t).db})
	srv.Use(mw.RateLimit(10), mw.Transaction())
	srv.Add(
		mcpecho.Service("tasks.add", func(*mcpecho.Call, struct{}) (string, error) { return "", nil }, mw.Scopes("tasks:write")),
		mcpecho.Selector[task]("tasks.list", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil },
			mw.Scopes("tasks:read"), mw.Filter[struct {
				Title *string `json:"title"`
			}](), mw.Order("title", "id"), mw.Paginate(20)))
	var printed strings.Builder
	srv.Fprint(&printed)
	if !strings.Contains(read(t, "../README.md"), printed.String()) {
		t.Errorf("README.md does not show\n%s", printed.String())
	}
}

// The mistakes and the answer that the README shows, by the quickstart's own declarations.
func TestTheREADMEShowsTheAnswerToAMistake(t *testing.T) {
	type task struct {
		ID    int64  `json:"id"`
		Title string `json:"title"`
		Done  bool   `json:"done"`
	}
	type taskFilter struct {
		Done  *bool   `json:"done"`
		Title *string `json:"title" filter:"title,icontains"`
	}
	srv := mcpecho.New(mcpecho.Config{Name: "tasks"})
	srv.Add(mcpecho.Selector[task]("tasks.list", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil },
		mw.Filter[taskFilter](), mw.Order("title", "id"), mw.Paginate(20)))
	answer := mcptest.New(t, srv).Do("tasks.list", map[string]any{"don": false, "limit": 0}).Text
	readme := strings.ReplaceAll(flush(read(t, "../README.md")), "\n", "")
	if !strings.Contains(readme, answer) {
		t.Errorf("README.md does not show the answer\n%s", answer)
	}
}

// flush removes the indentation.
func flush(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheREADMESaysWhatAMissingKeyDoes(t *testing.T) {
	defer func() {
		text, _ := recover().(string)
		if readme := strings.ReplaceAll(read(t, "../README.md"), "\n", " "); text == "" || !strings.Contains(readme, text) {
			t.Errorf("README.md does not show %q", text)
		}
	}()
	mw.Bearer([]byte(""))
}

// The token is what the README's own commands make, checked by the quickstart's authentication.
func TestTheTokenThatTheREADMEMakesIsAccepted(t *testing.T) {
	for _, tool := range []string{"bash", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("the README's commands need %s: %v", tool, err)
		}
	}
	_, script, _ := strings.Cut(read(t, "../README.md"), "b64() {")
	script, _, found := strings.Cut(script, "\ncurl ")
	if !found {
		t.Fatal("README.md makes no token")
	}
	const key = "0123456789abcdef0123456789abcdef"
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -eu; b64() {"+script+"\necho \"$TOKEN\"")
	cmd.Env = append(os.Environ(), "JWT_SECRET="+key)
	token, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.GET("/", func(c echo.Context) error {
		p := mcpecho.PrincipalFrom(c)
		return c.String(http.StatusOK, p.Subject+" "+strings.Join(p.Scopes, " "))
	}, mw.Bearer([]byte(key)))
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, request)
	if recorder.Body.String() != "me tasks:read tasks:write" {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}
