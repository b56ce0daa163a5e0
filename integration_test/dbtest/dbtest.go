// Package dbtest opens an empty database of its own on each of the databases that the module
// promises to work with.
//
// SQLite is always there. PostgreSQL is found by POSTGRES_DSN and MariaDB by MARIADB_DSN, else on
// their usual local ports; a test is skipped where none answers, and fails with CI=true.
package dbtest

import (
	"cmp"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Each runs test as a subtest on each database.
func Each(t *testing.T, test func(*testing.T, *gorm.DB)) {
	t.Helper()
	EachKind(t, "", func(t *testing.T, open func(testing.TB) *gorm.DB) { test(t, open(t)) })
}

// EachKind runs test as a subtest for each kind of database. Each call of open makes an empty
// database of that kind. The parameters are those of SQLite's file, such as "?_busy_timeout=5000".
func EachKind(t *testing.T, parameters string, test func(t *testing.T, open func(testing.TB) *gorm.DB)) {
	t.Helper()
	for _, kind := range []struct {
		name string
		open func(testing.TB) *gorm.DB
	}{
		{"sqlite", func(t testing.TB) *gorm.DB { return SQLite(t, filepath.Join(t.TempDir(), "test.db")+parameters) }},
		{"postgres", Postgres},
		{"mariadb", func(t testing.TB) *gorm.DB { return MariaDB(t, "") }},
	} {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.open) })
	}
}

// Reopen makes another handle on the connections of db, as an application has that gives one
// *sql.DB to gorm twice.
func Reopen(t testing.TB, db *gorm.DB, cfg gorm.Config) *gorm.DB {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	var dialect gorm.Dialector
	switch db.Name() {
	case "sqlite":
		dialect = sqlite.New(sqlite.Config{Conn: pool})
	case "postgres":
		dialect = postgres.New(postgres.Config{Conn: pool})
	default:
		dialect = mysql.New(mysql.Config{Conn: pool})
	}
	cfg.Logger = logger.Discard
	again, err := gorm.Open(dialect, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// SQLite opens the database in a file.
func SQLite(t testing.TB, path string) *gorm.DB {
	t.Helper()
	db, err := open(sqlite.Open(path))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	return db
}

// SQLiteSignal is [SQLite] with a function running() in its SQL, which returns 1 and sends to the
// channel. A test that interrupts a statement must wait for it: go-sqlite3 loses an interrupt that
// comes before the first step of a statement, which then runs on for ever.
func SQLiteSignal(t testing.TB, path string) (db *gorm.DB, running <-chan struct{}) {
	t.Helper()
	signals := make(chan struct{}, 1)
	driver := fmt.Sprint("sqlite3_", rand.Uint64())
	sql.Register(driver, &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		return c.RegisterFunc("running", func() int {
			select {
			case signals <- struct{}{}:
			default:
			}
			return 1
		}, false)
	}})
	db, err := open(sqlite.New(sqlite.Config{DriverName: driver, DSN: path}))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	return db, signals
}

// Postgres makes a schema of its own, which is dropped after the test.
func Postgres(t testing.TB) *gorm.DB {
	t.Helper()
	dsn := cmp.Or(os.Getenv("POSTGRES_DSN"), "host=127.0.0.1 port=5432 user=postgres dbname=postgres sslmode=disable connect_timeout=2")
	admin := required(t, "PostgreSQL", "POSTGRES_DSN", postgres.Open(dsn))
	name := fmt.Sprintf("kit_test_%d", rand.Uint64())
	if err := admin.Exec("CREATE SCHEMA " + name).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Exec("DROP SCHEMA " + name + " CASCADE") })
	db, err := open(postgres.Open(dsn + " search_path=" + name))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	return db
}

// MariaDB makes a database of its own, which is dropped after the test. Options are more parameters
// of the DSN, such as "&interpolateParams=true".
func MariaDB(t testing.TB, options string) *gorm.DB {
	t.Helper()
	dsn := cmp.Or(os.Getenv("MARIADB_DSN"), "root@tcp(127.0.0.1:3306)/?charset=utf8mb4&parseTime=True&loc=UTC&timeout=2s")
	admin := required(t, "MariaDB", "MARIADB_DSN", mysql.Open(dsn))
	name := fmt.Sprintf("kit_test_%d", rand.Uint64())
	if err := admin.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4").Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Exec("DROP DATABASE " + name) })
	server, parameters, _ := strings.Cut(dsn, "/?")
	db, err := open(mysql.Open(server + "/" + name + "?" + parameters + options))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, db)
	return db
}

func open(d gorm.Dialector) (*gorm.DB, error) {
	return gorm.Open(d, &gorm.Config{Logger: logger.Discard})
}

// required opens a database that may be missing on a developer's machine.
func required(t testing.TB, name, variable string, d gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := open(d)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is required in CI: %v", name, err)
		}
		t.Skipf("%s does not answer; set %s: %v", name, variable, err)
	}
	closing(t, db)
	return db
}

func closing(t testing.TB, db *gorm.DB) {
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			pool.Close()
		}
	})
}
