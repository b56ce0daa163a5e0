// Command browser is the server of the browser check: the invoicing example, and the check's page
// on two other ports. The server lists the origin of the first page and not that of the second,
// which are otherwise the same.
//
//	go run ./integration_test/browser -db FILE -pages FOLDER
//
// The only line that it prints is a JSON object: what the pages need to know. It serves on
// loopback, for at most five minutes.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/example/invoicing/invoices"
)

const lifetime = 5 * time.Minute

func main() {
	path := flag.String("db", "", "SQLite file, created when missing")
	pages := flag.String("pages", "", "folder of the page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, lifetime)
	defer cancel()
	if err := run(ctx, *path, *pages); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

// setup is the line for the driver.
type setup struct {
	MCP      string `json:"mcp"`      // URL of the server
	Journal  string `json:"journal"`  // URL of what the server saw
	Listed   string `json:"listed"`   // origin that the server lists
	Unlisted string `json:"unlisted"` // origin that it does not
	Reader   string `json:"reader"`   // token for the tools that read
	Writer   string `json:"writer"`   // token for all tools
	Expired  string `json:"expired"`  // token that is no longer valid
}

func run(ctx context.Context, path, pages string) (err error) {
	var listeners [3]net.Listener
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		defer listeners[i].Close()
	}
	origin := func(i int) string { return "http://" + listeners[i].Addr().String() }

	db, err := invoices.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, invoices.Close(db)) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	key := make([]byte, invoices.MinKeyBytes)
	rand.Read(key)

	journal := &journal{db: db}
	app, srv := invoices.New(db, key, log, origin(1))
	srv.Use(journal.step())
	app.Use(journal.middleware)

	page := http.NewServeMux()
	page.Handle("GET /", http.FileServer(http.Dir(pages)))
	page.Handle("GET /journal", journal)

	failed := make(chan error, len(listeners))
	for i, handler := range []http.Handler{app, page, page} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		defer server.Close()
		go func() { failed <- server.Serve(listeners[i]) }()
	}

	s := setup{MCP: origin(0) + "/mcp", Journal: origin(1) + "/journal", Listed: origin(1), Unlisted: origin(2)}
	err = errors.Join(
		sign(&s.Reader, key, lifetime, invoices.ScopeRead),
		sign(&s.Writer, key, lifetime, invoices.ScopeRead, invoices.ScopeWrite),
		sign(&s.Expired, key, -time.Hour, invoices.ScopeRead),
	)
	if err != nil {
		return err
	}
	if err := json.MarshalWrite(os.Stdout, s); err != nil {
		return err
	}
	fmt.Println()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

func sign(token *string, key []byte, life time.Duration, scopes ...string) (err error) {
	*token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "page", "scope": strings.Join(scopes, " "), "exp": time.Now().Add(life).Unix(),
	}).SignedString(key)
	return err
}
