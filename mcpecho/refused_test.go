package mcpecho_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
)

// canary is a value that must not be in any reply's error nor in the log.
const canary = "CANARY-it's \"hunter2\""

type shelf struct {
	ID   int64  `json:"id"`
	Code string `json:"code" gorm:"size:40;unique"`
}

type volume struct {
	ID      int64  `json:"id"`
	Tenant  string `json:"tenant" gorm:"size:40;uniqueIndex:volume_of_tenant"`
	ISBN    string `json:"isbn" gorm:"column:isbn_number;size:60;uniqueIndex:volume_of_tenant"`
	ShelfID int64  `json:"shelf"`
	Shelf   *shelf `json:"-"`
	Pages   int16  `json:"pages" gorm:"type:smallint;check:pages_positive,pages > 0"`
}

type newVolume struct {
	ISBN  string `json:"isbn"`
	Shelf int64  `json:"shelf"`
	Pages int64  `json:"pages"`
}

// library is a server with a shelf and a volume of each tenant's.
func library(t *testing.T, db *gorm.DB) *bundle {
	t.Helper()
	if db.Name() == "sqlite" {
		db.Exec("PRAGMA foreign_keys = ON")
	}
	if err := db.AutoMigrate(&shelf{}, &volume{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&shelf{Code: canary}).Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&volume{Tenant: "x", ISBN: canary, ShelfID: 1, Pages: 5}).Error; err != nil {
		t.Fatal(err)
	}
	b := setupOn(t, db)
	b.srv.Add(
		mcpecho.Service("add", func(c *mcpecho.Call, in newVolume) (volume, error) {
			row := map[string]any{"tenant": "x", "isbn_number": in.ISBN, "shelf_id": in.Shelf, "pages": in.Pages}
			err := c.DB().Model(&volume{}).Create(row).Error
			return volume{}, err
		}),
		mcpecho.Service("shelve", func(c *mcpecho.Call, in struct {
			Label string `json:"label"`
		}) (string, error) {
			err := c.DB().Create(&shelf{Code: in.Label}).Error
			return "", err
		}),
		mcpecho.Service("void", func(c *mcpecho.Call, in struct {
			Tenant *string `json:"tenant"`
		}) (string, error) {
			return "", c.DB().Exec("INSERT INTO needs (tenant) VALUES (?)", in.Tenant).Error
		}),
		mcpecho.Service("compare", func(c *mcpecho.Call, in struct {
			Text string `json:"text"`
		}) (int64, error) {
			var n int64
			err := c.DB().Raw("SELECT COUNT(*) FROM volumes WHERE id = CAST(? AS integer)", in.Text).Scan(&n).Error
			return n, err
		}),
		mcpecho.Service("fails", func(_ *mcpecho.Call, in struct {
			Text string `json:"text"`
		}) (string, error) {
			return "", fmt.Errorf("no account of %q in the ledger", in.Text)
		}),
		mcpecho.Service("refuses", func(_ *mcpecho.Call, in struct {
			Text string `json:"text"`
		}) (string, error) {
			return "", mcpecho.Errorf("no account of %s", in.Text)
		}),
	)
	if err := db.Exec("CREATE TABLE needs (tenant varchar(40) NOT NULL)").Error; err != nil {
		t.Fatal(err)
	}
	return b
}

// fieldOf is the path and rule of the only field of an error.
func fieldOf(f map[string]any) string {
	fields, _ := f["fields"].([]any)
	if len(fields) != 1 {
		return fmt.Sprint(fields)
	}
	field := fields[0].(map[string]any)
	return fmt.Sprint(field["path"], " ", field["rule"])
}

