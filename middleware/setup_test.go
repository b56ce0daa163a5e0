package middleware_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
)

// Invoice is the model of the tests.
type Invoice struct {
	ID          uint      `json:"id" gorm:"primaryKey"`
	Number      string    `json:"number" gorm:"uniqueIndex;not null"`
	AmountCents int64     `json:"amount_cents"`
	Sent        bool      `json:"sent"`
	Secret      string    `json:"secret"`
	CreatedAt   time.Time `json:"created_at"`
}

type nothing struct{}

// openDB makes a database file with A-1 (100), A-2 (300, sent), A-3 (200).
func openDB(t testing.TB) *gorm.DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.db")
	db, err := gorm.Open(sqlite.Open(file+"?_busy_timeout=2000"), &gorm.Config{
		Logger:  logger.Discard,
		NowFunc: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		_ = pool.Close()
	})
	if err := seed(db); err != nil {
		t.Fatal(err)
	}
	return db
}

func seed(db *gorm.DB) error {
	if err := db.AutoMigrate(&Invoice{}); err != nil {
		return err
	}
	return db.Create(&[]Invoice{
		{Number: "A-1", AmountCents: 100, Secret: "s1"},
		{Number: "A-2", AmountCents: 300, Secret: "s2", Sent: true},
		{Number: "A-3", AmountCents: 200, Secret: "s3"},
	}).Error
}

func newServer(db *gorm.DB, change ...func(*mcpecho.Config)) *mcpecho.Server {
	cfg := mcpecho.Config{Name: "test", DB: db, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	return mcpecho.New(cfg)
}

func invoices(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
	return c.DB().Model(&Invoice{}), nil
}

func ok(*mcpecho.Call, nothing) (map[string]bool, error) { return map[string]bool{"ok": true}, nil }

func count(t testing.TB, db *gorm.DB) (n int64) {
	t.Helper()
	if err := db.Model(&Invoice{}).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func contains(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: %q does not contain %q", what, got, want)
	}
}

// panics runs f and returns the text it panicked with.
func panics(t testing.TB, f func()) (text string) {
	t.Helper()
	defer func() {
		v := recover()
		if v == nil {
			t.Error("did not panic")
			return
		}
		text, _ = v.(string)
	}()
	f()
	return ""
}

var ann = &mcpecho.Principal{Issuer: "https://issuer", Subject: "ann", Scopes: []string{"invoices:read"}}
var bob = &mcpecho.Principal{Issuer: "https://issuer", Subject: "bob"}

func logTo(w io.Writer) func(*mcpecho.Config) {
	return func(cfg *mcpecho.Config) { cfg.Logger = slog.New(slog.NewTextHandler(w, nil)) }
}

// post sends one tools/call of the modern wire to a server behind the middlewares.
func post(t testing.TB, srv *mcpecho.Server, tool string, header map[string]string, door ...echo.MiddlewareFunc) *httptest.ResponseRecorder {
	t.Helper()
	e := echo.New()
	srv.Mount(e.Group("/mcp", door...))
	return send(e, tool, header)
}

// send sends one tools/call of the modern wire.
func send(e *echo.Echo, tool string, header map[string]string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, toolCall(tool, header))
	return rec
}

// toolCall is one tools/call of the modern wire.
func toolCall(tool string, header map[string]string) *http.Request {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	r.Header.Set("Mcp-Method", "tools/call")
	r.Header.Set("Mcp-Name", tool)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}
