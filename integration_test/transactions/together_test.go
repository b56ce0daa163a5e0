package transactions_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

func TestGoroutinesShareTheTransactionOfTheCall(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.Use(mcpecho.JoinTransactions()); err != nil {
			t.Fatal(err)
		}
		prepared := dbtest.Reopen(t, db, gorm.Config{PrepareStmt: true})
		if err := prepared.Use(mcpecho.JoinTransactions()); err != nil {
			t.Fatal(err)
		}
		const workers, each = 6, 20
		srv := newServer(db)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			var all sync.WaitGroup
			errs := make([]error, workers)
			for i := range workers {
				all.Go(func() {
					own := c.DB()
					switch i % 4 {
					case 0:
						own = db.WithContext(c.Ctx())
					case 1:
						own = own.Session(&gorm.Session{PrepareStmt: true})
					case 2:
						own = prepared.WithContext(c.Ctx())
					}
					for range each {
						var found []entry
						var n int64
						errs[i] = errors.Join(errs[i], own.Create(&entry{Name: "op"}).Error, own.Where("name = ?", "op").Find(&found).Error,
							own.Raw("SELECT count(*) FROM entries").Row().Scan(&n))
					}
				})
			}
			all.Wait()
			return "done", errors.Join(errs...)
		}, mw.Transaction()))
		r := mcptest.New(t, srv).Do("do", nothing{})
		equal(t, "type "+r.Text, failureType(t, r), "")
		equal(t, "rows", rows(t, db), workers*each)
	})
}

func TestAStatementIsRefusedWhileRowsAreLeftOpen(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.Create([]entry{{Name: "a"}, {Name: "b"}}).Error; err != nil {
			t.Fatal(err)
		}
		var met error
		srv := newServer(db)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			cursor, err := c.DB().Model(&entry{}).Rows()
			if err != nil {
				return "", err
			}
			defer cursor.Close()
			cursor.Next()
			met = c.DB().Create(&entry{Name: "c"}).Error
			return "done", errors.Join(cursor.Close(), c.DB().Create(&entry{Name: "d"}).Error)
		}, mw.Transaction()))
		r := mcptest.New(t, srv).Do("do", nothing{})
		equal(t, "type "+r.Text, failureType(t, r), "")
		if db.Name() == "sqlite" {
			equal(t, "refused", met != nil, false)
			equal(t, "rows", rows(t, db), 4)
			return
		}
		equal(t, "a sentence", met != nil && strings.Contains(met.Error(), "close the rows before the next statement"), true)
		equal(t, "rows", rows(t, db), 3)
	})
}

func TestASavepointThatCannotBeUndoneFailsTheCall(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		for name, act := range map[string]func(c *mcpecho.Call) error{
			"rows are open": func(c *mcpecho.Call) error {
				return c.DB().Transaction(func(tx *gorm.DB) error {
					if err := tx.Create([]entry{{Name: "undone"}, {Name: "undone"}}).Error; err != nil {
						return err
					}
					cursor, err := tx.Model(&entry{}).Rows()
					if err == nil {
						cursor.Next()
					}
					return errors.New("undone")
				})
			},
			"another savepoint took it along": func(c *mcpecho.Call) error {
				_ = c.DB().SavePoint("before")
				tx := c.DB().Begin()
				_ = c.DB().RollbackTo("before")
				return errors.Join(tx.Create(&entry{Name: "undone"}).Error, tx.Rollback().Error)
			},
			"its name is not known": func(c *mcpecho.Call) error {
				return errors.Join(c.DB().Create(&entry{Name: "undone"}).Error, c.DB().RollbackTo("nowhere").Error)
			},
		} {
			t.Run(name, func(t *testing.T) {
				empty(t, db)
				srv := newServer(db)
				srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
					_ = act(c)
					return "done", nil
				}, mw.Transaction()))
				mcptest.New(t, srv).Do("do", nothing{})
				equal(t, "rows that were undone", rows(t, db, "name = ?", "undone"), 0)
			})
		}
	})
}

func TestAStoreCannotBeginBesideTheTransactionItJoined(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		if db.Name() == "sqlite" {
			t.Skip("a second connection waits for the first one here")
		}
		if err := db.Use(mcpecho.JoinTransactions()); err != nil {
			t.Fatal(err)
		}
		srv := newServer(db)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			return "done", db.WithContext(c.Ctx()).Connection(func(tx *gorm.DB) error {
				own := tx.Begin()
				defer own.Rollback()
				_ = own.Create(&entry{Name: "beside"})
				return own.Commit().Error
			})
		}, mw.Transaction()))
		equal(t, "failed", mcptest.New(t, srv).Do("do", nothing{}).IsError, true)
		equal(t, "rows", rows(t, db), 0)
	})
}

