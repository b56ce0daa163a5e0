package transactions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// operations is what a store does with its own handle and the context it is given. Each writes rows
// named "op" and lists how many are there inside the transaction afterwards.
var operations = map[string]struct {
	do   func(db *gorm.DB) error
	rows int64
}{
	"create": {func(db *gorm.DB) error { return db.Create(&entry{Name: "op"}).Error }, 1},
	"associations": {func(db *gorm.DB) error {
		return db.Create(&entry{Name: "op", Notes: []note{{Text: "a"}, {Text: "b"}}}).Error
	}, 1},
	"batches": {func(db *gorm.DB) error {
		return db.CreateInBatches([]entry{{Name: "op"}, {Name: "op"}, {Name: "op"}}, 2).Error
	}, 3},
	"exec": {func(db *gorm.DB) error { return db.Exec("INSERT INTO entries (name) VALUES (?)", "op").Error }, 1},
	"update and delete": {func(db *gorm.DB) error {
		return errors.Join(db.Create([]entry{{Name: "x"}, {Name: "y"}}).Error,
			db.Model(&entry{}).Where("name = ?", "x").Update("name", "op").Error, db.Where("name = ?", "y").Delete(&entry{}).Error)
	}, 1},
	"prepared session": {func(db *gorm.DB) error {
		s := db.Session(&gorm.Session{PrepareStmt: true})
		return errors.Join(s.Create(&entry{Name: "op"}).Error, s.Create(&entry{Name: "op"}).Error, sees(s, 2))
	}, 2},
	"connection": {func(db *gorm.DB) error {
		return db.Connection(func(tx *gorm.DB) error { return tx.Create(&entry{Name: "op"}).Error })
	}, 1},
	"transaction": {func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Create(&entry{Name: "op"}).Error })
	}, 1},
	"transaction that fails inside": {func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			_ = tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&entry{Name: "op"}).Error, errors.New("undone"))
			})
			return errors.Join(sees(tx, 0), tx.Create(&entry{Name: "op"}).Error)
		})
	}, 1},
	"begin and commit": {func(db *gorm.DB) error {
		tx := db.Begin()
		defer tx.Rollback()
		err := errors.Join(tx.Error, tx.Create(&entry{Name: "op"}).Error, tx.Commit().Error)
		if again := tx.Rollback().Error; again == nil || !strings.Contains(again.Error(), "already been committed") {
			return fmt.Errorf("rollback after commit: %v", again)
		}
		return err
	}, 1},
	"begin and rollback": {func(db *gorm.DB) error {
		tx := db.Begin()
		return errors.Join(tx.Error, tx.Create(&entry{Name: "op"}).Error, tx.Rollback().Error, sees(db, 0))
	}, 0},
	"begin in a prepared session": {func(db *gorm.DB) error {
		tx := db.Session(&gorm.Session{PrepareStmt: true}).Begin()
		return errors.Join(tx.Error, tx.Create(&entry{Name: "op"}).Error, sees(tx, 1), tx.Commit().Error)
	}, 1},
	"a statement after the rollback": {func(db *gorm.DB) error {
		tx := db.Session(&gorm.Session{PrepareStmt: true}).Begin()
		err := errors.Join(tx.Error, tx.Create(&entry{Name: "op"}).Error, tx.Rollback().Error)
		if late := tx.Create(&entry{Name: "op"}).Error; late == nil {
			return errors.New("a statement ran on a transaction that is over")
		}
		return err
	}, 0},
	"savepoint": {func(db *gorm.DB) error {
		tx := db.Begin()
		return errors.Join(tx.Create(&entry{Name: "op"}).Error, tx.SavePoint("mine").Error, tx.Create(&entry{Name: "op"}).Error,
			tx.RollbackTo("mine").Error, tx.Commit().Error)
	}, 1},
	"find in batches": {func(db *gorm.DB) error {
		err := db.Create([]entry{{Name: "op"}, {Name: "op"}, {Name: "op"}}).Error
		var found []entry
		seen := 0
		return errors.Join(err, db.Where("name = ?", "op").FindInBatches(&found, 2, func(*gorm.DB, int) error {
			seen += len(found)
			return nil
		}).Error, same(seen, 3))
	}, 3},
	"rows, row, pluck, preload": {func(db *gorm.DB) error {
		err := db.Create(&entry{Name: "op", Notes: []note{{Text: "a"}}}).Error
		var names []string
		var full []entry
		var n int
		err = errors.Join(err, db.Model(&entry{}).Where("name = ?", "op").Pluck("name", &names).Error,
			db.Preload("Notes").Where("name = ?", "op").Find(&full).Error, db.Raw("SELECT count(*) FROM entries WHERE name = ?", "op").Row().Scan(&n), same(n, 1))
		if len(full) != 1 || len(full[0].Notes) != 1 || len(names) != 1 {
			return fmt.Errorf("%v %v", full, names)
		}
		cursor, rowsErr := db.Model(&entry{}).Where("name = ?", "op").Rows()
		if rowsErr != nil {
			return rowsErr
		}
		for n = 0; cursor.Next(); n++ {
		}
		return errors.Join(err, cursor.Close(), same(n, 1))
	}, 1},
}

