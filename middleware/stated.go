package middleware

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// PublicConfig configures [PublicWithConfig].
type PublicConfig struct {
	// Reason says why everyone may call the tool, for who reads the code or the
	// printed chain. Required.
	Reason string
}

// Public is a step of [mcpecho.StagePermissions] that does nothing: it marks
// a tool that everyone who reaches the server may call, so that a chain
// without permissions is seen to be meant. It panics without a reason.
func Public(reason string) mcpecho.Step {
	return PublicWithConfig(PublicConfig{Reason: reason})
}

// PublicWithConfig is [Public] with a configuration. It panics when that is
// wrong; [PublicConfig.ToStep] returns the error.
func PublicWithConfig(cfg PublicConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg PublicConfig) ToStep() (mcpecho.Step, error) {
	if strings.TrimSpace(cfg.Reason) == "" {
		return mcpecho.Step{}, errors.New("middleware: public requires a reason: say why everyone may call the tool")
	}
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	return mcpecho.Step{Name: "public", Stage: mcpecho.StagePermissions, Func: pass, Native: native.Step(), Note: cfg.Reason}, nil
}
