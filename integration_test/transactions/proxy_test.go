package transactions_test

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/integration_test/dbtest"
)

// fate is what becomes of the answer to the next COMMIT.
type fate int32

const (
	pass fate = iota
	holdAnswer
	cutConnection
)

// proxy stands between a client and a database and loses answers.
type proxy struct {
	target string
	next   atomic.Int32
	mu     sync.Mutex
	conns  []net.Conn
}

func (p *proxy) lose(f fate) { p.next.Store(int32(f)) }

// newProxy listens for connections to target until the test is over.
func newProxy(t *testing.T, target string) (p *proxy, port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{target: target}
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			c.Close()
		}
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, client, server)
			p.mu.Unlock()
			p.serve(client, server)
		}
	}()
	return p, listener.Addr().(*net.TCPAddr).Port
}

// serve copies both ways. What the database answers to the COMMIT that was to be lost goes nowhere.
func (p *proxy) serve(client, server net.Conn) {
	var lost atomic.Int32
	go copying(client, server, func(b []byte) bool {
		if f := p.next.Load(); f != int32(pass) && bytes.Contains(bytes.ToLower(b), []byte("commit")) {
			p.next.Store(int32(pass))
			lost.Store(f)
		}
		return true
	})
	go copying(server, client, func([]byte) bool {
		switch fate(lost.Load()) {
		case holdAnswer:
			return false
		case cutConnection:
			client.Close()
			return false
		}
		return true
	})
}

func copying(from, to net.Conn, passes func([]byte) bool) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && passes(buffer[:n]) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// proxied opens a database twice: as it is, and through a proxy.
func proxied(t *testing.T, database string) (direct, through *gorm.DB, p *proxy) {
	t.Helper()
	var dialect gorm.Dialector
	if database == "postgres" {
		direct = migrate(t, dbtest.Postgres(t))
		var schema string
		var port int
		if err := direct.Raw("SELECT current_schema(), coalesce(inet_server_port(), 5432)").Row().Scan(&schema, &port); err != nil {
			t.Fatal(err)
		}
		var at int
		p, at = newProxy(t, fmt.Sprint("127.0.0.1:", port))
		dsn := cmp.Or(os.Getenv("POSTGRES_DSN"), "user=postgres dbname=postgres sslmode=disable")
		dialect = postgres.Open(fmt.Sprintf("%s host=127.0.0.1 port=%d search_path=%s", dsn, at, schema))
	} else {
		direct = migrate(t, dbtest.MariaDB(t, ""))
		var name string
		if err := direct.Raw("SELECT DATABASE()").Row().Scan(&name); err != nil {
			t.Fatal(err)
		}
		cfg, err := mysqldriver.ParseDSN(cmp.Or(os.Getenv("MARIADB_DSN"), "root@tcp(127.0.0.1:3306)/"))
		if err != nil {
			t.Fatal(err)
		}
		var at int
		p, at = newProxy(t, cfg.Addr)
		cfg.Addr, cfg.DBName = fmt.Sprint("127.0.0.1:", at), name
		dialect = mysql.Open(strings.Replace(cfg.FormatDSN(), "unix(", "tcp(", 1))
	}
	through, err := gorm.Open(dialect, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool := poolOf(t, through)
	t.Cleanup(func() { pool.Close() })
	return direct, through, p
}
