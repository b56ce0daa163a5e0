package mcpecho_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// talkative is a _meta that asks for everything a server can send.
const talkative = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"debug","progressToken":"tok"}`

// bare is a bundle without a database, for tests inside a synctest bubble.
func bare(t *testing.T, change ...func(*mcpecho.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, e: echo.New(), log: &strings.Builder{}}
	cfg := mcpecho.Config{Name: "test", Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	for _, f := range change {
		f(&cfg)
	}
	b.srv = mcpecho.New(cfg)
	b.srv.Mount(b.e.Group("/mcp"))
	return b
}

// event is one message of a stream.
type event struct {
	Method string         `json:"method"`
	Params map[string]any `json:"params"`
	raw    string
}

// streamed is a reply that may be a stream: the notifications and the reply
// that ends them.
type streamed struct {
	reply
	events []event
	stream bool
}

// of are the events of one method.
func (s streamed) of(method string) (list []event) {
	for _, e := range s.events {
		if e.Method == method {
			list = append(list, e)
		}
	}
	return list
}

// progress are the progress values of the stream.
func (s streamed) progress() (list []float64) {
	for _, e := range s.of("notifications/progress") {
		list = append(list, e.Params["progress"].(float64))
	}
	return list
}

// post sends a body and splits what comes back.
func (b *bundle) post(ctx context.Context, body string, headers ...string) streamed {
	b.t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mcp", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.e.ServeHTTP(rec, req)
	s := streamed{reply: reply{Status: rec.Code, Header: rec.Header(), Body: rec.Body.String()}}
	messages := []string{s.Body}
	if s.stream = rec.Header().Get("Content-Type") == "text/event-stream"; s.stream {
		messages = strings.Split(strings.TrimSuffix(s.Body, "\n\n"), "\n\n")
	}
	for i, m := range messages {
		if s.stream {
			m = strings.TrimPrefix(m, "data: ")
		}
		if strings.ContainsAny(strings.TrimSpace(m), "\r\n") {
			b.t.Errorf("an event holds a line break: %q", m)
		}
		var e event
		if m != "" && i < len(messages)-1 {
			if err := json.Unmarshal([]byte(m), &e); err != nil {
				b.t.Fatalf("%v in event %q", err, m)
			}
			e.raw = m
			s.events = append(s.events, e)
		} else if m != "" {
			if err := json.Unmarshal([]byte(m), &s.reply); err != nil {
				b.t.Fatalf("%v in message %q", err, m)
			}
		}
	}
	return s
}

// ask sends a modern request with a _meta of its own.
func (b *bundle) ask(meta, method, name, params string) streamed {
	b.t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s,%s}}`, method, params, meta)
	return b.post(b.t.Context(), body, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", name)
}

// work calls the tool "work" with everything asked for.
func (b *bundle) work() streamed {
	b.t.Helper()
	return b.ask(talkative, "tools/call", "work", `"name":"work"`)
}

func working(f func(c *mcpecho.Call)) *mcpecho.Spec {
	return mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
		f(c)
		return "done", nil
	})
}

