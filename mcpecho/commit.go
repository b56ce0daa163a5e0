package mcpecho

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/transaction"
)

// commit sends COMMIT. Its error says whether the database has refused, or nobody knows.
func (c *Call) commit(conn *transaction.Conn, cancel context.CancelFunc, readOnly bool) (err error) {
	db := conn.DB()
	if db.Name() == "sqlite" {
		err = conn.Raw().Commit() // nothing lies between that could lose its answer
	} else {
		err = c.awaitCommit(conn.Raw(), cancel)
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
