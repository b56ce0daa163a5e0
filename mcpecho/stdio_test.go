package mcpecho_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/integration_test/logbuf"
	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// terminal is a client that has started a server and writes lines to it.
type terminal struct {
	t     *testing.T
	srv   *mcpecho.Server
	log   *logbuf.Buffer
	in    *io.PipeWriter // what the server reads
	out   *bufio.Reader  // what it writes
	ended chan error
}

// start serves a client with pipes, of which nothing is read before the client reads it.
func start(t *testing.T, p *mcpecho.Principal, cfg mcpecho.Config, specs ...*mcpecho.Spec) *terminal {
	t.Helper()
	return startUntil(t.Context(), t, p, cfg, specs...)
}

func startUntil(ctx context.Context, t *testing.T, p *mcpecho.Principal, cfg mcpecho.Config, specs ...*mcpecho.Spec) *terminal {
	t.Helper()
	tm := &terminal{t: t, log: &logbuf.Buffer{}, ended: make(chan error, 1)}
	cfg.Name, cfg.Logger = "test", slog.New(slog.NewTextHandler(tm.log, nil))
	tm.srv = mcpecho.New(cfg)
	tm.srv.Add(specs...)
	in, w := io.Pipe()
	r, out := io.Pipe()
	tm.in, tm.out = w, bufio.NewReader(r)
	go func() {
		tm.ended <- mcpecho.ServeLines(tm.srv, ctx, p, in, out)
		_ = out.Close()
	}()
	t.Cleanup(func() { _, _, _ = w.Close(), r.Close(), in.Close() })
	return tm
}

// write sends lines.
func (tm *terminal) write(lines ...string) {
	tm.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(tm.in, line+"\n"); err != nil {
			tm.t.Error(err)
		}
	}
}

// message is a line of the server.
type message struct {
	reply
	Method string         `json:"method"`
	Params map[string]any `json:"params"`
	raw    string
}

// read takes the next line.
func (tm *terminal) read() (m message) {
	tm.t.Helper()
	line, err := tm.out.ReadString('\n')
	if err != nil {
		tm.t.Fatalf("%v after %q\n%s", err, line, tm.log)
	}
	if !jsontext.Value(line).IsValid() || json.Unmarshal([]byte(line), &m) != nil {
		tm.t.Fatalf("no message: %s", line)
	}
	m.raw = strings.TrimSuffix(line, "\n")
	m.Body = m.raw
	return m
}

// close ends the input, and returns what serving ended with.
func (tm *terminal) close() error {
	tm.t.Helper()
	_ = tm.in.Close()
	return wait.For(tm.t, "the end", tm.ended)
}

const (
	initialize  = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// request is a line on one of the wires.
func request(wire string, id any, method, params string) string {
	if wire == "modern" {
		if params != "" {
			params += ","
		}
		params += meta
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":%q,"params":{%s}}`, id, method, params)
}

func callLine(wire string, id any, tool, arguments string) string {
	return request(wire, id, "tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments))
}

// open does what a client of the wire does first.
func (tm *terminal) open(wire string) {
	tm.t.Helper()
	if wire == "modern" {
		tm.write(request(wire, 0, "server/discover", ""))
	} else {
		tm.write(initialize, initialized)
	}
	if m := tm.read(); m.Result == nil {
		tm.t.Fatal(m.raw)
	}
}

// onBothWires runs a test for a client of each.
func onBothWires(t *testing.T, test func(t *testing.T, wire string)) {
	for _, wire := range []string{"modern", "dated"} {
		t.Run(wire, func(t *testing.T) { test(t, wire) })
	}
}

func double(_ *mcpecho.Call, in struct {
	N int `json:"n"`
}) (int, error) {
	return 2 * in.N, nil
}

// blocker is a tool that waits for its context, or to be let go.
type blocker struct {
	began   chan struct{}
	ended   chan error // why
	release chan struct{}
}

func newBlocker() *blocker {
	return &blocker{began: make(chan struct{}, 1000), ended: make(chan error, 1000), release: make(chan struct{})}
}

func (b *blocker) spec(options ...mcpecho.Option) *mcpecho.Spec {
	return mcpecho.Service("block", func(c *mcpecho.Call, _ none) (string, error) {
		b.began <- struct{}{}
		select {
		case <-c.Ctx().Done():
			b.ended <- context.Cause(c.Ctx())
			return "", c.Ctx().Err()
		case <-b.release:
			return "released", nil
		}
	}, options...)
}

func TestLinesServeBothWires(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("double", double))
		tm.open(wire)
		tm.write(request(wire, 1, "tools/list", ""))
		if m := tm.read(); !strings.Contains(m.raw, `"name":"double"`) {
			t.Error(m.raw)
		}
		tm.write(callLine(wire, `"two"`, "double", `{"n":4}`))
		if m := tm.read(); m.ID != "two" || m.text() != "8" {
			t.Error(m.raw)
		}
		if err := tm.close(); err != nil {
			t.Error(err)
		}
	})
}

