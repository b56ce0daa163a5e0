package middleware_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// failing is a database of any name whose COMMIT fails.
type failing struct {
	*sql.DB
	err error
}

func (p failing) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := p.DB.BeginTx(ctx, options)
	return &failingTx{tx, p.err}, err
}

type failingTx struct {
	*sql.Tx
	err error
}

func (tx *failingTx) Commit() error {
	if err := tx.Rollback(); err != nil {
		return err
	}
	if tx.err == errPanics {
		panic("in the driver")
	}
	return tx.err
}

// ExecContext answers like MySQL when it is asked whether a transaction is open.
func (tx *failingTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if query == "SET TRANSACTION READ WRITE" {
		return nil, &mySQLError{1568, "Transaction characteristics can't be changed while a transaction is in progress"}
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

// mySQLError has the form of the errors of go-sql-driver/mysql.
type mySQLError struct {
	Number  uint16
	Message string
}

func (e *mySQLError) Error() string { return fmt.Sprintf("Error %d: %s", e.Number, e.Message) }

type called struct {
	gorm.Dialector
	name string
}

func (d called) Name() string { return d.name }

var errPanics = errors.New("panics")

type safeToRetry struct{}

func (safeToRetry) Error() string     { return "conn closed" }
func (safeToRetry) SafeToRetry() bool { return true }

func TestAnErrorOfCommitIsARollbackOnlyWhenTheDatabaseSaysSo(t *testing.T) {
	const refused, unknown = false, true
	for _, tc := range []struct {
		database string
		err      error
		unknown  bool
		runs     int
	}{
		{"postgres", sqlState("40001"), refused, 2},
		{"postgres", sqlState("23505"), refused, 1},
		{"postgres", sqlState("57014"), refused, 1},
		{"postgres", sqlState("57P01"), unknown, 1},
		{"postgres", sqlState("08006"), unknown, 1},
		{"postgres", sqlState("40003"), unknown, 1},
		{"postgres", fmt.Errorf("wrapped: %w", sqlState("08007")), unknown, 1},
		{"postgres", errors.New("commit unexpectedly resulted in rollback"), refused, 1},
		{"postgres", safeToRetry{}, unknown, 1},
		{"postgres", io.ErrUnexpectedEOF, unknown, 1},
		{"postgres", context.DeadlineExceeded, unknown, 1},
		{"mysql", errors.New("Error 1213 (40001): Deadlock found when trying to get lock"), refused, 2},
		{"mysql", errors.New("Error 1053 (08S01): Server shutdown in progress"), unknown, 1},
		{"mysql", errors.New("Error 1180 (HY000): Got error 28 during COMMIT"), unknown, 1},
		{"mysql", errors.New("invalid connection"), unknown, 1},
		{"mysql", driver.ErrBadConn, unknown, 1},
		{"sqlite", errors.New("database is locked"), refused, 2},
		{"sqlite", io.ErrUnexpectedEOF, unknown, 1}, // one that is reached over a network
		{"sqlite", errors.New("disk I/O error"), refused, 1},
		{"sqlserver", errors.New("deadlock victim"), unknown, 1},
		{"mysql", errPanics, unknown, 1},
	} {
		t.Run(tc.database+" "+tc.err.Error(), func(t *testing.T) {
			pool, err := openDB(t).DB()
			if err != nil {
				t.Fatal(err)
			}
			db, err := gorm.Open(called{sqlite.New(sqlite.Config{Conn: failing{pool, tc.err}}), tc.database}, &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			srv := newServer(db)
			runs, hooks := 0, 0
			srv.Add(mcpecho.Service("insert", insert(func(c *mcpecho.Call) error {
				runs++
				c.AfterCommit(func(context.Context) { hooks++ })
				return nil
			}), mw.TransactionWithConfig(mw.TransactionConfig{Retries: 1}), mcpecho.Annotate(mcpecho.Idempotent(true))))
			typ, _, committed := refusal(t, mcptest.New(t, srv).Do("insert", nil))
			equal(t, "unknown, not "+typ, typ == mcpecho.TypeUnknownOutcome, tc.unknown)
			equal(t, "runs", runs, tc.runs)
			equal(t, "after commit", hooks, 0)
			equal(t, "committed", committed, false)
		})
	}
}