func TestAfterCommitFunctionsGoWithTheSavepointOfTheirOwnDatabase(t *testing.T) {
	a, b := sqliteDB(t), sqliteDB(t)
	var ran []string
	later := func(c *mcpecho.Call, name string) {
		c.AfterCommit(func(context.Context) { ran = append(ran, name) })
	}
	srv := newServer(a)
	srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
		undone := c.DB().Begin()
		later(c, "undone")
		_ = c.Transaction(b, func() error {
			later(c, "of b")
			err := c.Transaction(a, func() error { later(c, "of a"); return c.DB().Create(&entry{Name: "kept"}).Error })
			return errors.Join(err, errors.New("b fails"))
		})
		if err := undone.Create(&entry{Name: "undone"}).Error; err != nil {
			return "", err
		}
		return "done", undone.Commit().Error
	}, mw.Transaction()))
	srv.Add(mcpecho.Service("undo-inside", func(c *mcpecho.Call, _ nothing) (string, error) {
		undone := c.DB().Begin()
		later(c, "undone")
		_ = c.Transaction(b, func() error { return errors.Join(undone.Rollback().Error, errors.New("b fails")) })
		return "done", nil
	}, mw.Transaction()))
	mcptest.New(t, srv).Do("do", nothing{})
	equal(t, "after commit", strings.Join(ran, ", "), "undone, of a")
	ran = nil
	mcptest.New(t, srv).Do("undo-inside", nothing{})
	equal(t, "after commit", strings.Join(ran, ", "), "")
}

func TestAfterCommitFunctionsGoWithASavepointHoweverItIsNamed(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		for _, undo := range []string{"ROLLBACK TO SAVEPOINT Mine", "rollback to savepoint mine;", "\n ROLLBACK TO mine ;", "ROLLBACK TO " + quoted(db, "mine"), "ROLLBACK TO mine -- and more"} {
			t.Run(undo, func(t *testing.T) {
				empty(t, db)
				var hooks atomic.Int64
				srv := newServer(db)
				srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
					err := c.DB().SavePoint("Mine").Error
					c.AfterCommit(func(context.Context) { hooks.Add(1) })
					err = errors.Join(err, c.DB().Create(&entry{Name: "undone"}).Error)
					_ = c.DB().Exec(undo)
					return "done", err
				}, mw.Transaction()))
				mcptest.New(t, srv).Do("do", nothing{})
				equal(t, "rows", rows(t, db), 0)
				equal(t, "after commit", hooks.Load(), 0)
			})
		}
	})
}

func quoted(db *gorm.DB, name string) string { return db.Statement.Quote(name) }

func TestATransactionIsNotEndedByHand(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		for _, sql := range []string{"COMMIT", "ROLLBACK", "BEGIN", " start transaction;"} {
			t.Run(sql, func(t *testing.T) {
				empty(t, db)
				srv := newServer(db)
				srv.Add(mcpecho.Service("do", inserting(new(atomic.Int64), func(c *mcpecho.Call) error {
					if err := c.DB().Exec(sql).Error; err == nil || !strings.Contains(err.Error(), "use Begin, Commit and Rollback of c.DB()") {
						t.Error(err)
					}
					return mcpecho.Errorf("on purpose")
				}), mw.Transaction()))
				mcptest.New(t, srv).Do("do", named{"call"})
				equal(t, "rows", rows(t, db), 0)
			})
		}
	})
}

func TestGoroutinesMayRegisterAfterCommitFunctions(t *testing.T) {
	var ran atomic.Int64
	srv := newServer(sqliteDB(t))
	srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { c.AfterCommit(func(context.Context) { ran.Add(1) }) })
		}
		all.Wait()
		return "done", nil
	}, mw.Transaction()))
	mcptest.New(t, srv).Do("do", nothing{})
	equal(t, "after commit", ran.Load(), 50)
}

