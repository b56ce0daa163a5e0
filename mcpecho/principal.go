package mcpecho

import (
	"context"

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

type principalContextKey struct{}

// WithPrincipal names the caller of what Go code does with the context: of calls by [Invoke], and
// of Server.Tools. The program answers for p, nobody verifies it; nil is an anonymous caller, as
// without it. It does not reach into a call that is made with the context: there the caller is that
// of the call, for every further call of the same server.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalContextKey{}, p)
}

// principalIn is the caller that [WithPrincipal] has named in the context, and whether it has:
// inside of a call only what was named there counts.
func principalIn(ctx context.Context) (p *Principal, named bool) {
	p, named = ctx.Value(principalContextKey{}).(*Principal)
	return p, named
}