func TestProgressTurnsTheReplyIntoAStream(t *testing.T) {
	b := setup(t)
	ran := 0
	b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
		c.Progress(0, 0, "")
		c.Progress(0.5, 2, "half\nway ☕")
		return "done", nil
	}, mcpecho.Named("foreign", counting(&ran))))
	session := b.initialize()
	for _, token := range []string{`"tok"`, `7`, `-1`, `""`, `"a\"b"`} {
		meta := strings.Replace(talkative, `"tok"`, token, 1)
		dated := b.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{"progressToken":`+token+`}}}`,
			"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
		for _, s := range []streamed{b.ask(meta, "tools/call", "work", `"name":"work"`), dated} {
			if !s.stream || s.Status != http.StatusOK || s.Header.Get("X-Accel-Buffering") != "no" || s.Header.Get("Content-Length") != "" {
				t.Fatalf("%v %s", s.Header, s.Body)
			}
			want := []string{
				`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + token + `,"progress":0}}`,
				`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + token + `,"progress":0.5,"total":2,"message":"half\nway ☕"}}`,
			}
			if len(s.events) != 2 || s.events[0].raw != want[0] || s.events[1].raw != want[1] {
				t.Errorf("events = %+v", s.events)
			}
			if s.text() != "done" || s.ID != 1.0 {
				t.Errorf("the reply does not end the stream: %s", s.Body)
			}
		}
	}
	if ran != 10 {
		t.Errorf("the foreign middleware ran %d times", ran)
	}
}

func TestWithoutATokenProgressSendsNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(working(func(c *mcpecho.Call) { c.Progress(1, 2, "x") }))
	if s := b.ask(meta, "tools/call", "work", `"name":"work"`); s.stream || s.text() != "done" {
		t.Error(s.Body)
	}
	if r := b.dated(b.initialize(), "tools/call", `"name":"work"`); r.text() != "done" {
		t.Error(r.Body)
	}
	for _, token := range []string{`1.5`, `{}`, `true`} {
		s := b.ask(strings.Replace(talkative, `"tok"`, token, 1), "tools/call", "work", `"name":"work"`)
		expect(t, s.reply, http.StatusBadRequest, -32602)
	}
}

func TestProgressOnlyGrows(t *testing.T) {
	b := setup(t)
	b.srv.Add(working(func(c *mcpecho.Call) {
		for _, done := range []float64{1, 1, 0.5, -3, math.NaN(), math.Inf(1), 2, math.Inf(-1), 1.5, 3} {
			c.Progress(done, 10, "")
		}
		c.Progress(4, math.NaN(), "")
		c.Progress(5, math.Inf(1), "")
		c.Progress(6, 10, "\xff")
		c.Progress(6, 10, "last")
	}))
	if s := b.work(); fmt.Sprint(s.progress()) != "[1 2 3 6]" {
		t.Error(s.Body)
	}
}

func TestAtMostTenProgressReportsASecondAndTheLastAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bare(t)
		var at []time.Time
		b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Writer = &noting{c.Response().Writer, func() { at = append(at, time.Now()) }}
				return next(c)
			}
		})
		b.srv.Add(working(func(c *mcpecho.Call) {
			for i := range 500 { // 5 s
				c.Progress(float64(i), 500, "")
				time.Sleep(10 * time.Millisecond)
			}
			c.Progress(500, 500, "")
		}))
		s := b.work()
		done := s.progress()
		if n := len(done); n < 45 || n > 52 || done[n-1] != 500 {
			t.Errorf("%d reports in 5 s, the last is %v", len(done), done[len(done)-1])
		}
		// The last report and the reply are exempt.
		at = at[:len(at)-2]
		for i := 10; i < len(at); i++ {
			if at[i].Sub(at[i-10]) < time.Second {
				t.Fatalf("reports %d to %d came within %v", i-10, i, at[i].Sub(at[i-10]))
			}
		}
	})
}

// noting is a response that calls a function for each event.
type noting struct {
	http.ResponseWriter
	note func()
}

func (n *noting) Write(b []byte) (int, error) { n.note(); return n.ResponseWriter.Write(b) }
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func TestAtMostAThousandNotificationsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bare(t, func(c *mcpecho.Config) { c.CallTimeout = time.Hour })
		b.srv.Add(working(func(c *mcpecho.Call) {
			for i := range 1001 {
				c.Progress(float64(i+1), 1001, "")
				time.Sleep(200 * time.Millisecond)
				if i%100 == 0 {
					c.Log(mcpecho.LogInfo, i)
				}
				time.Sleep(200 * time.Millisecond)
			}
		}))
		s := b.work()
		done := s.progress()
		if len(s.events) != 1000 || done[len(done)-1] != 1001 || s.text() != "done" {
			t.Errorf("%d notifications, the last report is %v", len(s.events), done[len(done)-1])
		}
	})
}

func TestTheFirstEventIsThereBeforeTheCallEnds(t *testing.T) {
	b := setup(t)
	release := make(chan struct{})
	b.srv.Add(working(func(c *mcpecho.Call) {
		c.Progress(1, 2, "")
		<-release
	}))
	server := httptest.NewServer(b.e)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/mcp",
		strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work",`+talkative+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range modernHeaders("tools/call", "work") {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"progress":1`) {
		t.Fatalf("first line %q", lines.Text())
	}
	close(release)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"done"`) {
			return
		}
	}
	t.Error("the stream ended without the reply")
}