func sees(db *gorm.DB, want int64) error {
	var n int64
	if err := db.Session(&gorm.Session{NewDB: true}).Model(&entry{}).Where("name = ?", "op").Count(&n).Error; err != nil {
		return err
	}
	return same(n, want)
}

func same[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// everyStore runs test for handles that joined, with and without prepared statements and gorm's
// default transaction, on each database.
func everyStore(t *testing.T, test func(t *testing.T, db, store *gorm.DB)) {
	each(t, func(t *testing.T, db *gorm.DB) {
		for _, prepare := range []bool{false, true} {
			for _, skip := range []bool{false, true} {
				t.Run(fmt.Sprintf("prepare %t skip %t", prepare, skip), func(t *testing.T) {
					store := dbtest.Reopen(t, db, gorm.Config{PrepareStmt: prepare, SkipDefaultTransaction: skip})
					if err := store.Use(mcpecho.JoinTransactions()); err != nil {
						t.Fatal(err)
					}
					empty(t, db)
					test(t, db, store)
				})
			}
		}
	})
}

func TestAStoreThatHoldsItsOwnHandleJoinsTheTransactionOfTheCall(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		for name, op := range operations {
			for _, fails := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s fails %t", name, fails), func(t *testing.T) {
					empty(t, db)
					var hooks atomic.Int64
					srv := newServer(db, short)
					srv.Add(mcpecho.Service("do", inserting(&hooks, func(c *mcpecho.Call) error {
						own := store.WithContext(c.Ctx())
						if err := op.do(own); err != nil {
							return mcpecho.Errorf("the store: %w", err)
						}
						if err := errors.Join(sees(own, op.rows), sees(c.DB(), op.rows)); err != nil {
							return mcpecho.Errorf("inside: %w", err)
						}
						if fails {
							return mcpecho.Errorf("on purpose")
						}
						return nil
					}), mw.Transaction()))
					r := mcptest.New(t, srv).Do("do", named{"call"})
					want := int64(0)
					if fails {
						if !strings.Contains(r.Text, "on purpose") {
							t.Error(r.Text)
						}
					} else {
						equal(t, "type "+r.Text, failureType(t, r), "")
						want = op.rows
					}
					if err := sees(db, want); err != nil {
						t.Error("afterwards", err)
					}
				})
			}
		}
	})
}

// short lets a store that waits for the call's own transaction fail soon.
func short(cfg *mcpecho.Config) { cfg.CallTimeout = 3 * time.Second }

func TestAJoinedBeginThatNobodyEndsFailsTheCall(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		var hooks atomic.Int64
		srv := newServer(db, short)
		srv.Add(mcpecho.Service("do", inserting(&hooks, func(c *mcpecho.Call) error {
			return store.WithContext(c.Ctx()).Begin().Create(&entry{Name: "op"}).Error
		}), mw.Transaction()))
		equal(t, "type", failureType(t, mcptest.New(t, srv).Do("do", named{"call"})), mcpecho.TypeInternal)
		equal(t, "rows", rows(t, db), 0)
		equal(t, "after commit", hooks.Load(), 0)
	})
}

func TestAStoreJoinsOnlyWhereThereIsATransactionOfItsDatabase(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		write := func(ctx context.Context) error {
			tx := store.WithContext(ctx).Begin()
			return errors.Join(tx.Error, tx.Create(&entry{Name: "op"}).Error, tx.Commit().Error, store.WithContext(ctx).Create(&entry{Name: "op"}).Error)
		}
		if err := write(context.Background()); err != nil {
			t.Error("without a call", err)
		}
		elsewhere := sqliteDB(t)
		srv := newServer(elsewhere, short)
		fails := func(c *mcpecho.Call, _ nothing) (string, error) {
			if err := write(c.Ctx()); err != nil {
				return "", mcpecho.Errorf("the store: %w", err)
			}
			return "", mcpecho.Errorf("on purpose")
		}
		srv.Add(mcpecho.Service("without", fails), mcpecho.Service("elsewhere", fails, mw.Transaction()))
		for i, name := range []string{"without", "elsewhere"} {
			if r := mcptest.New(t, srv).Do(name, nothing{}); !strings.Contains(r.Text, "on purpose") {
				t.Error(name, r.Text)
			}
			equal(t, "rows after a call "+name, rows(t, db, "name = ?", "op"), int64(4+2*i))
		}
	})
}

