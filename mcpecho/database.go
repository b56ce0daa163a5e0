package mcpecho

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
)

// database is what [Call.DB] gives at one place of a call: a handle that a step has set, or an open
// transaction. Each knows the one around it.
type database struct {
	db    *gorm.DB
	pool  any         // tells databases apart: the *sql.DB; nil for a handle that a step has set
	conn  *connection // of an open transaction
	outer *database
}

// DB is the database of the call with the call's context: its transaction inside a transaction
// step, [Config.DB] otherwise. Inside a transaction its Begin, Commit and Rollback, SavePoint and
// Transaction work on savepoints, so that a store can be made of it: store.New(c.DB()). Without a
// database every operation on it fails with a sentence that says so.
func (c *Call) DB() *gorm.DB { return c.database().WithContext(c.Ctx()) }

// database is the database of the call without its context.
func (c *Call) database() *gorm.DB {
	if c.tx != nil {
		return c.tx.db
	}
	if c.server.cfg.DB == nil {
		return noDatabase()
	}
	return c.server.cfg.DB
}

// SetDB makes db the database of everything that runs after the step that calls it, and returns a
// function that restores the one before: for a database of the tenant, a replica. It begins
// nothing; [Call.Transaction] does. Where a transaction of the call is open on the same *sql.DB
// already, as in a spec of a sequence whose server has such a step, db joins it.
func (c *Call) SetDB(db *gorm.DB) (restore func()) {
	before := c.tx
	c.tx = &database{db: db, outer: before}
	if pool := poolOf(db); pool != nil && !inTransaction(db) {
		for d := before; d != nil; d = d.outer {
			if d.conn != nil && d.pool == pool {
				c.tx.db, c.tx.pool, c.tx.conn = d.conn.handle(db), pool, d.conn
				break
			}
		}
	}
	return func() { c.tx = before }
}

// inTransaction says whether a handle is that of an open transaction.
func inTransaction(db *gorm.DB) bool {
	_, ok := db.Statement.ConnPool.(gorm.TxCommitter)
	return ok
}

// open is the innermost open transaction, nil if there is none.
func (d *database) open() *openState {
	for ; d != nil; d = d.outer {
		if d.conn != nil {
			return d.conn.state
		}
	}
	return nil
}

// DB is [Call.DB] for functions that know only a context, as those given to [Plain]. Outside of an
// MCP call it returns a database on which every operation fails with a sentence that says so.
func DB(ctx context.Context) *gorm.DB {
	if c := CallFromContext(ctx); c != nil {
		return c.DB().WithContext(ctx)
	}
	return noDatabase().WithContext(ctx)
}

// poolOf is what tells the databases of two handles apart: handles of one *sql.DB are one database,
// whatever sessions, transactions and prepared statements lie in between.
func poolOf(db *gorm.DB) any {
	if pool, err := db.DB(); err == nil && pool != nil {
		return pool
	}
	if pool := db.Config.ConnPool; pool != nil && reflect.TypeOf(pool).Comparable() {
		return pool
	}
	return nil
}

var errNoDatabase = errors.New("mcpecho: no database: set Config.DB, or call DB inside an MCP call")

// noDatabase is a whole gorm.DB whose connections fail, so that no operation of gorm's panics.
var noDatabase = sync.OnceValue(func() *gorm.DB {
	db, err := gorm.Open(nowhere{}, &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
	if err != nil {
		panic("mcpecho: gorm does not open without a database: " + err.Error())
	}
	return db
})

// nowhere is the dialect of noDatabase.
type nowhere struct{}

func (nowhere) Name() string { return "none" }

func (nowhere) Initialize(db *gorm.DB) error {
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{})
	db.ConnPool = refusing{errNoDatabase}
	return nil
}

func (d nowhere) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d}}
}

func (nowhere) DataTypeOf(*schema.Field) string { return "" }

func (nowhere) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "DEFAULT"} }

func (nowhere) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

func (nowhere) QuoteTo(w clause.Writer, s string) { _, _ = w.WriteString(s) }

func (nowhere) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, nil, "'", vars...)
}

// refusing is a connection on which everything fails with one error.
type refusing struct{ err error }

func (r refusing) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, r.err }

func (r refusing) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, r.err }

func (r refusing) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, r.err }

// QueryRowContext asks a database that cannot be connected to: a *sql.Row that holds an error is
// made by package sql alone.
func (r refusing) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	db := sql.OpenDB(r)
	defer db.Close()
	return db.QueryRowContext(ctx, query, args...)
}

func (r refusing) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) { return nil, r.err }

func (r refusing) GetDBConn() (*sql.DB, error) { return nil, r.err }

func (r refusing) Connect(context.Context) (driver.Conn, error) { return nil, r.err }

func (r refusing) Driver() driver.Driver { return nil }
