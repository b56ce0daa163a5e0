package mcpecho_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

func TestWhatIsWrittenAfterAReportOfProgressIsJSONStill(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("report", func(c *mcpecho.Call, _ none) (widget, error) {
		c.Progress(1, 2, "half")
		return widget{}, c.JSON(http.StatusOK, echo.Map{"id": 1, "name": "written", "size": 2})
	}))
	c := mcptest.New(t, b.srv, mcptest.WithProgress())
	if w := mcptest.Call[widget](c, "report", nil); w.Name != "written" {
		t.Error(w)
	}
}

// TestAReportAfterTheDeadlineDoesNotKeepTheReplyFromTheClient goes over a real connection, whose
// write deadline the events set.
func TestAReportAfterTheDeadlineDoesNotKeepTheReplyFromTheClient(t *testing.T) {
	for name, first := range map[string]bool{"the first": true, "a later one": false} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) { c.CallTimeout = 30 * time.Millisecond })
			b.srv.Add(mcpecho.Service("report", func(c *mcpecho.Call, _ none) (string, error) {
				if !first {
					c.Progress(1, 3, "begun")
				}
				<-c.Ctx().Done()
				c.Progress(2, 3, "late")
				return "", context.Cause(c.Ctx())
			}))
			web := httptest.NewServer(b.e)
			defer web.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/mcp", strings.NewReader(
				`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"report","_meta":{"progressToken":"p",`+
					`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
				"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"report"}}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || !strings.Contains(string(body), `timeout`) {
				t.Errorf("%v: %s", err, body)
			}
		})
	}
}
