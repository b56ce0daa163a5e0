//lint:file-ignore SA1019 The clients of today still ask for log messages, which are deprecated but served.

package integration_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
)

func TestOfficialClientSeesTheProgressOfAnExport(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			reports := make(chan *mcp.ProgressNotificationParams, 10)
			session := s.connectWith(protocol, s.token("ann", reader), &mcp.ClientOptions{
				ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { reports <- r.Params },
			})
			call := params("invoices_export", nil)
			call.SetProgressToken("export-1")
			result, err := session.CallTool(t.Context(), call)
			if err != nil || result.IsError {
				t.Fatalf("%+v (%v)", result, err)
			}
			if text := result.Content[0].(*mcp.TextContent).Text; strings.Count(text, "\n") != 4 || !strings.Contains(text, "\n2,A-2,300,true,") {
				t.Errorf("the export is %q", text)
			}
			for _, want := range []string{"0 of 3 counted", "3 of 3 written"} {
				r := wait.For(t, want, reports)
				if got := fmt.Sprintf("%v of %v %s", r.Progress, r.Total, r.Message); got != want || r.ProgressToken != "export-1" {
					t.Errorf("got %s for %v, want %s", got, r.ProgressToken, want)
				}
			}
		})
	}
}

func TestOfficialClientGetsTheLogMessagesItAskedFor(t *testing.T) {
	narrate := mcpecho.Service("narrate", func(c *mcpecho.Call, _ empty) (string, error) {
		c.Log(mcpecho.LogDebug, "too quiet")
		c.Log(mcpecho.LogInfo, "begun")
		c.Log(mcpecho.LogError, map[string]int{"line": 7})
		return "told", nil
	}, mcpecho.Describe("Tells."))
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t, func(srv *mcpecho.Server) { srv.Add(narrate) })
			messages := make(chan *mcp.LoggingMessageParams, 10)
			session := s.connectWith(protocol, s.token("ann", reader), &mcp.ClientOptions{
				LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) { messages <- r.Params },
			})
			call := params("narrate", nil)
			if _, err := session.CallTool(t.Context(), call); err != nil { // before it asks
				t.Fatal(err)
			}
			if protocol == "2026-07-28" {
				call.Meta = mcp.Meta{mcp.MetaKeyLogLevel: "info"}
			} else if err := session.SetLoggingLevel(t.Context(), &mcp.SetLoggingLevelParams{Level: "info"}); err != nil {
				t.Fatal(err)
			}
			if _, err := session.CallTool(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"info begun", "error map[line:7]"} {
				m := wait.For(t, want, messages)
				if got := fmt.Sprint(m.Level, " ", m.Data); got != want || m.Logger != "narrate" {
					t.Errorf("got %s of %s, want %s", got, m.Logger, want)
				}
			}
			if len(messages) > 0 {
				t.Errorf("one message more: %+v", <-messages)
			}
		})
	}
}

// endless makes a database in which an export reports the progress of its first hundred rows, and
// then computes the next one for hours inside of a single step of its SQL statement. The channel
// says that this step runs.
func endless(t *testing.T) (db *gorm.DB, running <-chan struct{}) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "invoices.db")
	prepared, err := invoices.Open(path)
	if err == nil {
		err = invoices.Close(prepared)
	}
	if err != nil {
		t.Fatal(err)
	}
	db, running = dbtest.SQLiteSignal(t, path+"?_journal_mode=WAL&_busy_timeout=5000")
	for _, sql := range []string{
		"ALTER TABLE invoices RENAME TO kept",
		`WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n LIMIT 200)
			INSERT INTO kept (id, number, amount_cents, sent, created_at) SELECT i, 'N-'||i, 1, false, '2026-01-01 00:00:00+00:00' FROM n`,
		`CREATE VIEW invoices AS SELECT id, number, sent, created_at,
			CASE WHEN id < 107 THEN amount_cents ELSE (
				WITH RECURSIVE n(i) AS (SELECT kept.id*running() UNION ALL SELECT i+1 FROM n WHERE i < 100000000000) SELECT COUNT(*) FROM n
			) END AS amount_cents FROM kept`,
	} {
		if err := db.Exec(sql).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db, running
}

