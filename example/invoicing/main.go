// Command invoicing serves a small invoicing application to agents (MCP) and to REST clients, out
// of one SQLite file.
//
//	go run ./example/invoicing [-addr localhost:8080] [-db invoices.db] [-origin https://app.example.com]
//	go run ./example/invoicing -stdio [-db invoices.db]
//
// With -stdio it serves the program that has started it, one message a line, and nobody else.
//
// Tokens are signed with HS256 and the key in JWT_SECRET. Without one the key is random, and the
// start-up text has tokens to try.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	path := flag.String("db", "invoices.db", "SQLite file, created when missing")
	origins := flag.String("origin", "", "web origins whose pages may call /mcp, separated by commas")
	stdio := flag.Bool("stdio", false, "serve MCP on standard input and output instead")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *stdio {
		err = serveStdio(ctx, *path)
	} else {
		err = run(ctx, os.Stdout, *addr, *path, os.Getenv("JWT_SECRET"), listed(*origins)...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "invoicing:", err)
		os.Exit(1)
	}
}

// listed splits a list between commas.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// run prints the start-up text and serves until ctx ends, then lets the calls in progress finish.
func run(ctx context.Context, stdout io.Writer, addr, path, secret string, origins ...string) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	key := []byte(secret)
	switch {
	case secret == "":
		key = make([]byte, invoices.MinKeyBytes)
		rand.Read(key)
	case len(key) < invoices.MinKeyBytes:
		log.Warn("JWT_SECRET is too short to resist guessing: use at least 32 random bytes, as from openssl rand -base64 32",
			slog.Int("bytes", len(key)))
	}

	db, err := invoices.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, invoices.Close(db)) }()
	app, srv := invoices.New(db, key, log, origins...)

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if err := welcome(stdout, baseURL(addr, listener), path, srv, key, secret == ""); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           app,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

// serveStdio serves the program that has started this one. Who can start it can read and write the
// file, so there is no token to ask for.
func serveStdio(ctx context.Context, path string) (err error) {
	db, err := invoices.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, invoices.Close(db)) }()
	_, srv := invoices.New(db, []byte(rand.Text()+rand.Text()), slog.New(slog.NewTextHandler(os.Stderr, nil)))
	return srv.ServeStdio(ctx, &mcpecho.Principal{
		Subject: "terminal", Scopes: []string{invoices.ScopeRead, invoices.ScopeWrite},
	})
}

// baseURL is how a client on this machine reaches the listener.
func baseURL(addr string, listener net.Listener) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "http://" + net.JoinHostPort(host, port)
}
