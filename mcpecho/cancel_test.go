package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
)

// endless is a statement that ends only when it is interrupted, and says when it runs.
const endless = `WITH RECURSIVE c(x) AS (SELECT running() UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c`

// patience bounds what must happen soon.
const patience = 10 * time.Second

func await[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatal("waited too long for ", what)
	}
	return v
}

// exporting is a server with tools that run until they are stopped.
type exporting struct {
	*bundle
	started chan string
	ended   chan error
}

func startExporting(t *testing.T) *exporting {
	db, running := dbtest.SQLiteSignal(t, filepath.Join(t.TempDir(), "test.db")+"?_busy_timeout=5000&_journal_mode=WAL")
	if err := db.AutoMigrate(&widget{}); err != nil {
		t.Fatal(err)
	}
	x := &exporting{setupOn(t, db), make(chan string, 10), make(chan error, 10)}
	x.srv.Add(
		mcpecho.Service("export", func(c *mcpecho.Call, _ none) (int64, error) {
			if err := c.DB().Create(&widget{Name: "half"}).Error; err != nil {
				return 0, err
			}
			go func() {
				<-running
				x.started <- "export"
			}()
			var n int64
			err := c.DB().Raw(endless).Scan(&n).Error
			x.ended <- err
			return n, err
		}, transaction()),
		mcpecho.Service("stubborn", func(c *mcpecho.Call, _ none) (string, error) {
			c.Progress(1, 0, "")
			for i := range 20 {
				c.Progress(float64(i+2), 0, "") // some are held back
			}
			x.started <- "stubborn"
			<-c.Ctx().Done()
			c.Progress(100, 0, "after")
			c.Log(mcpecho.LogEmergency, "after")
			x.ended <- c.Ctx().Err()
			return "done", nil
		}),
		mcpecho.Resource("w://endless", func(c *mcpecho.Call, _ none) (string, error) {
			x.started <- "resource"
			<-c.Ctx().Done()
			x.ended <- c.Ctx().Err()
			return "done", nil
		}),
	)
	return x
}

// begin sends a dated request and does not wait for its reply.
func (x *exporting) begin(session, id, method, params string) <-chan streamed {
	done := make(chan streamed, 1)
	go func() {
		done <- x.post(context.WithoutCancel(x.t.Context()), fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, id, method, params),
			"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
	}()
	return done
}

func (x *exporting) cancel(session, params string) {
	x.t.Helper()
	r := x.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":`+params+`}`,
		"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
	if r.Status != http.StatusAccepted || r.Body != "" {
		x.t.Errorf("cancelled answers %d %s", r.Status, r.Body)
	}
}

func TestCancelledEndsTheStatementAndSendsNothingMore(t *testing.T) {
	x := startExporting(t)
	session := x.initialize()
	done := x.begin(session, `1`, "tools/call", `"name":"export"`)
	await(t, "the export", x.started)
	x.cancel(session, `{"requestId":1,"reason":"enough"}`)
	if err := await(t, "the statement to end", x.ended); err == nil {
		t.Error("the statement ended by itself")
	}
	if s := await(t, "the reply", done); s.Status != http.StatusOK || !s.stream || s.Body != "" {
		t.Errorf("a cancelled request is answered by %d %v %s, want a stream without events", s.Status, s.Header, s.Body)
	}
	if n := x.count(); n != 0 {
		t.Errorf("%d rows committed", n)
	}
	if r := x.dated(session, "ping", ""); r.Error != nil {
		t.Error("the session is gone: ", r.Body)
	}
}

func TestCancelledEndsAnOpenStreamWithoutAReply(t *testing.T) {
	x := startExporting(t)
	session := x.initialize()
	x.dated(session, "logging/setLevel", `"level":"debug"`)
	done := x.begin(session, `"a"`, "tools/call", `"name":"stubborn","_meta":{"progressToken":1}`)
	await(t, "the call", x.started)
	x.cancel(session, `{"requestId":"a"}`)
	await(t, "the call to end", x.ended)
	s := await(t, "the stream to end", done)
	if !s.stream || s.Result != nil || s.Error != nil || strings.Contains(s.Body, `"progress":21`) || strings.Contains(s.Body, "after") {
		t.Error("something was sent after the cancellation: ", s.Body)
	}
}

