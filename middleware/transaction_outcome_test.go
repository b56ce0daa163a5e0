package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// refusal is the error object of a tool result.
func refusal(t *testing.T, r *mcptest.Result) (typ, message string, committed bool) {
	t.Helper()
	var body struct {
		Error struct {
			Type, Message string
			Committed     bool
		}
	}
	if !r.IsError {
		t.Fatalf("not an error: %s", r.Text)
	}
	if err := json.Unmarshal([]byte(r.Text), &body); err != nil {
		t.Fatal(err)
	}
	return body.Error.Type, body.Error.Message, body.Error.Committed
}

func TestAfterCommitWaitsForTheOutermostTransactionWhateverBeganIt(t *testing.T) {
	for name, inner := range map[string]func(c *mcpecho.Call, same, other *gorm.DB) *gorm.DB{
		"no handle":                func(*mcpecho.Call, *gorm.DB, *gorm.DB) *gorm.DB { return nil },
		"the call's own handle":    func(c *mcpecho.Call, _, _ *gorm.DB) *gorm.DB { return c.DB() },
		"the application's handle": func(_ *mcpecho.Call, same, _ *gorm.DB) *gorm.DB { return same },
		"a session of it": func(_ *mcpecho.Call, same, _ *gorm.DB) *gorm.DB {
			return same.Session(&gorm.Session{PrepareStmt: true})
		},
		"another database": func(_ *mcpecho.Call, _, other *gorm.DB) *gorm.DB { return other },
	} {
		for _, fails := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				db, other := openDB(t), openDB(t)
				srv := newServer(db)
				ran := ""
				srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
					c.AfterCommit(func(context.Context) { ran += "outer " })
					err := c.Transaction(inner(c, db, other), func() error {
						c.AfterCommit(func(context.Context) { ran += "inner " })
						return c.DB().Create(&Invoice{Number: "B-2"}).Error
					})
					equal(t, "ran before the outermost commit", ran, "")
					if err != nil || !fails {
						return err
					}
					return errors.New("no")
				}), mw.Transaction()))
				equal(t, "failed", mcptest.New(t, srv).Do("insert", nil).IsError, fails)
				elsewhere := int64(0)
				if name == "another database" {
					elsewhere = 1
					equal(t, "rows of the other database", count(t, other), 4)
				}
				if fails {
					equal(t, "rows", count(t, db), 3)
					equal(t, "ran", ran, "")
				} else {
					equal(t, "rows", count(t, db), 5-elsewhere)
					equal(t, "ran", ran, "outer inner ")
				}
			})
		}
	}
}

func TestAfterCommitOfASavepointThatPanickedIsDropped(t *testing.T) {
	for name, savepoint := range map[string]func(c *mcpecho.Call, fn func() error) error{
		"Call.Transaction": func(c *mcpecho.Call, fn func() error) error { return c.Transaction(nil, fn) },
		"gorm's own": func(c *mcpecho.Call, fn func() error) error {
			return c.DB().Transaction(func(*gorm.DB) error { return fn() })
		},
		"Begin": func(c *mcpecho.Call, fn func() error) error {
			tx := c.DB().Begin()
			defer tx.Rollback()
			if err := fn(); err != nil {
				return err
			}
			return tx.Commit().Error
		},
		"SavePoint": func(c *mcpecho.Call, fn func() error) error {
			c.DB().SavePoint("mine")
			defer c.DB().RollbackTo("mine")
			return fn()
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			ran := ""
			srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
				c.AfterCommit(func(context.Context) { ran += "outer " })
				func() {
					defer func() { _ = recover() }()
					_ = savepoint(c, func() error {
						c.AfterCommit(func(context.Context) { ran += "inner " })
						if err := c.DB().Create(&Invoice{Number: "B-2"}).Error; err != nil {
							return err
						}
						panic("inside")
					})
				}()
				return nil
			}), mw.Transaction()))
			equal(t, "text", mcptest.New(t, srv).Do("insert", nil).Text, "inserted")
			equal(t, "rows", count(t, db), 4)
			equal(t, "ran", ran, "outer ")
		})
	}
}

