package mcpecho_test

import (
	"fmt"
	"log"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
)

func guard() mcpecho.Step {
	s := step("guard", mcpecho.StagePermissions, nil)
	s.Note = "for the test"
	return s
}

func TestCheckNamesWhatIsRarelyMeant(t *testing.T) {
	query := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }
	named := func(*mcpecho.Call, struct {
		Name string `json:"name"`
	}) (string, error) {
		return "", nil
	}
	suggest := func(*mcpecho.Call, string, map[string]string) ([]string, error) { return nil, nil }
	tests := map[string]struct {
		spec  *mcpecho.Spec
		rules string
	}{
		"bare service":       {mcpecho.Service("x", noop), "unguarded undescribed no_transaction"},
		"bare list":          {mcpecho.Selector[widget]("x", query), "unguarded undescribed unbounded"},
		"bare retrieve":      {mcpecho.Retrieve[widget]("x", query), "unguarded undescribed"},
		"read-only service":  {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), mcpecho.Annotate(mcpecho.ReadOnly(true))), ""},
		"complete service":   {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), transaction()), ""},
		"stated service":     {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), mcpecho.NoTransaction("calls a printer")), ""},
		"stated list":        {mcpecho.Selector[widget]("x", query, guard(), mcpecho.Describe("d"), mcpecho.Unbounded("seven weekdays")), ""},
		"writing GET":        {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), transaction(), mcpecho.Route("GET /x")), "unsafe_get"},
		"reading GET":        {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), mcpecho.Annotate(mcpecho.ReadOnly(true)), mcpecho.Route("GET /x")), ""},
		"writing POST":       {mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"), transaction(), mcpecho.Route("POST /x")), ""},
		"resource":           {mcpecho.Resource("x://y", noop), "unguarded undescribed"},
		"prompt":             {mcpecho.Prompt("x", noop, guard()), "undescribed"},
		"guarded by Guard":   {mcpecho.Prompt("x", noop, mcpecho.Guard("admins", step("", 0, nil).Func), mcpecho.Describe("d")), ""},
		"named middleware":   {mcpecho.Prompt("x", noop, mcpecho.Named("admins", step("", 0, nil).Func), mcpecho.Describe("d")), "unguarded"},
		"open suggestions":   {mcpecho.Prompt("x", named, mcpecho.Describe("d"), mcpecho.Complete("name", suggest)), "unguarded open_completion"},
		"name of 45":         {mcpecho.Prompt(strings.Repeat("x", 45), noop, guard(), mcpecho.Describe("d")), ""},
		"name of 46":         {mcpecho.Prompt(strings.Repeat("x", 46), noop, guard(), mcpecho.Describe("d")), "long_name"},
		"published selector": {mcpecho.Selector[widget]("x", query, guard(), mcpecho.Describe("d")).AsResource("x://all"), "unbounded"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.log.Reset()
			b.srv.Add(tt.spec)
			var rules []string
			for _, p := range b.srv.Check() {
				if p.Entry != "" {
					rules = append(rules, p.Rule)
				}
			}
			if got := strings.Join(rules, " "); got != tt.rules {
				t.Errorf("problems = %q, want %q", got, tt.rules)
			}
			if got := strings.Count(b.log.String(), "mcpecho: check"); got != len(rules) {
				t.Errorf("%d problems logged when added to a mounted server, want %d", got, len(rules))
			}
		})
	}
}

// found are the entries that Check names for a rule.
func found(srv *mcpecho.Server, rule string) (entries []string) {
	for _, p := range srv.Check() {
		if p.Rule == rule {
			entries = append(entries, p.Entry)
		}
	}
	return entries
}

func TestCheckNamesRowsThatNothingNarrowsWhereOthersAre(t *testing.T) {
	b := setup(t)
	query := func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }
	narrow := func(row reflect.Type) mcpecho.Step {
		return mcpecho.Step{Name: "narrow", Describe: func(d *mcpecho.Definition) error {
			return d.Narrow(row, func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("1 = 1") })
		}}
	}
	b.srv.Add(mcpecho.Selector[secret]("open", query), mcpecho.Service("write", noop))
	if got := found(b.srv, "unnarrowed"); got != nil {
		t.Errorf("where nothing is narrowed: %v", got)
	}
	b.srv.Add(
		mcpecho.Selector[widget]("narrowed", query, narrow(reflect.TypeFor[widget]())),
		mcpecho.Retrieve[widget]("by another", query, narrow(reflect.TypeFor[secret]())).AsResource("w://all"),
		mcpecho.Selector[widget]("by all", query, narrow(nil)).AsResource("w://mine"),
		mcpecho.Selector[secret]("stated", query, mcpecho.Unnarrowed("a list for everybody")))
	if got := fmt.Sprint(found(b.srv, "unnarrowed")); got != "[open w://all]" {
		t.Errorf("unnarrowed: %s", got)
	}
	var out strings.Builder
	if b.srv.Fprint(&out); !strings.Contains(out.String(), "unnarrowed: a list for everybody") {
		t.Error(out.String())
	}
}

