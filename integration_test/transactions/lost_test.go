package transactions_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// lookups are ways to lock rows whose error does not come from the statement but from what is read
// of it.
var lookups = map[string]func(db *gorm.DB, name string) error{
	"find": func(db *gorm.DB, name string) error {
		var found []entry
		return db.Clauses(clause.Locking{Strength: "UPDATE"}).Where("name = ?", name).Find(&found).Error
	},
	"row": func(db *gorm.DB, name string) error {
		var id uint
		return db.Raw("SELECT id FROM entries WHERE name = ? FOR UPDATE", name).Row().Scan(&id)
	},
	"prepared session": func(db *gorm.DB, name string) error {
		var found []entry
		return db.Session(&gorm.Session{PrepareStmt: true}).Clauses(clause.Locking{Strength: "UPDATE"}).Where("name = ?", name).Find(&found).Error
	},
	"prepared write": func(db *gorm.DB, name string) error {
		return db.Session(&gorm.Session{PrepareStmt: true}).Exec("UPDATE entries SET name = name WHERE name = ?", name).Error
	},
}

func TestADeadlockThatComesWithTheRowsIsNoticed(t *testing.T) {
	for name, lookup := range lookups {
		for _, joins := range []bool{false, true} {
			for _, swallowed := range []bool{true, false} {
				t.Run(name, func(t *testing.T) {
					db := migrate(t, dbtest.MariaDB(t, ""))
					if joins {
						if err := db.Use(mcpecho.JoinTransactions()); err != nil {
							t.Fatal(err)
						}
					}
					if err := errors.Join(db.Create([]entry{{Name: "a"}, {Name: "b"}}).Error, db.Exec("CREATE INDEX by_name ON entries (name)").Error); err != nil {
						t.Fatal(err)
					}
					var met error
					var hooks atomic.Int64
					srv := newServer(db)
					srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
						own := c.DB()
						if joins {
							own = db.WithContext(c.Ctx())
						}
						met = deadlock(db, own, lookup)
						own.Create(&entry{Name: "late"})
						if !swallowed {
							return mcpecho.Errorf("on purpose")
						}
						return nil
					}), mw.Transaction()))
					r := mcptest.New(t, srv).Do("insert", named{"call"})
					if met == nil {
						t.Fatal("there was no deadlock")
					}
					equal(t, "failed", r.IsError, true)
					equal(t, "rows", rows(t, db), 2)
					equal(t, "after commit", hooks.Load(), 0)
				})
			}
		}
	}
}

// deadlock makes own, which has written less, the one that the server gives up.
func deadlock(db, own *gorm.DB, lookup func(*gorm.DB, string) error) error {
	lock := func(db *gorm.DB, name string) error {
		return db.Exec("UPDATE entries SET name = name WHERE name = ?", name).Error
	}
	other := db.Begin()
	defer other.Rollback()
	if err := errors.Join(lock(other, "b"), other.CreateInBatches(make([]entry, 50), 50).Error, lock(own, "a")); err != nil {
		return err
	}
	done := make(chan error, 1)
	if err := inTheBackground(db, other, func() { done <- lock(other, "a") }); err != nil {
		return err
	}
	err := lookup(own, "b")
	<-done
	return err
}

// inTheBackground begins a statement of other and returns when it waits for a lock, which MariaDB
// says of its connection.
func inTheBackground(db, other *gorm.DB, statement func()) error {
	var connection int
	if err := other.Raw("SELECT CONNECTION_ID()").Row().Scan(&connection); err != nil {
		return err
	}
	go statement()
	waiting := regexp.MustCompile(fmt.Sprint(`(?s)LOCK WAIT [^-]*thread id `, connection, `,`))
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var kind, name, status string
		if err := db.Raw("SHOW ENGINE INNODB STATUS").Row().Scan(&kind, &name, &status); err != nil {
			return err
		}
		if waiting.MatchString(status) {
			return nil
		}
	}
	return errors.New("the other transaction never waited for a lock")
}

func TestARowThatChangedInTheMeantimeEndsTheTransaction(t *testing.T) {
	for _, retries := range []int{0, 2} {
		db := migrate(t, dbtest.MariaDB(t, "&innodb_snapshot_isolation=ON"))
		if err := db.Create(&entry{Name: "shared"}).Error; err != nil {
			t.Fatal(err)
		}
		runs := 0
		var hooks atomic.Int64
		change := func(db *gorm.DB) error {
			return db.Exec("UPDATE entries SET name = CONCAT(name, '+') WHERE id = 1").Error
		}
		srv := newServer(db)
		srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
			runs++
			if runs == 1 {
				var n int64
				if err := errors.Join(c.DB().Model(&entry{}).Count(&n).Error, change(db)); err != nil {
					return err
				}
			}
			err := change(c.DB())
			c.DB().Create(&entry{Name: "late"})
			return err
		}), mw.TransactionWithConfig(mw.TransactionConfig{Retries: retries}), mcpecho.Annotate(mcpecho.Idempotent(true))))
		typ := failureType(t, mcptest.New(t, srv).Do("insert", named{"call"}))
		if retries == 0 {
			equal(t, "type", typ, mcpecho.TypeBusy)
			equal(t, "rows", rows(t, db), 1)
			continue
		}
		equal(t, "type", typ, "")
		equal(t, "runs", runs, 2)
		equal(t, "rows", rows(t, db), 3)
	}
}

