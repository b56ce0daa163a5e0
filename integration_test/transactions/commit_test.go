package transactions_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// slowCommit makes every COMMIT that follows an insert take long.
func slowCommit(t *testing.T, db *gorm.DB, seconds float64) {
	t.Helper()
	for _, statement := range []string{
		fmt.Sprintf("CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(%g); RETURN NULL; END'", seconds),
		"CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nap()",
	} {
		if err := db.Exec(statement).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDeadlineOfTheCallDoesNotReachACommit(t *testing.T) {
	for name, tc := range map[string]struct {
		commit time.Duration
		typ    string
		hooks  int64
	}{
		"answered in time":  {0, "", 1},
		"answered too late": {250 * time.Millisecond, mcpecho.TypeUnknownOutcome, 0},
	} {
		t.Run(name, func(t *testing.T) {
			db := migrate(t, dbtest.Postgres(t))
			slowCommit(t, db, 0.6)
			var hooks atomic.Int64
			runs := 0
			srv := newServer(db, func(cfg *mcpecho.Config) { cfg.CallTimeout, cfg.CommitTimeout = 300*time.Millisecond, tc.commit })
			srv.Add(mcpecho.Service("insert", inserting(&hooks, func(*mcpecho.Call) error { runs++; return nil }),
				mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3}), mcpecho.Annotate(mcpecho.Idempotent(true))))
			r := mcptest.New(t, srv).Do("insert", named{"a"})
			equal(t, "type", failureType(t, r), tc.typ)
			equal(t, "runs", runs, 1)
			equal(t, "after commit", hooks.Load(), tc.hooks)
			if tc.typ == "" {
				equal(t, "rows", rows(t, db), 1)
			} else if !strings.Contains(r.Text, "look before you try again") {
				t.Error(r.Text)
			}
		})
	}
}

func TestADeadlineStillCutsTheStatementThatRuns(t *testing.T) {
	for name, sleep := range map[string]string{"postgres": "SELECT pg_sleep(60)", "mariadb": "SELECT SLEEP(60)"} {
		t.Run(name, func(t *testing.T) {
			db := map[string]func() *gorm.DB{
				"postgres": func() *gorm.DB { return dbtest.Postgres(t) }, "mariadb": func() *gorm.DB { return dbtest.MariaDB(t, "") },
			}[name]()
			migrate(t, db)
			var hooks atomic.Int64
			srv := newServer(db, func(cfg *mcpecho.Config) { cfg.CallTimeout = 200 * time.Millisecond })
			srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error { return c.DB().Exec(sleep).Error }), mw.Transaction()))
			began := time.Now()
			equal(t, "type", failureType(t, mcptest.New(t, srv).Do("insert", named{"a"})), mcpecho.TypeTimeout)
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("the statement ran on for %s", took)
			}
			equal(t, "rows", rows(t, db), 0)
			equal(t, "after commit", hooks.Load(), 0)
		})
	}
}

func TestACommitWhoseAnswerIsLostIsAnUnknownOutcome(t *testing.T) {
	for _, database := range []string{"postgres", "mariadb"} {
		for name, lose := range map[string]fate{"held back": holdAnswer, "connection cut": cutConnection} {
			t.Run(database+" "+name, func(t *testing.T) {
				direct, through, proxy := proxied(t, database)
				var hooks atomic.Int64
				runs := 0
				srv := newServer(through, func(cfg *mcpecho.Config) { cfg.CommitTimeout = 300 * time.Millisecond })
				srv.Add(mcpecho.Service("insert", inserting(&hooks, func(*mcpecho.Call) error { runs++; return nil }),
					mw.TransactionWithConfig(mw.TransactionConfig{Retries: 3}), mcpecho.Annotate(mcpecho.Idempotent(true))))
				c := mcptest.New(t, srv)
				equal(t, "before", failureType(t, c.Do("insert", named{"a"})), "")
				proxy.lose(lose)
				equal(t, "type", failureType(t, c.Do("insert", named{"b"})), mcpecho.TypeUnknownOutcome)
				equal(t, "runs", runs, 2)
				equal(t, "after commit", hooks.Load(), 1)
				wait.Until(t, "the row that nobody knew of", func() bool { return rows(t, direct, "name = ?", "b") == 1 })
			})
		}
	}
}

