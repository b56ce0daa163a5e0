package integration_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every package comment shows code that stands in some file, so that it compiles.
func TestCodeInAPackageCommentIsCompiledSomewhere(t *testing.T) {
	var tours []string
	var sources [][]string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() || !strings.HasSuffix(path, ".go"):
		case d.Name() == "doc.go":
			tours = append(tours, path)
		default:
			sources = append(sources, statements(read(t, path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tour := range tours {
		for _, block := range codeBlocks(read(t, tour)) {
			if isGo(block) && !isPartOf(sources, statements(block)) {
				t.Errorf("%s: this is not in any other Go file:\n%s", tour, block)
			}
		}
	}
}

// toured are the packages whose doc.go is a guided tour.
var toured = []string{"binding", "filters", "ordering", "paginate", "store", "store/storetest"}

func TestCodeInATourIsThatOfAnExample(t *testing.T) {
	for _, folder := range toured {
		doc, err := os.ReadFile(filepath.Join("..", folder, "doc.go"))
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join("..", folder, "example*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s has no examples: %v", folder, err)
		}
		examples := make([][]string, len(files))
		for i, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			examples[i] = statements(string(source))
		}
		found := 0
		for _, block := range codeBlocks(string(doc)) {
			if !isGo(block) {
				continue
			}
			found++
			if lines := statements(block); !isPartOf(examples, lines) {
				t.Errorf("doc.go of %s shows code that no example of the package runs:\n%s", folder, block)
			}
		}
		if found < 3 {
			t.Errorf("doc.go of %s shows %d pieces of code, which is no tour", folder, found)
		}
	}
}

// codeBlocks are the indented parts of a package comment.
func codeBlocks(doc string) (blocks []string) {
	var block []string
	for line := range strings.SplitSeq(doc, "\n") {
		code, indented := strings.CutPrefix(line, "//\t")
		switch {
		case indented:
			block = append(block, code)
		case block != nil:
			blocks, block = append(blocks, strings.Join(block, "\n")), nil
		}
	}
	return blocks
}

// isGo tells statements and declarations from JSON, tables and requests.
func isGo(block string) bool {
	for _, source := range []string{"package p\n" + block, "package p\nfunc _() {\n" + block + "\n}"} {
		if _, err := parser.ParseFile(token.NewFileSet(), "", source, 0); err == nil {
			return true
		}
	}
	return false
}

// statements are the lines of code without their indentation, and without what an example does with
// an error that does not happen.
func statements(code string) (lines []string) {
	for line := range strings.SplitSeq(code, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	for i := 0; i+2 < len(lines); i++ {
		handled := lines[i+1] == "panic(err)" || lines[i+1] == "return err"
		if lines[i] == "if err != nil {" && handled && lines[i+2] == "}" {
			lines = slices.Delete(lines, i, i+3)
			i--
		}
	}
	return lines
}

func isPartOf(examples [][]string, lines []string) bool {
	for _, example := range examples {
		for start := range len(example) - len(lines) + 1 {
			if slices.Equal(example[start:start+len(lines)], lines) {
				return true
			}
		}
	}
	return false
}