func TestAnErrorAfterProgressIsTheLastEvent(t *testing.T) {
	tests := map[string]struct {
		end  func() error
		code int
		typ  string
	}{
		"a tool error":     {func() error { return mcpecho.Errorf("no") }, 0, mcpecho.TypeError},
		"an unknown error": {func() error { return errors.New("dsn=secret") }, 0, mcpecho.TypeInternal},
		"a panic":          {func() error { panic("dsn=secret") }, 0, mcpecho.TypeInternal},
		"a protocol error": {func() error { return &mcpecho.Error{Code: 403, Message: "no"} }, 403, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
				c.Progress(1, 0, "")
				return "", tt.end()
			}))
			s := b.work()
			if !s.stream || len(s.events) != 1 || strings.Contains(s.Body, "secret") {
				t.Fatal(s.Body)
			}
			expect(t, s.reply, http.StatusOK, tt.code)
			if tt.typ != "" && s.failure(t)["type"] != tt.typ {
				t.Error(s.Body)
			}
		})
	}
}

func TestEveryKindOfCallCanNotify(t *testing.T) {
	b := setup(t)
	notify := func(c *mcpecho.Call) {
		c.Progress(1, 1, "")
		c.Log(mcpecho.LogInfo, c.Name())
	}
	b.srv.Add(
		mcpecho.Resource("x://r", func(c *mcpecho.Call, _ none) (string, error) { notify(c); return "content", nil }),
		mcpecho.Prompt("p", func(c *mcpecho.Call, _ summariseIn) (string, error) { notify(c); return "content", nil },
			mcpecho.Complete("tone", func(c *mcpecho.Call, _ string, _ map[string]string) ([]string, error) {
				notify(c)
				return []string{"content"}, nil
			})),
	)
	for method, params := range map[string]string{
		"resources/read":      `"uri":"x://r"`,
		"prompts/get":         `"name":"p","arguments":{"period":"x"}`,
		"completion/complete": `"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"tone","value":""}`,
	} {
		name := map[string]string{"resources/read": "x://r", "prompts/get": "p"}[method]
		s := b.ask(talkative, method, name, params)
		if !s.stream || len(s.events) != 2 || s.Result == nil || !strings.Contains(fmt.Sprint(s.Result), "content") {
			t.Errorf("%s: %s", method, s.Body)
		}
	}
}

