package mcpecho_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/mcpecho/kit/mcpecho"
)

// answers is a middleware that answers by itself.
func answers(f func(c echo.Context) error) mcpecho.Step {
	return mcpecho.Named("answers", func(echo.HandlerFunc) echo.HandlerFunc { return f })
}

func TestAServiceThatAnswersAsAnEchoHandlerDoes(t *testing.T) {
	service := func(write func(c *mcpecho.Call) error) *mcpecho.Spec {
		return mcpecho.Service("w.write", func(c *mcpecho.Call, _ none) (*widget, error) {
			if err := c.DB().Create(&widget{Name: "written"}).Error; err != nil {
				return nil, err
			}
			return nil, write(c)
		}, transaction())
	}
	tests := map[string]struct {
		write func(c *mcpecho.Call) error
		has   string
		typ   string
		rows  int64
	}{
		"a body with status 200 is the result": {func(c *mcpecho.Call) error { return c.JSON(200, widget{ID: 7, Name: "json"}) },
			`{\"id\":7,\"name\":\"json\",\"size\":0}`, "", 1},
		"one that does not fit is an internal error": {func(c *mcpecho.Call) error { return c.JSON(200, echo.Map{"name": 7}) }, "reference", "internal_error", 0},
		"422 keeps its body":                         {func(c *mcpecho.Call) error { return c.JSON(422, echo.Map{"errors": echo.Map{"title": "taken"}}) }, "taken", "error", 0},
		"404 in words":                               {func(c *mcpecho.Call) error { return c.String(404, "no such article") }, "no such article", "error", 0},
		"500 reveals nothing":                        {func(c *mcpecho.Call) error { return c.String(500, "dsn=secret") }, "reference", "internal_error", 0},
		"a redirect is an error":                     {func(c *mcpecho.Call) error { return c.Redirect(302, "https://login.example/secret") }, "redirected", "error", 0},
		"nothing is what does not fit an object":     {func(c *mcpecho.Call) error { return c.NoContent(204) }, "reference", "internal_error", 0},
		"more than may be written":                   {func(c *mcpecho.Call) error { return c.Blob(200, "text/plain", bytes.Repeat([]byte("x"), 1<<20+1)) }, "reference", "internal_error", 0},
		"an image where an object is promised":       {func(c *mcpecho.Call) error { return c.Blob(200, "image/png", []byte{0x89, 'P', 'N', 'G', 0xff}) }, "reference", "internal_error", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(service(tt.write))
			r := b.call("w.write", `{}`)
			if r.Status != 200 || !strings.Contains(r.Body, tt.has) || strings.Contains(r.Body, "secret") {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if tt.typ != "" {
				if f := r.failure(t); f["type"] != tt.typ {
					t.Errorf("type %v, want %s", f["type"], tt.typ)
				}
			}
			if n := b.count(); n != tt.rows {
				t.Errorf("%d rows, want %d", n, tt.rows)
			}
			if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Location") != "" {
				t.Errorf("headers of the written body reach the client: %v", r.Header)
			}
		})
	}
}

