package middleware_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// insert makes a service that inserts B-1 and then does something else.
func insert(then func(c *mcpecho.Call) error) func(*mcpecho.Call, nothing) (any, error) {
	return func(c *mcpecho.Call, _ nothing) (any, error) {
		if err := c.DB().Create(&Invoice{Number: "B-1"}).Error; err != nil {
			return nil, err
		}
		if then != nil {
			if err := then(c); err != nil {
				return nil, err
			}
		}
		return "inserted", nil
	}
}

// badJSON cannot be encoded.
type badJSON struct{}

func (badJSON) MarshalJSON() ([]byte, error) { return nil, errors.New("cannot be encoded") }

func TestTransactionCommitsOnlySuccess(t *testing.T) {
	for name, tc := range map[string]struct {
		then    func(c *mcpecho.Call) error
		options []mcpecho.Option
		commits bool
	}{
		"success":               {commits: true},
		"an error":              {then: func(*mcpecho.Call) error { return errors.New("boom") }},
		"a tool error":          {then: func(*mcpecho.Call) error { return mcpecho.Errorf("no") }},
		"a protocol error":      {then: func(*mcpecho.Call) error { return &mcpecho.Error{Code: 409, Message: "no"} }},
		"an HTTP error":         {then: func(*mcpecho.Call) error { return echo.NewHTTPError(http.StatusTeapot, "no") }},
		"a panic":               {then: func(*mcpecho.Call) error { panic("boom") }},
		"an error reported":     {then: func(c *mcpecho.Call) error { c.Error(errors.New("boom")); return nil }},
		"a result not JSON":     {then: func(*mcpecho.Call) error { return nil }, options: []mcpecho.Option{mcpecho.Before("serialize", result(badJSON{}))}},
		"a result too large":    {options: []mcpecho.Option{mcpecho.Before("serialize", result(strings.Repeat("x", 2<<20)))}},
		"an error after handle": {options: []mcpecho.Option{mcpecho.After("serialize", mcpecho.Named("late", fails))}},
		"a 4xx written after": {options: []mcpecho.Option{mcpecho.After("handle", mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error { return ec.JSON(http.StatusConflict, echo.Map{"message": "no"}) }
		}))}},
		"a limiter of Echo that reports": {options: []mcpecho.Option{mcpecho.After("handle", mcpecho.Named("limiter", usedUp(t)))}},
		"a deadline passed in the handler": {
			then:    func(c *mcpecho.Call) error { <-c.Ctx().Done(); return nil },
			options: []mcpecho.Option{mw.Timeout(20 * time.Millisecond)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			srv.Use(mw.Transaction())
			hooks := 0
			then := func(c *mcpecho.Call) error {
				c.AfterCommit(func(context.Context) {
					hooks++
					equal(t, "rows when AfterCommit runs", count(t, db), 4)
				})
				if tc.then != nil {
					return tc.then(c)
				}
				return nil
			}
			srv.Add(mcpecho.Service("insert", insert(then), tc.options...))
			r := mcptest.New(t, srv).Do("insert", nil)
			failed := r.IsError || r.RPCError != nil
			equal(t, "failed", failed, !tc.commits)
			if tc.commits {
				equal(t, "rows", count(t, db), 4)
				equal(t, "hooks", hooks, 1)
			} else {
				equal(t, "rows", count(t, db), 3)
				equal(t, "hooks", hooks, 0)
			}
		})
	}
}

// usedUp is Echo's own rate limiter without a call left. It reports through Context.Error and
// returns nil.
func usedUp(t *testing.T) echo.MiddlewareFunc {
	t.Helper()
	memory := echomw.NewRateLimiterMemoryStoreWithConfig(echomw.RateLimiterMemoryStoreConfig{Rate: rate.Every(time.Hour), Burst: 1})
	if first, err := memory.Allow("all"); !first || err != nil {
		t.Fatal("the store has no first call to use up", err)
	}
	return echomw.RateLimiterWithConfig(echomw.RateLimiterConfig{
		Store: memory, IdentifierExtractor: func(echo.Context) (string, error) { return "all", nil },
	})
}

func result(v any) mcpecho.Step {
	return mcpecho.Named("result", mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		c.SetResult(v)
		return next(ec)
	}))
}

func fails(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if err := next(ec); err != nil {
			return err
		}
		return errors.New("late failure")
	}
}

func TestTransactionRollsBackWhenTheClientLeaves(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
		c.AfterCommit(func(context.Context) { t.Error("AfterCommit ran") })
		cancel := c.Get("cancel").(context.CancelFunc)
		cancel()
		<-c.Ctx().Done()
		return nil
	}), mw.Transaction(), mcpecho.Before("transaction", mcpecho.Named("leave", leaving))))
	post(t, srv, "insert", nil)
	equal(t, "rows", count(t, db), 3)
}

