// Command conformance is the server that the official MCP conformance suite is run against: the
// tools, resources and prompts that its scenarios name, at /mcp, without authentication. The first
// line it prints is its URL.
//
//	go run ./integration_test/conformance -addr 127.0.0.1:0
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on; port 0 is a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/mcp\n", listener.Addr())
	server := &http.Server{Handler: newEcho(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

func newEcho() *echo.Echo {
	srv := mcpecho.New(mcpecho.Config{
		Name: "conformance", Version: "1.0.0",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	srv.Add(slices.Concat(tools(), contentTools(), resources(), prompts())...)
	e := echo.New()
	srv.Mount(e.Group("/mcp"))
	return e
}
