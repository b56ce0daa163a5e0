package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const module = "github.com/mcpecho/kit/"

// mayImport is the layering of the library: for each package, the packages of this module and the
// other modules that it may import. Other modules of a package are open to those above it too;
// packages of this module are not.
var mayImport = map[string][]string{
	"binding":              {"github.com/go-json-experiment/json", "github.com/google/jsonschema-go", "github.com/go-playground/validator/v10", "internal/nearest"},
	"filters":              {"gorm.io/gorm", "binding", "internal/narrow"},
	"ordering":             {"gorm.io/gorm", "binding", "internal/narrow"},
	"paginate":             {"gorm.io/gorm", "binding", "internal/narrow", "internal/seal"},
	"store":                {"golang.org/x/time"},
	"store/storetest":      {"store"},
	"internal/jsonrpc":     {"github.com/go-json-experiment/json"},
	"internal/location":    {"github.com/yosida95/uritemplate/v3"},
	"internal/narrow":      {"gorm.io/gorm"},
	"internal/authn":       {"github.com/labstack/echo/v4"},
	"internal/capture":     {"github.com/labstack/echo/v4"},
	"internal/caught":      {},
	"internal/dberror":     {},
	"internal/deadline":    {},
	"internal/native":      {},
	"internal/nearest":     {},
	"internal/openapi":     {"github.com/go-json-experiment/json"},
	"internal/seal":        {},
	"internal/sse":         {},
	"internal/transaction": {"gorm.io/gorm", "internal/dberror"},
	"internal/toon":        {"github.com/go-json-experiment/json"},
	"internal/weburl":      {},
	"internal/wire": {"github.com/labstack/echo/v4", "github.com/go-json-experiment/json", "store",
		"internal/authn", "internal/capture", "internal/caught", "internal/jsonrpc", "internal/sse"},
	"mcpecho/auth": {"github.com/labstack/echo/v4", "github.com/golang-jwt/jwt/v5", "github.com/MicahParks/keyfunc/v3",
		"github.com/MicahParks/jwkset", "github.com/hashicorp/golang-lru/v2", "github.com/go-json-experiment/json", "internal/weburl"},
	"mcpecho/content": {"binding"},
	"mcpecho": {"github.com/labstack/echo/v4", "gorm.io/gorm",
		"binding", "store", "internal/authn", "internal/capture", "internal/caught", "internal/dberror", "internal/deadline", "internal/jsonrpc", "internal/location", "internal/narrow",
		"internal/native", "internal/nearest", "internal/openapi", "internal/seal", "internal/toon", "internal/transaction", "internal/wire", "mcpecho/auth", "mcpecho/content"},
	"middleware": {"mcpecho", "mcpecho/auth", "filters", "ordering", "paginate", "binding", "store", "internal/authn",
		"internal/native", "internal/weburl"},
	"mcptest": {"mcpecho", "mcpecho/content", "binding"},
}

// free are the folders that may import everything.
var free = []string{"example/", "integration_test"}

// listed is what the go command says about a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	CgoFiles   []string
}

func goList(t *testing.T, args ...string) (packages []listed) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,CgoFiles"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for object := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n}\n") {
		var p listed
		if err := json.Unmarshal([]byte(strings.TrimSuffix(object, "\n}")+"\n}"), &p); err != nil {
			t.Fatalf("%v in %s", err, object)
		}
		packages = append(packages, p)
	}
	return packages
}

// open collects the other modules that a package may import.
func open(name string) (modules []string) {
	for _, m := range mayImport[name] {
		if _, own := mayImport[m]; own {
			modules = append(modules, open(m)...)
		} else {
			modules = append(modules, m)
		}
	}
	return modules
}

func TestPackagesImportOnlyWhatIsBelowThem(t *testing.T) {
	for _, p := range goList(t, "./...") {
		name, _ := strings.CutPrefix(p.ImportPath, module)
		if slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(name, f) }) || len(p.Imports) == 0 {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table of imports: decide what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			own, isOwn := strings.CutPrefix(imported, module)
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case isOwn && slices.Contains(allowed, own):
			case !isOwn && !strings.Contains(first, "."):
				if imported == "encoding/json" {
					// Applications have these types of it in their structs.
					uses(t, name, imported, "json", "it ignores the case of names: use go-json-experiment/json", "Number", "RawMessage")
				}
			case !isOwn && slices.ContainsFunc(open(name), func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") }):
			default:
				t.Errorf("%s imports %s, which is not below it", name, imported)
			}
		}
	}
}

// What a package must not know, by whatever detour.
func TestWhatIsBelowKnowsNothingOfWhatIsAbove(t *testing.T) {
	for name, forbidden := range map[string][]string{
		"internal/wire": {"gorm.io/", module + "binding", module + "mcpecho", module + "middleware"},
		"mcpecho/auth":  {"gorm.io/", module + "binding", module + "internal/wire", module + "internal/jsonrpc", module + "middleware"},
		"binding":       {"gorm.io/", "github.com/labstack/", module + "mcpecho", module + "internal/wire"},
		"store":         {"gorm.io/", "github.com/labstack/", module + "mcpecho", module + "internal/wire"},
	} {
		for _, p := range goList(t, "-deps", "./"+name) {
			for _, f := range forbidden {
				if strings.HasPrefix(p.ImportPath, f) {
					t.Errorf("%s depends on %s", name, p.ImportPath)
				}
			}
		}
	}
}

// A transport that is not HTTP is to be a second file beside the first, not a second engine.
func TestTheDoorKnowsNetHTTPInOneFile(t *testing.T) {
	files, err := filepath.Glob("../internal/wire/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var know []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if !strings.HasSuffix(path, "_test.go") && i.Path.Value == `"net/http"` {
				know = append(know, filepath.Base(path))
			}
		}
	}
	if !slices.Equal(know, []string{"http.go"}) {
		t.Errorf("%q know net/http: what an exchange needs of its transport is a method of peer", know)
	}
}

// uses makes sure that a package uses nothing of another one but the names.
func uses(t *testing.T, name, imported, as, instead string, names ...string) {
	files, err := filepath.Glob("../" + name + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if i.Path.Value != strconv.Quote(imported) {
				continue
			}
			local := as
			if i.Name != nil {
				local = i.Name.Name
			}
			ast.Inspect(file, func(n ast.Node) bool {
				use, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				of, ok := use.X.(*ast.Ident)
				if ok && of.Name == local && !slices.Contains(names, use.Sel.Name) {
					t.Errorf("%s uses %s of %s: %s", path, use.Sel.Name, imported, instead)
				}
				return true
			})
		}
	}
}

func TestAuthenticationKnowsNothingOfEchoButItsError(t *testing.T) {
	uses(t, "mcpecho/auth", "github.com/labstack/echo/v4", "echo", "package auth is for every Go server", "HTTPError")
}

func TestTheLibraryNeedsNoCgo(t *testing.T) {
	args := []string{"-deps"}
	for name := range mayImport {
		args = append(args, "./"+name)
	}
	packages := goList(t, args...)
	if len(packages) < len(mayImport) {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("the library depends on %s, which is cgo", p.ImportPath)
		}
		if strings.HasPrefix(p.ImportPath, "gorm.io/driver/") {
			t.Errorf("the library depends on %s: a driver is the application's choice", p.ImportPath)
		}
	}
}
