package middleware

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// TransactionConfig configures [TransactionWithConfig].
type TransactionConfig struct {
	// Skipper lets a call run without a transaction of its own. Optional.
	Skipper Skipper
	// Isolation is the isolation level. Default: that of the database.
	Isolation sql.IsolationLevel
	// ReadOnly begins a read-only transaction, on databases that know it: SQLite does not. Default:
	// false.
	ReadOnly bool
	// DB is the database to begin on. Default: [mcpecho.Call.DB]. When neither it nor
	// [mcpecho.Config.DB] is set, Add fails.
	DB *gorm.DB
	// Retries is how often a call is run again, handler included, after the database has given up
	// on it because of another transaction: serialization failures and deadlocks, SQLite's busy and
	// locked. Each attempt starts from a clean call, see [mcpecho.Call.Mark]. It applies to specs
	// annotated [mcpecho.Idempotent] alone; others are never retried, and neither are a transaction
	// inside another, an unknown outcome, and a call of which something is committed already, on
	// another database. Default: none.
	Retries int
}

// Transaction is a step of [mcpecho.StageTransaction] that runs everything after it in a database
// transaction, the handler and the encoding of its result included; [mcpecho.Call.DB] is that
// transaction meanwhile. It commits before the client gets its reply, and rolls back on an error
// returned or reported, a panic, a passed deadline, a client that left, a result that is missing,
// too large or cannot be encoded, and a COMMIT that the database refuses. COMMIT itself is out of
// reach of the deadline and of a client that leaves; when its answer is lost the client gets an
// error of type unknown_outcome, see [mcpecho.Call.Transaction]. What must not happen on a rollback
// goes into [mcpecho.Call.AfterCommit].
//
// A step before it runs outside of the transaction: when it fails after its successor has returned,
// the client gets its error with the member committed, because the change stays. Steps of the stage
// of users are such; put one that must be able to undo with mcpecho.After("transaction", ...).
//
// It serves services; reads do not inherit it. A chain holds one: that of the spec replaces that of
// its group or server. Within a transaction that a handler or another step has begun on the same
// database it is a savepoint.
func Transaction() mcpecho.Step {
	return TransactionWithConfig(TransactionConfig{})
}

// TransactionWithConfig is [Transaction] with a configuration. It panics when that is wrong;
// [TransactionConfig.ToStep] returns the error.
func TransactionWithConfig(cfg TransactionConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg TransactionConfig) ToStep() (mcpecho.Step, error) {
	if cfg.Isolation < sql.LevelDefault || cfg.Isolation > sql.LevelLinearizable {
		return mcpecho.Step{}, fmt.Errorf("middleware: transaction Isolation %d is not a level: use one of the constants of database/sql", cfg.Isolation)
	}
	if cfg.Retries < 0 || cfg.Retries > maxRetries {
		return mcpecho.Step{}, fmt.Errorf("middleware: transaction Retries %d must be between 0 and %d", cfg.Retries, maxRetries)
	}
	step := mcpecho.Step{
		Name: "transaction", Stage: mcpecho.StageTransaction, Kinds: mcpecho.KindService, Native: native.Step(), Single: true,
		Describe: func(d *mcpecho.Definition) error {
			if cfg.DB == nil && d.Server().Config().DB == nil {
				return errors.New("middleware: transaction has no database: set mcpecho.Config.DB or TransactionConfig.DB")
			}
			own := cfg
			if !d.Idempotent {
				own.Retries = 0
			}
			d.Func = own.middleware()
			return nil
		},
	}
	return step, nil
}

const maxRetries = 10

func (cfg TransactionConfig) middleware() echo.MiddlewareFunc {
	var options []*sql.TxOptions
	if cfg.Isolation != sql.LevelDefault || cfg.ReadOnly {
		options = []*sql.TxOptions{{Isolation: cfg.Isolation, ReadOnly: cfg.ReadOnly}}
	}
	return unless(cfg.Skipper, mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		run := func() error {
			if err := next(ec); err != nil {
				return err
			}
			return c.Settle()
		}
		if cfg.Retries == 0 || c.InTransaction() {
			return c.Transaction(cfg.DB, run, options...)
		}
		rewind := c.Mark()
		err := c.Transaction(cfg.DB, run, options...)
		for retry := range cfg.Retries {
			if !retryable(err) || c.Committed() || !rest(c.Ctx(), retry) {
				break
			}
			if err := rewind(); err != nil {
				return err
			}
			err = c.Transaction(cfg.DB, run, options...)
		}
		return err
	}))
}

// rest waits a little longer each time, by chance, so that two transactions that met do not meet
// again. It returns false when the call is over.
func rest(ctx context.Context, retry int) bool {
	t := time.NewTimer(time.Duration(1+rand.Int64N(10<<retry)) * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// retryable says whether the same transaction may succeed when it is run again. PostgreSQL drivers
// tell by SQLSTATE (appendix A of its manual); those of SQLite and MySQL have only their texts in
// common. MySQL's begin with the number: its sentences are in the language of the server.
func retryable(err error) bool {
	var told *mcpecho.ToolError
	if errors.As(err, &told) && told.Type == mcpecho.TypeUnknownOutcome {
		return false
	}
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState() == "40001" || state.SQLState() == "40P01"
	}
	if err == nil {
		return false
	}
	for _, text := range [...]string{"database is locked", "database table is locked", "Error 1213 (", "Error 1020 (", "Error 1614 ("} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}
