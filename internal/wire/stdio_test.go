package wire_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// converse sends lines to a door and returns its own.
func converse(t *testing.T, a *app, limit int64, lines string) []string {
	t.Helper()
	door := wire.New(wire.Config{MaxInFlight: 100, MaxBodyBytes: limit, ReplyTimeout: time.Second}, a)
	e := echo.New()
	var out bytes.Buffer
	err := door.ServeLines(t.Context(), strings.NewReader(lines), &out, func(ctx context.Context) echo.Context {
		return e.NewContext(httptest.NewRequest(http.MethodPost, "/", nil).WithContext(ctx), httptest.NewRecorder())
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() == 0 {
		return nil
	}
	replies := strings.SplitAfter(out.String(), "\n")
	if last := replies[len(replies)-1]; last != "" {
		t.Fatalf("half a line: %s", last)
	}
	return replies[:len(replies)-1]
}

func TestALineReachesTheApplicationOnItsWire(t *testing.T) {
	a := &app{}
	if replies := converse(t, a, 1<<10, modernPing); len(replies) != 1 || a.last.Wire != wire.Modern || a.last.OnHTTP() {
		t.Errorf("%q", replies)
	}
	opened := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}}}}`
	replies := converse(t, a, 1<<10, opened+"\n"+`{"jsonrpc":"2.0","id":2,"method":"x"}`)
	if len(replies) != 2 || a.last.Wire != wire.Dated || string(a.last.Capabilities()) != `{"roots":{}}` || a.last.Session.Protocol != "2025-06-18" {
		t.Errorf("%q, session %+v", replies, a.last.Session)
	}
}

// Whatever is sent as a line, the answer is one message or none, and it has the id of the request,
// whether that was read whole or was too long.
func FuzzLines(f *testing.F) {
	f.Add(modernPing)
	f.Add(`{"jsonrpc":"2.0","params":{"id":2,"x":["}",{"id":3}]},"id" : "\",\u0061" ,"method":"x"}`)
	f.Add(`[{"jsonrpc":"2.0","id":1,"method":"x"}]`)
	f.Add(`{"jsonrpc":"2.0","id":1,"id":1,"method":"x"}`)
	f.Add(`{"jsonrpc":"2.0","\u0069d":1,"method":"x"}`)
	f.Add(`{"id":1`)
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.Trim(strings.ReplaceAll(line, "\n", " "), " \t\r")
		var m jsonrpc.Message
		invalid := jsonrpc.Parse([]byte(line), &m)
		whole := converse(t, &app{}, 1<<20, line)
		wanted := 0
		if line != "" && (invalid != nil || m.Kind == jsonrpc.Request) {
			wanted = 1
		}
		if len(whole) != wanted || wanted > 0 && !jsontext.Value(whole[0]).IsValid() {
			t.Fatalf("%s is answered by %q", line, whole)
		}
		if len(line) < 2 {
			return
		}
		refused := converse(t, &app{}, 1, line)
		if len(refused) != 1 {
			t.Fatalf("%s is refused by %q", line, refused)
		}
		var r jsonrpc.Message
		if err := jsonrpc.Parse([]byte(strings.Replace(refused[0], `"2.0",`, `"2.0","id":0,`, 1)), &r); err == nil {
			return // it has no id
		}
		if err := jsonrpc.Parse([]byte(refused[0]), &r); err != nil {
			t.Fatalf("%v in %s", err, refused[0])
		}
		if invalid == nil && string(r.ID) != string(m.ID) {
			t.Errorf("%s is refused with the id %s, not %s", line, r.ID, m.ID)
		}
	})
}
