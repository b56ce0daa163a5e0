package paginate_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/paginate"
)

type invoice struct {
	ID          int64
	Number      string
	AmountCents int64
	Rate        float64
	Sent        bool
	Note        *string
	CreatedAt   time.Time
	DeletedAt   gorm.DeletedAt
	Lines       []line
}

type line struct {
	ID        int64
	InvoiceID int64
	Text      string
	Invoice   *invoice
}

func (line) TableName() string { return "invoice_lines" } // LINES is a word of MariaDB's SQL

func ptr[T any](v T) *T { return &v }

func openSQLite(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, db)
	return db
}

func migrate(t testing.TB, db *gorm.DB) {
	t.Helper()
	if err := db.AutoMigrate(&invoice{}, &line{}); err != nil {
		t.Fatal(err)
	}
}

// databases runs test on each database, with the tables of invoice and line.
func databases(t *testing.T, test func(*testing.T, *gorm.DB)) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		migrate(t, db)
		test(t, db)
	})
}

func rowSchema(t testing.TB) *schema.Schema {
	t.Helper()
	row, err := filters.SchemaOf(invoice{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func compile(t testing.TB, cfg paginate.Config) *paginate.Paginator {
	t.Helper()
	p, err := paginate.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompileNamesTheMistake(t *testing.T) {
	type keyless struct{ Name string }
	noKey, err := filters.SchemaOf(keyless{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		cfg  paginate.Config
		want string
	}{
		"negative limit":    {paginate.Config{Limit: -1}, "Limit -1 and MaxLimit 0 must be positive"},
		"negative maximum":  {paginate.Config{MaxLimit: -5}, "must be positive"},
		"above the maximum": {paginate.Config{Limit: 200, MaxLimit: 100}, "Limit 200 is above MaxLimit 100; raise MaxLimit or lower Limit"},
		"no row":            {paginate.Config{Keyset: true}, "Keyset needs Config.Row"},
		"no primary key":    {paginate.Config{Keyset: true, Row: noKey}, "a schema with a primary key"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := paginate.Compile(tt.cfg)
			if err == nil || !strings.HasPrefix(err.Error(), "paginate: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	if _, err := paginate.NewKeys([]byte("short")); err == nil {
		t.Error("a short key was taken")
	}
}

func TestArgumentsOfNumberedPages(t *testing.T) {
	tests := map[string]struct {
		cfg         paginate.Config
		data        string
		page, limit int
		bad         string // path and rule of each bad field
	}{
		"nothing":              {paginate.Config{}, `{}`, 1, 20, ""},
		"both":                 {paginate.Config{}, `{"page":3,"limit":7}`, 3, 7, ""},
		"configured default":   {paginate.Config{Limit: 5}, `{}`, 1, 5, ""},
		"high default":         {paginate.Config{Limit: 200}, `{"limit":1000}`, 1, 200, ""},
		"low maximum":          {paginate.Config{MaxLimit: 10}, `{}`, 1, 10, ""},
		"maximum":              {paginate.Config{}, `{"limit":100}`, 1, 100, ""},
		"above the maximum":    {paginate.Config{}, `{"limit":100000}`, 1, 100, ""},
		"far above":            {paginate.Config{}, `{"limit":9223372036854775807}`, 1, 100, ""},
		"greatest page":        {paginate.Config{}, `{"page":9223372036854775807}`, 9223372036854775807, 20, ""},
		"page 0":               {paginate.Config{}, `{"page":0}`, 0, 0, "page min"},
		"limit 0":              {paginate.Config{}, `{"limit":0}`, 0, 0, "limit min"},
		"negative":             {paginate.Config{}, `{"page":-1,"limit":-1}`, 0, 0, "page min limit min"},
		"text":                 {paginate.Config{}, `{"page":"2"}`, 0, 0, "page type"},
		"fraction":             {paginate.Config{}, `{"page":1.5}`, 0, 0, "page type"},
		"true":                 {paginate.Config{}, `{"page":true}`, 0, 0, "page type"},
		"null":                 {paginate.Config{}, `{"page":null,"limit":null}`, 1, 20, ""},
		"beyond int64":         {paginate.Config{}, `{"page":9223372036854775808}`, 0, 0, "page range"},
		"cursor is for keyset": {paginate.Config{}, `{"cursor":"x"}`, 0, 0, "cursor unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args, err := binding.Compile(compile(t, tt.cfg).Part())
			if err != nil {
				t.Fatal(err)
			}
			var in paginate.Input
			err = args.Decode([]byte(tt.data), &in)
			if got := fieldsOf(err); got != tt.bad {
				t.Fatalf("got %q (%v), want %q", got, err, tt.bad)
			}
			if err == nil && (*in.Page != tt.page || *in.Limit != tt.limit) {
				t.Errorf("got page %d, limit %d", *in.Page, *in.Limit)
			}
		})
	}
}

func TestArgumentsOfKeysetPages(t *testing.T) {
	args, err := binding.Compile(compile(t, paginate.Config{Keyset: true, Row: rowSchema(t), Limit: 2, MaxLimit: 3}).Part())
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{}`:                        "",
		`{"cursor":"x","limit":99}`: "",
		`{"limit":0}`:               "limit min",
		`{"cursor":1}`:              "cursor type",
		`{"cursor":null}`:           "",
		`{"page":1}`:                "page unknown",
	} {
		var in paginate.CursorInput
		err := args.Decode([]byte(data), &in)
		if got := fieldsOf(err); got != want {
			t.Errorf("%s: got %q (%v), want %q", data, got, err, want)
		}
		if strings.Contains(data, "99") && *in.Limit != 3 {
			t.Errorf("limit is %d, want 3", *in.Limit)
		}
	}
}

// fieldsOf lists path and rule of the fields of a *binding.Error.
func fieldsOf(err error) string {
	if err == nil {
		return ""
	}
	var bad *binding.Error
	if !errors.As(err, &bad) {
		return err.Error()
	}
	var s []string
	for _, f := range bad.Fields {
		s = append(s, f.Path+" "+f.Rule)
	}
	return strings.Join(s, " ")
}

func TestSchemaOfTheArguments(t *testing.T) {
	for want, cfg := range map[string]paginate.Config{
		`{"type":"object","properties":{"page":{"type":"integer","description":"Number of the page; the first is 1.","default":1,"minimum":1},` +
			`"limit":{"type":"integer","description":"Rows per page.","default":20,"minimum":1,"maximum":100}},"additionalProperties":false}`: {},
		`{"type":"object","properties":{"cursor":{"type":"string","description":"nextCursor of the page before, with the same other arguments. Leave it out to begin."},` +
			`"limit":{"type":"integer","description":"Rows per page.","default":5,"minimum":1,"maximum":50}},"additionalProperties":false}`: {
			Keyset: true, Row: rowSchema(t), Limit: 5, MaxLimit: 50},
	} {
		args, err := binding.Compile(compile(t, cfg).Part())
		if err != nil {
			t.Fatal(err)
		}
		if got := canonical(t, args.Schema()); got != canonical(t, []byte(want)) {
			t.Errorf("got  %s\nwant %s", got, canonical(t, []byte(want)))
		}
	}
}