func TestAfterCommitFunctionsRunWhateverAnotherDoes(t *testing.T) {
	for name, first := range map[string]func(){"panics": func() { panic("in a function") }, "ends its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var ran []string
			db := sqliteDB(t)
			srv := newServer(db)
			srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
				c.AfterCommit(func(context.Context) { first() })
				c.AfterCommit(func(context.Context) {
					ran = append(ran, "second")
					c.AfterCommit(func(context.Context) { ran = append(ran, "registered by it") })
				})
				return "done", c.DB().Create(&entry{Name: "kept"}).Error
			}, mw.Transaction(), mcpecho.Before("transaction", mcpecho.Named("fails", func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(ec echo.Context) error { return errors.Join(next(ec), errors.New("on purpose")) }
			}))))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				mcptest.New(t, srv).Do("do", nothing{})
			}()
			<-ended
			equal(t, "ran", strings.Join(ran, ", "), "second, registered by it")
			equal(t, "rows", rows(t, db), 1)
		})
	}
}

func TestAnAttemptInsideATransactionRegistersItsFunctionsAnew(t *testing.T) {
	var runs []int
	n := 0
	srv := newServer(sqliteDB(t))
	srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
		n++
		run := n
		c.AfterCommit(func(context.Context) { runs = append(runs, run) })
		return "done", nil
	}, mw.Transaction(), mcpecho.After("transaction", mcpecho.Named("twice", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			rewind := mcpecho.CallFrom(ec).Mark()
			if err := errors.Join(next(ec), rewind()); err != nil {
				return err
			}
			return next(ec)
		}
	}))))
	mcptest.New(t, srv).Do("do", nothing{})
	equal(t, "the second run alone", slices.Equal(runs, []int{2}), true)
}

func TestACallThatHasCommittedElsewhereIsNotRunAgain(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		elsewhere := sqliteDB(t)
		srv := newServer(db)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			if err := c.Transaction(elsewhere, func() error { return c.DB().Create(&entry{Name: "there"}).Error }); err != nil {
				return "", err
			}
			return "", errors.New("database is locked")
		}, mcpecho.Annotate(mcpecho.Idempotent(true)), mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3})))
		r := mcptest.New(t, srv).Do("do", nothing{})
		equal(t, "committed", strings.Contains(r.Text, `"committed":true`), true)
		equal(t, "rows elsewhere", rows(t, elsewhere), 1)
	})
}

func TestAReadOnlyTransactionOfSQLiteSaysWhatItHasWritten(t *testing.T) {
	db := sqliteDB(t)
	srv := newServer(db)
	srv.Add(mcpecho.Service("do", inserting(new(atomic.Int64), nil), mw.TransactionWithConfig(mw.TransactionConfig{ReadOnly: true}),
		mcpecho.Before("transaction", mcpecho.Named("fails", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error { return errors.Join(next(ec), mcpecho.Errorf("on purpose")) }
		}))))
	r := mcptest.New(t, srv).Do("do", named{"call"})
	equal(t, "rows", rows(t, db), 1)
	equal(t, "committed", strings.Contains(r.Text, `"committed":true`), true)
}

func TestAPreparedSessionInsideASavepointReadsWhatItWroteAndSeesErrors(t *testing.T) {
	everyStore(t, func(t *testing.T, db, store *gorm.DB) {
		write := func(tx *gorm.DB) error {
			tx = tx.Session(&gorm.Session{PrepareStmt: true})
			found := map[string]any{}
			err := errors.Join(tx.Create(&entry{Name: "op"}).Error, tx.Model(&entry{}).Select("name").Where("name = ?", "op").Limit(1).Find(&found).Error,
				same(found["name"], any("op")))
			if db.Name() != "postgres" && tx.Exec("INSERT INTO nowhere VALUES (?)", 1).Error == nil {
				return errors.New("it did not fail")
			}
			return err
		}
		srv := newServer(db, short)
		srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ nothing) (string, error) {
			return "done", errors.Join(store.WithContext(c.Ctx()).Transaction(write), c.DB().Transaction(write))
		}, mw.Transaction()))
		r := mcptest.New(t, srv).Do("do", nothing{})
		equal(t, "type "+r.Text, failureType(t, r), "")
		equal(t, "rows", rows(t, db), 2)
	})
}

func TestAContextThatIsLeftBehindDoesNotEndTheTransaction(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		var hooks atomic.Int64
		srv := newServer(db)
		srv.Add(mcpecho.Service("do", inserting(&hooks, func(c *mcpecho.Call) error {
			request := c.Request()
			ctx, cancel := context.WithCancel(request.Context())
			c.SetRequest(request.WithContext(ctx)) // as tracing does, which does not take it back
			cancel()
			return nil
		}), mw.Transaction()))
		r := mcptest.New(t, srv).Do("do", named{"call"})
		equal(t, "type "+r.Text, failureType(t, r), "")
		equal(t, "rows", rows(t, db), 1)
		equal(t, "after commit", hooks.Load(), 1)
	})
}
