// Package transactions_test holds the promises about transactions against real databases.
package transactions_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

// entry is what the calls of these tests write.
type entry struct {
	ID    uint
	Name  string `gorm:"size:40"`
	Notes []note
}

type note struct {
	ID      uint
	EntryID uint
	Text    string `gorm:"size:40"`
}

type named struct {
	Name string `json:"name"`
}

type nothing struct{}

// parameters of SQLite's file: a transaction waits for its turn instead of failing with "locked".
const parameters = "?_txlock=immediate&_busy_timeout=5000&_journal_mode=WAL"

// each runs test with the tables on each database.
func each(t *testing.T, test func(*testing.T, *gorm.DB)) {
	t.Helper()
	dbtest.EachKind(t, parameters, func(t *testing.T, open func(testing.TB) *gorm.DB) { test(t, migrate(t, open(t))) })
}

func sqliteDB(t *testing.T) *gorm.DB {
	t.Helper()
	return migrate(t, dbtest.SQLite(t, filepath.Join(t.TempDir(), "test.db")+parameters))
}

// long is a statement of [sqliteSignal] that runs for minutes, and says when it does.
const long = "INSERT INTO entries (name) WITH RECURSIVE n(i) AS (SELECT running() UNION ALL SELECT i+1 FROM n WHERE i < 100000000) SELECT 'x' FROM n"

// sqliteSignal is [sqliteDB] with the function running() in its SQL.
func sqliteSignal(t *testing.T) (*gorm.DB, <-chan struct{}) {
	t.Helper()
	db, running := dbtest.SQLiteSignal(t, filepath.Join(t.TempDir(), "test.db")+parameters)
	return migrate(t, db), running
}

func migrate(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	if err := db.AutoMigrate(&entry{}, &note{}); err != nil {
		t.Fatal(err)
	}
	return db
}

func newServer(db *gorm.DB, change ...func(*mcpecho.Config)) *mcpecho.Server {
	cfg := mcpecho.Config{Name: "test", DB: db, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	return mcpecho.New(cfg)
}

// inserting is a service that writes a row, registers hook, and does something else before it ends.
func inserting(hooks *atomic.Int64, then func(c *mcpecho.Call) error) func(*mcpecho.Call, named) (string, error) {
	return func(c *mcpecho.Call, in named) (string, error) {
		c.AfterCommit(func(context.Context) { hooks.Add(1) })
		if err := c.DB().Create(&entry{Name: in.Name}).Error; err != nil {
			return "", err
		}
		if then != nil {
			if err := then(c); err != nil {
				return "", err
			}
		}
		return "written", nil
	}
}

func rows(t *testing.T, db *gorm.DB, where ...any) (n int64) {
	t.Helper()
	q := db.Session(&gorm.Session{NewDB: true}).Model(&entry{})
	if len(where) > 0 {
		q = q.Where(where[0], where[1:]...)
	}
	if err := q.Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// failureType is the type of the error of a result, "" for success.
func failureType(t *testing.T, r *mcptest.Result) string {
	t.Helper()
	if r.RPCError != nil {
		return fmt.Sprint("code ", r.RPCError.Code)
	}
	if !r.IsError {
		return ""
	}
	var body struct{ Error struct{ Type string } }
	if err := json.Unmarshal([]byte(r.Text), &body); err != nil {
		t.Fatal(err)
	}
	return body.Error.Type
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func poolOf(t *testing.T, db *gorm.DB) *sql.DB {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	return pool
}