func TestAConflictNamesTheArgumentAndLeavesItsCauseInTheLog(t *testing.T) {
	quoted := strings.ReplaceAll(canary, `"`, `\"`)
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		b := library(t, db)
		for name, tc := range map[string]struct {
			tool, arguments string
			field           string // "" where no database says it
			message         string
			cause           map[string]string // in the log, by database; "" is nothing
		}{
			"a key of two columns, one an argument": {"add", `{"isbn":"` + quoted + `","shelf":1,"pages":5}`, "isbn unique", "a row with the same isbn exists already",
				map[string]string{"sqlite": "SQLite code 2067 table=volumes columns=tenant,isbn_number", "postgres": "SQLSTATE 23505 table=volumes constraint=volume_of_tenant", "mysql": "error 1062 (23000)"}},
			"a column that is no argument": {"shelve", `{"label":"` + quoted + `"}`, "[]", "a row with the same unique value exists already",
				map[string]string{"sqlite": "columns=code", "postgres": "columns=code", "mysql": "constraint=uni_shelves_code"}},
			"a value that is needed": {"void", `{}`, "tenant required", "the database needs a value",
				map[string]string{"sqlite": "code 1299", "postgres": "SQLSTATE 23502", "mysql": "error 1048"}},
			"a row that does not exist": {"add", `{"isbn":"y","shelf":99,"pages":5}`, "", "the change conflicts with other rows",
				map[string]string{"sqlite": "code 787", "postgres": "SQLSTATE 23503", "mysql": "error 1452"}},
			"a rule of the table": {"add", `{"isbn":"z","shelf":1,"pages":-5}`, "", "the change conflicts with other rows",
				map[string]string{"sqlite": "code 275", "postgres": "SQLSTATE 23514", "mysql": "error 4025"}},
		} {
			t.Run(name, func(t *testing.T) {
				b.log.Reset()
				f := b.call(tc.tool, tc.arguments).failure(t)
				if f["type"] != mcpecho.TypeConflict || !strings.HasPrefix(f["message"].(string), tc.message) {
					t.Errorf("%v", f)
				}
				if got := fieldOf(f); tc.field != "" && got != tc.field {
					t.Errorf("fields %s, want %s", got, tc.field)
				}
				log := b.log.String()
				if !strings.Contains(log, "level=INFO") || !strings.Contains(log, tc.cause[db.Name()]) || strings.Contains(log+fmt.Sprint(f), "hunter2") {
					t.Errorf("log %s\nreply %v", log, f)
				}
			})
		}
	})
}

// Of some errors gorm's translation drops that of the driver, and with it the columns.
func TestAConflictStaysOneWhenGORMTranslatesIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		db.TranslateError = true
		b := library(t, db)
		for name, arguments := range map[string]string{
			"a key":             `{"isbn":"` + strings.ReplaceAll(canary, `"`, `\"`) + `","shelf":1,"pages":5}`,
			"a reference":       `{"isbn":"y","shelf":99,"pages":5}`,
			"a rule of a table": `{"isbn":"z","shelf":1,"pages":-5}`,
		} {
			if f := b.call("add", arguments).failure(t); f["type"] != mcpecho.TypeConflict {
				t.Errorf("%s: %v", name, f)
			}
		}
	})
}

func TestAValueThatTheDatabaseRefusesIsAValidationError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		if db.Name() == "sqlite" {
			t.Skip("SQLite stores any value in any column")
		}
		b := library(t, db)
		long := strings.Repeat("CANARY-hunter2", 10)
		for name, call := range map[string][2]string{
			"a number too large": {"add", `{"isbn":"a","shelf":1,"pages":100000}`},
			"a text too long":    {"add", `{"isbn":"` + long + `","shelf":1,"pages":5}`},
		} {
			t.Run(name, func(t *testing.T) {
				b.log.Reset()
				f := b.call(call[0], call[1]).failure(t)
				if f["type"] != mcpecho.TypeValidation || !strings.Contains(f["message"].(string), "the database refused a value") {
					t.Errorf("%v", f)
				}
				if db.Name() == "mysql" && !strings.HasSuffix(fieldOf(f), " database") {
					t.Errorf("no argument is named: %v", f)
				}
				if log := b.log.String(); !strings.Contains(log, "level=INFO") || strings.Contains(log+fmt.Sprint(f), "hunter2") || strings.Contains(log, "100000") {
					t.Errorf("log %s\nreply %v", log, f)
				}
			})
		}
		if db.Name() != "postgres" {
			return // the others take any text for a number
		}
		for _, text := range []string{"CANARY hunter2", "99999999999999999999"} {
			b.log.Reset()
			f := b.call("compare", fmt.Sprintf(`{"text":%q}`, text)).failure(t)
			if log := b.log.String(); f["type"] != mcpecho.TypeValidation || strings.Contains(log+fmt.Sprint(f), "hunter2") || strings.Contains(log, "9999999") {
				t.Errorf("%v\n%s", f, log)
			}
		}
	})
}

