package steps_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/example/steps"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

// library has three books, of which the second and then the first were put into the archive.
func library(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	day := func(n int) *time.Time { at := time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC); return &at }
	if err := db.AutoMigrate(&steps.Book{}); err != nil {
		t.Fatal(err)
	}
	err = db.Create([]steps.Book{{Title: "first", ArchivedAt: day(2)}, {Title: "second", ArchivedAt: day(1)}, {Title: "third"}}).Error
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func member(subject string) bool { return subject == "ann" }

type page struct {
	Items []steps.Book `json:"items"`
}

func titles(p page) string {
	var all []string
	for _, b := range p.Items {
		all = append(all, b.Title)
	}
	return strings.Join(all, " ")
}

func TestArchiveShowsWhatIsNotArchivedUnlessAskedTo(t *testing.T) {
	srv := steps.New(library(t), slog.New(slog.DiscardHandler), member)
	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"})
	if got := titles(mcptest.Call[page](client, "books.list", nil)); got != "third" {
		t.Errorf("without an argument: %s", got)
	}
	if got := titles(mcptest.Call[page](client, "books.list", map[string]any{"archived": true})); got != "first second" {
		t.Errorf("archived: %s", got)
	}
	if r := client.Do("books.list", map[string]any{"archived": "yes"}); r.Error == nil || r.Error.Fields[0].Path != "archived" {
		t.Errorf("not a boolean: %s", r.Text)
	}
}

func TestArchiveNamesTheColumnThatIsMissing(t *testing.T) {
	type Tag struct{ ID int64 }
	srv := mcpecho.New(mcpecho.Config{Name: "test"})
	err := srv.AddSafely(mcpecho.Selector[Tag]("tags.list",
		func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }, steps.Archive()))
	if err == nil || !strings.Contains(err.Error(), "add a field ArchivedAt *time.Time to Tag") {
		t.Errorf("got %v", err)
	}
}

func TestNewestNeedsNoArchive(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test", DB: library(t)})
	srv.Add(mcpecho.Selector[steps.Book]("books.list",
		func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }, steps.Newest()))
	var all []string
	for _, b := range mcptest.Call[[]steps.Book](mcptest.New(t, srv), "books.list", nil) {
		all = append(all, b.Title)
	}
	if fmt.Sprint(all) != "[third second first]" {
		t.Errorf("got %s", all)
	}
}

func TestOnlyMembersCallAndEveryCallIsLogged(t *testing.T) {
	var log bytes.Buffer
	srv := steps.New(library(t), slog.New(slog.NewTextHandler(&log, nil)), member)
	eve := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "eve"})
	if r := eve.Do("books.list", nil); r.Error == nil || r.Error.Type != mcpecho.TypeForbidden {
		t.Errorf("eve gets %s", r.Text)
	}
	if !strings.Contains(log.String(), "msg=took call=books.list") || !strings.Contains(log.String(), "failed=true") {
		t.Errorf("the log is %s", log.String())
	}
}

func Example() {
	steps.New(nil, slog.New(slog.DiscardHandler), member).Fprint(os.Stdout)
	// Output:
	// books.list  took → members → no-store → validate → handle → archive → newest → paginate → fetch → serialize  (listed as books_list)
}
