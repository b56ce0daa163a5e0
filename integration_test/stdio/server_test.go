package stdio_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// databaseVariable makes the test binary the server, on this SQLite file.
const databaseVariable = "MCPECHO_STDIO_DATABASE"

func TestMain(m *testing.M) {
	path := os.Getenv(databaseVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := serve(path); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

type empty struct{}

// serve is a main as an application has it, with the specs of the invoicing example and one that
// waits.
func serve(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db, err := invoices.Open(path)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	srv := mcpecho.New(mcpecho.Config{Name: "terminal", DB: db, Logger: log})
	srv.Add(invoices.Specs(log)...)
	srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ empty) (string, error) {
		inv := invoices.Invoice{Number: "W-1", AmountCents: 1}
		if err := c.DB().Create(&inv).Error; err != nil {
			return "", err
		}
		c.Progress(1, 2, "waiting")
		fmt.Fprintln(os.Stderr, "waiting")
		<-c.Ctx().Done()
		fmt.Fprintln(os.Stderr, "waited")
		return "", c.Ctx().Err()
	}, mw.Transaction(), mcpecho.Describe("Waits."), mw.Public("a test")))
	err = srv.ServeStdio(ctx, &mcpecho.Principal{Subject: "ann", Scopes: []string{invoices.ScopeRead, invoices.ScopeWrite}})
	fmt.Fprintln(os.Stderr, "served")
	return err
}

// process is a server that was started by a client.
type process struct {
	*exec.Cmd
	path   string
	stderr logbuf.Buffer
}

func command(t *testing.T) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self), path: filepath.Join(t.TempDir(), "invoices.db")}
	p.Env = append(os.Environ(), databaseVariable+"="+p.path)
	p.Stderr = &p.stderr
	return p
}

func (p *process) said(what string) func() bool {
	return func() bool { return strings.Contains(p.stderr.String(), what) }
}

// rows counts the invoices of a number, when the process has ended.
func (p *process) rows(t *testing.T, number string) (n int64) {
	t.Helper()
	db, err := invoices.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer invoices.Close(db)
	if err := db.Model(&invoices.Invoice{}).Where("number = ?", number).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// connect starts the server with the official client.
func connect(t *testing.T, protocol string, options *mcp.ClientOptions) (*process, *mcp.ClientSession) {
	t.Helper()
	p := command(t)
	client := mcp.NewClient(&mcp.Implementation{Name: "terminal", Version: "1"}, options)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: p.Cmd}, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
	t.Cleanup(func() { _ = session.Close() })
	if got := session.InitializeResult().ProtocolVersion; got != protocol {
		t.Fatalf("the client speaks %s, want %s", got, protocol)
	}
	return p, session
}