// One client may speak both, as one that asks by server/discover which server it has.
func TestTheLinesOfOneClientMayBeOnBothWires(t *testing.T) {
	tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("double", double))
	tm.open("modern")
	tm.open("dated")
	tm.write(callLine("modern", 1, "double", `{"n":1}`))
	if m := tm.read(); m.Result["resultType"] != "complete" {
		t.Error(m.raw)
	}
	tm.write(callLine("dated", 2, "double", `{"n":1}`))
	if m := tm.read(); m.Result == nil || m.Result["resultType"] != nil {
		t.Error(m.raw)
	}
}

func TestCallsOnLinesRunBesideEachOther(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		b := newBlocker()
		tm := start(t, nil, mcpecho.Config{}, b.spec(), mcpecho.Service("double", double))
		tm.open(wire)
		tm.write(callLine(wire, 1, "block", `{}`), callLine(wire, 2, "double", `{"n":1}`))
		if m := tm.read(); m.ID != 2.0 {
			t.Error(m.raw)
		}
		close(b.release)
		if m := tm.read(); m.ID != 1.0 || m.text() != "released" {
			t.Error(m.raw)
		}
	})
}

// The notification of a modern client need not say which version it is of.
func TestACallOnLinesIsCancelledByAMessage(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		b := newBlocker()
		tm := start(t, nil, mcpecho.Config{}, b.spec(), mcpecho.Service("double", double))
		tm.open(wire)
		tm.write(callLine(wire, `"a"`, "block", `{}`))
		<-b.began
		tm.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"b"}}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":null}}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0061"}}`)
		wait.For(t, "the end of the call", b.ended)
		tm.write(callLine(wire, 2, "double", `{"n":1}`))
		if m := tm.read(); m.ID != 2.0 {
			t.Errorf("a cancelled call is answered: %s", m.raw)
		}
		if err := tm.close(); err != nil {
			t.Error(err)
		}
		if rest, _ := io.ReadAll(tm.out); len(rest) > 0 {
			t.Errorf("%s", rest)
		}
	})
}

// Nothing is lost where the notification follows the request at once, before its call runs.
func TestACancellationIsNeverTooEarly(t *testing.T) {
	tm := start(t, nil, mcpecho.Config{}, newBlocker().spec())
	go func() {
		for i := range 200 {
			tm.write(callLine("modern", i, "block", `{}`),
				fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, i))
		}
		_ = tm.in.Close()
	}()
	if rest, _ := io.ReadAll(tm.out); len(rest) > 0 {
		t.Errorf("%s", rest)
	}
}

func TestACancelledCallOnLinesRollsBack(t *testing.T) {
	b := setup(t)
	began := make(chan struct{})
	tm := start(t, nil, mcpecho.Config{DB: b.db}, mcpecho.Service("insert", func(c *mcpecho.Call, _ none) (widget, error) {
		w := widget{Name: "w"}
		err := c.DB().Create(&w).Error
		close(began)
		<-c.Ctx().Done()
		return w, err
	}, transaction()))
	tm.write(callLine("modern", 1, "insert", `{}`))
	wait.For(t, "the insert", began)
	tm.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	if err := tm.close(); err != nil {
		t.Error(err)
	}
	if n := b.count(); n != 0 {
		t.Errorf("%d rows of a cancelled call", n)
	}
}

func TestProgressAndLogsAreLinesBeforeTheReply(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
			c.Progress(1, 2, "half")
			c.Log(mcpecho.LogInfo, "logged")
			return "done", nil
		}))
		tm.open(wire)
		asks := `"progressToken":"p"`
		if wire == "modern" {
			tm.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"io.modelcontextprotocol/logLevel":"info",` +
				asks + `,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)
		} else {
			// What changes the session holds for the next line, be it read before the reply or not.
			go tm.write(request(wire, 1, "logging/setLevel", `"level":"info"`), request(wire, 2, "tools/call", `"name":"work","arguments":{},"_meta":{`+asks+`}`))
			if m := tm.read(); m.ID != 1.0 {
				t.Error(m.raw)
			}
		}
		if m := tm.read(); m.Method != "notifications/progress" || m.Params["progressToken"] != "p" || m.Params["message"] != "half" {
			t.Error(m.raw)
		}
		if m := tm.read(); m.Method != "notifications/message" || m.Params["data"] != "logged" {
			t.Error(m.raw)
		}
		if m := tm.read(); m.text() != "done" {
			t.Error(m.raw)
		}
	})
}

func TestLinesThatAreNoMessages(t *testing.T) {
	const big = 1000
	for name, c := range map[string]struct {
		line string
		want string // of the reply; "" for none
	}{
		"nothing":                           {"", ""},
		"white space":                       {" \t\r", ""},
		"no JSON":                           {"hello", `{"jsonrpc":"2.0","error":{"code":-32700`},
		"half a message":                    {`{"jsonrpc":"2.0","id":1`, `-32700`},
		"two messages":                      {callLine("modern", 1, "double", `{}`) + callLine("modern", 2, "double", `{}`), `-32700`},
		"invalid UTF-8":                     {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", `-32700`},
		"a byte order mark":                 {"\ufeff" + initialize, `-32700`},
		"a name twice":                      {`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, `-32700`},
		"another spelling":                  {`{"jsonrpc":"2.0","ID":1,"method":"ping"}`, `-32600`},
		"a batch":                           {"[" + initialize + "]", `-32600`},
		"a number":                          {"7", `-32600`},
		"an id of a fraction":               {`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, `-32600`},
		"no version":                        {`{"id":3,"method":"ping"}`, `"id":3,"error":{"code":-32600`},
		"a long one":                        {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", big) + `"}}`, `longer than 1000 bytes`},
		"a long one whose id is at its end": {`{"method":"ping","params":{"id":1,"x":"` + strings.Repeat(`\"},{\\`, 20<<10) + `"} , "id" : "\u0061,}" }`, `"id":"\u0061,}","error":{"code":-32600,"message":"the message is longer`},
		"a long one with its id first":      {`{"id":7,"params":{"id":1,"x":["` + strings.Repeat("x", 100<<10) + `"]}}`, `"id":7,`},
		"a long one with two ids":           {`{"id":7,"x":"` + strings.Repeat("x", big) + `","id":8}`, `{"jsonrpc":"2.0","error":`},
		"a long one with a bad id":          {`{"id":{},"x":"` + strings.Repeat("x", big) + `"}`, `{"jsonrpc":"2.0","error":`},
		"a long one with a long id":         {`{"x":1,"id":"` + strings.Repeat("x", big) + `"}`, `{"jsonrpc":"2.0","error":`},
		"a long batch":                      {`[{"id":7,"x":"` + strings.Repeat("x", big) + `"}]`, `{"jsonrpc":"2.0","error":`},
		"an endless one":                    {strings.Repeat("[", 300<<10), `longer than 1000 bytes`},
		"endless white space":               {strings.Repeat(" ", 300<<10), `longer than 1000 bytes`},
		"before initialize":                 {request("dated", 4, "tools/list", ""), `send initialize first, or with each request the protocolVersion 2026-07-28 in params._meta`},
		"ping before it":                    {request("dated", 5, "ping", ""), `{"jsonrpc":"2.0","id":5,"result":{}}`},
		"no capabilities": {`{"jsonrpc":"2.0","id":6,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
			`"id":6,"error":{"code":-32602`},
		"an unknown version": {`{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}}`,
			`"code":-32022,"message":"Unsupported protocol version","data":{"requested":"2030-01-01","supported":["2026-07-28"]}`},
		"an unknown method":                             {request("modern", 8, "x", ""), `-32601`},
		"an unknown notification":                       {`{"jsonrpc":"2.0","method":"notifications/x"}`, ""},
		"a notification that has the name of a request": {`{"jsonrpc":"2.0","method":"tools/list"}`, ""},
		"a response":                                    {`{"jsonrpc":"2.0","id":1,"result":{}}`, ""},
		"an error":                                      {`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}`, ""},
		"an unknown argument":                           {callLine("modern", 9, "double", `{"m":1}`), `validation_error`},
		"a wrong argument":                              {callLine("modern", 9, "double", `{"n":"1"}`), `validation_error`},
		"a carriage return":                             {callLine("modern", 10, "double", `{"n":1}`) + "\r", `"text":"2"`},
	} {
		t.Run(name, func(t *testing.T) {
			tm := start(t, nil, mcpecho.Config{MaxBodyBytes: big}, mcpecho.Service("double", double))
			tm.write(c.line)
			if c.want != "" {
				if m := tm.read(); !strings.Contains(m.raw, c.want) {
					t.Errorf("%s, want %s", m.raw, c.want)
				}
			}
			// The connection is as it was.
			tm.write(callLine("modern", 100, "double", `{"n":5}`))
			if m := tm.read(); m.ID != 100.0 || m.text() != "10" {
				t.Error(m.raw)
			}
			if err := tm.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheLastLineNeedsNoLineBreak(t *testing.T) {
	for line, want := range map[string]string{
		callLine("modern", 1, "double", `{"n":5}`):            `"text":"10"`,
		callLine("modern", 1, "double", `{"n":5}`)[:40]:       "-32700",
		strings.Repeat(callLine("modern", 1, "x", `{}`), 100): "longer than",
	} {
		tm := start(t, nil, mcpecho.Config{MaxBodyBytes: 1000}, mcpecho.Service("double", double))
		go func() {
			_, _ = io.WriteString(tm.in, line)
			_ = tm.in.Close()
		}()
		if m := tm.read(); !strings.Contains(m.raw, want) {
			t.Errorf("%s, want %s", m.raw, want)
		}
		if err := tm.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARequestWhoseIDIsInUseIsRefused(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		b := newBlocker()
		tm := start(t, nil, mcpecho.Config{}, b.spec(), mcpecho.Service("double", double))
		tm.open(wire)
		tm.write(callLine(wire, `"a"`, "block", `{}`), callLine(wire, `"\u0061"`, "double", `{}`))
		if m := tm.read(); m.Error == nil || !strings.Contains(m.Error.Message, "still running") {
			t.Error(m.raw)
		}
		close(b.release)
		if m := tm.read(); m.text() != "released" {
			t.Error(m.raw)
		}
		for range 100 { // as soon as the reply is there
			tm.write(callLine(wire, `"a"`, "double", `{}`))
			if m := tm.read(); m.text() != "0" {
				t.Fatal(m.raw)
			}
		}
	})
}

// A script writes all and closes; a client that leaves does so in the middle of calls.
func TestAfterTheEndOfTheInput(t *testing.T) {
	t.Run("a short call is answered", func(t *testing.T) {
		tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("double", double))
		go func() {
			tm.write(initialize, initialized, callLine("dated", 1, "double", `{"n":3}`), callLine("modern", 2, "double", `{"n":3}`))
			_ = tm.in.Close()
		}()
		seen := map[any]bool{}
		for range 3 {
			seen[tm.read().ID] = true
		}
		if len(seen) != 3 {
			t.Error(seen)
		}
		if err := tm.close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a long one is ended without a reply", func(t *testing.T) {
		b := newBlocker()
		tm := start(t, nil, mcpecho.Config{}, b.spec())
		tm.write(callLine("modern", 1, "block", `{}`))
		<-b.began
		if err := tm.close(); err != nil {
			t.Error(err)
		}
		if err := <-b.ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if rest, _ := io.ReadAll(tm.out); len(rest) > 0 {
			t.Errorf("%s", rest)
		}
	})
	t.Run("a handler is waited for", func(t *testing.T) {
		began, release := make(chan struct{}), make(chan struct{})
		tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("deaf", func(*mcpecho.Call, none) (string, error) {
			close(began)
			<-release
			return "", nil
		}))
		tm.write(callLine("modern", 1, "deaf", `{}`))
		<-began
		_ = tm.in.Close()
		select {
		case err := <-tm.ended:
			t.Errorf("ended with %v while a handler runs", err)
		case <-time.After(1500 * time.Millisecond): // longer than calls have
		}
		close(release)
		if err := wait.For(t, "the end", tm.ended); err != nil {
			t.Error(err)
		}
	})
	t.Run("a reply that nobody reads is given up", func(t *testing.T) {
		tm := start(t, nil, mcpecho.Config{ReplyTimeout: 10 * time.Millisecond}, mcpecho.Service("double", double))
		tm.write(callLine("modern", 1, "double", `{}`), callLine("modern", 2, "double", `{}`))
		if err := tm.close(); err == nil || !strings.Contains(err.Error(), "a reply was not read") {
			t.Error(err)
		}
	})
}

func TestTheEndOfTheContextEndsTheCalls(t *testing.T) {
	b := newBlocker()
	ctx, cancel := context.WithCancelCause(t.Context())
	tm := startUntil(ctx, t, nil, mcpecho.Config{}, b.spec())
	tm.write(callLine("modern", 1, "block", `{}`))
	<-b.began
	why := errors.New("the reason")
	cancel(why)
	if err := wait.For(t, "the end", tm.ended); err != nil {
		t.Error(err)
	}
	if err := <-b.ended; !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestStreamsThatBreak(t *testing.T) {
	t.Run("the input", func(t *testing.T) {
		b := newBlocker()
		tm := start(t, nil, mcpecho.Config{}, b.spec())
		tm.write(callLine("modern", 1, "block", `{}`))
		<-b.began
		_ = tm.in.CloseWithError(os.ErrPermission)
		if err := wait.For(t, "the end", tm.ended); !errors.Is(err, os.ErrPermission) {
			t.Error(err)
		}
		wait.For(t, "the end of the call", b.ended)
	})
	t.Run("the output", func(t *testing.T) {
		srv := mcpecho.New(mcpecho.Config{Name: "test"})
		b := newBlocker()
		srv.Add(b.spec(), mcpecho.Service("double", double))
		in, w := io.Pipe()
		r, out := io.Pipe()
		_ = r.CloseWithError(os.ErrClosed)
		ended := make(chan error, 1)
		go func() { ended <- mcpecho.ServeLines(srv, t.Context(), nil, in, out) }()
		_, _ = io.WriteString(w, callLine("modern", 1, "block", `{}`)+"\n")
		<-b.began
		_, _ = io.WriteString(w, callLine("modern", 2, "double", `{}`)+"\n")
		if err := wait.For(t, "the end", ended); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		wait.For(t, "the end of the call", b.ended)
	})
}

// A client that does not read holds what it has asked for, and nothing waits for it but its own
// replies: the handlers end, cancellations are heard, and when it reads, all is there.
func TestAClientThatDoesNotRead(t *testing.T) {
	b := newBlocker()
	tm := start(t, nil, mcpecho.Config{}, b.spec(), mcpecho.Service("double", double),
		mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
			c.Progress(1, 0, "")
			return "worked", nil
		}))
	const calls = 100
	for i := range calls {
		tm.write(callLine("modern", i, "double", fmt.Sprintf(`{"n":%d}`, i)))
	}
	tm.write(callLine("modern", `"block"`, "block", `{}`))
	<-b.began
	tm.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"block"}}`)
	wait.For(t, "the end of the call", b.ended)
	seen := map[any]string{}
	for range calls {
		m := tm.read()
		seen[m.ID] = m.text()
	}
	for i := range calls {
		if seen[float64(i)] != fmt.Sprint(2*i) {
			t.Errorf("call %d: %q", i, seen[float64(i)])
		}
	}
}

// More calls than a client may have at once are refused. Where it does not read the refusals
// either, it is read no further.
func TestAClientThatOnlyWrites(t *testing.T) {
	b := newBlocker()
	tm := start(t, nil, mcpecho.Config{MaxInFlight: 16}, b.spec())
	const calls, places = 50, 4
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range calls {
			tm.write(callLine("modern", i, "block", `{}`))
		}
	}()
	for range places {
		wait.For(t, "a call", b.began)
	}
	select {
	case <-written:
		t.Error("everything was read")
	case <-time.After(20 * time.Millisecond):
	}
	for range calls - places {
		if m := tm.read(); m.Error == nil || !strings.Contains(m.Error.Message, "wait for their replies") {
			t.Error(m.raw)
		}
	}
	close(b.release)
	for range places {
		if m := tm.read(); m.text() != "released" {
			t.Error(m.raw)
		}
	}
}

// A report inside a call waits no longer than the call may take, and the reply comes all the same.
func TestProgressThatNobodyReadsHoldsNoCall(t *testing.T) {
	done := make(chan struct{})
	tm := start(t, nil, mcpecho.Config{ReplyTimeout: 50 * time.Millisecond}, mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
		defer close(done)
		for i := range 5 {
			c.Progress(float64(i+1), 5, "")
		}
		return "worked", nil
	}))
	tm.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","arguments":{},"_meta":{"progressToken":1,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)
	wait.For(t, "the handler", done)
	for {
		m := tm.read()
		if m.Method == "notifications/progress" {
			continue
		}
		if m.text() != "worked" {
			t.Error(m.raw)
		}
		break
	}
	if err := tm.close(); err != nil {
		t.Error(err)
	}
}