func TestMediaThatIsWrittenBecomesContent(t *testing.T) {
	tests := map[string]struct{ media, has string }{
		"an image":  {"image/png", `{"type":"image","data":"/w==","mimeType":"image/png"}`},
		"a sound":   {"audio/wav", `{"type":"audio","data":"/w==","mimeType":"audio/wav"}`},
		"any other": {"application/pdf", `"blob":"/w=="`},
	}
	for name, tt := range tests {
		b := setup(t)
		b.srv.Add(mcpecho.Service("w.media", func(c *mcpecho.Call, _ none) (any, error) { return nil, c.Blob(200, tt.media, []byte{0xff}) }))
		if r := b.call("w.media", `{}`); r.Result["isError"] != nil || !strings.Contains(r.Body, tt.has) {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	b := setup(t)
	b.srv.Add(mcpecho.Resource("media://one", func(c *mcpecho.Call, _ none) (any, error) { return nil, c.Blob(200, "image/png", []byte{0xff}) }))
	r := b.modern("resources/read", `"uri":"media://one"`, "Mcp-Name", "media://one")
	if !strings.Contains(r.Body, `"mimeType":"image/png","blob":"/w=="`) {
		t.Error(r.Body)
	}
}

func TestAnAnswerInTheHandlersPlaceIsCheckedBeforeTheCommit(t *testing.T) {
	writes := func(body any) mcpecho.Step {
		return mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if err := mcpecho.CallFrom(c).DB().Create(&widget{Name: "half"}).Error; err != nil {
					return err
				}
				return c.JSON(200, body)
			}
		})
	}
	for name, body := range map[string]any{
		"too large":    widget{Name: strings.Repeat("x", 4000)},
		"does not fit": echo.Map{"name": 1},
	} {
		b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 1000 })
		b.srv.Add(mcpecho.Service("w.insert", insert, transaction(), mcpecho.After("transaction", writes(body))))
		if r := b.call("w.insert", `{"name":"x"}`); r.Result["isError"] != true || b.count() != 0 {
			t.Errorf("%s: %d rows after %s", name, b.count(), r.Body)
		}
	}
}

func TestAStepThatSetsAResultAnswersInTheHandlersPlace(t *testing.T) {
	sets := func(v any) mcpecho.Step {
		return mcpecho.Step{Name: "cache", Func: mcpecho.Func(func(c *mcpecho.Call, _ echo.Context, _ echo.HandlerFunc) error { c.SetResult(v); return nil })}
	}
	label := mcpecho.Step{Name: "serialize", Stage: mcpecho.StageSerialize, Single: true,
		Describe: func(d *mcpecho.Definition) error {
			d.Func = mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
				err := c.Serialize(func(v any) (any, error) { return echo.Map{"label": "mapped " + v.(widget).Name}, nil })
				if err != nil {
					return err
				}
				return next(ec)
			})
			return nil
		}}
	tests := map[string]struct {
		steps []mcpecho.Option
		has   string
		fails bool
	}{
		"as the handler's":             {[]mcpecho.Option{sets(widget{Name: "cached"})}, `{"id":0,"name":"cached","size":0}`, false},
		"mapped like the handler's":    {[]mcpecho.Option{sets(widget{Name: "cached"}), label, mcpecho.OutputSchema(false)}, `{"label":"mapped cached"}`, false},
		"mapped already":               {[]mcpecho.Option{sets(map[string]any{"id": 1, "name": "x", "size": 2})}, `{"id":1,"name":"x","size":2}`, false},
		"another shape is an error":    {[]mcpecho.Option{sets("text")}, "reference", true},
		"nothing is not a wanted null": {[]mcpecho.Option{sets(nil)}, "reference", true},
	}
	for name, tt := range tests {
		b := setup(t)
		b.srv.Add(mcpecho.Service("w.insert", insert, tt.steps...))
		r := b.call("w.insert", `{"name":"x"}`)
		if (r.Result["isError"] == true) != tt.fails || !strings.Contains(r.text(), tt.has) || b.count() != 0 {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
}

func TestHeadersOfGroupAndStepsBothReachTheClient(t *testing.T) {
	b := setup(t)
	sets := func(name string) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.SetCookie(&http.Cookie{Name: name, Value: "1"})
				c.Response().Header().Add("Vary", "X-"+name)
				c.Response().Header().Set("X-Last", name)
				return next(c)
			}
		}
	}
	e := echo.New()
	b.e = e
	b.srv.Mount(e.Group("/mcp", sets("group")))
	b.srv.Add(mcpecho.Service("w.insert", insert, mcpecho.Named("one", sets("one")), mcpecho.Named("two", sets("two")),
		mcpecho.Named("careless", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { c.Response().Header().Set("Vary", "Origin"); return next(c) }
		})))
	r := b.call("w.insert", `{"name":"x"}`)
	if got := fmt.Sprint(r.Header["Set-Cookie"]); got != "[group=1 one=1 two=1]" {
		t.Errorf("cookies %s", got)
	}
	if got := strings.Join(r.Header["Vary"], ","); !strings.Contains(got, "X-group") || !strings.Contains(got, "Origin") {
		t.Errorf("Vary %s", got)
	}
	if r.Header.Get("X-Last") != "two" {
		t.Errorf("X-Last %s", r.Header.Get("X-Last"))
	}
}

