package hostile_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attack is one hostile request. Its parts are templates, see expand.
type attack struct {
	name   string
	line   string   // verb and target; default "POST /mcp"
	header []string // lines
	body   string
	wire   bool   // over a connection: net/http itself has a say
	raw    string // the whole request, instead of the parts above but name; implies wire
}

// text is the request as a reader of the golden file sees it.
func (a attack) text() string {
	if a.raw != "" {
		return strings.TrimSuffix(strings.ReplaceAll(a.raw, "\r\n", "\n"), "\n")
	}
	var b strings.Builder
	b.WriteString(cmp.Or(a.line, "POST /mcp") + "\n")
	for _, line := range a.header {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n" + a.body)
	return strings.TrimSuffix(b.String(), "\n")
}

// bytes is the request as it is sent.
func (a attack) bytes(vars map[string]string) []byte {
	if a.raw != "" {
		return []byte(expand(a.raw, vars))
	}
	body := expand(a.body, vars)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s HTTP/1.1\r\n", expand(cmp.Or(a.line, "POST /mcp"), vars))
	if !a.has("Host") {
		b.WriteString("Host: mcp.example\r\n")
	}
	for _, line := range a.header {
		b.WriteString(expand(line, vars) + "\r\n")
	}
	if body != "" && !a.has("Content-Length") && !a.has("Transfer-Encoding") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if a.wire {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

func (a attack) has(header string) bool {
	return slices.ContainsFunc(a.header, func(line string) bool { return strings.HasPrefix(line, header+":") })
}

// run sends the request and returns the answer as text.
func (a attack) run(t *testing.T, s *site, listener net.Addr, vars map[string]string) string {
	t.Helper()
	var response *http.Response
	if a.wire || a.raw != "" {
		response = a.overWire(t, listener, vars)
	} else {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(a.bytes(vars))))
		if err != nil {
			t.Fatalf("not a request, mark it as wire: %v", err)
		}
		r.RemoteAddr = "192.0.2.1:1234"
		w := httptest.NewRecorder()
		s.app.ServeHTTP(w, r)
		response = w.Result()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", response.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		if name != "Date" {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(response.Header[name], " | "))
		}
	}
	b.WriteString("\n" + string(body))
	return strings.TrimRight(steady(b.String()), "\n")
}

func (a attack) overWire(t *testing.T, listener net.Addr, vars map[string]string) *http.Response {
	t.Helper()
	conn, err := net.Dial(listener.Network(), listener.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may answer, and close, before it has read everything.
	go func() { _, _ = conn.Write(a.bytes(vars)) }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response
}

// volatile is what differs from run to run.
var volatile = []struct {
	pattern *regexp.Regexp
	stable  string
}{
	{regexp.MustCompile(`(Mcp-Session-Id: )[A-Z2-7]{26}`), "${1}$${new session}"},
	{regexp.MustCompile(`(under reference )[a-z2-7]{12}`), "${1}$${reference}"},
	{regexp.MustCompile(`(\\?"reference\\?":\\?")[a-z2-7]{12}`), "${1}$${reference}"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "$${time}"},
}

func steady(s string) string {
	for _, v := range volatile {
		s = v.pattern.ReplaceAllString(s, v.stable)
	}
	return shorten(s)
}

// shorten writes a character that is repeated a hundred times or more as expand reads it.
func shorten(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 1
		for i+n < len(s) && s[i+n] == s[i] {
			n++
		}
		if n >= 100 {
			fmt.Fprintf(&b, "${repeat %c %d}", s[i], n)
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// expand replaces ${name} by a variable, ${repeat X N} by N times X, ${hex XX} by bytes, ${padded
// N} by a message of N bytes, and ${gzip N} by N spaces and then a message, compressed.
func expand(template string, vars map[string]string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		expression, after, closed := strings.Cut(rest, "}")
		if !closed {
			panic("no } in " + rest)
		}
		b.WriteString(evaluate(expression, vars))
		template = after
	}
}

func evaluate(expression string, vars map[string]string) string {
	word, argument, _ := strings.Cut(expression, " ")
	switch word {
	case "repeat":
		text, count, _ := strings.Cut(argument, " ")
		return strings.Repeat(text, atoi(count))
	case "hex":
		b, err := hex.DecodeString(argument)
		if err != nil {
			panic(err)
		}
		return string(b)
	case "padded":
		message := expand(goodCall, vars)
		return message + strings.Repeat(" ", atoi(argument)-len(message))
	case "gzip":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, strings.Repeat(" ", atoi(argument))+expand(goodCall, vars))
		if err != nil || w.Close() != nil {
			panic(err)
		}
		return b.String()
	}
	value, known := vars[expression]
	if !known {
		panic("unknown ${" + expression + "}")
	}
	return value
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