func TestATransactionThatSQLiteEndedIsNoticed(t *testing.T) {
	interrupted := func(run func(*gorm.DB) error) func(*gorm.DB, <-chan struct{}) error {
		return func(db *gorm.DB, running <-chan struct{}) error {
			ctx, cancel := context.WithCancel(db.Statement.Context)
			defer cancel()
			go func() {
				<-running
				cancel()
			}()
			return run(db.WithContext(ctx))
		}
	}
	failing := func(run func(*gorm.DB) error) func(*gorm.DB, <-chan struct{}) error {
		return func(db *gorm.DB, _ <-chan struct{}) error { return run(db) }
	}
	for name, statement := range map[string]func(*gorm.DB, <-chan struct{}) error{
		"or rollback": failing(func(db *gorm.DB) error { return db.Exec("INSERT OR ROLLBACK INTO entries (id) VALUES (1), (1)").Error }),
		"on conflict": failing(func(db *gorm.DB) error { return db.Exec("INSERT INTO strict VALUES (1), (1)").Error }),
		"raise":       failing(func(db *gorm.DB) error { return db.Exec("INSERT INTO guarded VALUES (1)").Error }),
		"raise of a returning row": failing(func(db *gorm.DB) error {
			var id uint
			return db.Raw("INSERT INTO guarded VALUES (1) RETURNING id").Row().Scan(&id)
		}),
		"returning": interrupted(func(db *gorm.DB) error {
			var ids []uint
			return db.Raw(long + " RETURNING id").Scan(&ids).Error
		}),
		"prepared": interrupted(func(db *gorm.DB) error { return db.Session(&gorm.Session{PrepareStmt: true}).Exec(long).Error }),
	} {
		t.Run(name, func(t *testing.T) {
			db, running := sqliteSignal(t)
			if err := errors.Join(db.Exec("CREATE TABLE strict (id integer UNIQUE ON CONFLICT ROLLBACK)").Error, db.Exec("CREATE TABLE guarded (id integer)").Error,
				db.Exec("CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN SELECT RAISE(ROLLBACK, 'no'); END").Error); err != nil {
				t.Fatal(err)
			}
			var hooks atomic.Int64
			srv := newServer(db)
			srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
				if statement(c.DB(), running) == nil {
					return errors.New("the statement did not fail")
				}
				c.DB().Create(&entry{Name: "late"})
				return nil
			}), mw.Transaction()))
			equal(t, "failed", mcptest.New(t, srv).Do("insert", named{"call"}).IsError, true)
			equal(t, "rows", rows(t, db), 0)
			equal(t, "after commit", hooks.Load(), 0)
		})
	}
}

func TestAFailedStatementThatTheTransactionSurvivesDoesNotEndIt(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		if db.Name() == "postgres" {
			t.Skip("every failed statement ends a transaction of PostgreSQL")
		}
		var hooks atomic.Int64
		srv := newServer(db)
		srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
			var found entry
			if c.DB().Exec("INSERT INTO entries (id) VALUES (1)").Error == nil || c.DB().Raw("SELECT nothing FROM entries").Row().Scan(&found.ID) == nil {
				return errors.New("they did not fail")
			}
			return errors.Join(c.DB().First(&found).Error, c.DB().Create(&entry{Name: "second"}).Error)
		}), mw.Transaction()))
		equal(t, "type", failureType(t, mcptest.New(t, srv).Do("insert", named{"call"})), "")
		equal(t, "rows", rows(t, db), 2)
		equal(t, "after commit", hooks.Load(), 1)
	})
}

func TestATableMadeInsideACallOfMySQLIsSaidToStay(t *testing.T) {
	db := migrate(t, dbtest.MariaDB(t, ""))
	var hooks atomic.Int64
	srv := newServer(db)
	srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
		if err := c.DB().AutoMigrate(&later{}); err != nil {
			return err
		}
		return mcpecho.Errorf("on purpose")
	}), mw.Transaction()))
	r := mcptest.New(t, srv).Do("insert", named{"call"})
	equal(t, "committed", strings.Contains(r.Text, `"committed":true`), true)
	equal(t, "rows", rows(t, db), 1)
}
