package network

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/integration_test/wait"
	"github.com/mcpecho/kit/mcpecho"
)

const (
	patience  = 20 * time.Second // for what must happen at all
	promptly  = 2 * time.Second  // for the answer to whoever is not attacking
	bodyTime  = time.Second
	replyTime = 500 * time.Millisecond
)

// site is a server on real connections that take little of a reply that is not read. Who calls is
// what the header X-User says.
type site struct {
	t         testing.TB
	e         *echo.Echo
	srv       *mcpecho.Server
	addr      string
	client    *http.Client
	conns     []net.Conn    // of the attackers
	bodies    chan struct{} // a message for each request that has reached the server
	goroutine int
	heap      uint64
}

type none struct{}

func open(t testing.TB, change ...func(*mcpecho.Config)) *site {
	t.Helper()
	cfg := mcpecho.Config{
		Name: "site", Logger: slog.New(slog.DiscardHandler),
		MaxInFlight: 80, MaxBodyBytes: 512 << 10, BodyTimeout: bodyTime, ReplyTimeout: replyTime,
	}
	for _, f := range change {
		f(&cfg)
	}
	s := &site{t: t, e: echo.New(), srv: mcpecho.New(cfg), bodies: make(chan struct{}, 10_000)}
	text := strings.Repeat("x", 50<<10)
	s.srv.Add(
		mcpecho.Service("small", func(*mcpecho.Call, none) (string, error) { return "ok", nil }),
		mcpecho.Service("big", func(*mcpecho.Call, none) (string, error) { return text, nil }),
		mcpecho.Service("long", func(c *mcpecho.Call, _ none) (string, error) {
			for i := range 1000 {
				c.Progress(float64(i+1), 1000, text[:1000])
				select {
				case <-c.Ctx().Done():
					return "", c.Ctx().Err()
				case <-time.After(10 * time.Millisecond):
				}
			}
			return "ok", nil
		}),
	)
	s.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if user := c.Request().Header.Get("X-User"); user != "" {
				mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: user})
			}
			select {
			case s.bodies <- struct{}{}:
			default:
			}
			return next(c)
		}
	})
	s.srv.Mount(s.e.Group("/mcp"))
	server := httptest.NewUnstartedServer(s.e)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Listener = rawhttp.Narrow(server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	s.client = &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(s.client.CloseIdleConnections)
	s.honest("warm") // what is made once
	s.client.CloseIdleConnections()
	s.goroutine, s.heap = runtime.NumGoroutine(), heap()
	return s
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}`

func message(tool string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":{},` + meta + `}}`
}

// head is the head of a request for a tool, whose body follows.
func head(user, tool, length string) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: x\r\nX-User: %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: %s\r\n%s\r\n\r\n",
		user, tool, length)
}

// dial opens a connection that takes little.
func (s *site) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { _ = conn.Close() })
	s.conns = append(s.conns, conn)
	return conn
}

// honest makes a call as somebody who does nothing wrong, and returns what it took.
func (s *site) honest(user string) time.Duration {
	s.t.Helper()
	took, status, body := s.call(user)
	if status != http.StatusOK || !strings.Contains(body, `"ok"`) {
		s.t.Fatalf("%s is answered with %d %s", user, status, body)
	}
	return took
}

func (s *site) call(user string) (took time.Duration, status int, body string) {
	s.t.Helper()
	began := time.Now()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+"/mcp", strings.NewReader(message("small")))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-User": user, "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "small",
	} {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return time.Since(began), response.StatusCode, string(b)
}

// others must be answered while an attack goes on.
func (s *site) others() {
	s.t.Helper()
	for i := range 20 {
		if took := s.honest(fmt.Sprint("honest", i%4)); took > promptly {
			s.t.Errorf("an honest caller waited %s", took)
		}
	}
}

// arrived waits until n requests have reached the server since the last time.
func (s *site) arrived(n int) {
	s.t.Helper()
	late := time.After(patience)
	for i := range n {
		select {
		case <-s.bodies:
		case <-late:
			s.t.Fatalf("%d of %d requests arrived", i, n)
		}
	}
}

// settled waits until nothing is left of the attacks: the attackers are served like everybody and
// Shutdown finds every place free, though their connections are open; when these are closed,
// goroutines and memory are what they were.
func (s *site) settled(attacker string) {
	s.t.Helper()
	wait.Until(s.t, "the attacker to be served again", func() bool {
		_, status, _ := s.call(attacker)
		return status == http.StatusOK
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.srv.Shutdown(ctx); err != nil {
		s.t.Errorf("places are taken: %v", err)
	}
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
	wait.Until(s.t, fmt.Sprint("as few goroutines as the ", s.goroutine, " at the start"), func() bool {
		s.client.CloseIdleConnections()
		return runtime.NumGoroutine() <= s.goroutine+5
	})
	wait.Until(s.t, fmt.Sprint("as little memory as the ", s.heap>>10, " KiB at the start"), func() bool {
		return heap() < s.heap+4<<20
	})
}