func TestASequenceWithATransactionOfANamedDatabaseIsOneTransaction(t *testing.T) {
	db := openDB(t)
	srv := newServer(nil)
	ran := 0
	named := mw.TransactionWithConfig(mw.TransactionConfig{DB: db})
	first := mcpecho.Service("first", insert(func(c *mcpecho.Call) error {
		c.AfterCommit(func(context.Context) { ran++ })
		return nil
	}), named)
	second := mcpecho.Service("second", func(*mcpecho.Call, nothing) (any, error) { return nil, mcpecho.Errorf("no") }, named)
	seq := mcpecho.NewSequence[nothing]("both")
	same := func(_ *mcpecho.Call, in nothing) nothing { return in }
	mcpecho.Then[any](seq, first, same)
	srv.Add(mcpecho.Finish(seq, mcpecho.Then[any](seq, second, same), named))
	equal(t, "failed", mcptest.New(t, srv).Do("both", nil).IsError, true)
	equal(t, "rows", count(t, db), 3)
	equal(t, "after commit", ran, 0)
}

func TestTransactionRollsBackWhenAnAnswerOfAMiddlewareDoesNotFit(t *testing.T) {
	for name, tc := range map[string]struct {
		answers func(ec echo.Context) error
		commits bool
	}{
		"fits":       {func(ec echo.Context) error { return ec.JSON(http.StatusOK, echo.Map{"ok": true}) }, true},
		"too large":  {func(ec echo.Context) error { return ec.JSON(http.StatusOK, strings.Repeat("x", 900_000)) }, false},
		"other type": {func(ec echo.Context) error { return ec.JSON(http.StatusOK, 7) }, false},
		"not JSON":   {func(ec echo.Context) error { return ec.Blob(http.StatusOK, "application/json", []byte("{")) }, false},
		"an error":   {func(ec echo.Context) error { return ec.NoContent(http.StatusConflict) }, false},
		"nothing":    {func(echo.Context) error { return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db, func(cfg *mcpecho.Config) { cfg.MaxResultBytes = 1000 })
			ran := 0
			srv.Add(mcpecho.Service("insert", ok, mw.Transaction(),
				mcpecho.After("transaction", mcpecho.Named("answers", func(echo.HandlerFunc) echo.HandlerFunc {
					return func(ec echo.Context) error {
						c := mcpecho.CallFrom(ec)
						c.AfterCommit(func(context.Context) { ran++ })
						if err := c.DB().Create(&Invoice{Number: "B-1"}).Error; err != nil {
							return err
						}
						return tc.answers(ec)
					}
				}))))
			r := mcptest.New(t, srv).Do("insert", nil)
			equal(t, "failed", r.IsError, !tc.commits)
			want := 0
			if tc.commits {
				want = 1
			}
			equal(t, "rows", count(t, db), int64(3+want))
			equal(t, "after commit", ran, want)
		})
	}
}