func TestAPanicOnLinesIsAnswered(t *testing.T) {
	for name, value := range map[string]any{"a panic": "secret", "one that aborts HTTP": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("fail", func(*mcpecho.Call, none) (string, error) { panic(value) }))
			tm.write(callLine("modern", 1, "fail", `{}`))
			if m := tm.read(); m.ID != 1.0 || !strings.Contains(m.raw, "internal") || strings.Contains(m.raw, "secret") {
				t.Error(m.raw)
			}
			if err := tm.close(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(tm.log.String(), "stack=") {
				t.Error(tm.log)
			}
		})
	}
}

func TestTheDeadlineOfACallOnLines(t *testing.T) {
	b := newBlocker()
	tm := start(t, nil, mcpecho.Config{CallTimeout: 20 * time.Millisecond}, b.spec())
	tm.write(callLine("modern", 1, "block", `{}`))
	if m := tm.read(); m.failure(t)["type"] != "timeout" {
		t.Error(m.raw)
	}
}

// What a handler or a middleware writes may have line breaks in it.
func TestAResultIsOneLine(t *testing.T) {
	tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("pretty", func(c *mcpecho.Call, _ none) (map[string]string, error) {
		return nil, c.JSONPretty(http.StatusOK, map[string]string{"text": "a\nb"}, "\t")
	}), mcpecho.Service("refuse", func(c *mcpecho.Call, _ none) (map[string]string, error) {
		return nil, c.JSONPretty(http.StatusBadRequest, map[string]string{"text": "a\nb"}, "\t")
	}))
	tm.write(callLine("modern", 1, "pretty", `{}`))
	if m := tm.read(); m.Result["structuredContent"].(map[string]any)["text"] != "a\nb" {
		t.Error(m.raw)
	}
	tm.write(callLine("modern", 2, "refuse", `{}`))
	if m := tm.read(); m.Result["isError"] != true {
		t.Error(m.raw)
	}
}

