package mcpecho

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime/debug"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/transaction"
)

// Transaction runs fn in a database transaction: [Call.DB] is the transaction meanwhile. It has
// three outcomes. It commits when fn returns nil, no middleware inside has reported an error
// another way, and the call has neither run out of time nor lost its client. On everything else, a
// panic and a COMMIT that the database refuses included, it rolls back. When the answer to COMMIT
// does not come the outcome is unknown, and the error is a [ToolError] of type
// [TypeUnknownOutcome]. COMMIT itself is out of reach of the call's deadline and of a client that
// leaves; it has [Config.CommitTimeout] of its own.
//
// db is the database to begin on; nil means [Call.DB]. Inside another transaction of the call on
// the same database (the same *sql.DB, whatever handle names it) it is a savepoint, and opts are
// those of the outer one. On another database it is a transaction of its own, which commits when fn
// has ended; only what [Call.AfterCommit] has been given waits for the outermost.
func (c *Call) Transaction(db *gorm.DB, fn func() error, opts ...*sql.TxOptions) error {
	if db == nil {
		db = c.database()
	}
	// Its context of now decides: a middleware inside may leave one behind that has ended.
	ctx, before, begun, kept := c.Ctx(), c.answer, c.capture.Status() != 0, false
	defer func() {
		if !kept {
			c.undoAnswer(before, begun)
		}
	}()
	on, err := c.openOn(db)
	if err == nil {
		if on != nil {
			err = c.nest(ctx, db, on, fn)
		} else {
			err = c.begin(ctx, db, fn, opts)
		}
	}
	if err != nil && ctx.Err() != nil {
		switch {
		case errors.Is(err, sql.ErrTxDone):
			return ctx.Err() // database/sql has rolled back, because of it
		case errors.Is(err, context.Canceled):
			return errors.Join(err, ctx.Err()) // that of the transaction ends without saying why
		}
	}
	kept = err == nil
	return err
}

// undoAnswer takes back what was made of the call in a transaction that has failed, so that a
// middleware that drops the error does not turn it into a success. Errors stay.
func (c *Call) undoAnswer(before answer, begun bool) {
	before.errored = c.answer.errored
	c.answer = before
	if status := c.capture.Status(); !begun && !c.left.Load() && status >= 200 && status < 300 {
		c.capture.Drop()
	}
}

// InTransaction says whether a transaction is open around the step or handler that asks. Only the
// outermost can be begun again after it failed.
func (c *Call) InTransaction() bool {
	for d := c.tx; d != nil; d = d.outer {
		if _, ok := d.db.Statement.ConnPool.(gorm.TxCommitter); ok {
			return true
		}
	}
	return false
}

// AfterCommit runs fn once the outermost transaction has committed, whatever began it: for what
// must not happen on a rollback (mails, messages). It is dropped when the transaction, or the
// savepoint in which it was registered, is rolled back, and when the outcome of COMMIT is unknown.
// Without a transaction it runs after the call has succeeded. Its context is not cancelled when the
// client goes away and keeps the call's values. A panic in fn is logged and does not change the
// reply.
func (c *Call) AfterCommit(fn func(context.Context)) {
	c.hookList().Add(fn, c.tx.open())
}

// hookList is that of the outermost call.
func (c *Call) hookList() *transaction.Hooks {
	for c.parent != nil {
		c = c.parent
	}
	return &c.hooks
}

// openOn finds the open transaction of the database that db is a handle of, nil if there is none.
func (c *Call) openOn(db *gorm.DB) (*transaction.Conn, error) {
	if on := transaction.Of(db.Statement.ConnPool); on != nil {
		return on, on.Usable()
	}
	pool := poolOf(db)
	if _, ok := db.Statement.ConnPool.(gorm.TxCommitter); ok { // the application has begun it
		return transaction.Begun(c.Ctx(), db, pool, c.hookList(), committedIn)
	}
	for d := c.tx; d != nil; d = d.outer {
		if d.conn != nil && d.pool == pool && pool != nil {
			return d.conn, nil
		}
	}
	return nil, nil
}

// nest runs fn in a savepoint.
func (c *Call) nest(ctx context.Context, db *gorm.DB, on *transaction.Conn, fn func() error) error {
	inner, err := on.Savepoint()
	if err != nil {
		return err
	}
	defer func() { _ = inner.Rollback() }() // answers sql.ErrTxDone after Commit
	if err := c.inside(ctx, inner.Handle(db), inner, fn); err != nil {
		return err
	}
	return inner.Commit()
}