func TestEchosLoggersSeeTheStatusOfAGoodCall(t *testing.T) {
	b := setup(t)
	var status []int
	b.srv.Add(mcpecho.Service("w.insert", insert,
		mcpecho.Named("log", echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{LogStatus: true,
			LogValuesFunc: func(_ echo.Context, v echomw.RequestLoggerValues) error {
				status = append(status, v.Status)
				return nil
			}})),
		mcpecho.Named("look", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { err := next(c); status = append(status, c.Response().Status); return err }
		})))
	b.call("w.insert", `{"name":"x"}`)
	if fmt.Sprint(status) != "[200 200]" {
		t.Errorf("status %v", status)
	}
}

func TestHeadersThatDescribeAWrittenBodyStayWithIt(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.insert", insert, answers(func(c echo.Context) error {
		for _, name := range []string{"Transfer-Encoding", "Content-Encoding", "Content-Length", "ETag"} {
			c.Response().Header().Set(name, "7")
		}
		return c.JSON(200, widget{Name: "w"})
	})))
	r := b.call("w.insert", `{"name":"x"}`)
	for _, name := range []string{"Transfer-Encoding", "Content-Encoding", "ETag"} {
		if v, ok := r.Header[name]; ok {
			t.Errorf("%s: %v", name, v)
		}
	}
	if r.Result == nil || r.Header.Get("Content-Length") == "7" {
		t.Error(r.Header, r.Body)
	}
}

func TestTheTextOfAToolIsBoundedLikeItsResult(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.MaxResultBytes = 1000 })
	b.srv.Add(mcpecho.Service("w.insert", insert, transaction(), mcpecho.Text(func(widget) string { return strings.Repeat("x", 1001) })))
	if f := b.call("w.insert", `{"name":"x"}`).failure(t); f["type"] != mcpecho.TypeTooLarge || b.count() != 0 {
		t.Errorf("%v, %d rows", f, b.count())
	}
}

