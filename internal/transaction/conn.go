// Package transaction is an open gorm transaction that can be shared: by savepoints, by stores that
// hold a handle of their own, by goroutines. It knows when the database has ended the transaction
// by itself, and lets nothing be written after that. It begins none and sends no COMMIT; its user
// does.
package transaction

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// Conn is an open transaction, or a savepoint in one, as gorm sees it. It can begin, which is a
// savepoint, and commit; gorm's own connection of a transaction can only commit.
type Conn struct {
	gorm.Tx            // what statements run on; may keep prepared ones
	raw     gorm.Tx    // the same without prepared statements, for SAVEPOINT and its kin
	state   *openState // shared with all savepoints of the transaction
	outer   *Conn      // nil: the transaction itself
	name    string     // of the savepoint
	hooks   int        // the mark of the AfterCommit functions at its begin

	sends *sql.DB      // for the prepared statements of sessions, nil before the first
	open  atomic.Int32 // savepoints begun here that nobody has ended
	ended atomic.Bool
}

// openState is what a transaction and its savepoints share.
type openState struct {
	tx    *gorm.DB        // as gorm has begun it
	ctx   context.Context // of the whole transaction
	pool  any             // tells its database from others
	hooks *Hooks          // what a rolled back savepoint takes its own out of

	turn     chan struct{} // holds who uses the connection; it guards the next four
	rows     *sql.Rows     // handed out last, perhaps still being read
	unsure   bool          // the end of a statement could not be seen
	released bool          // a statement has committed it by itself, as DDL does on MySQL
	marks    []mark        // savepoints that gorm itself has set, and applications by hand

	mu     sync.Mutex
	names  int
	broken error // why nothing can run on the transaction any more

	committed func(context.Context) // told of a commit that a statement has made by itself
}

var (
	errLeftOpen = errors.New("mcpecho: a transaction that was begun inside of the call's was neither committed nor rolled back: " +
		"end what Begin begins, best with gorm's db.Transaction")
	errNotYours = errors.New("mcpecho: Commit without a Begin of its own: the call's transaction is committed by the step that began it")
	errUndone   = errors.New("mcpecho: Rollback without a Begin of its own has ended the call's transaction: return an error instead")
)

// Begun makes a Conn of a transaction that gorm has begun. ctx is the context of the whole
// transaction, pool what tells its database from others, hooks what runs after its commit.
// committed is called with ctx when a statement has committed it by itself.
func Begun(ctx context.Context, tx *gorm.DB, pool any, hooks *Hooks, committed func(context.Context)) (*Conn, error) {
	statements, ok := tx.Statement.ConnPool.(gorm.Tx)
	if !ok {
		return nil, gorm.ErrInvalidTransaction
	}
	raw := statements
	if prepared, ok := statements.(*gorm.PreparedStmtTX); ok {
		raw = prepared.Tx
	}
	state := &openState{tx: tx, ctx: ctx, pool: pool, hooks: hooks, committed: committed, turn: make(chan struct{}, 1)}
	return &Conn{Tx: statements, raw: raw, state: state, hooks: hooks.Mark()}, nil
}

// Within says whether a handle is that of an open transaction.
func Within(db *gorm.DB) bool {
	_, ok := db.Statement.ConnPool.(gorm.TxCommitter)
	return ok
}

// DB is the handle that gorm has begun the transaction with.
func (c *Conn) DB() *gorm.DB { return c.state.tx }

// Raw is what COMMIT and ROLLBACK of the whole transaction are sent on.
func (c *Conn) Raw() gorm.Tx { return c.raw }

// Pool tells the database of the transaction from others.
func (c *Conn) Pool() any { return c.state.pool }

// Of finds the connection behind a handle: one of ours, also behind prepared statements and the
// joined handle of a store. It returns nil for every other.
func Of(pool gorm.ConnPool) *Conn {
	switch p := pool.(type) {
	case *Conn:
		return p
	case *joined:
		return p.conn
	case *gorm.PreparedStmtTX:
		return Of(p.Tx)
	}
	return nil
}

// Handle makes a gorm.DB of the connection. The writes of gorm need no transaction of their own
// inside of one.
func (c *Conn) Handle(db *gorm.DB) *gorm.DB {
	handle := db.Session(&gorm.Session{Context: c.state.ctx, SkipDefaultTransaction: true})
	handle.Statement.ConnPool = c
	return handle
}

