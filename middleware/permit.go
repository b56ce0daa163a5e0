package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Permit is a step of [mcpecho.StagePermissions] that lets a call pass when the permission returns
// nil. A refusal is a tool result with isError of type forbidden, "not permitted", with the cause
// only in the log. What a model may read, return as [mcpecho.Errorf]; what hides that something
// exists, as [gorm.io/gorm.ErrRecordNotFound]: both are answered as they are from a handler, and so
// are a [mcpecho.Error] and an [echo.HTTPError] with status 401 or 403. A denial by [HasScopes] is
// answered as that of [Scopes]. The arguments are not decoded yet: what depends on them belongs
// into the handler.
//
//	mw.Permit(mw.Or(mw.HasScopes("invoices:read"), worksHere))
func Permit(permit Permission) mcpecho.Step {
	if permit == nil {
		panic("middleware: permit requires a function: use Public for a tool that everyone may call")
	}
	return permissionStep("permit", permit, nil)
}

// permissionStep makes the steps that ask a permission. The other steps of the chain name scopes,
// which may be nil, in their challenges.
func permissionStep(name string, permit Permission, scopes *neededScopes) mcpecho.Step {
	return mcpecho.Step{
		Name: name, Stage: mcpecho.StagePermissions, Native: native.Step(),
		Describe: func(d *mcpecho.Definition) error {
			all := chainScopesOf(d)
			if scopes != nil {
				all.steps = append(all.steps, scopes)
				d.RequireScopes(scopes.alternatives()...)
			}
			d.Func = mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
				if err := permit(c); err != nil {
					if ended := c.Ctx().Err(); ended != nil {
						return ended // nothing was refused: the permission could not end
					}
					return all.refuse(ec, c.Principal(), err)
				}
				return next(ec)
			})
			return nil
		},
	}
}

// refuse is the answer to a call that was not permitted.
func (all *chainScopes) refuse(ec echo.Context, p *mcpecho.Principal, cause error) error {
	if scope := (*scopeError)(nil); errors.As(cause, &scope) {
		return all.deny(ec, p, scope)
	}
	return notPermitted(cause)
}

// notPermitted is what the caller is told of a refusal: the cause, when it was written for clients,
// and else no more than that it is one.
func notPermitted(cause error) error {
	var protocol *mcpecho.Error
	var told *mcpecho.ToolError
	var plain *echo.HTTPError
	switch {
	case errors.As(cause, &protocol), errors.As(cause, &told),
		errors.Is(cause, gorm.ErrRecordNotFound), errors.Is(cause, context.DeadlineExceeded):
		return cause
	case errors.As(cause, &plain):
		switch plain.Code {
		case http.StatusUnauthorized:
			return cause
		case http.StatusForbidden:
			return forbidden("", cause) // with what it says itself
		case http.StatusNotFound:
			// No other answer than that of a row that is not there.
			return &mcpecho.ToolError{Type: mcpecho.TypeNotFound, Message: "no matching row found", Internal: cause}
		}
	}
	return forbidden("not permitted", cause)
}

func forbidden(message string, cause error) error {
	return &mcpecho.ToolError{Type: mcpecho.TypeForbidden, Message: message, Internal: cause}
}

// isRefusal says whether the error is a 401 or 403 made for plain Echo.
func isRefusal(err error) bool {
	var plain *echo.HTTPError
	return errors.As(err, &plain) && (plain.Code == http.StatusUnauthorized || plain.Code == http.StatusForbidden)
}