func TestArgumentValuesAreNotInTheLog(t *testing.T) {
	b := library(t, dbtest.SQLite(t, filepath.Join(t.TempDir(), "test.db")))
	quoted := strings.ReplaceAll(canary, `"`, `\"`)
	for tool, kept := range map[string]string{"fails": "in the ledger", "refuses": "no account of"} {
		b.call(tool, `{"text":"`+quoted+`"}`).failure(t)
		if log := b.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, kept) {
			t.Errorf("%s: %s", tool, log)
		}
	}
}

func TestValuesInTheTextsOfDriversAreNotInTheLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		b := library(t, db)
		duplicate := func(c *mcpecho.Call) error {
			return c.DB().Create(&shelf{Code: canary}).Error
		}
		for name, fail := range map[string]func(c *mcpecho.Call) error{
			"alone":        duplicate,
			"wrapped":      func(c *mcpecho.Call) error { return fmt.Errorf("shelving: %w", duplicate(c)) },
			"made text":    func(c *mcpecho.Call) error { return fmt.Errorf("shelving: %v", duplicate(c)) },
			"first of two": func(c *mcpecho.Call) error { return fmt.Errorf("%v; %w", duplicate(c), duplicate(c)) },
			"told":         func(c *mcpecho.Call) error { return &mcpecho.ToolError{Message: "no", Internal: duplicate(c)} },
			"panicked":     func(c *mcpecho.Call) error { panic(duplicate(c)) },
		} {
			b.srv.Add(mcpecho.Service("fail_"+strings.ReplaceAll(name, " ", "_"), func(c *mcpecho.Call, _ none) (string, error) { return "", fail(c) }))
			b.log.Reset()
			r := b.call("fail_"+strings.ReplaceAll(name, " ", "_"), `{}`)
			if log := b.log.String(); strings.Contains(log+r.Body, "hunter2") || !strings.Contains(log, "spec=fail_") {
				t.Errorf("%s: %s\n%s", name, log, r.Body)
			}
		}
	})
}

func TestALockedDatabaseIsBusyAndSaysWhenToTryAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		b := library(t, db)
		// Without a wait for the lock, as a long one is no business of a test.
		wait := map[string]string{"sqlite": "PRAGMA busy_timeout = 0", "postgres": "SET LOCAL lock_timeout = '10ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}[db.Name()]
		b.srv.Add(mcpecho.Service("write", func(c *mcpecho.Call, _ none) (string, error) {
			return "", c.DB().Transaction(func(tx *gorm.DB) error {
				if err := tx.Exec(wait).Error; err != nil {
					return err
				}
				return tx.Exec("UPDATE shelves SET code = 'free' WHERE id = 1").Error
			})
		}))
		held, release := make(chan struct{}), make(chan error)
		done := make(chan error)
		go func() {
			done <- db.Transaction(func(tx *gorm.DB) error {
				err := tx.Exec("UPDATE shelves SET code = 'held' WHERE id = 1").Error
				close(held)
				<-release
				return err
			})
		}()
		<-held
		r := b.call("write", `{}`)
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		f := r.failure(t)
		if f["type"] != mcpecho.TypeBusy || f["retryAfterMs"] == nil || r.Header.Get("Retry-After") != "1" {
			t.Errorf("%v, Retry-After %q", f, r.Header.Get("Retry-After"))
		}
		if log := b.log.String(); !strings.Contains(log, "reason=busy") || strings.Contains(log, "ERROR") {
			t.Error(log)
		}
		if r := b.call("write", `{}`); r.Result["isError"] != nil {
			t.Error(r.Body)
		}
	})
}

func TestAQueryThatRanOutOfTimeIsATimeoutOnEveryDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		b := setupOn(t, db, func(c *mcpecho.Config) { c.CallTimeout = 50 * time.Millisecond })
		sleep := map[string]string{"postgres": "SELECT pg_sleep(5)", "mysql": "SELECT SLEEP(5)",
			// A row at a time, because go-sqlite3 loses an interrupt that comes before the first
			// step.
			"sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"}[db.Name()]
		b.srv.Add(mcpecho.Service("sleep", func(c *mcpecho.Call, _ none) (string, error) {
			var s string
			return s, c.DB().Raw(sleep).Scan(&s).Error
		}))
		if f := b.call("sleep", `{}`).failure(t); f["type"] != mcpecho.TypeTimeout {
			t.Errorf("%v", f)
		}
	})
}
