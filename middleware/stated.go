package middleware

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Public is a step of [mcpecho.StagePermissions] that does nothing: it states that everyone who
// reaches the server may call the tool, and why, so that a chain without permissions is seen to be
// meant. [mcpecho.Server.Fprint] prints the reason. It panics without one.
func Public(reason string) mcpecho.Step {
	return stated("public", mcpecho.StagePermissions, reason, "say why everyone may call the tool")
}

// Unlimited is a step of [mcpecho.StageRateLimit] that does nothing: it states that a tool, or with
// Server.Use every tool, is called without a limit, and why, so that a chain without [RateLimit] is
// seen to be meant; as when a gateway in front of the server limits its callers.
// [mcpecho.Server.Fprint] prints the reason. It panics without one.
func Unlimited(reason string) mcpecho.Step {
	return stated("unlimited", mcpecho.StageRateLimit, reason, "say what limits its callers, or why nothing does")
}

// stated is a step that stands in the place of one that is left out on purpose.
func stated(name string, stage mcpecho.Stage, reason, ask string) mcpecho.Step {
	if strings.TrimSpace(reason) == "" {
		panic("middleware: " + name + " requires a reason: " + ask)
	}
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	return mcpecho.Step{Name: name, Stage: stage, Func: pass, Native: native.Step(), Note: reason}
}
