package integration_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What make and .ci/run do, they do in every module: one that the Makefile does not name is neither
// built nor tested.
func TestTheMakefileEntersEveryModule(t *testing.T) {
	_, line, _ := strings.Cut(read(t, "../Makefile"), "\nMODULES = ")
	line, _, _ = strings.Cut(line, "\n")
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if err == nil && d.Name() == "go.mod" {
			module, _ := filepath.Rel("..", filepath.Dir(path))
			found = append(found, filepath.ToSlash(module))
			if module != "." && !strings.Contains(read(t, path), "\nreplace github.com/mcpecho/kit => ../..\n") {
				t.Errorf("%s uses a published version of this module: replace it by ../..", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if named := strings.Fields(line); !slices.Equal(named, found) {
		t.Errorf("MODULES of the Makefile are %v, there are %v", named, found)
	}
}
