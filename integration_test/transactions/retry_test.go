package transactions_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

type counter struct {
	ID uint
	N  int64
}

func TestRetriesUnderRealSerializationFailuresLoseAndDoubleNothing(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *gorm.DB{
		"postgres": func(t *testing.T) *gorm.DB { return dbtest.Postgres(t) },
		"mariadb":  func(t *testing.T) *gorm.DB { return dbtest.MariaDB(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			if err := errors.Join(db.AutoMigrate(&counter{}), db.Create([]counter{{}, {}}).Error); err != nil {
				t.Fatal(err)
			}
			const workers, each = 6, 8
			var runs, hooks, succeeded atomic.Int64
			srv := newServer(db)
			srv.Add(mcpecho.Service("count", func(c *mcpecho.Call, _ nothing) (string, error) {
				runs.Add(1)
				c.AfterCommit(func(context.Context) { hooks.Add(1) })
				for _, id := range []uint{1, 2} {
					var at counter
					if err := c.DB().First(&at, id).Error; err != nil {
						return "", err
					}
					if err := c.DB().Model(&at).Update("n", at.N+1).Error; err != nil {
						return "", err
					}
				}
				return "counted", nil
			}, mw.TransactionWithConfig(mw.TransactionConfig{Isolation: sql.LevelSerializable, Retries: 10}), mcpecho.Annotate(mcpecho.Idempotent(true))))
			c := mcptest.New(t, srv)
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for range each {
						if !c.Do("count", nothing{}).IsError {
							succeeded.Add(1)
						}
					}
				})
			}
			all.Wait()
			var counters []counter
			if err := db.Order("id").Find(&counters).Error; err != nil {
				t.Fatal(err)
			}
			equal(t, "first counter", counters[0].N, succeeded.Load())
			equal(t, "second counter", counters[1].N, succeeded.Load())
			equal(t, "after commit", hooks.Load(), succeeded.Load())
			if runs.Load() <= workers*each || succeeded.Load() < workers*each/2 {
				t.Errorf("%d runs, %d successes: nothing was retried, or not with success", runs.Load(), succeeded.Load())
			}
		})
	}
}

// TestNothingIsWrittenAfterTheDatabaseHasEndedTheTransaction makes a deadlock that the handler does
// not care about: MariaDB has rolled everything back then, and would keep what comes after.
func TestNothingIsWrittenAfterTheDatabaseHasEndedTheTransaction(t *testing.T) {
	db := migrate(t, dbtest.MariaDB(t, ""))
	if err := db.Create([]entry{{Name: "a"}, {Name: "b"}}).Error; err != nil {
		t.Fatal(err)
	}
	lock := func(db *gorm.DB, name string) error {
		return db.Model(&entry{}).Where("name = ?", name).Update("name", gorm.Expr("name")).Error
	}
	if err := db.Exec("CREATE INDEX by_name ON entries (name)").Error; err != nil {
		t.Fatal(err)
	}
	var hooks atomic.Int64
	srv := newServer(db)
	var met error
	srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
		other := db.Begin()
		defer other.Rollback()
		// The other has written more, so that the call is the one that is given up.
		if err := errors.Join(lock(other, "b"), other.CreateInBatches(make([]entry, 50), 50).Error, lock(c.DB(), "a")); err != nil {
			return err
		}
		done := make(chan error, 1)
		if err := inTheBackground(db, other, func() { done <- lock(other, "a") }); err != nil {
			return err
		}
		met = lock(c.DB(), "b")
		if err := <-done; err != nil {
			return err
		}
		c.DB().Create(&entry{Name: "late"})
		return nil
	}), mw.Transaction()))
	r := mcptest.New(t, srv).Do("insert", named{"call"})
	if met == nil || !strings.Contains(met.Error(), "Deadlock") {
		t.Fatalf("there was no deadlock: %v", met)
	}
	equal(t, "failed", r.IsError, true)
	equal(t, "rows", rows(t, db), 2)
	equal(t, "after commit", hooks.Load(), 0)
}

func TestNothingIsWrittenAfterAnInterruptedWriteOfSQLite(t *testing.T) {
	db, running := sqliteSignal(t)
	var hooks atomic.Int64
	srv := newServer(db)
	srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
		ctx, cancel := context.WithCancel(c.Ctx())
		defer cancel()
		go func() {
			<-running
			cancel()
		}()
		if err := c.DB().WithContext(ctx).Exec(long).Error; err == nil {
			return errors.New("the statement was not interrupted")
		}
		c.DB().Create(&entry{Name: "late"})
		return nil
	}), mw.Transaction()))
	equal(t, "failed", mcptest.New(t, srv).Do("insert", named{"call"}).IsError, true)
	equal(t, "rows", rows(t, db), 0)
	equal(t, "after commit", hooks.Load(), 0)
}