func TestTheRequestOfACallOnLines(t *testing.T) {
	type key struct{}
	p := &mcpecho.Principal{Subject: "ann", Scopes: []string{"read"}}
	tm := startUntil(context.WithValue(t.Context(), key{}, "value"), t, p, mcpecho.Config{},
		mcpecho.Service("look", func(c *mcpecho.Call, _ none) (string, error) {
			r := c.Request()
			body, err := io.ReadAll(r.Body)
			c.Response().Header().Set("X-Test", "dropped")
			return fmt.Sprint(r.Method, " ", r.URL, " ", len(r.Header), " ", r.RemoteAddr, c.RealIP(), " ", len(body), " ", c.Network().IsValid(), " ",
				c.Ctx().Value(key{}), " ", c.Principal().Subject, " ", mcpecho.PrincipalFrom(c).Subject), err
		}, mw.Scopes("read")),
		mcpecho.Service("write", double, mw.Scopes("write")))
	tm.write(callLine("modern", 1, "look", `{}`))
	if m := tm.read(); m.text() != "POST / 0  0 false value ann ann" {
		t.Error(m.raw)
	}
	tm.write(callLine("modern", 2, "write", `{}`))
	if m := tm.read(); m.Error == nil || m.Error.Code != 403 {
		t.Error(m.raw)
	}
}