// unprepared is a handle for SAVEPOINT and its kin.
func (c *Conn) unprepared() *gorm.DB {
	handle := c.state.tx.Session(&gorm.Session{NewDB: true, Context: c.state.ctx, SkipDefaultTransaction: true})
	handle.Statement.ConnPool = c.raw
	return handle
}

// Finish ends the transaction itself before its COMMIT. Nothing may be left open in it but rows,
// which COMMIT would close as well.
func (c *Conn) Finish() error {
	if err := c.Usable(); err != nil {
		return err
	}
	if c.open.Load() > 0 {
		return errLeftOpen
	}
	c.state.turn <- struct{}{}
	if c.state.rows != nil {
		_ = c.state.rows.Close()
	}
	c.state.leave()
	if err := c.enter(c.state.ctx, "COMMIT"); err != nil {
		return err
	}
	defer c.state.leave()
	c.end()
	return nil
}

func (c *Conn) end() {
	if !c.ended.Swap(true) && c.outer != nil {
		c.outer.open.Add(-1)
	}
}

// isEnded says whether it or what is around it has been committed or rolled back.
func (c *Conn) isEnded() bool {
	for ; c != nil; c = c.outer {
		if c.ended.Load() {
			return true
		}
	}
	return false
}

// Usable says why nothing can run on it any more.
func (c *Conn) Usable() error {
	if c.isEnded() {
		return sql.ErrTxDone
	}
	return c.state.failed()
}

func (c *Conn) GetDBConn() (*sql.DB, error) {
	if pool, ok := c.state.pool.(*sql.DB); ok {
		return pool, nil
	}
	return nil, gorm.ErrInvalidDB
}

func (c *Conn) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := c.enter(ctx, query); err != nil {
		return nil, err
	}
	defer c.state.leave()
	if kindOf(query) != ordinary {
		return nil, errByHand
	}
	stmt, err := c.Tx.PrepareContext(ctx, query)
	c.note(err)
	return stmt, err
}

func (c *Conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	kind := kindOf(query)
	if err := c.enter(ctx, query); err != nil {
		if kind == rollsBack {
			_ = c.state.fail(err) // what was to be undone is still there
		}
		return nil, err
	}
	defer c.state.leave()
	switch kind {
	case ordinary:
		result, err := c.Tx.ExecContext(ctx, query, args...)
		if c.commitsByItself(query) {
			c.noteCommit()
		}
		c.note(err)
		return result, err
	case byHand:
		return nil, errByHand
	}
	name := c.savepointName(query)
	if name == "" {
		return nil, c.state.fail(errByHand)
	}
	result, err := c.raw.ExecContext(ctx, query, args...)
	if err == nil {
		err = c.state.remember(kind, name)
	}
	if err != nil && kind == rollsBack {
		return result, c.state.fail(err)
	}
	c.note(err)
	return result, err
}

func (c *Conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := c.enter(ctx, query); err != nil {
		return nil, err
	}
	defer c.state.leave()
	if kindOf(query) != ordinary {
		return nil, errByHand
	}
	rows, err := c.Tx.QueryContext(ctx, query, args...)
	c.state.handOut(rows)
	c.note(err)
	return rows, err
}

func (c *Conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	err := c.enter(ctx, query)
	if err != nil {
		return Refusing{err}.QueryRowContext(ctx, query, args...)
	}
	defer c.state.leave()
	if kindOf(query) != ordinary {
		return Refusing{errByHand}.QueryRowContext(ctx, query, args...)
	}
	row := c.Tx.QueryRowContext(ctx, query, args...)
	c.state.unsure = true
	c.state.handOut(rowsOf(row))
	return row
}

// StmtContext is for the prepared statements of a session of its own.
func (c *Conn) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	if c.enter(ctx, "") != nil {
		return finishedTx().StmtContext(ctx, stmt)
	}
	defer c.state.leave()
	if own := c.statement(ctx, stmt); own != nil {
		return own
	}
	c.state.unsure = true
	return c.raw.StmtContext(ctx, stmt)
}

func (s *openState) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// fail makes every later statement and the COMMIT fail with err.
func (s *openState) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
	return err
}
