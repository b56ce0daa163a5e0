package transaction

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// Join is a gorm plugin that makes what a handle does part of the transaction that open finds by
// the context of a statement, nil where there is none.
func Join(open func(ctx context.Context, pool *sql.DB) *Conn) gorm.Plugin { return join{open} }

// join keeps nothing of a handle: dbresolver initializes the plugins of a handle again for each
// replica.
type join struct {
	open func(ctx context.Context, pool *sql.DB) *Conn
}

func (join) Name() string { return "mcpecho:join_transactions" }

// Initialize puts a connection in the way that joins Begin, and a callback around each statement
// that joins it. The connection alone would not do: sessions with prepared statements, single
// connections and dbresolver do not ask it.
func (j join) Initialize(db *gorm.DB) error {
	prepared, isPrepared := db.Config.ConnPool.(*gorm.PreparedStmtDB)
	pool := db.Config.ConnPool
	if isPrepared {
		pool = prepared.ConnPool
	}
	own, ok := pool.(*sql.DB)
	if !ok {
		return errors.New("mcpecho: JoinTransactions needs a handle whose connections are a *sql.DB: use it right after gorm.Open")
	}
	joining := &joinPool{own, j.open}
	if isPrepared {
		prepared.ConnPool = joining
	} else {
		db.Config.ConnPool, db.Statement.ConnPool = joining, joining
	}
	const name = "mcpecho:join"
	on := db.Callback()
	return errors.Join(
		on.Create().Before("*").Register(name, joining.enter), on.Create().After("*").Register(name+"_end", leave),
		on.Query().Before("*").Register(name, joining.enter), on.Query().After("*").Register(name+"_end", leave),
		on.Update().Before("*").Register(name, joining.enter), on.Update().After("*").Register(name+"_end", leave),
		on.Delete().Before("*").Register(name, joining.enter), on.Delete().After("*").Register(name+"_end", leave),
		on.Row().Before("*").Register(name, joining.enter), on.Row().After("*").Register(name+"_end", leave),
		on.Raw().Before("*").Register(name, joining.enter), on.Raw().After("*").Register(name+"_end", leave),
	)
}

// enter makes the statement one of the open transaction.
func (p *joinPool) enter(db *gorm.DB) {
	conn := p.open(db.Statement.Context)
	switch {
	case conn == nil:
	case !Within(db):
		db.Statement.ConnPool = &joined{conn, db.Statement.ConnPool}
	case isForeign(db.Statement.ConnPool, conn):
		_ = db.AddError(conn.state.fail(errForeign))
	}
}

var errForeign = errors.New("mcpecho: a store that joined has begun a transaction that the call's does not know, which would commit by itself: " +
	"do not begin inside of Connection, nor on a handle that was derived before db.Use(mcpecho.JoinTransactions())")

// isForeign says whether a transaction is neither the open one nor part of it.
func isForeign(pool gorm.ConnPool, conn *Conn) bool {
	if prepared, ok := pool.(*gorm.PreparedStmtTX); ok {
		pool = prepared.Tx
	}
	tx, ok := pool.(*sql.Tx)
	return ok && gorm.ConnPool(tx) != gorm.ConnPool(conn.raw)
}

func leave(db *gorm.DB) {
	if p, ok := db.Statement.ConnPool.(*joined); ok {
		db.Statement.ConnPool = p.before
	}
}

// joined is the connection of one statement. It hides Begin, which gorm would use for a savepoint
// around every write.
type joined struct {
	conn   *Conn
	before gorm.ConnPool
}

func (j *joined) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return j.conn.PrepareContext(ctx, query)
}

func (j *joined) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return j.conn.ExecContext(ctx, query, args...)
}

func (j *joined) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return j.conn.QueryContext(ctx, query, args...)
}

func (j *joined) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return j.conn.QueryRowContext(ctx, query, args...)
}

func (j *joined) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	return j.conn.StmtContext(ctx, stmt)
}

func (j *joined) Commit() error { return j.conn.Commit() }

func (j *joined) Rollback() error { return j.conn.Rollback() }

func (j *joined) GetDBConn() (*sql.DB, error) { return j.conn.GetDBConn() }

// joinPool is the *sql.DB of a handle, but for what begins in a call with an open transaction.
type joinPool struct {
	*sql.DB
	find func(ctx context.Context, pool *sql.DB) *Conn
}

// open is the open transaction on this *sql.DB of the call that the context belongs to.
func (p *joinPool) open(ctx context.Context) *Conn { return p.find(ctx, p.DB) }

// BeginTx begins for gorm. Its result is another one than that of sql.DB.BeginTx, which is hidden
// by it.
func (p *joinPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	if conn := p.open(ctx); conn != nil {
		return conn.BeginTx(ctx, opts)
	}
	return p.DB.BeginTx(ctx, opts)
}

func (p *joinPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// What gorm runs without its callbacks joins as well. Statements that are prepared do not: they
// outlive the transaction.

func (p *joinPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if conn := p.open(ctx); conn != nil {
		return conn.ExecContext(ctx, query, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

func (p *joinPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if conn := p.open(ctx); conn != nil {
		return conn.QueryContext(ctx, query, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

func (p *joinPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if conn := p.open(ctx); conn != nil {
		return conn.QueryRowContext(ctx, query, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}
