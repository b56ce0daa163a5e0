package middleware

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Unlimited is a step of [mcpecho.StageRateLimit] that does nothing: it marks what is called without
// a limit, of one spec or, by Server.Use, of all, so that a chain without [RateLimit] is seen to be
// meant; as when a gateway in front of the server limits its callers. It panics without a reason.
func Unlimited(reason string) mcpecho.Step {
	if strings.TrimSpace(reason) == "" {
		panic("middleware: unlimited requires a reason: say what limits its callers, or why nothing does")
	}
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	return mcpecho.Step{Name: "unlimited", Stage: mcpecho.StageRateLimit, Func: pass, Native: native.Step(), Note: reason}
}