func TestAFailureAfterTheCommitSaysThatTheChangeStays(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		data string
	}{
		"an error of the application": {mcpecho.Errorf("the audit log is full"), ""},
		"an internal one":             {errors.New("boom"), ""},
		"a panic":                     {nil, ""},
		"a protocol error":            {&mcpecho.Error{Code: 409, Message: "no"}, `{"committed":true}`},
		"one with data":               {&mcpecho.Error{Code: 409, Message: "no", Data: map[string]any{"n": 1}}, `{"committed":true,"n":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			srv.Add(mcpecho.Service("insert", insert(nil), mw.Transaction(),
				mcpecho.Named("audit", func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(ec echo.Context) error {
						if err := next(ec); err != nil {
							return err
						}
						if tc.err == nil {
							panic("audit")
						}
						return tc.err
					}
				})))
			r := mcptest.New(t, srv).Do("insert", nil)
			equal(t, "rows", count(t, db), 4)
			if tc.data != "" {
				data, err := json.Marshal(r.RPCError.Data)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "data", string(data), tc.data)
				contains(t, "message", r.RPCError.Message, "it stays")
				return
			}
			_, message, committed := refusal(t, r)
			equal(t, "committed", committed, true)
			contains(t, "message", message, "it stays")
		})
	}
}

func TestAFailureWithoutACommitDoesNotSpeakOfOne(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Service("insert", insert(func(*mcpecho.Call) error { return mcpecho.Errorf("no") }), mw.Transaction()))
	r := mcptest.New(t, srv).Do("insert", nil)
	equal(t, "text", r.Text, `{"error":{"message":"no","type":"error"}}`)
}

func TestALinkThatHasCommittedOnItsOwnIsToldWhenTheNextFails(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	ran := 0
	first := mcpecho.Service("first", insert(func(c *mcpecho.Call) error {
		c.AfterCommit(func(context.Context) { ran++ })
		return nil
	}), mw.Transaction())
	second := mcpecho.Service("second", func(*mcpecho.Call, nothing) (any, error) { return nil, mcpecho.Errorf("no") })
	seq := mcpecho.NewSequence[nothing]("both")
	same := func(_ *mcpecho.Call, in nothing) nothing { return in }
	mcpecho.Then[any](seq, first, same)
	srv.Add(mcpecho.Finish(seq, mcpecho.Then[any](seq, second, same)))
	_, _, committed := refusal(t, mcptest.New(t, srv).Do("both", nil))
	equal(t, "committed", committed, true)
	equal(t, "rows", count(t, db), 4)
	equal(t, "after commit", ran, 1)
}

func TestEachRetryStartsFromACleanCall(t *testing.T) {
	for name, first := range map[string]func(ec echo.Context) error{
		"reported": func(ec echo.Context) error { ec.Error(errors.New("database is locked")); return nil },
		"written and reported": func(ec echo.Context) error {
			if err := ec.JSON(http.StatusConflict, echo.Map{"message": "no"}); err != nil {
				return err
			}
			ec.Response().Header().Set("X-Attempt", "failed")
			return errors.New("database is locked")
		},
		"with a result": func(ec echo.Context) error {
			mcpecho.CallFrom(ec).SetResult("first")
			return errors.New("database is locked")
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			attempts, hooks := 0, 0
			srv.Add(mcpecho.Service("insert", insert(nil),
				mw.TransactionWithConfig(mw.TransactionConfig{Retries: 2}), mcpecho.Annotate(mcpecho.Idempotent(true)),
				mcpecho.After("handle", mcpecho.Named("locks once", func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(ec echo.Context) error {
						mcpecho.CallFrom(ec).AfterCommit(func(context.Context) { hooks++ })
						if attempts++; attempts == 1 {
							return first(ec)
						}
						return next(ec)
					}
				}))))
			equal(t, "text", mcptest.New(t, srv).Do("insert", nil).Text, "inserted")
			equal(t, "attempts", attempts, 2)
			equal(t, "rows", count(t, db), 4)
			equal(t, "after commit", hooks, 1)
		})
	}
}

func TestATransactionInsideOneOfAnotherDatabaseIsNotRetried(t *testing.T) {
	db, other := openDB(t), openDB(t)
	srv := newServer(db)
	runs := 0
	link := mcpecho.Service("insert", insert(func(*mcpecho.Call) error { runs++; return sqlState("40001") }),
		mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3, DB: other}), mcpecho.Annotate(mcpecho.Idempotent(true)))
	seq := mcpecho.NewSequence[nothing]("whole")
	srv.Add(mcpecho.Finish(seq, mcpecho.Then[any](seq, link, func(_ *mcpecho.Call, in nothing) nothing { return in }), mw.Transaction()))
	equal(t, "failed", mcptest.New(t, srv).Do("whole", nil).IsError, true)
	equal(t, "runs", runs, 1)
}

func TestBeginInsideATransactionIsASavepoint(t *testing.T) {
	for name, tc := range map[string]struct {
		then func(c *mcpecho.Call) error
		rows int64
	}{
		"committed":   {func(c *mcpecho.Call) error { tx := c.DB().Begin(); return then(tx, tx.Commit) }, 5},
		"rolled back": {func(c *mcpecho.Call) error { tx := c.DB().Begin(); return then(tx, tx.Rollback) }, 4},
		"rolled back after a commit": {func(c *mcpecho.Call) error {
			tx := c.DB().Begin()
			if err := then(tx, tx.Commit); err != nil {
				return err
			}
			if err := tx.Rollback().Error; err == nil || err.Error() != "sql: transaction has already been committed or rolled back" {
				return errors.Join(errors.New("Rollback after Commit"), err)
			}
			return nil
		}, 5},
		"used after it has ended": {func(c *mcpecho.Call) error {
			tx := c.DB().Begin()
			tx.Rollback()
			if err := tx.Session(&gorm.Session{NewDB: true}).Create(&Invoice{Number: "B-3"}).Error; err == nil {
				return errors.New("a statement ran on a transaction that is over")
			}
			return nil
		}, 4},
		"inside one another": {func(c *mcpecho.Call) error {
			outer := c.DB().Begin()
			inner := outer.Begin()
			if err := then(inner, inner.Commit); err != nil {
				return err
			}
			return outer.Rollback().Error
		}, 4},
		"left open": {func(c *mcpecho.Call) error {
			tx := c.DB().Begin()
			return then(tx, tx.Session(&gorm.Session{}).Session(&gorm.Session{}).Debug)
		}, 3},
		"Commit without a Begin":   {func(c *mcpecho.Call) error { return c.DB().Commit().Error }, 3},
		"Rollback without a Begin": {func(c *mcpecho.Call) error { return c.DB().Rollback().Error }, 3},
		"left open in a savepoint": {func(c *mcpecho.Call) error { return c.Transaction(nil, func() error { return c.DB().Begin().Error }) }, 3},
		"gorm's transaction in gorm's": {func(c *mcpecho.Call) error {
			return c.DB().Transaction(func(tx *gorm.DB) error {
				_ = tx.Transaction(func(tx *gorm.DB) error {
					tx.Create(&Invoice{Number: "B-3"})
					return errors.New("inner")
				})
				return tx.Create(&Invoice{Number: "B-2"}).Error
			})
		}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			srv.Add(mcpecho.Service("insert", insert(tc.then), mw.Transaction()))
			r := mcptest.New(t, srv).Do("insert", nil)
			if r.IsError == (tc.rows > 3) {
				t.Error(r.Text)
			}
			equal(t, "rows", count(t, db), tc.rows)
		})
	}
}

// then inserts a row in tx and ends it.
func then(tx *gorm.DB, end func() *gorm.DB) error {
	if err := tx.Create(&Invoice{Number: "B-2"}).Error; err != nil {
		return err
	}
	return end().Error
}

func TestAFailureAfterTheCommitSaysSoInEveryKindOfReply(t *testing.T) {
	for name, fail := range map[string]error{"told": mcpecho.Errorf("no"), "internal": errors.New("boom"), "a lost row": gorm.ErrRecordNotFound} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			write := func(c *mcpecho.Call) error {
				if err := c.Transaction(nil, func() error { return c.DB().Create(&Invoice{Number: "B-1"}).Error }); err != nil {
					return err
				}
				return fail
			}
			srv.Add(mcpecho.Resource("visits://today", func(c *mcpecho.Call, _ nothing) (string, error) { return "", write(c) }))
			r := mcptest.New(t, srv).Read("visits://today")
			equal(t, "rows", count(t, db), 4)
			if r.RPCError == nil {
				t.Fatal("no error")
			}
			data, err := json.Marshal(r.RPCError.Data)
			if err != nil {
				t.Fatal(err)
			}
			contains(t, "data", string(data), `"committed":true`)
			contains(t, "message", r.RPCError.Message, "it stays")
		})
	}
}
