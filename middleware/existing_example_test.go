package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// userClaims are those of an application whose tokens have no sub.
type userClaims struct {
	jwt.RegisteredClaims
	UserID int64 `json:"user_id"`
}

// GetSubject is where the principal gets its Subject from.
func (c *userClaims) GetSubject() (string, error) { return strconv.FormatInt(c.UserID, 10), nil }

// identify stands behind the application's own JWT middleware, which left the claims in "user".
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		claims, ok := c.Get("user").(*userClaims)
		if !ok {
			c.Response().Header().Set("WWW-Authenticate", `Bearer realm="mcp"`)
			return echo.NewHTTPError(http.StatusUnauthorized)
		}
		mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: strconv.FormatInt(claims.UserID, 10), Claims: claims})
		return next(c)
	}
}

// Order is a row of such an application.
type Order struct {
	ID      int64  `json:"id"`
	OwnerID string `json:"-"`
	Paid    bool   `json:"paid"`
	Note    string `json:"note"`
}

// ChangeNote is what a client may change of an Order.
type ChangeNote struct {
	ID   int64  `json:"id" validate:"required"`
	Note string `json:"note" validate:"max=200"`
}

func changeNote(c *mcpecho.Call, in ChangeNote) (Order, error) {
	var order Order
	if err := c.Narrowed(c.DB()).First(&order, in.ID).Error; err != nil {
		return order, err
	}
	order.Note = in.Note
	return order, c.DB().Model(&order).Update("note", in.Note).Error
}

func ownOrders(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
	return db.Where(map[string]any{"owner_id": c.Principal().Subject})
}

// The middlewares that an application has stay the authentication of its MCP server.
func Example_existingApplication() {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("whoami", func(c *mcpecho.Call, _ nothing) (string, error) { return c.Principal().Subject, nil },
		mw.Public("a caller may know itself")))
	ownJWT := func(next echo.HandlerFunc) echo.HandlerFunc { // as echo-jwt leaves it
		return func(c echo.Context) error {
			c.Set("user", &userClaims{UserID: 7})
			return next(c)
		}
	}
	e := echo.New()
	srv.Mount(e.Group("/mcp"), ownJWT, identify)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, toolCall("whoami", nil))
	fmt.Println(rec.Code)
	// Output: 200
}

// The steps and the middleware that the page about existing applications shows.
var _ = []any{
	mcpecho.Service("orders.note", changeNote, mw.Narrow[Order](ownOrders)),
	func(key []byte) echo.MiddlewareFunc {
		return mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.JWT(auth.JWTConfig{
			Keys:      auth.Secret(key),
			NewClaims: func() jwt.Claims { return new(userClaims) },
		})})
	},
}
