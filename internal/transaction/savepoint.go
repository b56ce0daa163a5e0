package transaction

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// BeginTx sets a savepoint. Isolation is that of the whole transaction.
func (c *Conn) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) {
	inner, err := c.Savepoint()
	if err != nil {
		return nil, err
	}
	return inner, nil
}

// Savepoint begins a part that can be undone alone.
func (c *Conn) Savepoint() (*Conn, error) {
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
	return &Conn{Tx: c.Tx, raw: c.raw, state: c.state, outer: c, name: name, hooks: c.state.hooks.Mark()}, nil
}

// savepoint sends a statement about a savepoint. Some of gorm's dialects would keep its error to
// themselves, so that only those are asked whose SQL is not known here.
func (c *Conn) savepoint(word, name string) error {
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
func (c *Conn) Commit() error {
	if c.outer == nil {
		return errNotYours
	}
	if err := c.Usable(); err != nil {
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
func (c *Conn) Rollback() error {
	if c.outer == nil {
		_ = c.state.fail(errUndone)
		return nil
	}
	if c.isEnded() {
		return sql.ErrTxDone
	}
	defer c.end()
	c.Forget(false)
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

// Forget drops the AfterCommit functions that were registered since it began, when it was not
// committed. With all go those of other databases too: they have waited for the outermost.
func (c *Conn) Forget(all bool) {
	if all {
		c.state.hooks.Drop(c.hooks)
	} else {
		c.state.hooks.dropOf(c.state, c.hooks)
	}
}