// begin runs fn in a transaction of its own.
func (c *Call) begin(ctx context.Context, db *gorm.DB, fn func() error, opts []*sql.TxOptions) error {
	// Drivers cancel COMMIT with the context of BEGIN. It is ended with that of the call, so that a
	// deadline rolls back at once, until COMMIT is about to be sent.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	release := context.AfterFunc(ctx, cancel)
	defer release()
	tx := db.WithContext(own).Begin(opts...)
	if tx.Error != nil {
		return tx.Error
	}
	raw, ok := tx.Statement.ConnPool.(gorm.TxCommitter)
	if !ok {
		return gorm.ErrInvalidTransaction
	}
	conn, err := transaction.Begun(own, tx, poolOf(db), c.hookList(), committedIn)
	if err != nil {
		return errors.Join(err, raw.Rollback())
	}
	outermost, sent, committed := c.tx.open() == nil, false, false
	defer func() {
		if !sent {
			_ = raw.Rollback() // it is over already where the context has ended
		}
		if !committed {
			conn.Forget(outermost)
		}
	}()
	tx.Statement.ConnPool, tx.SkipDefaultTransaction = conn, true // both are of this handle alone
	if err := c.inside(ctx, tx, conn, fn); err != nil {
		return c.stalled(ctx, conn, err)
	}
	if err := conn.Finish(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !release() { // the call has ended just now, whether or not own shows it yet
		return cmp.Or(ctx.Err(), context.Canceled)
	}
	sent = true
	readOnly := len(opts) > 0 && opts[0] != nil && opts[0].ReadOnly && db.Name() != "sqlite" // which writes all the same
	if err := c.commit(conn, cancel, readOnly); err != nil {
		return err
	}
	committed = true
	if !readOnly {
		c.hasCommitted() // also on another database than that of the transaction around
	}
	if outermost {
		c.runAfterCommit()
	}
	return nil
}

// inside runs fn while the connection is the database of the call, and looks at everything that
// decides about its end.
func (c *Call) inside(ctx context.Context, db *gorm.DB, conn *transaction.Conn, fn func() error) error {
	before := c.tx
	c.tx = &database{db: db, pool: conn.Pool(), conn: conn, outer: before}
	defer func() { c.tx = before }()
	if err := fn(); err != nil {
		return err
	}
	if err := c.outcome(); err != nil {
		return err
	}
	if c.capture.Status() != 0 {
		if err := c.Settle(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// hasCommitted remembers that something stays, whatever comes after.
func (c *Call) hasCommitted() {
	for ; c != nil; c = c.parent {
		c.committed.Store(true)
	}
}

// committedIn is hasCommitted for the call of a context.
func committedIn(ctx context.Context) {
	if c := CallFromContext(ctx); c != nil {
		c.hasCommitted()
	}
}

// Committed says whether a transaction of the call, on whatever database, has been committed. A
// step that runs its successor again asks it first: what was committed would be made twice.
func (c *Call) Committed() bool { return c.committed.Load() }

// runAfterCommit runs what waits for a commit, and what that registers.
func (c *Call) runAfterCommit() {
	list := c.hookList()
	for hooks := list.Take(c.hooksFrom); len(hooks) > 0; hooks = list.Take(c.hooksFrom) {
		c.runHooks(hooks)
	}
}

// runHooks runs functions in the order of their registration. The change has been made: neither a
// client that left nor a failing function undoes it.
func (c *Call) runHooks(hooks []transaction.Hook) {
	// Whatever they do to the call, its outcome is settled.
	answer, rewind := c.answer, c.capture.Mark()
	defer func() {
		c.answer = answer
		rewind()
	}()
	for i, h := range hooks {
		c.runHook(h, hooks[i+1:])
	}
}

// runHook runs a function, and the others too when it ends its goroutine.
func (c *Call) runHook(h transaction.Hook, others []transaction.Hook) {
	returned := false
	defer func() {
		v := recover()
		switch {
		case v != nil:
			c.server.cfg.Logger.Error("mcpecho: an AfterCommit function panicked",
				slog.String("spec", c.entry.name), slog.String("panic", logText(&caught.Panic{Value: v}, c.masks())), slog.String("stack", string(debug.Stack())))
		case !returned: // runtime.Goexit
			c.runHooks(others)
			c.runAfterCommit()
		}
	}()
	h.Run(context.WithoutCancel(c.Ctx()))
	returned = true
}
