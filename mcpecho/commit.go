package mcpecho

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/wire"
)

// commit sends COMMIT. Its error says whether the database has refused, or nobody knows.
func (c *Call) commit(conn *connection, cancel context.CancelFunc, readOnly bool) (err error) {
	db := conn.state.tx
	if db.Name() == "sqlite" {
		err = conn.raw.Commit() // nothing lies between that could lose its answer
	} else {
		err = c.awaitCommit(conn.raw, cancel)
	}
	if err == nil || readOnly || refusedCommit(err, db) {
		if db.TranslateError {
			return translate(err, db)
		}
		return err
	}
	c.server.cfg.Logger.Error("mcpecho: the outcome of a COMMIT is unknown",
		slog.String("subject", c.entry.name), slog.String("error", err.Error()))
	return &ToolError{Type: TypeUnknownOutcome, Internal: err, Message: "the database did not say whether the change was made: " +
		"look before you try again, it may be there already"}
}

// awaitCommit waits for the answer to COMMIT, at most [Config.CommitTimeout]. Not every driver can
// be told to stop, so one that goes on is left behind.
func (c *Call) awaitCommit(tx gorm.TxCommitter, cancel context.CancelFunc) error {
	answer, over := make(chan error, 1), new(atomic.Bool)
	logger, name, bound := c.server.cfg.Logger, c.entry.name, c.server.cfg.CommitTimeout
	go func() {
		err := commitSafely(tx)
		if over.CompareAndSwap(false, true) {
			answer <- err
		} else {
			logger.Error("mcpecho: a COMMIT has ended after nobody waited for it any more", slog.String("subject", name), slog.Any("error", err))
		}
	}()
	timeout := time.NewTimer(bound)
	defer timeout.Stop()
	select {
	case err := <-answer:
		return err
	case <-timeout.C:
	}
	if !over.CompareAndSwap(false, true) {
		return <-answer
	}
	cancel()
	return fmt.Errorf("mcpecho: no answer to COMMIT within %s", bound)
}

// commitSafely turns a panic of a driver into an error: nothing else would stop it on a goroutine
// of its own.
func commitSafely(tx gorm.TxCommitter) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &caught.Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return tx.Commit()
}

// mysqlAnswer is how errors begin that a MySQL server has sent.
var mysqlAnswer = regexp.MustCompile(`^Error (\d+) \([0-9A-Z]{5}\)`)

// refusedCommit says whether an error of COMMIT is the database's own no, after which nothing is
// left of the transaction. All other errors leave open what has happened, those that a driver calls
// safe to retry included: pgx says so of a connection that was lost after COMMIT was sent.
func refusedCommit(err error, db *gorm.DB) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		// Connection exceptions, a shutdown of the server, and the state that says it itself.
		// (appendix A of the PostgreSQL manual)
		code := state.SQLState()
		return !strings.HasPrefix(code, "08") && !strings.HasPrefix(code, "57P") && code != "40003"
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return false
	}
	if db.Name() == "sqlite" || !same(translate(err, db), err) {
		return true // what is broken is in the same process, or a rule of the database
	}
	if m := mysqlAnswer.FindStringSubmatch(err.Error()); m != nil {
		// 1053, 1077, 1079, 1152, 1184, 1927: the server or the connection went down meanwhile;
		// 1180: an error during COMMIT.
		return !strings.Contains(" 1053 1077 1079 1152 1180 1184 1317 1927 ", " "+m[1]+" ")
	}
	return strings.Contains(err.Error(), "commit unexpectedly resulted in rollback") // pgx, after a statement has failed
}

// afterCommit adds to what a client is told about a failure that something has been committed
// before it.
func (f failure) afterCommit() failure {
	f.message += "; a change was made and committed before this error, and it stays: look before you try again"
	f.more = withCommitted(f.more)
	switch data := f.data.(type) {
	case nil:
		f.data = withCommitted(nil)
	case map[string]any:
		f.data = withCommitted(data)
	default:
		f.data = withCommitted(map[string]any{"data": data})
	}
	return f
}

func withCommitted(members map[string]any) map[string]any {
	whole := map[string]any{}
	maps.Copy(whole, members)
	whole["committed"] = true // whatever the application says
	return whole
}

// explain says what the client of the call sees of an error.
func (c *Call) explain(err error) failure {
	f := c.named(explain(err, c.server.cfg.DB))
	if c.exchange.Stopped() && (f.typ == TypeInternal || f.typ == TypeTimeout && f.refused != nil) && !errors.As(err, new(*caught.Panic)) {
		f = explain(wire.ErrStopped, nil) // the database says that it was interrupted
	}
	if c.committed.Load() {
		f = f.afterCommit()
	}
	return f
}

// hinted is an error whose cause is better explained than by its text. The hint is for the log.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// stalled explains, for the log, what an application meets whose stores write through a handle of
// their own while the call's transaction holds the lock or the only connection.
func (c *Call) stalled(ctx context.Context, conn *connection, err error) error {
	const hint = "the call's own transaction is open meanwhile: a store that holds a *gorm.DB of its own waits for it. " +
		"Make the store of c.DB(), or db.Use(mcpecho.JoinTransactions()) and give it the call's context, or mcpecho.NoTransaction"
	if pool, ok := conn.state.pool.(*sql.DB); ok && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if s := pool.Stats(); s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections {
			return &hinted{err, "the connections of the database were all in use; " + hint}
		}
	}
	if text := err.Error(); strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked") {
		return &hinted{err, hint}
	}
	return err
}

// hint is advice for the log, "" when there is none.
func hint(err error) string {
	var h *hinted
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.Is(err, gorm.ErrInvalidTransaction):
		return "gorm says so of a Begin on a handle that is in a transaction already, and of a Commit or Rollback on one that is in none: " +
			"c.DB() knows Begin in both cases; on other handles use db.Transaction"
	}
	return ""
}