func TestLogsAreSentFromTheLevelTheClientAskedFor(t *testing.T) {
	levels := []mcpecho.LogLevel{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
	for i, level := range levels {
		b := setup(t)
		b.srv.Add(working(func(c *mcpecho.Call) {
			for _, l := range levels {
				c.Log(l, map[string]any{"at": l})
			}
			c.Log("verbose", "unknown levels are not sent")
			c.Log("", "nor none")
		}))
		asking := strings.Replace(talkative, `"debug"`, `"`+string(level)+`"`, 1)
		session := b.initialize()
		if r := b.dated(session, "logging/setLevel", `"level":"`+string(level)+`"`); fmt.Sprint(r.Result) != "map[]" || r.Error != nil {
			t.Fatal(r.Body)
		}
		dated := b.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work"}}`, "MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
		for _, s := range []streamed{b.ask(asking, "tools/call", "work", `"name":"work"`), dated} {
			logs := s.of("notifications/message")
			if len(logs) != len(levels)-i || s.text() != "done" {
				t.Errorf("%s: %d messages: %s", level, len(logs), s.Body)
				continue
			}
			if want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"logger":"work","data":{"at":%q}}}`, level, level); logs[0].raw != want {
				t.Errorf("%s, want %s", logs[0].raw, want)
			}
		}
	}
}

func TestNobodyGetsLogsUnasked(t *testing.T) {
	b := setup(t)
	b.srv.Add(working(func(c *mcpecho.Call) { c.Log(mcpecho.LogEmergency, "fire") }))
	first, second := b.initialize(), b.initialize()
	call := func(session string) streamed {
		return b.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work"}}`, "MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
	}
	if s := call(first); s.stream || s.text() != "done" {
		t.Error(s.Body)
	}
	b.dated(first, "logging/setLevel", `"level":"debug"`)
	if s := call(first); len(s.events) != 1 {
		t.Error(s.Body)
	}
	if s := call(second); s.stream {
		t.Error("one session's level is another's: ", s.Body)
	}
	if s := b.ask(meta, "tools/call", "work", `"name":"work"`); s.stream {
		t.Error(s.Body)
	}
	// A dated request cannot ask for it in its _meta.
	s := b.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{"io.modelcontextprotocol/logLevel":"debug"}}}`,
		"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", second)
	if s.stream {
		t.Error(s.Body)
	}
	for _, level := range []string{`"verbose"`, `"DEBUG"`, `7`, `null`, `""`} {
		expect(t, b.dated(first, "logging/setLevel", `"level":`+level), http.StatusOK, -32602)
		expect(t, b.ask(strings.Replace(talkative, `"debug"`, level, 1), "tools/call", "work", `"name":"work"`).reply, http.StatusBadRequest, -32602)
	}
	expect(t, b.modern("logging/setLevel", `"level":"debug"`), http.StatusNotFound, -32601)
}

func TestLogDataIsOneLineOfJSONOrNotSent(t *testing.T) {
	b := setup(t)
	b.srv.Add(working(func(c *mcpecho.Call) {
		c.Log(mcpecho.LogInfo, jsontext.Value("{\n \"a\": 1\r\n}"))
		c.Log(mcpecho.LogInfo, "line\nbreak")
		c.Log(mcpecho.LogInfo, make(chan int))
		c.Log(mcpecho.LogInfo, jsontext.Value(`{"broken`))
		c.Log(mcpecho.LogInfo, nil)
	}))
	s := b.work()
	var data []string
	for _, e := range s.events {
		data = append(data, fmt.Sprintf("%q", fmt.Sprint(e.Params["data"])))
	}
	if fmt.Sprint(data) != `["map[a:1]" "line\nbreak" "<nil>"]` || s.text() != "done" {
		t.Errorf("%v in %s", data, s.Body)
	}
	if strings.Count(b.log.String(), "cannot be encoded") != 2 {
		t.Error(b.log.String())
	}
}

func TestMoreThanTenLogsASecondAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bare(t)
		b.srv.Add(working(func(c *mcpecho.Call) {
			for range 3 {
				for i := range 50 {
					c.Log(mcpecho.LogInfo, i)
				}
				time.Sleep(time.Second)
			}
		}))
		if s := b.work(); len(s.events) != 30 {
			t.Errorf("%d messages in three seconds", len(s.events))
		}
	})
}

func TestWithoutATokenProgressAllocatesNothing(t *testing.T) {
	b := setup(t)
	allocs := -1.0
	b.srv.Add(working(func(c *mcpecho.Call) {
		allocs = testing.AllocsPerRun(100, func() { c.Progress(1, 2, "message"); c.Log(mcpecho.LogDebug, "message") })
	}))
	if r := b.call("work", `{}`); r.text() != "done" || allocs != 0 {
		t.Errorf("%v allocations: %s", allocs, r.Body)
	}
}

func TestAClientThatTakesOnlyJSONGetsNoEventStream(t *testing.T) {
	for accept, stream := range map[string]bool{
		"application/json": false, "application/*;q=0.5": false,
		"application/json, text/event-stream": true, "application/json, text/*": true, "*/*": true,
	} {
		b := setup(t)
		b.srv.Add(working(func(c *mcpecho.Call) {
			c.Progress(1, 2, "")
			c.Log(mcpecho.LogError, "x")
		}))
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work",` + talkative + `}}`
		s := b.post(t.Context(), body, "Accept", accept, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "work")
		if s.stream != stream || s.text() != "done" || (len(s.events) > 0) != stream {
			t.Errorf("%s: stream %v, %d events: %s", accept, s.stream, len(s.events), s.Body)
		}
	}
}

func TestNullWhereNothingIsMeantIsNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(working(func(c *mcpecho.Call) { c.Progress(1, 2, "") }))
	session := b.initialize()
	dated := []string{"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session}
	for _, method := range []string{"ping", "tools/list"} {
		expect(t, b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":null}`, dated...), 200, 0)
	}
	for range 4 { // the last ones are recognised by their bytes
		s := b.post(t.Context(), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{"progressToken":null}}}`, dated...)
		if s.stream || s.text() != "done" {
			t.Errorf("%d %s", s.Status, s.Body)
		}
	}
}

// Workers that report are the usual pattern: none of their reports may race, reach a later reply or
// come after the own one.
func TestGoroutinesOfAHandlerMayReportAtAnyTime(t *testing.T) {
	b := setup(t)
	var workers sync.WaitGroup
	b.srv.Add(working(func(c *mcpecho.Call) {
		var begun sync.WaitGroup
		for w := range 4 {
			begun.Add(1)
			workers.Go(func() {
				for i := range 200 {
					c.Progress(float64(i), 200, "")
					c.Log(mcpecho.LogInfo, w)
					if i == 0 {
						begun.Done()
					}
				}
			})
		}
		begun.Wait()
	}), mcpecho.Service("quiet", say("quiet")))
	for range 20 {
		s := b.work()
		if !s.stream || s.text() != "done" {
			t.Errorf("%d %s", s.Status, s.Body)
		}
		if q := b.ask(talkative, "tools/call", "quiet", `"name":"quiet"`); q.stream {
			t.Errorf("a late report reached another reply: %s", q.Body)
		}
	}
	workers.Wait()
}

// A handler that reports inside a transaction holds its locks while the client does not read.
func TestAReportWaitsNoLongerThanTheCallForAClientThatDoesNotRead(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.CallTimeout = 300 * time.Millisecond })
	left := make(chan time.Duration, 1)
	b.srv.Add(working(func(c *mcpecho.Call) {
		c.Log(mcpecho.LogInfo, strings.Repeat("x", 512<<10))
		end, _ := c.Ctx().Deadline()
		left <- time.Until(end)
	}))
	l := listen(b)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work",` + talkative + `}}`
	l.raw(len(body), body, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "work")
	if left := await(t, "the handler", left); left > 0 {
		t.Errorf("the report was given up %s before the end of the call", left)
	}
}

func TestAStreamHasTheHeadersOfWhatStandsAroundTheServer(t *testing.T) {
	for name, steps := range map[string][]mcpecho.Option{
		"no step sets one": nil,
		"a step sets one": {mcpecho.Named("header", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Set("X-Step", "set")
				return next(c)
			}
		})},
	} {
		b := &bundle{t: t, e: echo.New(), log: &strings.Builder{}}
		b.srv = mcpecho.New(mcpecho.Config{
			Name: "test", Logger: slog.New(slog.NewTextHandler(b.log, nil)), Origins: []string{"https://app.example.com"},
		})
		around := func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Set("X-Request-Id", "7")
				c.SetCookie(&http.Cookie{Name: "session", Value: "kept"})
				return next(c)
			}
		}
		b.srv.Mount(b.e.Group("/mcp", around))
		b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
			c.Progress(1, 2, "")
			return "done", nil
		}, steps...))
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work",%s}}`, talkative)
		r := b.post(t.Context(), body, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "work",
			"Origin", "https://app.example.com")
		h := r.Header
		if !r.stream || h.Get("Access-Control-Allow-Origin") != "https://app.example.com" || h.Get("X-Request-Id") != "7" ||
			!strings.Contains(h.Get("Set-Cookie"), "kept") || !strings.Contains(h.Get("Vary"), "Origin") || (h.Get("X-Step") == "set") != (steps != nil) {
			t.Errorf("%s: stream %v, headers %v", name, r.stream, h)
		}
	}
}
