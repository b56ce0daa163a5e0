package integration_test

import (
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"testing"
)

// The tours in the package comments are code that runs somewhere too, all but the lines that a
// program prints.
func TestEverySnippetOfAPackageCommentIsCompiledSomewhere(t *testing.T) {
	var sources strings.Builder
	var tours []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() || !strings.HasSuffix(path, ".go"):
		case d.Name() == "doc.go":
			tours = append(tours, path)
		default:
			sources.WriteString(flush(read(t, path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tour := range tours {
		for block := range snippets(read(t, tour)) {
			if isGo(block) && !strings.Contains(sources.String(), flush(block)) {
				t.Errorf("%s: this is not in any other Go file:\n%s", tour, block)
			}
		}
	}
}

// snippets are the indented parts of a package comment, cut where a blank line stands between two
// declarations.
func snippets(comment string) iter.Seq[string] {
	return func(yield func(string) bool) {
		var block []string
		for line := range strings.Lines(comment) {
			line = strings.TrimSuffix(line, "\n")
			if code, ok := strings.CutPrefix(line, "//\t"); ok {
				block = append(block, code)
				continue
			}
			if len(block) > 0 && !yield(strings.Join(block, "\n")) {
				return
			}
			block = nil
		}
	}
}
