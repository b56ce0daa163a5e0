package transaction

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/mcpecho/kit/internal/dberror"
)

// A transaction has one connection. Statements of it run one after the other, whoever sends them:
// two at once tear the drivers of PostgreSQL and MySQL apart. And some errors end the transaction
// on the server, which would then keep what comes after; not all of them can be seen from here, so
// the server is asked.

// rowsWait is how long a statement waits for the rows of another one to be read.
const rowsWait = time.Second

var (
	errRowsOpen = errors.New("mcpecho: rows of this transaction are still being read, and its one connection can do nothing else meanwhile: " +
		"close the rows before the next statement, and let goroutines read theirs in less than a second")
	errLost = errors.New("mcpecho: the database has ended the transaction by itself, so that nothing of it stays: " +
		"return the error of the statement that was refused")
	errByHand = errors.New("mcpecho: a statement that begins or ends a transaction inside of the call's: use Begin, Commit and Rollback of c.DB()")
)

// enter waits until the connection is free and says whether the transaction is still there. Who
// gets nil has to leave.
func (c *Conn) enter(ctx context.Context, query string) error {
	s := c.state
	until := time.Now().Add(rowsWait)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := c.ready(query)
		if err == nil {
			return nil
		}
		s.leave()
		if !errors.Is(err, errRowsOpen) || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *openState) leave() { <-s.turn }

// ready says why a statement cannot run now.
func (c *Conn) ready(query string) error {
	if err := c.Usable(); err != nil {
		return err
	}
	s := c.state
	if s.rows != nil {
		switch _, err := s.rows.Columns(); {
		case err != nil: // they are closed, or an error has closed them; Rows.Err is for their reader alone
			s.rows = nil
			if err.Error() == "sql: Rows are closed" {
				break
			}
			if c.note(err); s.failed() != nil {
				return err
			}
		case s.tx.Name() != "sqlite": // which can read and write at once
			return errRowsOpen
		}
	}
	if s.unsure && !reads(query) {
		return c.ask(errLost)
	}
	return nil
}

// handOut remembers rows that the caller will read.
func (s *openState) handOut(rows *sql.Rows) {
	if rows != nil {
		s.rows, s.unsure = rows, true
	}
}

// rowsOf are the rows behind a row, which package sql does not give away; nil where it has changed.
// Without them only the server can be asked what became of the row.
func rowsOf(row *sql.Row) *sql.Rows {
	if row == nil {
		return nil
	}
	f := reflect.ValueOf(row).Elem().FieldByName("rows")
	if !f.IsValid() || f.Type() != reflect.TypeFor[*sql.Rows]() {
		return nil
	}
	return (*sql.Rows)(f.UnsafePointer())
}

// note looks at the error of a statement: some of them end the whole transaction.
func (c *Conn) note(err error) {
	if err != nil && c.ask(err) != nil {
		c.state.unsure = true
	}
}

// ask asks the database whether it still has the transaction. When not, every later statement and
// the COMMIT fail with cause. PostgreSQL needs no question: it refuses all that by itself.
func (c *Conn) ask(cause error) error {
	s := c.state
	question, alive := "BEGIN", func(err error) bool { return strings.Contains(err.Error(), "within a transaction") }
	switch s.tx.Name() {
	case "sqlite":
	case "mysql":
		// It is refused inside of a transaction, with error 1568, and of no effect on the next one.
		question, alive = "SET TRANSACTION READ WRITE", func(err error) bool {
			d := dberror.Of(err)
			return d != nil && d.Number == 1568
		}
	default:
		return nil
	}
	if s.released {
		return nil
	}
	_, err := c.raw.ExecContext(s.ctx, question)
	switch {
	case err == nil:
		if s.tx.Name() == "sqlite" {
			_, _ = c.raw.ExecContext(s.ctx, "ROLLBACK")
		}
		return s.fail(cause)
	case alive(err):
		s.unsure = false
		return nil
	}
	return err // it cannot be told now
}

// commitsByItself says whether a statement makes MySQL and MariaDB commit what was before it.
// (MySQL manual, section Statements That Cause an Implicit Commit)
func (c *Conn) commitsByItself(query string) bool {
	if c.state.tx.Name() != "mysql" {
		return false
	}
	switch firstWord(query) {
	case "ALTER", "ANALYZE", "CACHE", "CHECK", "CREATE", "DROP", "FLUSH", "GRANT", "INSTALL", "LOCK", "OPTIMIZE", "RENAME", "REPAIR",
		"RESET", "REVOKE", "SET", "TRUNCATE", "UNINSTALL", "UNLOCK":
		return true
	}
	return false
}

// noteCommit asks whether a statement has committed the transaction. What comes after it is then
// written for good at once, as such statements do everywhere on these databases.
func (c *Conn) noteCommit() {
	s := c.state
	_, err := c.raw.ExecContext(s.ctx, "SET TRANSACTION READ WRITE")
	if err == nil && !s.released {
		s.released = true
		s.committed(s.ctx)
	}
}