func TestALineOfNobodyIsRefusedAsARequestIs(t *testing.T) {
	tm := start(t, nil, mcpecho.Config{}, mcpecho.Service("write", double, mw.Scopes("write")))
	tm.write(callLine("modern", 1, "write", `{}`))
	if m := tm.read(); m.Error == nil || m.Error.Code != 401 {
		t.Error(m.raw)
	}
	hides := start(t, nil, mcpecho.Config{HideForbidden: true}, mcpecho.Service("write", double, mw.Scopes("write")), mcpecho.Service("double", double))
	hides.write(request("modern", 1, "tools/list", ""))
	if m := hides.read(); strings.Contains(m.raw, "write") || !strings.Contains(m.raw, "double") {
		t.Error(m.raw)
	}
}

func TestAShutdownReachesLines(t *testing.T) {
	b := newBlocker()
	tm := start(t, nil, mcpecho.Config{}, b.spec())
	tm.write(callLine("modern", 1, "block", `{}`))
	<-b.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tm.srv.Shutdown(ctx); err == nil {
		t.Error("nothing was in progress")
	}
	if err := <-b.ended; !errors.Is(err, mcpecho.ErrShutdown) {
		t.Error(err)
	}
	if m := tm.read(); !strings.Contains(m.raw, "shutting down") {
		t.Error(m.raw)
	}
	tm.write(callLine("modern", 2, "block", `{}`))
	if m := tm.read(); m.Error == nil || !strings.Contains(m.Error.Message, "shutting down") {
		t.Error(m.raw)
	}
}