func TestWhatAHandlerWritesCountsInsideOfAMiddlewareThatBuffers(t *testing.T) {
	//lint:ignore SA1019 applications have it all the same
	buffers := mcpecho.Named("timeout", echomw.TimeoutWithConfig(echomw.TimeoutConfig{Timeout: time.Minute}))
	compresses := mcpecho.Named("gzip", echomw.Gzip())
	for name, outer := range map[string]mcpecho.Step{"timeout": buffers, "gzip": compresses} {
		for _, place := range []mcpecho.Option{outer, mcpecho.After("transaction", outer)} {
			for status, has := range map[int]string{422: "taken", 500: "reference", 200: "good"} {
				b := setup(t)
				hooks := 0
				b.srv.Add(mcpecho.Service("w.write", func(c *mcpecho.Call, _ none) (*widget, error) {
					c.AfterCommit(func(context.Context) { hooks++ })
					if err := c.DB().Create(&widget{Name: "row"}).Error; err != nil {
						return nil, err
					}
					if status == 200 {
						return nil, c.JSON(200, widget{Name: "good"})
					}
					return nil, c.JSON(status, echo.Map{"errors": "taken"})
				}, transaction(), place))
				r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"w_write","arguments":{},`+meta+`}}`,
					"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "w_write", "Accept-Encoding", "gzip")
				want := map[bool]int64{true: 1, false: 0}[status == 200]
				if n := b.count(); n != want || int64(hooks) != want || !strings.Contains(r.text(), has) || strings.Contains(r.Body, "committed") {
					t.Errorf("%s, %d: %d rows, %d hooks, %s %s", name, status, n, hooks, r.Body, b.log)
				}
			}
		}
	}
}

func TestHeadersOfStepsReachAClientOfAnEventStream(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) { c.Progress(1, 2, ""); return "ok", nil },
		mcpecho.Named("cookie", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { c.SetCookie(&http.Cookie{Name: "step", Value: "1"}); return next(c) }
		})))
	req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{`+
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}}}`))
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "work"} {
		req.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	b.e.ServeHTTP(rec, req)
	if res := rec.Result(); res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Set-Cookie") != "step=1" {
		t.Error(res.Header)
	}
}

func TestWhatAMiddlewareWantsToDoBeforeTheResponseIsDone(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.insert", insert, mcpecho.Named("session", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Before(func() { c.SetCookie(&http.Cookie{Name: "session", Value: "renewed"}) })
			return next(c)
		}
	})))
	if r := b.call("w.insert", `{"name":"x"}`); r.Header.Get("Set-Cookie") != "session=renewed" || r.Result["isError"] != nil {
		t.Error(r.Header, r.Body)
	}
}

func TestAnAfterCommitFunctionCannotChangeTheOutcome(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.insert", func(c *mcpecho.Call, in newWidget) (widget, error) {
		c.AfterCommit(func(context.Context) { _ = c.JSON(500, "broken"); c.Error(mcpecho.Errorf("no")); c.SetResult("other") })
		return createWidget(c, in)
	}, transaction()))
	if r := b.call("w.insert", `{"name":"x","size":1}`); r.text() != `{"id":1,"name":"x","size":1}` || b.count() != 1 {
		t.Error(r.Body)
	}
}

func TestAReportFromAGoroutineAndHeadersOfTheChainDoNotMeet(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("work", func(c *mcpecho.Call, _ none) (string, error) {
		done := make(chan struct{})
		go func() { defer close(done); c.Progress(1, 2, "") }()
		c.Response().Header().Set("X-Late", "1")
		<-done
		return "ok", nil
	}, mcpecho.Named("early", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { c.Response().Header().Set("X-Early", "1"); return next(c) }
	})))
	for range 20 {
		req := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"work","_meta":{`+
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}}}`))
		for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "work"} {
			req.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		b.e.ServeHTTP(rec, req)
		if h := rec.Result().Header; h.Get("X-Early") != "1" {
			t.Fatal(h)
		}
	}
}

func TestAFunctionBeforeTheResponseThatPanicsChangesNothing(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w.insert", insert, transaction(), mcpecho.Named("broken", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Before(func() { panic("broken session") })
			return next(c)
		}
	})))
	if r := b.call("w.insert", `{"name":"x"}`); r.Result["isError"] != nil || b.count() != 1 || !strings.Contains(b.log.String(), "broken session") {
		t.Error(r.Body, b.log)
	}
}

func TestAPanicAfterTheDeadlineIsAPanic(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.CallTimeout = 10 * time.Millisecond })
	b.srv.Add(mcpecho.Service("w", func(c *mcpecho.Call, _ none) (string, error) { <-c.Ctx().Done(); panic("nobody waits") }))
	if f := b.call("w", `{}`).failure(t); f["type"] != mcpecho.TypeInternal || !strings.Contains(b.log.String(), "stack=") {
		t.Error(f, b.log)
	}
}

// listed is an error of a type that cannot be compared, as that of package validator.
type listed []string

func (l listed) Error() string { return strings.Join(l, ", ") }

func TestAnErrorThatCannotBeComparedIsAnInternalError(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("w", func(*mcpecho.Call, none) (string, error) { return "", listed{"a", "b"} }, transaction()))
	if f := b.call("w", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
		t.Error(f)
	}
}
