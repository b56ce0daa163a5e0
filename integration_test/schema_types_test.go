package integration_test

import (
	stdjson "encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// branch contains itself, and twig and leaf contain each other.
type branch struct {
	ID       uint     `json:"id"`
	ParentID *uint    `json:"parent_id"`
	Children []branch `json:"children" gorm:"foreignKey:ParentID"`
}

type twig struct {
	gorm.Model
	Name   string
	Leaves []leaf
}

type leaf struct {
	ID     uint  `json:"id"`
	TwigID uint  `json:"twig_id"`
	Twig   *twig `json:"twig"`
}

// everyType has a field of each kind that is hard to describe.
type everyType struct {
	Any     any                 `json:"any" doc:"Whatever it is."`
	Bare    any                 `json:"bare"`
	Raw     stdjson.RawMessage  `json:"raw"`
	Value   jsontext.Value      `json:"value"`
	Number  stdjson.Number      `json:"number"`
	Anys    []any               `json:"anys"`
	ByName  map[string]any      `json:"by_name"`
	Free    map[string]string   `json:"free"`
	Opt     binding.Opt[string] `json:"opt"`
	Pointer *int                `json:"pointer"`
	When    *time.Time          `json:"when"`
	Addr    netip.Addr          `json:"addr"`
	Bytes   []byte              `json:"bytes"`
	Branch  *branch             `json:"branch"`
	Nested  map[string][]branch `json:"nested"`
}

// manyTypes has specs with all kinds of arguments and results.
func manyTypes(t *testing.T) *mcptest.Client {
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "types.db")), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&branch{}, &twig{}, &leaf{}); err != nil {
		t.Fatal(err)
	}
	one := uint(1)
	for _, row := range []any{&branch{ID: 1}, &branch{ID: 2, ParentID: &one}, &twig{Name: "a"}, &leaf{ID: 1, TwigID: 1}} {
		if err := db.Create(row).Error; err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	branches := func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB().Preload("Children"), nil }
	branchOne := func(c *mcpecho.Call, _ empty) (*gorm.DB, error) {
		return c.DB().Preload("Children").Where("id = 1"), nil
	}
	nobody := func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB().Where("id = 99"), nil }
	point := func(b branch) *branch { return &b }
	srv := mcpecho.New(mcpecho.Config{Name: "types", Version: "1", DB: db, Logger: slog.New(slog.DiscardHandler)})
	srv.Add(
		mcpecho.Service("everything", func(_ *mcpecho.Call, in everyType) (everyType, error) { return in, nil }),
		mcpecho.Service("service_pointer", func(_ *mcpecho.Call, _ empty) (*branch, error) { return &branch{}, nil }),
		mcpecho.Service("service_list", func(_ *mcpecho.Call, _ empty) ([]branch, error) { return []branch{{Children: []branch{{}}}}, nil }),
		mcpecho.Service("service_map", func(_ *mcpecho.Call, _ empty) (map[string]any, error) { return map[string]any{"a": 1}, nil }),
		mcpecho.Service("service_opt", func(_ *mcpecho.Call, _ empty) (binding.Opt[branch], error) { return binding.Null[branch](), nil }),
		mcpecho.Selector[branch]("bare", branches),
		mcpecho.Selector[branch]("paged", branches, mw.Paginate(2)),
		mcpecho.Selector[branch]("keyset", branches, mw.PaginateWithConfig(mw.PaginateConfig{Limit: 2, Keyset: true})),
		mcpecho.Selector[leaf]("mutual", func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB().Preload("Twig.Leaves"), nil }),
		mcpecho.Selector[twig]("mutual_paged", func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB().Preload("Leaves"), nil }, mw.Paginate(2)),
		mcpecho.Retrieve[branch]("one", branchOne),
		mcpecho.Retrieve[branch]("nullable", branchOne, mcpecho.Nullable()),
		mcpecho.Retrieve[branch]("nobody", nobody, mcpecho.Nullable()),
		mcpecho.Retrieve[branch]("pointer", branchOne, mw.Serialize(point)),
		mcpecho.Retrieve[branch]("pointer_nullable", branchOne, mcpecho.Nullable(), mw.Serialize(point)),
		mcpecho.Selector[branch]("pointers", branches, mw.Serialize(point)),
	)
	return mcptest.New(t, srv)
}

func TestResultsOfManyTypesFitTheirSchemas(t *testing.T) {
	c := manyTypes(t)
	for _, tool := range c.Tools() {
		mcptest.AssertConforms(t, c, tool.Name, c.Do(tool.Name, map[string]any{}))
	}
	full := `{"any":{"a":[1,null]},"bare":null,"raw":[true],"value":"x","number":12.50,"anys":[1,"a",null],"by_name":{"a":null},"free":{"a":"b"},"opt":null,
		"pointer":1,"when":"2026-01-02T03:04:05Z","addr":"::1","bytes":"aGk=","branch":{"id":1,"children":[{"id":2}]},"nested":{"a":[{"id":3}]}}`
	got := c.Do("everything", jsontext.Value(full))
	mcptest.AssertConforms(t, c, "everything", got)
	if !strings.Contains(string(got.Structured), `"number":12.50`) {
		t.Errorf("a json.Number must stay the number it is: %s", got.Structured)
	}
}

func TestSchemasOfManyTypesArePlain(t *testing.T) {
	for _, tool := range manyTypes(t).Tools() {
		for what, schema := range map[string]jsontext.Value{"input": tool.InputSchema, "output": tool.OutputSchema} {
			var root map[string]any
			if err := json.Unmarshal(schema, &root); err != nil {
				t.Fatalf("%s: %v", tool.Name, err)
			}
			if _, list := root["type"].([]any); list {
				t.Errorf("%s: the %s schema has a list of types at its root: %s", tool.Name, what, schema)
			}
			plain(t, tool.Name+" "+what, root)
		}
	}
}

// plain refuses boolean schemas but for additionalProperties false, and definitions anywhere but at
// the root.
func plain(t *testing.T, where string, schema map[string]any) {
	t.Helper()
	for keyword, v := range schema {
		where := where + "/" + keyword
		switch v := v.(type) {
		case bool:
			if keyword != "uniqueItems" && (keyword != "additionalProperties" || v) {
				t.Errorf("%s is %v", where, v)
			}
		case map[string]any:
			if keyword == "$defs" && strings.Count(where, "/") > 1 {
				t.Errorf("%s is not at the root", where)
			}
			plain(t, where, v)
		case []any:
			for _, item := range v {
				if s, ok := item.(map[string]any); ok {
					plain(t, where, s)
				}
			}
		}
	}
}

func TestSchemasOfManyTypesFitTheOfficialSchema(t *testing.T) {
	for _, version := range versions {
		def := definitions(t, version)("Tool")
		c := manyTypes(t)
		for _, tool := range c.Tools() {
			listed := map[string]any{"name": tool.Name, "inputSchema": value(t, tool.InputSchema)}
			// A dated list leaves out what is no object.
			if output := value(t, tool.OutputSchema); version == versions[0] || output.(map[string]any)["type"] == "object" {
				listed["outputSchema"] = output
			}
			if err := def.Validate(listed); err != nil {
				t.Errorf("%s: %s: %v", version, tool.Name, err)
			}
		}
	}
}