// leaving lets the handler end the request's context, as a client does that closes its connection.
func leaving(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		ctx, cancel := context.WithCancel(ec.Request().Context())
		defer cancel()
		ec.Set("cancel", cancel)
		ec.SetRequest(ec.Request().WithContext(ctx))
		return next(ec)
	}
}

func TestTransactionIsCommittedBeforeTheReply(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	seen := int64(-1)
	srv.Add(mcpecho.Service("insert", insert(nil), mw.Transaction(),
		mcpecho.Before("transaction", mcpecho.Named("look", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				err := next(ec)
				seen = count(t, db)
				return err
			}
		}))))
	equal(t, "text", mcptest.New(t, srv).Do("insert", nil).Text, "inserted")
	equal(t, "rows seen outside, before the reply", seen, 4)
}

func TestTransactionInsideATransactionIsASavepoint(t *testing.T) {
	for name, tc := range map[string]struct {
		inner, outer error
		rows         int64
		hooks        string
	}{
		"both succeed":      {nil, nil, 5, "inner outer "},
		"inner rolls back":  {errors.New("inner"), nil, 4, "outer "},
		"outer rolls back":  {nil, errors.New("outer"), 3, ""},
		"neither gets done": {errors.New("inner"), errors.New("outer"), 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			hooks := ""
			srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
				_ = c.Transaction(nil, func() error {
					c.AfterCommit(func(context.Context) { hooks += "inner " })
					if err := c.DB().Create(&Invoice{Number: "B-2"}).Error; err != nil {
						return err
					}
					return tc.inner
				})
				c.AfterCommit(func(context.Context) { hooks += "outer " })
				return tc.outer
			}), mw.Transaction()))
			mcptest.New(t, srv).Do("insert", nil)
			equal(t, "rows", count(t, db), tc.rows)
			equal(t, "hooks", hooks, tc.hooks)
		})
	}
}

func TestTransactionOnAnotherDatabase(t *testing.T) {
	main, other := openDB(t), openDB(t)
	srv := newServer(main)
	srv.Add(mcpecho.Service("insert", insert(nil), mw.TransactionWithConfig(mw.TransactionConfig{DB: other})))
	mcptest.New(t, srv).Do("insert", nil)
	equal(t, "rows of the main database", count(t, main), 3)
	equal(t, "rows of the other database", count(t, other), 4)
}

func TestTransactionSkipperLeavesTheWriteWithoutOne(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	boom := func(*mcpecho.Call) error { return errors.New("boom") }
	srv.Add(mcpecho.Service("insert", insert(boom),
		mw.TransactionWithConfig(mw.TransactionConfig{Skipper: func(echo.Context) bool { return true }})))
	equal(t, "failed", mcptest.New(t, srv).Do("insert", nil).IsError, true)
	equal(t, "rows", count(t, db), 4)
}

func TestTransactionServesServicesOnly(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Use(mw.Transaction())
	srv.Add(mcpecho.Selector[Invoice]("list", invoices), mcpecho.Service("do", ok, mw.Transaction()))
	list, _ := srv.Chain("list")
	equal(t, "list", list.String(), "validate → handle → fetch → serialize")
	do, _ := srv.Chain("do")
	equal(t, "do", do.String(), "validate → transaction → handle → serialize")
	err := srv.AddSafely(mcpecho.Selector[Invoice]("list2", invoices, mw.Transaction()))
	if err == nil {
		t.Error("a transaction listed on a selector was accepted")
	}
}

type sqlState string

