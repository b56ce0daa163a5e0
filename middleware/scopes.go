package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// ScopesConfig configures [ScopesWithConfig].
type ScopesConfig struct {
	// Skipper lets a call pass without a check. Optional.
	Skipper Skipper
	// Scopes are the OAuth scopes that the caller's token must all have.
	// Required.
	Scopes []string
}

// Scopes is a step of [mcpecho.StagePermissions] that lets a call pass when
// its principal has all the scopes. It panics without any: an empty list would
// permit everyone, for which there is [Public].
//
// An anonymous caller gets HTTP 401, one that lacks a scope 403. Both carry a
// challenge with the scopes that the step needs, by which a client asks its
// user for more; the 403 names them in the error's data too, as
// requiredScopes.
// (specification 2026-07-28, basic/authorization, section Scope Challenge Handling)
func Scopes(scopes ...string) mcpecho.Step {
	return ScopesWithConfig(ScopesConfig{Scopes: scopes})
}

// ScopesWithConfig is [Scopes] with a configuration. It panics when that is
// wrong; [ScopesConfig.ToStep] returns the error.
func ScopesWithConfig(cfg ScopesConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg ScopesConfig) ToStep() (mcpecho.Step, error) {
	if len(cfg.Scopes) == 0 {
		return mcpecho.Step{}, errors.New("middleware: scopes requires at least one scope: use Public for a tool that everyone may call")
	}
	if err := checkScopes(cfg.Scopes); err != nil {
		return mcpecho.Step{}, err
	}
	needed := slices.Clone(cfg.Scopes)
	scope := strings.Join(needed, " ")
	check := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if skips(cfg.Skipper, ec) {
				return next(ec)
			}
			p := mcpecho.CallFrom(ec).Principal()
			if p == nil {
				challengeFrom(ec).set(ec, "", "", scope)
				return &mcpecho.Error{Code: http.StatusUnauthorized, Message: "authentication required"}
			}
			for _, s := range needed {
				if !p.HasScope(s) {
					challengeFrom(ec).set(ec, "insufficient_scope", "", scope)
					return &mcpecho.Error{
						Code: http.StatusForbidden, Message: "insufficient scope",
						Data: map[string]any{"requiredScopes": needed},
					}
				}
			}
			return next(ec)
		}
	}
	return mcpecho.Step{Name: "scopes", Stage: mcpecho.StagePermissions, Func: check, Native: true}, nil
}
