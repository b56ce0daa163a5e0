package network

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
)

// status reads the status of the one reply of a connection, 0 when there is none.
func status(t testing.TB, conn net.Conn) int {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatal("the connection is neither answered nor cut")
	}
	var code int
	_, _ = fmt.Sscanf(string(b), "HTTP/1.1 %d", &code)
	return code
}

func TestBodiesThatDoNotComeStopNobodyElse(t *testing.T) {
	s := open(t)
	var conns []net.Conn
	for range 200 {
		conn := s.dial()
		fmt.Fprintf(conn, "%s{", head("mallory", "small", "Content-Length: 1000"))
		conns = append(conns, conn)
	}
	s.arrived(200)
	s.others()
	late := 0
	for _, conn := range conns {
		switch code := status(t, conn); code {
		case http.StatusRequestTimeout:
			late++
		case http.StatusServiceUnavailable:
		default:
			t.Errorf("a body that does not come is answered with %d", code)
		}
	}
	if late < 1 || late > 80 {
		t.Errorf("%d of the bodies had a place", late)
	}
	s.settled("mallory")
}

func TestLargeBodiesThatAreHeldBackGiveTheirMemoryBack(t *testing.T) {
	s := open(t, func(c *mcpecho.Config) { c.MaxInFlight = 1200 })
	piece := strings.Repeat(" ", 250<<10)
	var conns []net.Conn
	for range 300 { // of one principal, whose share it is
		conn := s.dial()
		fmt.Fprint(conn, head("mallory", "small", "Transfer-Encoding: chunked"))
		conns = append(conns, conn)
	}
	s.arrived(300)
	for _, conn := range conns {
		go func() { fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece) }()
	}
	s.others()
	for _, conn := range conns {
		if code := status(t, conn); code != http.StatusRequestTimeout && code != 0 {
			t.Errorf("a body that is held back is answered with %d", code)
		}
	}
	s.settled("mallory")
}

func TestRepliesThatAreNotReadStopNobodyElse(t *testing.T) {
	s := open(t)
	request := head("mallory", "big", fmt.Sprint("Content-Length: ", len(message("big")))) + message("big")
	for range 60 {
		conn := s.dial()
		fmt.Fprint(conn, strings.Repeat(request, 4))
	}
	s.arrived(60)
	s.others()
	s.settled("mallory")
}

func TestClientsThatLeaveAtAnyMomentLeaveNothing(t *testing.T) {
	s := open(t)
	small, big, long := message("small"), message("big"), message("long")
	length := func(body string) string { return fmt.Sprint("Content-Length: ", len(body)) }
	moments := map[string]struct {
		send string
		read int // bytes of the reply before leaving
	}{
		"before anything":        {"", 0},
		"in the head":            {head("mallory", "small", length(small))[:40], 0},
		"before the body":        {head("mallory", "small", length(small)), 0},
		"in the body":            {head("mallory", "small", length(small)) + small[:20], 0},
		"in a chunk":             {head("mallory", "small", "Transfer-Encoding: chunked") + "ff\r\n" + small[:20], 0},
		"after the body":         {head("mallory", "small", length(small)) + small, 0},
		"in a large reply":       {head("mallory", "big", length(big)) + big, 100},
		"during a call":          {head("mallory", "long", length(long)) + long, 0},
		"in an event stream":     {head("mallory", "long", length(long)) + long, 200},
		"with another pipelined": {head("mallory", "long", length(long)) + long + head("mallory", "small", length(small)), 200},
	}
	for name, moment := range moments {
		for range 5 {
			conn := s.dial()
			fmt.Fprint(conn, moment.send)
			if moment.read > 0 {
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.ReadFull(conn, make([]byte, moment.read)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			_ = conn.Close()
		}
	}
	s.others()
	s.settled("mallory")
}

func TestTenThousandSessionsCostABoundAndEndNobodyElses(t *testing.T) {
	s := open(t)
	initialize := func(user, addr string) string {
		t.Helper()
		request := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(
			`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"experimental":{"x":"`+
				strings.Repeat("x", 1000)+`"}},"clientInfo":{"name":"t","version":"0"}}}`))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-User", user)
		request.RemoteAddr = addr
		record := httptest.NewRecorder()
		s.e.ServeHTTP(record, request)
		if record.Code != http.StatusOK {
			t.Fatalf("initialize of %q at %s: %d %s", user, addr, record.Code, record.Body)
		}
		return record.Header().Get("Mcp-Session-Id")
	}
	ping := func(user, session string) int {
		request := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-User", user)
		request.Header.Set("Mcp-Session-Id", session)
		record := httptest.NewRecorder()
		s.e.ServeHTTP(record, request)
		return record.Code
	}
	alice, somebody := initialize("alice", "192.0.2.1:1"), initialize("", "192.0.2.1:1")
	if ping("alice", alice) != http.StatusOK || ping("", somebody) != http.StatusOK {
		t.Fatal("the sessions do not work")
	}
	for i := range 10_000 {
		switch i % 4 {
		case 0:
			initialize("mallory", "198.51.100.7:1")
		case 1:
			initialize(fmt.Sprint("mallory", i%100), "198.51.100.7:1")
		default:
			initialize("", "198.51.100.7:1")
		}
	}
	if ping("alice", alice) != http.StatusOK || ping("", somebody) != http.StatusOK {
		t.Error("a flood has ended a session of somebody else")
	}
	initialize("newcomer", "192.0.2.1:1")
	initialize("", "192.0.2.2:1")
	if used := heap() - min(s.heap, heap()); used > 40<<20 {
		t.Errorf("the sessions take %d KiB", used>>10)
	}
}

// BenchmarkOthersDuringSlowBodies prints how much longer an honest caller waits while all places of
// another are held by bodies that do not come.
func BenchmarkOthersDuringSlowBodies(b *testing.B) {
	s := open(b, func(c *mcpecho.Config) { c.BodyTimeout = time.Minute })
	quiet := time.Duration(0)
	const calls = 200
	for range calls {
		quiet += s.honest("alice")
	}
	for range 200 {
		fmt.Fprintf(s.dial(), "%s{", head("mallory", "small", "Content-Length: 1000"))
	}
	n := 0
	began := time.Now()
	for b.Loop() {
		s.honest("alice")
		n++
	}
	b.ReportMetric(float64(time.Since(began))/float64(n)/(float64(quiet)/calls), "x-quiet")
}
