package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is where comments wrap. A tab counts as four columns.
const columns = 100

// Code has no width, so neither has a comment behind code or code that a comment shows. The output
// of an example is what the program prints, and a directive is for a tool.
func TestNoCommentIsWiderThanAHundredColumns(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		lines := strings.Split(read(t, path), "\n")
		for _, group := range file.Comments {
			for _, comment := range group.List {
				if isOutput(comment) {
					break
				}
				number := files.Position(comment.Pos()).Line
				line := lines[number-1]
				prose := strings.HasPrefix(strings.TrimLeft(line, "\t "), "//") &&
					!strings.HasPrefix(comment.Text, "//\t") && !isDirective(comment)
				if prose && width(line) > columns {
					t.Errorf("%s:%d: the comment has %d columns, wrap it at %d", path, number, width(line), columns)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func width(line string) int { return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t") }

func isOutput(c *ast.Comment) bool {
	text := strings.ToLower(strings.TrimLeft(c.Text, "/ "))
	return strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:")
}

// isDirective says whether a comment is for a tool, as //go:build and //lint:ignore are.
func isDirective(c *ast.Comment) bool {
	word, _, _ := strings.Cut(strings.TrimPrefix(c.Text, "//"), " ")
	return strings.Contains(word, ":") && word != "" && word[0] >= 'a' && word[0] <= 'z'
}
