package mcpecho_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
)

// bundle is a server on a real Echo with a real database on disk.
type bundle struct {
	t    *testing.T
	e    *echo.Echo
	srv  *mcpecho.Server
	db   *gorm.DB
	log  *strings.Builder
	user *mcpecho.Principal // the caller of each request, nil for anonymous
}

type widget struct {
	ID   uint   `json:"id" gorm:"primaryKey"`
	Name string `json:"name" gorm:"uniqueIndex"`
	Size int64  `json:"size"`
}

func setup(t *testing.T, change ...func(*mcpecho.Config)) *bundle {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")+"?_busy_timeout=5000&_journal_mode=WAL"),
		&gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	if err := db.AutoMigrate(&widget{}); err != nil {
		t.Fatal(err)
	}
	return setupOn(t, db, change...)
}

// setupOn is [setup] on a database that the test has opened.
func setupOn(t *testing.T, db *gorm.DB, change ...func(*mcpecho.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, e: echo.New(), db: db, log: &strings.Builder{}}
	cfg := mcpecho.Config{Name: "test", Version: "1.2.3", DB: db, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	for _, f := range change {
		f(&cfg)
	}
	b.srv = mcpecho.New(cfg)
	b.srv.Mount(b.e.Group("/mcp", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if b.user != nil {
				mcpecho.SetPrincipal(c, b.user)
			}
			return next(c)
		}
	}))
	return b
}

// reply is an HTTP response, with its JSON-RPC message if it has one.
type reply struct {
	Status int
	Header http.Header
	Body   string
	ID     any            `json:"id"`
	Result map[string]any `json:"result"`
	Error  *struct {
		Code    int            `json:"code"`
		Message string         `json:"message"`
		Data    map[string]any `json:"data"`
	} `json:"error"`
}

// text is the text block of a tool result.
func (r reply) text() string {
	content, _ := r.Result["content"].([]any)
	if len(content) == 0 {
		return ""
	}
	block, _ := content[0].(map[string]any)
	text, _ := block["text"].(string)
	return text
}

// failure is the error object of an isError result.
func (r reply) failure(t *testing.T) map[string]any {
	t.Helper()
	if r.Result["isError"] != true {
		t.Fatalf("not an isError result: %d %s", r.Status, r.Body)
	}
	if r.Result["structuredContent"] != nil {
		t.Errorf("an isError result has structuredContent: %s", r.Body)
	}
	var body struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal([]byte(r.text()), &body); err != nil {
		t.Fatalf("the error text is not JSON: %s", r.text())
	}
	return body.Error
}

// send makes one HTTP request. Headers are given as name, value pairs; an
// empty value removes the header.
func (b *bundle) send(method, body string, headers ...string) reply {
	b.t.Helper()
	req := httptest.NewRequest(method, "/mcp", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		} else if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Add(headers[i], headers[i+1])
		}
	}
	rec := httptest.NewRecorder()
	b.e.ServeHTTP(rec, req)
	out, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		b.t.Fatal(err)
	}
	r := reply{Status: rec.Code, Header: rec.Header(), Body: string(out)}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &r); err != nil {
			b.t.Fatalf("reply is not JSON: %v\n%s", err, out)
		}
	}
	return r
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// modern sends a request on the modern wire. params is the inside of the
// params object, without `_meta`.
func (b *bundle) modern(method, params string, headers ...string) reply {
	b.t.Helper()
	if params != "" {
		params += ","
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s%s}}`, method, params, meta)
	return b.send(http.MethodPost, body, append([]string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method}, headers...)...)
}

// call calls a tool on the modern wire, by the name that it was written with.
func (b *bundle) call(tool, arguments string) reply {
	b.t.Helper()
	tool = b.srv.ListedName(tool)
	return b.modern("tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments), "Mcp-Name", tool)
}

// initialize opens a session on the dated wire and returns its id.
func (b *bundle) initialize() string {
	b.t.Helper()
	r := b.send(http.MethodPost, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`)
	id := r.Header.Get("Mcp-Session-Id")
	if r.Status != http.StatusOK || id == "" {
		b.t.Fatalf("initialize: %d %s", r.Status, r.Body)
	}
	return id
}

// dated sends a request on the dated wire.
func (b *bundle) dated(session, method, params string) reply {
	b.t.Helper()
	return b.send(http.MethodPost, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{%s}}`, method, params),
		"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session)
}

// count is the number of widgets stored.
func (b *bundle) count() int64 {
	b.t.Helper()
	var n int64
	if err := b.db.Model(&widget{}).Count(&n).Error; err != nil {
		b.t.Fatal(err)
	}
	return n
}

// insert is a service that stores a widget of the call's own database.
func insert(c *mcpecho.Call, in struct {
	Name string `json:"name" validate:"required"`
}) (widget, error) {
	w := widget{Name: in.Name}
	err := c.DB().Create(&w).Error
	return w, err
}

// transaction is a step around [mcpecho.Call.Transaction].
func transaction() mcpecho.Step {
	return mcpecho.Step{
		Name: "transaction", Stage: mcpecho.StageTransaction, Kinds: mcpecho.KindService,
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			return c.Transaction(nil, func() error { return next(ec) })
		}),
	}
}

type none struct{}
