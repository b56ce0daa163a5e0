package transaction

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"gorm.io/gorm"
)

// Refusing is a connection on which everything fails with one error.
type Refusing struct{ Err error }

func (r Refusing) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, r.Err }

func (r Refusing) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, r.Err }

func (r Refusing) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, r.Err }

// QueryRowContext asks a database that cannot be connected to: a *sql.Row that holds an error is
// made by package sql alone.
func (r Refusing) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	db := sql.OpenDB(r)
	defer db.Close()
	return db.QueryRowContext(ctx, query, args...)
}

func (r Refusing) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) { return nil, r.Err }

func (r Refusing) GetDBConn() (*sql.DB, error) { return nil, r.Err }

func (r Refusing) Connect(context.Context) (driver.Conn, error) { return nil, r.Err }

func (r Refusing) Driver() driver.Driver { return nil }

// finishedTx is a transaction that is over: package sql alone can make a statement of it that fails
// with sql.ErrTxDone.
var finishedTx = sync.OnceValue(func() *sql.Tx {
	db := sql.OpenDB(idle{})
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		panic("mcpecho: a transaction on nothing does not begin: " + err.Error())
	}
	_ = tx.Rollback()
	return tx
})

// idle is a database that can only begin and end transactions.
type idle struct{}

func (i idle) Connect(context.Context) (driver.Conn, error) { return i, nil }

func (idle) Driver() driver.Driver { return nil }

func (idle) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }

func (i idle) Begin() (driver.Tx, error) { return i, nil }

func (idle) Close() error { return nil }

func (idle) Commit() error { return nil }

func (idle) Rollback() error { return nil }