func TestACommitThatTheDatabaseRefusesIsARollback(t *testing.T) {
	for name, tc := range map[string]struct {
		open  func(t *testing.T) *gorm.DB
		setup []string
	}{
		"sqlite": {sqliteDB, []string{
			"PRAGMA foreign_keys = ON", "CREATE TABLE child (id integer, parent integer REFERENCES entries(id) DEFERRABLE INITIALLY DEFERRED)"}},
		"postgres": {func(t *testing.T) *gorm.DB { return migrate(t, dbtest.Postgres(t)) }, []string{
			"CREATE TABLE child (id integer, parent bigint REFERENCES entries(id) DEFERRABLE INITIALLY DEFERRED)"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := tc.open(t)
			poolOf(t, db).SetMaxOpenConns(1) // the pragma is of one connection
			for _, statement := range tc.setup {
				if err := db.Exec(statement).Error; err != nil {
					t.Fatal(err)
				}
			}
			var hooks atomic.Int64
			srv := newServer(db)
			srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
				return c.DB().Exec("INSERT INTO child VALUES (1, 4711)").Error
			}), mw.Transaction()))
			equal(t, "type", failureType(t, mcptest.New(t, srv).Do("insert", named{"a"})), mcpecho.TypeConflict)
			equal(t, "rows", rows(t, db), 0)
			equal(t, "after commit", hooks.Load(), 0)
		})
	}
}

func TestReplyRowAndHookAgreeWhenTheDeadlineMeetsTheCommit(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		const calls, timeout, around = 120, 25 * time.Millisecond, 3 * time.Millisecond
		var hooks atomic.Int64
		srv := newServer(db, func(cfg *mcpecho.Config) { cfg.CallTimeout = timeout })
		srv.Add(mcpecho.Service("insert", inserting(&hooks, func(c *mcpecho.Call) error {
			end, _ := c.Ctx().Deadline()
			time.Sleep(time.Until(end) - around + time.Duration(rand.Int64N(int64(2*around))))
			return nil
		}), mw.Transaction()))
		c := mcptest.New(t, srv)
		told := map[string]int64{}
		for i := range calls {
			name := fmt.Sprint("n", i)
			typ := failureType(t, c.Do("insert", named{name}))
			told[typ]++
			want := int64(0)
			if typ == "" {
				want = 1
			}
			equal(t, "rows after the reply "+typ, rows(t, db, "name = ?", name), want)
		}
		equal(t, "after commit", hooks.Load(), rows(t, db))
		equal(t, "success and timeout are all there is", told[""]+told[mcpecho.TypeTimeout], calls)
		t.Logf("told %v", told)
	})
}

func TestEveryCommittedRowHasItsHookWhenClientsLeaveAroundTheCommit(t *testing.T) {
	each(t, func(t *testing.T, db *gorm.DB) {
		const calls, around = 120, 3 * time.Millisecond
		var hooks, running atomic.Int64
		leave := make(chan time.Time, 1)
		srv := newServer(db)
		srv.Add(mcpecho.Service("insert", inserting(&hooks, func(*mcpecho.Call) error {
			leave <- time.Now().Add(time.Duration(rand.Int64N(int64(around))))
			time.Sleep(around / 2)
			return nil
		}), mw.Transaction()))
		e := echo.New()
		srv.Mount(e.Group("/mcp"))
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Add(-1)
			e.ServeHTTP(w, r)
		}))
		defer web.Close()
		for i := range calls {
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				time.Sleep(time.Until(<-leave))
				cancel()
			}()
			if response, err := http.DefaultClient.Do(request(ctx, web.URL, fmt.Sprint("n", i))); err == nil {
				response.Body.Close()
			}
			cancel()
		}
		wait.Until(t, "the end of all calls", func() bool { return running.Load() == 0 })
		equal(t, "after commit", hooks.Load(), rows(t, db))
		t.Logf("%d of %d committed", hooks.Load(), calls)
	})
}

func request(ctx context.Context, url, name string) *http.Request {
	body := rawhttp.Call("insert", fmt.Sprintf(`{"name":%q}`, name))
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/mcp", strings.NewReader(body))
	r.Header = rawhttp.Header("", "tools/call", "insert")
	return r
}