// With streams that can be interrupted nothing is left, however it ends.
func TestNoGoroutineIsLeftOfLines(t *testing.T) {
	for name, end := range map[string]func(tm *terminal, cancel func()){
		"the input ends":   func(tm *terminal, _ func()) { _ = tm.in.Close() },
		"the input breaks": func(tm *terminal, _ func()) { _ = tm.in.CloseWithError(io.ErrUnexpectedEOF) },
		"the context ends": func(_ *terminal, cancel func()) { cancel() },
		"in the middle of a line": func(tm *terminal, _ func()) {
			_, _ = io.WriteString(tm.in, `{"jsonrpc"`)
			_ = tm.in.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				b := newBlocker()
				srv := mcpecho.New(mcpecho.Config{Name: "test", Logger: slog.New(slog.DiscardHandler)})
				srv.Add(b.spec(), mcpecho.Service("double", double))
				in, w := io.Pipe()
				r, out := io.Pipe()
				tm := &terminal{t: t, in: w, out: bufio.NewReader(r), ended: make(chan error, 1)}
				go func() { tm.ended <- mcpecho.ServeLines(srv, ctx, nil, in, out) }()
				for i := range 10 {
					tm.write(callLine("modern", i, "block", `{}`), callLine("modern", 100+i, "double", `{}`))
				}
				synctest.Wait()
				end(tm, cancel) // nobody has read a reply
				<-tm.ended
				synctest.Wait()
				if n := runtime.NumGoroutine(); n > 100 {
					t.Error(n)
				}
			})
		})
	}
}

func TestServeStdioRefusesLoggersOnStandardOutput(t *testing.T) {
	db := setup(t).db
	for name, cfg := range map[string]mcpecho.Config{
		"Config.DB":   {DB: db.Session(&gorm.Session{Logger: logger.Default})},
		"Config.Echo": {Echo: echo.New()},
	} {
		cfg.Name = "test"
		if err := mcpecho.New(cfg).ServeStdio(t.Context(), nil); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "os.Stderr") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := mcpecho.Config{Name: "test", DB: db.Session(&gorm.Session{Logger: logger.Default.LogMode(logger.Silent)})}
	if err := mcpecho.New(cfg).ServeStdio(t.Context(), nil); err == nil {
		t.Error("LogMode hides the logger")
	}
}