func TestCheckNamesResultsThatLookAsIfTheyHeldACredential(t *testing.T) {
	type account struct {
		ID           uint
		Name         string
		PasswordHash string
		APIKey       *string `json:"apiKey"`
	}
	type article struct {
		ID       uint    `json:"id"`
		Author   account `json:"author" gorm:"foreignKey:ID"`
		HasToken bool    `json:"has_token"`
		Tokens   int     `json:"max_tokens"`
		Next     string  `json:"next_page_token"`
		Keyword  string  `json:"key_word"`
	}
	type harmless struct {
		ID     uint   `json:"id"`
		Secret bool   `json:"secret"`
		Commit string `json:"commit_hash"`
	}
	b := setup(t)
	b.srv.Add(
		mcpecho.Selector[article]("articles", func(c *mcpecho.Call, _ none) (*gorm.DB, error) { return c.DB(), nil }),
		mcpecho.Service("login", func(*mcpecho.Call, none) (out struct {
			AccessToken string `json:"access_token"`
		}, err error) {
			return out, nil
		}),
		mcpecho.Service("stated", func(*mcpecho.Call, none) (out struct {
			Token string `json:"token"`
		}, err error) {
			return out, nil
		}, mcpecho.Discloses("it is shown to its owner once")),
		mcpecho.Resource("x://account", func(*mcpecho.Call, none) (account, error) { return account{}, nil }),
		mcpecho.Service("harmless", func(*mcpecho.Call, none) ([]harmless, error) { return nil, nil }))
	if got := fmt.Sprint(found(b.srv, "credentials")); got != "[articles login x://account]" {
		t.Errorf("credentials: %s", got)
	}
	for _, p := range b.srv.Check() {
		if p.Rule == "credentials" && p.Entry == "articles" && !strings.Contains(p.Message, "its result shows Author.PasswordHash, Author.APIKey:") {
			t.Error(p)
		}
	}
}

func TestCheckNamesMissingRateLimitsInOneProblem(t *testing.T) {
	b := setup(t)
	limit := step("limit", mcpecho.StageRateLimit, nil)
	b.srv.Add(mcpecho.Service("limited", noop, limit), mcpecho.Prompt("prompt", noop))
	if got := found(b.srv, "no_rate_limit"); got != nil {
		t.Error(got)
	}
	for i := range 5 {
		b.srv.Add(mcpecho.Service(fmt.Sprint("free", i), noop))
	}
	var lines []string
	for _, p := range b.srv.Check() {
		if p.Rule == "no_rate_limit" {
			lines = append(lines, p.String())
		}
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "a caller may call free0, free1, free2 and 2 more without end") {
		t.Errorf("%q", lines)
	}
	b.srv.Use(limit)
	if got := found(b.srv, "no_rate_limit"); got != nil {
		t.Error(got)
	}
}

func TestStrictRefusesAtMountAndAtAdd(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "t", Strict: true})
	srv.Add(mcpecho.Service("x", noop))
	func() {
		defer func() {
			if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "mcpecho: Config.Strict: x: everybody may use it") {
				t.Errorf("panic = %v", v)
			}
		}()
		srv.Mount(echo.New().Group("/mcp"))
	}()
	srv.Remove("x")
	srv.Mount(echo.New().Group("/mcp"))
	if err := srv.AddSafely(mcpecho.Service("x", noop)); err == nil {
		t.Error("an unguarded tool was added to a strict server that serves")
	}
	if err := srv.AddSafely(mcpecho.Service("x", noop, guard(), mcpecho.Describe("d"))); err != nil {
		t.Error(err)
	}
}

func TestReasonsAreRequiredAndPrinted(t *testing.T) {
	b := setup(t)
	if err := b.srv.AddSafely(mcpecho.Service("x", noop, mcpecho.NoTransaction(" "))); err == nil || !strings.Contains(err.Error(), "NoTransaction needs the reason") {
		t.Error(err)
	}
	b.srv.Add(mcpecho.Service("x", noop, guard(), mcpecho.NoTransaction("calls a printer")))
	var out strings.Builder
	b.srv.Fprint(&out)
	if got := out.String(); got != "x  guard → validate → handle → serialize  (guard: for the test; no transaction: calls a printer)\n" {
		t.Error(got)
	}
}

// plainLogger is a logger of an application's own that knows nothing of parameters.
type plainLogger struct{ logger.Interface }

func TestCheckNamesALoggerThatPrintsValues(t *testing.T) {
	warn := logger.Config{LogLevel: logger.Warn}
	quiet := warn
	quiet.ParameterizedQueries = true
	silent := logger.Config{LogLevel: logger.Silent}
	for name, tc := range map[string]struct {
		logger logger.Interface
		found  bool
	}{
		"gorm's default":  {logger.Default, true},
		"a new one":       {logger.New(log.Default(), warn), true},
		"parameterized":   {logger.New(log.Default(), quiet), false},
		"silent":          {logger.New(log.Default(), silent), false},
		"discarding":      {logger.Discard, false},
		"slog":            {logger.NewSlogLogger(slog.Default(), warn), true},
		"slog, parameter": {logger.NewSlogLogger(slog.Default(), quiet), false},
		"one of its own":  {plainLogger{logger.Discard}, true},
	} {
		b := setup(t)
		b.db.Config.Logger = tc.logger
		found := slices.ContainsFunc(b.srv.Check(), func(p mcpecho.Problem) bool { return p.Rule == "logged_values" })
		if found != tc.found {
			t.Errorf("%s: found %v", name, found)
		}
	}
}
