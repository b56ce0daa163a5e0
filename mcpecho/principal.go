package mcpecho

import (
	"slices"

	"github.com/labstack/echo/v4"
)

// Principal is a verified caller. Sessions, cursors and limits belong to one
// principal and are invisible to every other.
type Principal struct {
	// ID tells callers apart: everything that belongs to a caller is kept
	// under it. Default: made from Issuer and Subject.
	ID string
	// Issuer and Subject are the `iss` and `sub` of the token.
	Issuer, Subject string
	// Scopes are the OAuth scopes that were granted.
	Scopes []string
	// Claims are the verified claims, in the form the authenticator decoded.
	Claims any
}

// HasScope says whether the scope was granted. A nil principal has none.
func (p *Principal) HasScope(scope string) bool {
	return p != nil && slices.Contains(p.Scopes, scope)
}

// Key names the principal as the owner of sessions, cursors and limits: its
// ID, or else issuer and subject. Anonymous callers (nil) share the empty key.
func (p *Principal) Key() string {
	switch {
	case p == nil:
		return ""
	case p.ID != "":
		return p.ID
	default:
		return p.Issuer + "\x00" + p.Subject
	}
}

const principalKey = "mcpecho.principal"

// SetPrincipal records the verified caller of a request. Authentication
// middlewares call it, an application's own included; the identity is read
// anew for each request and never taken from a session. Give p an ID or a
// Subject: all that have neither are one caller.
func SetPrincipal(ec echo.Context, p *Principal) { ec.Set(principalKey, p) }

// PrincipalFrom returns the caller that an authentication middleware
// recorded, nil for an anonymous request. It works in every Echo handler
// behind that middleware.
func PrincipalFrom(ec echo.Context) *Principal {
	p, _ := ec.Get(principalKey).(*Principal)
	return p
}
