package mcpecho

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// connection is an open transaction, or a savepoint in one, as gorm sees it. It can begin, which is
// a savepoint, and commit; gorm's own connection of a transaction can only commit.
type connection struct {
	gorm.Tx             // what statements run on; may keep prepared ones
	raw     gorm.Tx     // the same without prepared statements, for SAVEPOINT and its kin
	state   *openState  // shared with all savepoints of the transaction
	outer   *connection // nil: the transaction itself
	name    string      // of the savepoint
	hooks   int         // the mark of the AfterCommit functions at its begin

	sends *sql.DB      // for the prepared statements of sessions, nil before the first
	open  atomic.Int32 // savepoints begun here that nobody has ended
	ended atomic.Bool
}

// openState is what a transaction and its savepoints share.
type openState struct {
	tx    *gorm.DB        // as gorm has begun it
	ctx   context.Context // of the whole transaction
	pool  any             // see database
	hooks *hookList       // what a rolled back savepoint takes its own out of

	turn     chan struct{} // holds who uses the connection; it guards the next four
	rows     *sql.Rows     // handed out last, perhaps still being read
	unsure   bool          // the end of a statement could not be seen
	released bool          // a statement has committed it by itself, as DDL does on MySQL
	marks    []mark        // savepoints that gorm itself has set, and applications by hand

	mu     sync.Mutex
	names  int
	broken error // why nothing can run on the transaction any more
}

var (
	errLeftOpen = errors.New("mcpecho: a transaction that was begun inside of the call's was neither committed nor rolled back: " +
		"end what Begin begins, best with gorm's db.Transaction")
	errNotYours = errors.New("mcpecho: Commit without a Begin of its own: the call's transaction is committed by the step that began it")
	errUndone   = errors.New("mcpecho: Rollback without a Begin of its own has ended the call's transaction: return an error instead")
)

// connect makes a connection of a transaction that gorm has begun. ctx is the context of the whole
// transaction.
func connect(ctx context.Context, tx *gorm.DB, pool any, hooks *hookList) (*connection, error) {
	statements, ok := tx.Statement.ConnPool.(gorm.Tx)
	if !ok {
		return nil, gorm.ErrInvalidTransaction
	}
	raw := statements
	if prepared, ok := statements.(*gorm.PreparedStmtTX); ok {
		raw = prepared.Tx
	}
	state := &openState{tx: tx, ctx: ctx, pool: pool, hooks: hooks, turn: make(chan struct{}, 1)}
	return &connection{Tx: statements, raw: raw, state: state, hooks: hooks.mark()}, nil
}

// connectionOf finds the connection behind a handle: one of ours, also behind prepared statements
// and the joined handle of a store. It returns nil for every other.
func connectionOf(pool gorm.ConnPool) *connection {
	switch p := pool.(type) {
	case *connection:
		return p
	case *joined:
		return p.connection
	case *gorm.PreparedStmtTX:
		return connectionOf(p.Tx)
	}
	return nil
}

// handle makes a gorm.DB of the connection. The writes of gorm need no transaction of their own
// inside of one.
func (c *connection) handle(db *gorm.DB) *gorm.DB {
	handle := db.Session(&gorm.Session{Context: c.state.ctx, SkipDefaultTransaction: true})
	handle.Statement.ConnPool = c
	return handle
}

// unprepared is a handle for SAVEPOINT and its kin.
func (c *connection) unprepared() *gorm.DB {
	handle := c.state.tx.Session(&gorm.Session{NewDB: true, Context: c.state.ctx, SkipDefaultTransaction: true})
	handle.Statement.ConnPool = c.raw
	return handle
}

// BeginTx sets a savepoint. Isolation is that of the whole transaction.
func (c *connection) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) {
	inner, err := c.begin()
	if err != nil {
		return nil, err
	}
	return inner, nil
}

