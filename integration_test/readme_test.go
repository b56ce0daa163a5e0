package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	for _, doc := range []string{"../README.md", "../docs/security.md"} {
		for i, block := range strings.Split(read(t, doc), "```go\n")[1:] {
			snippet, _, _ := strings.Cut(block, "```")
			if !strings.Contains(sources.String(), flush(snippet)) {
				t.Errorf("%s: snippet %d is not in any Go file:\n%s", doc, i+1, snippet)
			}
		}
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