func TestResourcesAreCancelledToo(t *testing.T) {
	x := startExporting(t)
	session := x.initialize()
	done := x.begin(session, `5`, "resources/read", `"uri":"w://endless"`)
	await(t, "the read", x.started)
	x.cancel(session, `{"requestId":5}`)
	if err := await(t, "the handler", x.ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := await(t, "the reply", done); s.Body != "" {
		t.Error(s.Body)
	}
}

func TestOnlyTheOwnSessionAndTheExactIDCancel(t *testing.T) {
	x := startExporting(t)
	session, other := x.initialize(), x.initialize()
	done := x.begin(session, `1`, "tools/call", `"name":"stubborn"`)
	await(t, "the call", x.started)

	x.cancel(other, `{"requestId":1}`)
	for _, params := range []string{`{"requestId":"1"}`, `{"requestId":2}`, `{"requestId":null}`, `{"requestId":1.0}`, `{"requestId":[1]}`, `{}`, `{"id":1}`} {
		x.cancel(session, params)
	}
	x.user = &mcpecho.Principal{Subject: "mallory"}
	r := x.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, "MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
	expect(t, r, http.StatusNotFound, -32600)
	x.user = nil
	r = x.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,`+meta+`}}`, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "notifications/cancelled")
	if r.Status != http.StatusAccepted {
		t.Error("a modern client's cancelled: ", r.Status, r.Body)
	}
	select {
	case err := <-x.ended:
		t.Fatal("the call was cancelled by a stranger: ", err)
	default:
	}
	x.cancel(session, `{"requestId":1}`)
	await(t, "the call to end", x.ended)
	await(t, "the reply", done)
	x.cancel(session, `{"requestId":1}`) // again, too late
}

func TestAnIDInFlightIsRefusedWithoutHarmToTheFirst(t *testing.T) {
	x := startExporting(t)
	session, other := x.initialize(), x.initialize()
	first := x.begin(session, `1`, "tools/call", `"name":"stubborn"`)
	await(t, "the call", x.started)
	for _, again := range []streamed{
		await(t, "the refusal", x.begin(session, `1`, "tools/call", `"name":"stubborn"`)),
		await(t, "the refusal", x.begin(session, `1`, "resources/read", `"uri":"w://endless"`)),
	} {
		expect(t, again.reply, http.StatusBadRequest, -32600)
	}
	// The same id in another session, and another id in this one, are free.
	second := x.begin(session, `"1"`, "tools/call", `"name":"stubborn"`)
	third := x.begin(other, `1`, "tools/call", `"name":"stubborn"`)
	await(t, "the second", x.started)
	await(t, "the third", x.started)
	x.cancel(session, `{"requestId":1}`)
	await(t, "the first to end", first)
	x.cancel(session, `{"requestId":"1"}`)
	await(t, "the second to end", second)
	x.cancel(other, `{"requestId":1}`)
	await(t, "the third to end", third)

	again := x.begin(session, `1`, "tools/call", `"name":"stubborn"`)
	await(t, "the id to be free", x.started)
	x.cancel(session, `{"requestId":1}`)
	await(t, "the last to end", again)
}

func TestAModernClientThatLeavesEndsItsStatement(t *testing.T) {
	x := startExporting(t)
	server := httptest.NewServer(x.e)
	defer server.Close()
	for _, meta := range []string{meta, talkative} {
		for _, tool := range []string{"export", "stubborn"} {
			ctx, leave := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/mcp",
				strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`",`+meta+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range modernHeaders("tools/call", tool) {
				req.Header.Set(k, v)
			}
			req.Header.Set("Content-Type", "application/json")
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					<-ctx.Done() // a stream: it is left in the middle
					_ = resp.Body.Close()
				}
			}()
			await(t, "the call", x.started)
			leave()
			if err := await(t, "the call to end", x.ended); err == nil {
				t.Errorf("%s ended by itself", tool)
			}
			<-gone
		}
	}
	if n := x.count(); n != 0 {
		t.Errorf("%d rows committed", n)
	}
}

func TestNothingStaysBehindOfFinishedCalls(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("t", say("x")), mcpecho.Service("panics", func(*mcpecho.Call, none) (string, error) { panic("x") }))
	session := b.initialize()
	for range 3 { // the id is free again each time
		for _, tool := range []string{"t", "panics", "t"} {
			if r := b.dated(session, "tools/call", fmt.Sprintf(`"name":%q`, tool)); r.Error != nil {
				t.Error(r.Body)
			}
		}
	}
}

func TestAnIDIsTheSameHoweverItIsSpelt(t *testing.T) {
	x := startExporting(t)
	session := x.initialize()
	for id, other := range map[string]string{`"a"`: `"\u0061"`, `"\u00e9"`: `"é"`, `0`: `-0`, `"/"`: `"\/"`} {
		done := x.begin(session, id, "tools/call", `"name":"stubborn"`)
		await(t, "the call", x.started)
		expect(t, await(t, "the refusal", x.begin(session, other, "tools/call", `"name":"stubborn"`)).reply, http.StatusBadRequest, -32600)
		x.cancel(session, `{"requestId":`+other+`}`)
		await(t, "the call to end", x.ended)
		await(t, "the reply", done)
	}
}
