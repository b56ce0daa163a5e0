package middleware

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// PermitConfig configures [PermitWithConfig].
type PermitConfig struct {
	// Skipper lets a call pass without a check. Optional.
	Skipper Skipper
	// Permit decides. Required.
	Permit func(c *mcpecho.Call) error
}

// Permit is a step of [mcpecho.StagePermissions] that lets a call pass when
// the function returns nil. A [mcpecho.Error], or an [echo.HTTPError] with
// status 401 or 403, reaches the client as it is; any other error becomes
// HTTP 403 "not permitted", with the cause only in the log. The arguments are
// not decoded yet: what depends on them belongs into the handler.
func Permit(permit func(c *mcpecho.Call) error) mcpecho.Step {
	return PermitWithConfig(PermitConfig{Permit: permit})
}

// PermitWithConfig is [Permit] with a configuration. It panics when that is
// wrong; [PermitConfig.ToStep] returns the error.
func PermitWithConfig(cfg PermitConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg PermitConfig) ToStep() (mcpecho.Step, error) {
	if cfg.Permit == nil {
		return mcpecho.Step{}, errors.New("middleware: permit requires a function: use Public for a tool that everyone may call")
	}
	check := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if skips(cfg.Skipper, ec) {
				return next(ec)
			}
			if err := cfg.Permit(mcpecho.CallFrom(ec)); err != nil {
				return notPermitted(err)
			}
			return next(ec)
		}
	}
	return mcpecho.Step{Name: "permit", Stage: mcpecho.StagePermissions, Func: check, Native: true}, nil
}

func notPermitted(err error) error {
	var protocol *mcpecho.Error
	var plain *echo.HTTPError
	if errors.As(err, &protocol) ||
		errors.As(err, &plain) && (plain.Code == http.StatusUnauthorized || plain.Code == http.StatusForbidden) {
		return err
	}
	return &mcpecho.Error{Code: http.StatusForbidden, Message: "not permitted", Internal: err}
}