func TestAJoinedStoreOutsideOfTheTransactionOfItsAfterCommitFunction(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		srv := newServer(db, short)
		var err error
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			q := store.WithContext(c.Ctx()).Model(&entry{})
			c.AfterCommit(func(ctx context.Context) {
				var n int64
				err = errors.Join(q.Count(&n).Error, same(n, 1), store.WithContext(ctx).Create(&entry{Name: "op"}).Error, mcpecho.DB(ctx).Create(&entry{Name: "op"}).Error)
			})
			var n int64
			return "done", errors.Join(q.Count(&n).Error, store.WithContext(c.Ctx()).Create(&entry{Name: "op"}).Error)
		}, mw.Transaction()))
		equal(t, "type", failureType(t, mcptest.New(t, srv).Do("do", nothing{})), "")
		if err != nil {
			t.Error(err)
		}
		equal(t, "rows", rows(t, db), 3)
	})
}

func TestJoinedStoresBehindAResolverOfReplicas(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		for _, joinFirst := range []bool{true, false} {
			for _, prepare := range []bool{false, true} {
				t.Run(fmt.Sprintf("join first %t prepare %t", joinFirst, prepare), func(t *testing.T) {
					empty(t, db)
					replica := sqliteDB(t) // another database, with none of the rows
					store := dbtest.Reopen(t, db, gorm.Config{PrepareStmt: prepare})
					plugins := []gorm.Plugin{dbresolver.Register(dbresolver.Config{Replicas: []gorm.Dialector{replica.Dialector}}), mcpecho.JoinTransactions()}
					if joinFirst {
						plugins[0], plugins[1] = plugins[1], plugins[0]
					}
					for _, p := range plugins {
						if err := store.Use(p); err != nil {
							t.Fatal(err)
						}
					}
					if db.Name() == "sqlite" { // elsewhere the replica does not speak the dialect
						if err := sees(store, 0); err != nil {
							t.Fatal(err)
						}
					}
					srv := newServer(db, short)
					srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
						own := store.WithContext(c.Ctx())
						err := errors.Join(own.Create(&entry{Name: "op"}).Error, sees(own, 1),
							own.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&entry{Name: "op"}).Error, sees(tx, 2)) }))
						if err != nil {
							return "", mcpecho.Errorf("the store: %w", err)
						}
						return "", mcpecho.Errorf("on purpose")
					}, mw.Transaction()))
					if r := mcptest.New(t, srv).Do("do", nothing{}); !strings.Contains(r.Text, "on purpose") {
						t.Error(r.Text)
					}
					equal(t, "rows", rows(t, db), 0)
				})
			}
		}
	})
}

type later struct {
	ID   uint
	Note string
}

func TestAJoinedStoreMigratesInsideOfACall(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		if err := db.Migrator().DropTable(&later{}); err != nil {
			t.Fatal(err)
		}
		srv := newServer(db, short)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			own := store.WithContext(c.Ctx())
			if err := errors.Join(own.AutoMigrate(&later{}), own.AutoMigrate(&later{}), own.Create(&later{Note: "x"}).Error); err != nil {
				return "", mcpecho.Errorf("the store: %w", err)
			}
			return "done", nil
		}, mw.Transaction()))
		equal(t, "text", mcptest.New(t, srv).Do("do", nothing{}).Text, "done")
		equal(t, "there", db.Migrator().HasTable(&later{}), true)
	})
}

func TestJoinTransactionsRefusesAHandleThatCannotJoin(t *testing.T) {
	db := sqliteDB(t)
	tx := db.Begin()
	defer tx.Rollback()
	again := dbtest.Reopen(t, db, gorm.Config{})
	again.Config.ConnPool = tx.Statement.ConnPool
	if err := again.Use(mcpecho.JoinTransactions()); err == nil || !strings.Contains(err.Error(), "right after gorm.Open") {
		t.Error(err)
	}
}

func empty(t *testing.T, db *gorm.DB) {
	t.Helper()
	if err := errors.Join(db.Exec("DELETE FROM notes").Error, db.Exec("DELETE FROM entries").Error); err != nil {
		t.Fatal(err)
	}
}
