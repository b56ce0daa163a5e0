package mcpecho_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/integration_test/rawhttp"
	"github.com/mcpecho/kit/mcpecho"
)

// listening is a bundle behind an http.Server on a real connection.
type listening struct {
	*bundle
	addr string
}

func listen(b *bundle, change ...func(*http.Server)) listening {
	server := httptest.NewUnstartedServer(b.e)
	server.Listener = rawhttp.Narrow(server.Listener)
	for _, f := range change {
		f(server.Config)
	}
	server.Start()
	b.t.Cleanup(server.Close)
	return listening{b, server.Listener.Addr().String()}
}

// raw opens a connection and writes the head of a POST whose body has length bytes, and the
// beginning of that body.
func (l listening) raw(length int, begin string, headers ...string) net.Conn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	head := "POST /mcp HTTP/1.1\r\nHost: " + l.addr + "\r\nContent-Type: application/json\r\n"
	for i := 0; i < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, length, begin); err != nil {
		l.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// cut reads one reply and makes sure that the connection is closed behind it.
func (l listening) cut(conn net.Conn) (status int, body string) {
	l.t.Helper()
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		l.t.Fatal("no reply: ", err)
	}
	b, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := r.ReadByte(); err == nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		l.t.Errorf("the connection goes on: %v", err)
	}
	return response.StatusCode, string(b)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestABodyThatDoesNotComeIsAnsweredWith408AndCut(t *testing.T) {
	l := listen(setup(t, func(c *mcpecho.Config) { c.BodyTimeout = 100 * time.Millisecond }))
	for name, headers := range map[string][]string{"plain": nil, "gzip": {"Content-Encoding", "gzip"}} {
		status, body := l.cut(l.raw(1000, `{"jsonrpc"`, headers...))
		if status != http.StatusRequestTimeout || !strings.Contains(body, "100ms") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if !strings.Contains(l.log.String(), "reason=body_time") {
		t.Errorf("log: %s", l.log)
	}
}

// net/http reads what is left of a refused body before it sends the refusal.
func TestARefusedRequestCannotHoldItsConnectionWithItsBody(t *testing.T) {
	l := listen(setup(t, func(c *mcpecho.Config) { c.BodyTimeout = 100 * time.Millisecond }))
	if status, _ := l.cut(l.raw(1000, `{"jsonrpc"`, "Origin", "https://evil.example")); status != http.StatusForbidden {
		t.Errorf("status %d", status)
	}
}

func TestTheTimeOfTheBodyIsNotThatOfTheCall(t *testing.T) {
	for name, change := range map[string]func(*http.Server){
		"without time-outs":         func(*http.Server) {},
		"with a longer ReadTimeout": func(s *http.Server) { s.ReadTimeout = time.Minute },
	} {
		b := setup(t, func(c *mcpecho.Config) { c.BodyTimeout = 100 * time.Millisecond })
		b.srv.Add(mcpecho.Service("long", func(c *mcpecho.Call, _ none) (string, error) {
			select {
			case <-c.Ctx().Done():
				return "", c.Ctx().Err()
			case <-time.After(400 * time.Millisecond):
				return "done", nil
			}
		}))
		l := listen(b, change)
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"long",` + meta + `}}`
		conn := l.raw(len(body), body, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "long", "Connection", "close")
		if status, body := l.cut(conn); status != http.StatusOK || !strings.Contains(body, "done") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestAReadTimeoutOfTheServerHoldsForBodies(t *testing.T) {
	longer := func(c *mcpecho.Config) { c.BodyTimeout = time.Hour }
	l := listen(setup(t, longer), func(s *http.Server) { s.ReadTimeout = 200 * time.Millisecond })
	if status, _ := l.cut(l.raw(1000, `{"jsonrpc"`)); status != http.StatusRequestTimeout {
		t.Errorf("status %d", status)
	}
}

// big is a tool whose result fills the buffers of any connection several times.
func big(size int) *mcpecho.Spec {
	text := strings.Repeat("x", size)
	return mcpecho.Service("big", func(*mcpecho.Call, none) (string, error) { return text, nil })
}

const callBig = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"big",` + meta + `}}`

var bigHeaders = []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "big"}

func TestAReplyThatIsNotReadIsGivenUp(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ReplyTimeout = 100 * time.Millisecond })
	b.srv.Add(big(60 << 10))
	ended := make(chan struct{})
	b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			defer close(ended)
			return next(c)
		}
	})
	l := listen(b)
	l.raw(len(callBig), callBig, bigHeaders...)
	await(t, "the reply to be given up", ended)
	if !strings.Contains(b.log.String(), "reason=reply_time") {
		t.Errorf("log: %s", b.log)
	}
}

// The deadline of the http.Server counts from the request on: a call may have used it up.
func TestAReplyAfterTheWriteTimeoutOfTheServerIsNoFaultOfTheClient(t *testing.T) {
	b := setup(t)
	b.srv.Add(big(60 << 10))
	ended := make(chan struct{})
	b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			defer close(ended)
			return next(c)
		}
	})
	l := listen(b, func(s *http.Server) { s.WriteTimeout = time.Nanosecond })
	l.raw(len(callBig), callBig, bigHeaders...)
	await(t, "the call to end", ended)
	if strings.Contains(b.log.String(), "reason=reply_time") {
		t.Errorf("log: %s", b.log)
	}
}