func (c *connection) begin() (*connection, error) {
	if err := c.enter(c.state.ctx, "SAVEPOINT"); err != nil {
		return nil, err
	}
	defer c.state.leave()
	c.state.mu.Lock()
	c.state.names++
	name := "mcpecho_" + strconv.Itoa(c.state.names)
	c.state.mu.Unlock()
	if err := c.savepoint("SAVEPOINT ", name); err != nil {
		c.note(err)
		return nil, err
	}
	c.open.Add(1)
	return &connection{Tx: c.Tx, raw: c.raw, state: c.state, outer: c, name: name, hooks: c.state.hooks.mark()}, nil
}

// savepoint sends a statement about a savepoint. Some of gorm's dialects would keep its error to
// themselves, so that only those are asked whose SQL is not known here.
func (c *connection) savepoint(word, name string) error {
	switch c.state.tx.Name() {
	case "sqlite", "postgres", "mysql":
		return c.unprepared().Exec(word + name).Error
	}
	dialect, ok := c.state.tx.Dialector.(gorm.SavePointerDialectorInterface)
	switch {
	case !ok:
		return gorm.ErrUnsupportedDriver
	case strings.HasPrefix(word, "ROLLBACK"):
		return dialect.RollbackTo(c.unprepared(), name)
	case strings.HasPrefix(word, "RELEASE"):
		return nil // elsewhere savepoints are not released
	}
	return dialect.SavePoint(c.unprepared(), name)
}

// Commit keeps what was done since the savepoint.
func (c *connection) Commit() error {
	if c.outer == nil {
		return errNotYours
	}
	if err := c.usable(); err != nil {
		return err
	}
	if c.open.Load() > 0 {
		return errors.Join(errLeftOpen, c.Rollback())
	}
	err := c.enter(c.state.ctx, "RELEASE")
	if err == nil {
		err = c.savepoint("RELEASE SAVEPOINT ", c.name)
		c.note(err)
		c.state.leave()
	}
	if err != nil {
		return errors.Join(err, c.Rollback())
	}
	c.end()
	return nil
}

// Rollback undoes what was done since the savepoint. After Commit, and a second time, it answers
// sql.ErrTxDone, so that a deferred Rollback does no harm.
func (c *connection) Rollback() error {
	if c.outer == nil {
		_ = c.state.fail(errUndone)
		return nil
	}
	if c.isEnded() {
		return sql.ErrTxDone
	}
	defer c.end()
	c.state.hooks.drop(c.hooks, c.state)
	err := c.enter(c.state.ctx, "ROLLBACK")
	if err == nil {
		err = c.savepoint("ROLLBACK TO SAVEPOINT ", c.name)
		c.state.leave()
	}
	if c.state.failed() != nil {
		return nil // the whole transaction is gone, this part with it
	}
	if err != nil {
		return c.state.fail(err) // what was to be undone is still there
	}
	return nil
}

// close ends the transaction itself before its COMMIT. Nothing may be left open in it but rows,
// which COMMIT would close as well.
func (c *connection) close() error {
	if err := c.usable(); err != nil {
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

func (c *connection) end() {
	if !c.ended.Swap(true) && c.outer != nil {
		c.outer.open.Add(-1)
	}
}

// isEnded says whether it or what is around it has been committed or rolled back.
func (c *connection) isEnded() bool {
	for ; c != nil; c = c.outer {
		if c.ended.Load() {
			return true
		}
	}
	return false
}

func (c *connection) usable() error {
	if c.isEnded() {
		return sql.ErrTxDone
	}
	return c.state.failed()
}

func (c *connection) GetDBConn() (*sql.DB, error) {
	if pool, ok := c.state.pool.(*sql.DB); ok {
		return pool, nil
	}
	return nil, gorm.ErrInvalidDB
}

func (c *connection) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
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

func (c *connection) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
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

func (c *connection) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
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

func (c *connection) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	err := c.enter(ctx, query)
	if err != nil {
		return refusing{err}.QueryRowContext(ctx, query, args...)
	}
	defer c.state.leave()
	if kindOf(query) != ordinary {
		return refusing{errByHand}.QueryRowContext(ctx, query, args...)
	}
	row := c.Tx.QueryRowContext(ctx, query, args...)
	c.state.unsure = true
	c.state.handOut(rowsOf(row))
	return row
}

// StmtContext is for the prepared statements of a session of its own.
func (c *connection) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
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
