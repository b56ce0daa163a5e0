package mcpecho

import (
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho/auth"
)

// Principal is a verified caller. Package auth makes one of a token.
type Principal = auth.Principal

const principalKey = "mcpecho.principal"

// SetPrincipal records the verified caller of a request. Authentication middlewares call it, an
// application's own included; the identity is read anew for each request and never taken from a
// session. Give p an ID or a Subject: all that have neither are one caller.
func SetPrincipal(ec echo.Context, p *Principal) { ec.Set(principalKey, p) }

// PrincipalFrom returns the caller that an authentication middleware recorded, nil for an anonymous
// request. It works in every Echo handler behind that middleware.
func PrincipalFrom(ec echo.Context) *Principal {
	p, _ := ec.Get(principalKey).(*Principal)
	return p
}
