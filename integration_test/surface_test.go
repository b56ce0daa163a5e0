package integration_test

import (
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The surface of mcpecho is what a newcomer reads first, so it stays on two screens.
func TestTheSurfaceOfMcpechoIsSmall(t *testing.T) {
	const most = 99
	cmd := exec.Command("go", "doc", "-short", "./mcpecho")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go doc: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "func New(") {
		t.Fatalf("go doc says nothing of New:\n%s", out)
	}
	if n := strings.Count(string(out), "\n"); n > most {
		t.Errorf("go doc -short ./mcpecho has %d lines, and %d are enough: unexport what only this package uses, make a function a method "+
			"of its type or a field of a config, or move a subject into a package of its own, as mcpecho/content is\n%s", n, most, out)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	packages := goList(t, "./...")
	if len(packages) < len(mayImport) {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		documented := packageComments(t, "../"+name)
		switch {
		case len(documented) != 1:
			t.Errorf("package %s has a package comment in %d files %v: write one, which says what the package is for", name, len(documented), documented)
		case isPublic(name) && documented[0] != "doc.go":
			t.Errorf("the comment of package %s is in %s: applications import the package, so move it to doc.go, where readers look for it", name, documented[0])
		}
	}
}

// packageComments are the files of a folder that have a package comment.
func packageComments(t *testing.T, folder string) (files []string) {
	paths, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no files: %v", folder, err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if file.Doc.Text() != "" { // a build constraint is no text
			files = append(files, filepath.Base(path))
		}
	}
	return files
}

// isPublic says whether applications can import the package.
func isPublic(name string) bool {
	return !strings.Contains("/"+name, "/internal/") && !strings.HasPrefix(name, "example/") && !strings.HasPrefix(name, "integration_test")
}
