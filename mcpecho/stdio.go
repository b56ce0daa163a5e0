package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"reflect"
	"syscall"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
)

// ServeStdio serves MCP to the program that has started this one, one message a line: it reads
// [os.Stdin] and writes [os.Stdout], on both wires. p is who calls, nil for an anonymous caller;
// what [Server.Mount] is given for authentication does not run.
//
//	err := srv.ServeStdio(ctx, &mcpecho.Principal{Subject: user.Username, Scopes: []string{"invoices:read"}})
//
// It ends without an error when the input does, as clients end a server: the calls that run then
// have a second, after which their contexts end. It ends without an error when ctx does, and the
// contexts of the calls with it. Either way it returns when every handler has returned. An error
// says that a stream has broken, or that the client did not read its last replies in
// [Config.ReplyTimeout]. Before, a client that reads slowly is waited for; [Config.MaxInFlight]
// bounds how many replies there can be. A message of more than [Config.MaxBodyBytes] is refused.
//
// Nothing else may write to os.Stdout meanwhile: what a handler prints there breaks the connection
// with some clients. The loggers of gorm and of an Echo do so unless they are told otherwise, and
// ServeStdio refuses to begin with one that does in Config.DB or Config.Echo:
//
//	e.Logger.SetOutput(os.Stderr)
//	db.Logger = logger.New(log.New(os.Stderr, "", log.LstdFlags), logger.Config{LogLevel: logger.Warn})
//
// ServeStdio logs what [Server.Check] finds, and panics instead when [Config.Strict] is set.
// (specification 2026-07-28, basic/transports/stdio)
func (s *Server) ServeStdio(ctx context.Context, p *Principal) error {
	switch {
	case s.cfg.DB != nil && logsToStdout(s.cfg.DB):
		return errors.New("mcpecho: ServeStdio: the logger of Config.DB writes to os.Stdout, where only messages may be, " +
			"as gorm's default does: set its Logger to one that writes to os.Stderr")
	case s.cfg.Echo.Logger.Output() == os.Stdout:
		return errors.New("mcpecho: ServeStdio: the logger of Config.Echo writes to os.Stdout, where only messages may be: " +
			"call SetOutput(os.Stderr) of its Logger")
	}
	// Without this a client that dies would end the process, be it between a COMMIT and what
	// follows it.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	return s.serveLines(ctx, p, os.Stdin, os.Stdout)
}

// logsToStdout knows the logger of gorm itself, whatever its settings are.
func logsToStdout(db *gorm.DB) bool {
	v := reflect.Indirect(reflect.ValueOf(db.Logger))
	if v.Kind() != reflect.Struct {
		return false
	}
	writer := v.FieldByName("Writer")
	if !writer.IsValid() || !writer.CanInterface() {
		return false
	}
	standard, ok := writer.Interface().(*log.Logger)
	return ok && standard.Writer() == os.Stdout
}

// serveLines is ServeStdio on any streams.
func (s *Server) serveLines(ctx context.Context, p *Principal, in io.Reader, out io.Writer) error {
	s.beginServing()
	err := s.door.ServeLines(ctx, in, out, func(ctx context.Context) echo.Context {
		ec := s.contextOf(ctx)
		SetPrincipal(ec, p)
		return ec
	})
	if err != nil {
		return fmt.Errorf("mcpecho: stdio: %w", err)
	}
	return nil
}