// ending is how an export ended on the server.
type ending struct{ chain, context error }

// startEndless is a site whose exports do not end by themselves.
func startEndless(t *testing.T) (s *site, running <-chan struct{}, ended <-chan ending) {
	db, running := endless(t)
	endings := make(chan ending, 1)
	s = startOn(t, db, func(srv *mcpecho.Server) {
		srv.Use(mcpecho.Step{Name: "watch", Stage: mcpecho.StageObserve, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				err := next(ec)
				if c := mcpecho.CallFrom(ec); c.Name() == "invoices.export" {
					endings <- ending{err, c.Ctx().Err()}
				}
				return err
			}
		}})
	})
	return s, running, endings
}

// stopped fails the test unless the export has ended, and its statement too.
func (s *site) stopped(t *testing.T, ended <-chan ending) {
	t.Helper()
	e := wait.For(t, "the end of the handler", ended)
	if e.chain == nil || !errors.Is(e.context, context.Canceled) {
		t.Errorf("the chain ended with %v, its context with %v", e.chain, e.context)
	}
	pool, err := s.db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if n := pool.Stats().InUse; n != 0 {
		t.Errorf("%d connections are still in use: the statement runs on", n)
	}
}

func TestAnExportEndsWhenTheOfficialClientCancels(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s, running, ended := startEndless(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			session := s.connectWith(protocol, s.token("ann", reader), &mcp.ClientOptions{
				ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
					if r.Params.Progress == 100 {
						<-running
						cancel()
					}
				},
			})
			call := params("invoices_export", nil)
			call.SetProgressToken(1)
			if result, err := session.CallTool(ctx, call); !errors.Is(err, context.Canceled) {
				t.Errorf("the client got %+v (%v)", result, err)
			}
			s.stopped(t, ended)
			if _, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "invoices://1"}); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
}

// export begins an export over plain HTTP and returns its events once half of the rows are written.
func (s *site) export(ctx context.Context, t *testing.T, header http.Header, meta string) *bufio.Scanner {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":"e-1","method":"tools/call","params":{"name":"invoices_export","_meta":{` + meta + `"progressToken":"p"}}}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("the answer is %s", got)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"progress":100`) {
			return lines
		}
	}
	t.Fatalf("the stream ended before the progress of 100 rows: %v", lines.Err())
	return nil
}

func TestAnExportEndsWhenItsModernClientDisconnects(t *testing.T) {
	s, running, ended := startEndless(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	s.export(ctx, t, rawhttp.Header(s.token("ann", reader), "tools/call", "invoices_export"),
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},`)
	wait.For(t, "the endless step", running)
	leave()
	s.stopped(t, ended)
}

func TestAnExportEndsWhenItsDatedClientSendsCancelled(t *testing.T) {
	s, running, ended := startEndless(t)
	header := s.open(s.token("ann", reader))
	lines := s.export(t.Context(), t, header, "")
	cancelled := func(header http.Header, id string) {
		t.Helper()
		if a := s.post(header, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`,"reason":"enough"}}`); a.Status != http.StatusAccepted {
			t.Fatalf("cancelled is answered with %d %s", a.Status, a.Body)
		}
	}
	// Neither another request nor another session of the same caller is meant.
	cancelled(header, `"e-2"`)
	cancelled(header, `1`)
	cancelled(s.open(s.token("ann", reader)), `"e-1"`)
	cancelled(s.open(s.token("eve", reader)), `"e-1"`)
	select {
	case e := <-ended:
		t.Fatalf("a cancellation of something else ended it: %+v", e)
	default:
	}
	wait.For(t, "the endless step", running)
	cancelled(header, `"e-1"`)
	s.stopped(t, ended)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "data:") {
			t.Errorf("after the cancellation came %s", lines.Text())
		}
	}
	cancelled(header, `"e-1"`) // too late, and no matter
}
