// Package matrix_test puts the features of the toolkit together, in pairs and more, and looks from
// outside at what must hold whatever is combined: what was committed, what ran after the commit,
// what the client was told, which rows were seen, and what is still running.
//
// A feature is one value in a table: it has a name, adds itself to a cell, and says what becomes of
// the call because of it. To add a feature to the matrix, add it to its table.
package matrix_test

import (
	"flag"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
)

var (
	seed    = flag.Uint64("seed", 0, "of the cells that are drawn by chance; 0 takes a new one, which is printed")
	samples = flag.Int("samples", 60, "how many cells are drawn by chance, for each table and database")
)

// chance is the source of the cells that are drawn, the same for each database.
func chance(t *testing.T) func() *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("the same cells again: go test ./integration_test/matrix -run '^%s$' -seed=%d", t.Name(), s)
	return func() *rand.Rand { return rand.New(rand.NewPCG(s, 1)) }
}

// item is what the calls of the matrix write and read.
type item struct {
	ID     uint   `json:"id"`
	Owner  string `json:"owner" gorm:"size:40;index"`
	Name   string `json:"name" gorm:"size:80"`
	Secret string `json:"secret" gorm:"size:80"`
}

// lock is a row that two transactions fight for.
type lock struct {
	ID uint
	N  int64
}

// env is what the cells of one database share.
type env struct {
	db      *gorm.DB // of the servers
	store   *gorm.DB // the same *sql.DB, as a store holds it that joins
	outside *gorm.DB // connections of its own, to look from outside
	other   *gorm.DB // another database
	beyond  *gorm.DB // the other database from outside

	web     *httptest.Server
	current atomic.Pointer[echo.Echo]
	serving atomic.Int64 // requests that the HTTP server has not ended
}

// parameters of SQLite's file: fast, and a transaction waits for its turn.
const parameters = "?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=1&_synchronous=OFF"

// each runs test with the databases of each kind.
func each(t *testing.T, test func(*testing.T, *env)) {
	t.Helper()
	dbtest.EachKind(t, parameters, func(t *testing.T, open func(testing.TB) *gorm.DB) {
		t.Run("cells", func(t *testing.T) { test(t, newEnv(t, open(t), open(t))) })
		wait.Until(t, "goroutines to end", func() bool { return running() == "" })
	})
}

// running is the stack of a goroutine that runs something of this module and is no test.
func running() string {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "mcpecho/kit/") && !strings.Contains(stack, "testing.tRunner") {
			return stack
		}
	}
	return ""
}

func newEnv(t *testing.T, db, other *gorm.DB) *env {
	t.Helper()
	e := &env{db: db, other: other, outside: again(t, db), beyond: again(t, other), store: dbtest.Reopen(t, db, gorm.Config{})}
	for _, d := range []*gorm.DB{db, other} {
		must(t, d.AutoMigrate(&item{}, &lock{}))
		must(t, d.Create([]lock{{ID: 1}, {ID: 2}}).Error)
		// Parts refer to items; COMMIT checks it.
		reference := "bigint"
		if d.Name() == "mysql" {
			reference = "bigint unsigned"
		}
		must(t, d.Exec("CREATE TABLE parts (id bigint, item_id "+reference+deferred[d.Name()]+")").Error)
	}
	must(t, e.store.Use(mcpecho.JoinTransactions()))
	e.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.serving.Add(1)
		defer e.serving.Add(-1)
		e.current.Load().ServeHTTP(w, r)
	}))
	e.web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	t.Cleanup(e.web.Close)
	return e
}

// deferred is a reference that is checked by COMMIT, on databases that have it.
var deferred = map[string]string{
	"sqlite":   " REFERENCES items(id) DEFERRABLE INITIALLY DEFERRED",
	"postgres": " REFERENCES items(id) DEFERRABLE INITIALLY DEFERRED",
}

func (e *env) refusesCommits() bool { return deferred[e.db.Name()] != "" }

// again opens a database a second time.
func again(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	var dialect gorm.Dialector
	switch d := db.Dialector.(type) {
	case *sqlite.Dialector:
		dialect = sqlite.Open(d.DSN)
	case *postgres.Dialector:
		dialect = postgres.Open(d.DSN)
	case *mysql.Dialector:
		dialect = mysql.Open(d.DSN)
	}
	second, err := gorm.Open(dialect, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		if pool, err := second.DB(); err == nil {
			pool.Close()
		}
	})
	return second
}

// serve mounts a server in the place of the one before.
func (e *env) serve(srv *mcpecho.Server) {
	app := echo.New()
	app.Logger.SetOutput(io.Discard)
	srv.Mount(app.Group("/mcp", identify))
	srv.MountREST(app.Group("/api", identify))
	e.current.Store(app)
}

// identify believes what a request says about its caller.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if name := c.Request().Header.Get("X-Caller"); name != "" {
			mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: name, Scopes: strings.Fields(c.Request().Header.Get("X-Scopes"))})
		}
		return next(c)
	}
}

// settled waits until nothing of a call is left: no request and no transaction.
func (e *env) settled(t *testing.T) {
	t.Helper()
	wait.Until(t, "requests to end", func() bool { return e.serving.Load() == 0 })
	for _, db := range []*gorm.DB{e.db, e.other} {
		pool, err := db.DB()
		must(t, err)
		wait.Until(t, "connections to be given back", func() bool { return pool.Stats().InUse == 0 })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