func (s sqlState) Error() string    { return "database error " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

func TestTransactionRetriesIdempotentCallsOnly(t *testing.T) {
	const failTwice, always = 2, 99
	for name, tc := range map[string]struct {
		cause      error
		failures   int
		idempotent bool
		runs       int
		ok         bool
	}{
		"serialization failure":   {fmt.Errorf("wrapped: %w", sqlState("40001")), failTwice, true, 3, true},
		"deadlock":                {sqlState("40P01"), failTwice, true, 3, true},
		"SQLite busy":             {errors.New("database is locked"), failTwice, true, 3, true},
		"SQLite locked":           {errors.New("database table is locked: invoices"), failTwice, true, 3, true},
		"MySQL deadlock":          {errors.New("Error 1213 (40001): Deadlock found when trying to get lock"), failTwice, true, 3, true},
		"never gets better":       {sqlState("40001"), always, true, 4, false},
		"not idempotent":          {sqlState("40001"), failTwice, false, 1, false},
		"another SQLSTATE":        {sqlState("23505"), failTwice, true, 1, false},
		"an error of the handler": {mcpecho.Errorf("no"), failTwice, true, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			srv := newServer(db)
			srv.Use(mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3}))
			runs, hooks := 0, 0
			var options []mcpecho.Option
			if tc.idempotent {
				options = append(options, mcpecho.Annotate(mcpecho.Idempotent(true)))
			}
			srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
				c.AfterCommit(func(context.Context) { hooks++ })
				if runs++; runs <= tc.failures {
					return tc.cause
				}
				return nil
			}), options...))
			equal(t, "success", !mcptest.New(t, srv).Do("insert", nil).IsError, tc.ok)
			equal(t, "runs", runs, tc.runs)
			if tc.ok {
				equal(t, "rows", count(t, db), 4)
				equal(t, "hooks", hooks, 1)
			} else {
				equal(t, "rows", count(t, db), 3)
				equal(t, "hooks", hooks, 0)
			}
		})
	}
}

func TestTransactionRetriesAgainstARealLock(t *testing.T) {
	db := openDB(t)
	locker := db.Session(&gorm.Session{}).Begin()
	if err := locker.Create(&Invoice{Number: "L-1"}).Error; err != nil {
		t.Fatal(err)
	}
	srv := newServer(db)
	srv.Add(mcpecho.Service("insert", func(c *mcpecho.Call, _ nothing) (string, error) {
		// The connection would wait for the lock itself for long; the point is what happens once it
		// gives up.
		if err := c.DB().Exec("PRAGMA busy_timeout = 1").Error; err != nil {
			return "", err
		}
		err := c.DB().Create(&Invoice{Number: "B-1"}).Error
		if err != nil && locker != nil {
			if err := locker.Rollback().Error; err != nil {
				return "", err
			}
			locker = nil
		}
		return "inserted", err
	}, mw.TransactionWithConfig(mw.TransactionConfig{Retries: 1}), mcpecho.Annotate(mcpecho.Idempotent(true))))
	r := mcptest.New(t, srv).Do("insert", nil)
	equal(t, "text", r.Text, "inserted")
	equal(t, "rows", count(t, db), 4)
}

func TestTransactionDoesNotRetryASavepoint(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	runs := 0
	outer := mcpecho.Named("outer", mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		return c.Transaction(nil, func() error { return next(ec) })
	}))
	srv.Add(mcpecho.Service("insert", insert(func(*mcpecho.Call) error { runs++; return sqlState("40001") }),
		mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3}), mcpecho.Before("transaction", outer),
		mcpecho.Annotate(mcpecho.Idempotent(true))))
	equal(t, "failed", mcptest.New(t, srv).Do("insert", nil).IsError, true)
	equal(t, "runs", runs, 1)
	equal(t, "rows", count(t, db), 3)
}

// beginner is a database that remembers how transactions were begun.
type beginner struct {
	*sql.DB
	options []*sql.TxOptions
}

func (b *beginner) BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error) {
	b.options = append(b.options, options)
	return b.DB.BeginTx(ctx, options)
}

func TestTransactionBeginsWithIsolationAndReadOnly(t *testing.T) {
	for name, cfg := range map[string]mw.TransactionConfig{
		"neither":   {},
		"isolation": {Isolation: sql.LevelSerializable},
		"read-only": {ReadOnly: true},
	} {
		pool, err := openDB(t).DB()
		if err != nil {
			t.Fatal(err)
		}
		spy := &beginner{DB: pool}
		db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: spy}), &gorm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		srv := newServer(db)
		srv.Add(mcpecho.Service("look", ok, mw.TransactionWithConfig(cfg)))
		equal(t, name, mcptest.New(t, srv).Do("look", nil).Text, `{"ok":true}`)
		if len(spy.options) != 1 {
			t.Fatalf("%s: begun %d times", name, len(spy.options))
		}
		var got sql.TxOptions
		if spy.options[0] != nil {
			got = *spy.options[0]
		}
		equal(t, name, got, sql.TxOptions{Isolation: cfg.Isolation, ReadOnly: cfg.ReadOnly})
	}
}

func TestTransactionWithoutADatabaseMakesAddFail(t *testing.T) {
	srv := newServer(nil)
	err := srv.AddSafely(mcpecho.Service("x", ok, mw.Transaction()))
	if err == nil {
		t.Fatal("accepted")
	}
	contains(t, "error", err.Error(), "set mcpecho.Config.DB or TransactionConfig.DB")
}
