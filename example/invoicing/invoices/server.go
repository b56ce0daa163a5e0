package invoices

import (
	"log/slog"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// MinKeyBytes is how long a key for HS256 should be (RFC 7518 section 3.2).
const MinKeyBytes = 32

// New puts the application together: an Echo with MCP at /mcp and REST at /invoices, both of the
// same specs and behind the same tokens, which key signs. Pages of the origins may call /mcp from a
// browser. It panics when key is empty.
func New(db *gorm.DB, key []byte, log *slog.Logger, origins ...string) (*echo.Echo, *mcpecho.Server) {
	srv := mcpecho.New(mcpecho.Config{
		Name: "invoicing", Version: "1.0.0", Title: "Invoicing",
		Instructions: "Amounts are in cents. Numbers are unique. Find an invoice with invoices_list before changing it.",
		DB:           db,
		Logger:       log,
		Origins:      origins,
	})
	srv.Use(
		mw.Narrow[Invoice](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB { return visible(c.Principal(), db) }),
		mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 200, Burst: 1000}))
	srv.Add(Specs(log)...)

	e := echo.New()
	e.Use(echomw.Recover())
	authenticate := bearer(key)
	srv.Mount(e.Group("/mcp"), authenticate)
	srv.MountREST(e.Group(""), authenticate)
	e.GET("/openapi.json", srv.OpenAPI())
	return e, srv
}

// bearer is mw.Bearer(key) for an operator who chooses the key: one that is shorter than mw.Bearer
// wants still works, and main warns about it.
func bearer(key []byte) echo.MiddlewareFunc {
	return mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.JWT(auth.JWTConfig{Keys: auth.ShortSecret(key)})})
}
