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

// connection is an open transaction, or a savepoint in one, as gorm sees it. It can begin, which
// is a savepoint, and commit; gorm's own connection of a transaction can only commit.
type connection struct {
	gorm.Tx             // what statements run on; may keep prepared ones
	raw     gorm.Tx     // the same without prepared statements, for SAVEPOINT and its kin
	state   *openState  // shared with all savepoints of the transaction
	outer   *connection // nil: the transaction itself
	name    string      // of the savepoint
	hooks   int         // AfterCommit functions registered before it

	open  atomic.Int32 // savepoints begun here that nobody has ended
	ended atomic.Bool
}

// openState is what a transaction and its savepoints share.
type openState struct {
	tx    *gorm.DB                 // as gorm has begun it
	ctx   context.Context          // of the whole transaction
	pool  any                      // see database
	hooks *[]func(context.Context) // what a rolled back savepoint takes back

	mu     sync.Mutex
	names  int
	marks  map[string]int // hooks before each savepoint that gorm itself has set
	broken error          // why nothing can run on the transaction any more
}

var (
	errLeftOpen = errors.New("mcpecho: a transaction that was begun inside of the call's was neither committed nor rolled back: " +
		"end what Begin begins, best with gorm's db.Transaction")
	errNotYours = errors.New("mcpecho: Commit without a Begin of its own: the call's transaction is committed by the step that began it")
	errUndone   = errors.New("mcpecho: Rollback without a Begin of its own has ended the call's transaction: return an error instead")
)

// connect makes a connection of a transaction that gorm has begun. ctx is the context of the
// whole transaction.
func connect(ctx context.Context, tx *gorm.DB, pool any, hooks *[]func(context.Context)) (*connection, error) {
	statements, ok := tx.Statement.ConnPool.(gorm.Tx)
	if !ok {
		return nil, gorm.ErrInvalidTransaction
	}
	raw := statements
	if prepared, ok := statements.(*gorm.PreparedStmtTX); ok {
		raw = prepared.Tx
	}
	return &connection{Tx: statements, raw: raw, state: &openState{tx: tx, ctx: ctx, pool: pool, hooks: hooks}}, nil
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
	if err := c.usable(); err != nil {
		return nil, err
	}
	dialect, ok := c.state.tx.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return nil, gorm.ErrUnsupportedDriver
	}
	c.state.mu.Lock()
	c.state.names++
	name := "mcpecho_" + strconv.Itoa(c.state.names)
	c.state.mu.Unlock()
	if err := dialect.SavePoint(c.unprepared(), name); err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &connection{Tx: c.Tx, raw: c.raw, state: c.state, outer: c, name: name, hooks: len(*c.state.hooks)}, nil
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
	switch c.state.tx.Name() {
	case "sqlite", "postgres", "mysql": // elsewhere savepoints are not released
		if err := c.unprepared().Exec("RELEASE SAVEPOINT " + c.name).Error; err != nil {
			return errors.Join(err, c.Rollback())
		}
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
	c.end()
	*c.state.hooks = (*c.state.hooks)[:min(c.hooks, len(*c.state.hooks))]
	if err := c.state.failed(); err != nil {
		return nil // the whole transaction is gone, this part with it
	}
	dialect, _ := c.state.tx.Dialector.(gorm.SavePointerDialectorInterface)
	if err := dialect.RollbackTo(c.unprepared(), c.name); err != nil {
		return c.state.fail(err) // what was to be undone is still there
	}
	return nil
}

// close ends the transaction itself before its COMMIT. Nothing may be left open in it.
func (c *connection) close() error {
	if err := c.usable(); err != nil {
		return err
	}
	if c.open.Load() > 0 {
		return errLeftOpen
	}
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
	if err := c.usable(); err != nil {
		return nil, err
	}
	stmt, err := c.Tx.PrepareContext(ctx, query)
	return stmt, c.state.note(query, err)
}

func (c *connection) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	word, name := savepointStatement(query)
	if word == "" {
		result, err := c.Tx.ExecContext(ctx, query, args...)
		return result, c.state.note(query, err)
	}
	result, err := c.raw.ExecContext(ctx, query, args...)
	if word == "ROLLBACK" && err != nil {
		return result, c.state.fail(err)
	}
	c.state.remember(word, name)
	return result, c.state.note(query, err)
}

func (c *connection) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	rows, err := c.Tx.QueryContext(ctx, query, args...)
	return rows, c.state.note(query, err)
}

func (c *connection) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := c.usable(); err != nil {
		return refusing{err}.QueryRowContext(ctx, query, args...)
	}
	return c.Tx.QueryRowContext(ctx, query, args...)
}

// StmtContext is for the prepared statements of a session of its own.
func (c *connection) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	if c.usable() != nil {
		return finishedTx().StmtContext(ctx, stmt)
	}
	return c.raw.StmtContext(ctx, stmt)
}

// savepointStatement finds the first word and the name in what gorm's dialects send for
// savepoints. Such statements are not prepared: MySQL refuses it, and each has a new name.
func savepointStatement(query string) (word, name string) {
	for _, word := range [...]string{"SAVE", "ROLLBACK", "RELEASE"} {
		if len(query) > len(word) && strings.EqualFold(query[:len(word)], word) {
			return word, query[strings.LastIndexByte(query, ' ')+1:]
		}
	}
	return "", ""
}

// remember keeps which AfterCommit functions belong to a savepoint that gorm itself has set, and
// drops them when it is rolled back.
func (s *openState) remember(word, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch word {
	case "SAVE":
		if s.marks == nil {
			s.marks = map[string]int{}
		}
		s.marks[name] = len(*s.hooks)
	case "ROLLBACK":
		if n, ok := s.marks[name]; ok && n < len(*s.hooks) {
			*s.hooks = (*s.hooks)[:n]
		}
	}
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

// note looks at the error of a statement. Some of them end the whole transaction on the server,
// and what came after would be written for good at once, so nothing may come after.
func (s *openState) note(query string, err error) error {
	if err == nil {
		return nil
	}
	switch s.tx.Name() {
	case "mysql":
		if strings.Contains(err.Error(), "Deadlock found") {
			return s.fail(err)
		}
	case "sqlite": // an interrupted write takes the transaction with it, an interrupted read does not
		if reads(query) {
			return err
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "interrupted") ||
			strings.Contains(err.Error(), "disk is full") || strings.Contains(err.Error(), "disk I/O error") {
			return s.fail(err)
		}
	}
	return err
}

func reads(query string) bool {
	const word = "SELECT"
	return len(query) > len(word) && strings.EqualFold(query[:len(word)], word)
}

// finishedTx is a transaction that is over: package sql alone can make a statement of it that
// fails with sql.ErrTxDone.
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