func TestALargeReplyIsWholeOnAConnectionThatIsReadAndGoesOn(t *testing.T) {
	const size = 900 << 10
	b := setup(t, func(c *mcpecho.Config) { c.ReplyTimeout = 200 * time.Millisecond })
	b.srv.Add(big(size))
	l := listen(b)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.addr+"/mcp", strings.NewReader(callBig))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(bigHeaders); i += 2 {
			request.Header.Set(bigHeaders[i], bigHeaders[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || len(body) < 2*size || response.ContentLength != int64(len(body)) {
			t.Fatalf("%d bytes of %d, %v", len(body), response.ContentLength, err)
		}
		time.Sleep(300 * time.Millisecond) // the deadline of the reply is not that of the connection
	}
}

// frame is one frame of HTTP/2. (RFC 9113, section 4.1)
func frame(kind, flags byte, stream uint32, payload string) string {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

// http2 sends a POST by HTTP/2 as a client that takes nothing of a reply's body, and returns the
// first frame that ends the stream.
func (l listening) http2(body string, headers ...string) (kind byte) {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	block := ""
	for i, h := 0, append([]string{":method", "POST", ":scheme", "http", ":path", "/mcp", ":authority", l.addr,
		"content-type", "application/json"}, headers...); i < len(h); i += 2 {
		name := strings.ToLower(h[i]) // literal fields (RFC 7541, section 6.2.2)
		block += "\x00" + string(rune(len(name))) + name + string(rune(len(h[i+1]))) + h[i+1]
	}
	const settings, data, header, endStream, endHeaders = 4, 0, 1, 1, 4
	noWindow := "\x00\x04\x00\x00\x00\x00"
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(settings, 0, 0, noWindow)+
		frame(header, endHeaders, 1, block)+frame(data, endStream, 1, body)); err != nil {
		l.t.Fatal(err)
	}
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			l.t.Fatalf("the stream goes on: %v", err)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
			l.t.Fatal(err)
		}
		const reset = 3
		if stream := binary.BigEndian.Uint32(head[5:]); stream == 1 && (head[3] == reset || head[4]&endStream != 0) {
			return head[3]
		}
	}
}

func TestASmallReplyThatAStreamOfHTTP2DoesNotTakeIsGivenUp(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.ReplyTimeout, c.BodyTimeout = 100*time.Millisecond, 100*time.Millisecond })
	b.srv.Add(mcpecho.Service("small", func(*mcpecho.Call, none) (string, error) { return "ok", nil }),
		mcpecho.Service("late", func(c *mcpecho.Call, _ none) (string, error) {
			select {
			case <-c.Ctx().Done():
				t.Error("the stream was reset during its call")
			case <-time.After(400 * time.Millisecond): // longer than a body and a reply may take
			}
			return "ok", nil
		}))
	b.e = echo.New()
	b.srv.Mount(b.e.Group("/mcp"), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().Header.Get("Authorization") != "" {
				return c.String(http.StatusUnauthorized, "no")
			}
			return next(c)
		}
	})
	l := listen(b, func(s *http.Server) {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetUnencryptedHTTP2(true)
	})
	for name, headers := range map[string][]string{
		"a call":                      {"Mcp-Name", "small"},
		"a long call":                 {"Mcp-Name", "late"},
		"a message that is no JSON":   nil,
		"a refusal of authentication": {"Authorization", "x"},
	} {
		body := "x"
		if len(headers) > 0 {
			body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + headers[1] + `",` + meta + `}}`
		}
		headers = append(headers, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call")
		if kind := l.http2(body, headers...); kind != 3 {
			t.Errorf("%s: a frame of kind %d, want a reset", name, kind)
		}
	}
}

func TestACompressedBodyIsBoundedByWhatIsSentToo(t *testing.T) {
	const limit = 10_000
	b := setup(t, func(c *mcpecho.Config) { c.MaxBodyBytes = limit })
	var empty bytes.Buffer
	if err := gzip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	endless := &counted{member: empty.Bytes()}
	request := httptest.NewRequest(http.MethodPost, "/mcp", endless)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	record := httptest.NewRecorder()
	b.e.ServeHTTP(record, request)
	if record.Code != http.StatusRequestEntityTooLarge || endless.read > limit+4096 {
		t.Errorf("status %d after %d bytes", record.Code, endless.read)
	}
	gz := []string{"Content-Encoding", "gzip"}
	expect(t, b.send(http.MethodPost, strings.Repeat("\x1f\x8b", limit), gz...), 413, -32600)
}

// counted is an endless sequence of gzip members.
type counted struct {
	member []byte
	read   int
}

func (c *counted) Read(p []byte) (n int, _ error) {
	for n < len(p) {
		at := c.read % len(c.member)
		k := copy(p[n:], c.member[at:])
		n, c.read = n+k, c.read+k
	}
	return n, nil
}
