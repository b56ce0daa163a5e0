package mcpecho

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/internal/transaction"
)

// database is what [Call.DB] gives at one place of a call: a handle that a step has set, or an open
// transaction. Each knows the one around it.
type database struct {
	db    *gorm.DB
	pool  any               // tells databases apart: the *sql.DB; nil for a handle that a step has set
	conn  *transaction.Conn // of an open transaction
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
	return c.server.database()
}

// database is that of calls, unless a step of theirs chooses another.
func (s *Server) database() *gorm.DB {
	if s.cfg.DB == nil {
		return noDatabase()
	}
	return s.cfg.DB
}

// SetDB makes db the database of everything that runs after the step that calls it, and returns a
// function that restores the one before: for a database of the tenant, a replica. It begins
// nothing; [Call.Transaction] does. Where a transaction of the call is open on the same *sql.DB
// already, as in a spec of a sequence whose server has such a step, db joins it.
func (c *Call) SetDB(db *gorm.DB) (restore func()) {
	before := c.tx
	c.tx = &database{db: db, outer: before}
	if pool := poolOf(db); pool != nil && !transaction.Within(db) {
		for d := before; d != nil; d = d.outer {
			if d.conn != nil && d.pool == pool {
				c.tx.db, c.tx.pool, c.tx.conn = d.conn.Handle(db), pool, d.conn
				break
			}
		}
	}
	return func() { c.tx = before }
}

// open is the innermost open transaction, nil if there is none.
func (d *database) open() *transaction.Conn {
	for ; d != nil; d = d.outer {
		if d.conn != nil {
			return d.conn
		}
	}
	return nil
}

// DB is [Call.DB] for functions that know only a context, as those given to [Plain]. Outside of a
// call it is that of [WithDB], or else a database on which every operation fails with a sentence
// that says so.
func DB(ctx context.Context) *gorm.DB {
	if db, ok := ctx.Value(dbContextKey{}).(*gorm.DB); ok && db != nil {
		return db.WithContext(ctx)
	}
	if c := CallFromContext(ctx); c != nil {
		return c.DB().WithContext(ctx)
	}
	return noDatabase().WithContext(ctx)
}

type dbContextKey struct{}

// WithDB makes db, which may be a transaction, what [DB] returns for the context, so that jobs
// and tests can call the functions that a server has by [Plain]:
//
//	task, err := addTask(mcpecho.WithDB(ctx, db), NewTask{Title: "Water the plants."})
//
// It is nothing to a call that is made with the context, as by [Invoke]: the database of a call is
// that of its server and its steps. With the context of a call, db is not part of the transaction
// of that call.
func WithDB(ctx context.Context, db *gorm.DB) context.Context {
	return context.WithValue(ctx, dbContextKey{}, db)
}

// JoinTransactions is a gorm plugin for stores that hold a *gorm.DB of their own:
//
//	db.Use(mcpecho.JoinTransactions())
//
// Whatever such a store does with the context of a call ([Call.Ctx], or one that descends from it)
// while [Call.Transaction] has one open on the same *sql.DB is part of that transaction. Its Begin
// and Transaction are savepoints then; one that is neither committed nor rolled back fails the
// call. Without a call, or without an open transaction, nothing changes.
//
// It has to be used right after [gorm.Open]: handles that were derived before do not know it all. A
// gorm method that is given no context, the *sql.DB behind the handle, and a second *sql.DB of the
// same database stay outside of the transaction.
func JoinTransactions() gorm.Plugin { return transaction.Join(openIn) }

// openIn is the open transaction on a *sql.DB of the call that a context belongs to, nil if there
// is none.
func openIn(ctx context.Context, pool *sql.DB) *transaction.Conn {
	c := CallFromContext(ctx)
	if c == nil {
		return nil
	}
	for d := c.tx; d != nil; d = d.outer {
		if d.conn != nil && d.pool == any(pool) {
			return d.conn
		}
	}
	return nil
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

var errNoDatabase = errors.New("mcpecho: no database: set Config.DB, call DB inside an MCP call, or give the context one by WithDB")

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
	db.ConnPool = transaction.Refusing{Err: errNoDatabase}
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
