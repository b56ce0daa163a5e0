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
	// Any makes one of the scopes enough, as [AnyScope] does.
	Any bool
}

// Scopes is a step of [mcpecho.StagePermissions] that lets a call pass when
// its principal has all the scopes. It panics without any: an empty list would
// permit everyone, for which there is [Public].
//
// An anonymous caller gets HTTP 401, one that lacks a scope 403. Both carry a
// challenge with every scope that the chain needs, those of its other Scopes
// and AnyScope steps included, so that a client asks its user once. That of a
// 403 begins with the scopes of the token: a client that asks for exactly what
// a challenge names would otherwise lose what it had. The error's data name
// what the chain needs, as requiredScopes.
// (specification 2026-07-28, basic/authorization, section Scope Challenge Handling)
func Scopes(scopes ...string) mcpecho.Step {
	return ScopesWithConfig(ScopesConfig{Scopes: scopes})
}

// AnyScope is [Scopes] for which one of the scopes is enough. A challenge asks
// for the first, so name the one that allows least first, as in
// AnyScope("invoices:read", "invoices:write").
func AnyScope(scopes ...string) mcpecho.Step {
	return ScopesWithConfig(ScopesConfig{Scopes: scopes, Any: true})
}

// ScopesWithConfig is [Scopes] with a configuration. It panics when that is
// wrong; [ScopesConfig.ToStep] returns the error.
func ScopesWithConfig(cfg ScopesConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg ScopesConfig) ToStep() (mcpecho.Step, error) {
	if err := checkRequired(cfg.Scopes); err != nil {
		return mcpecho.Step{}, err
	}
	cfg.Scopes = slices.Clone(cfg.Scopes)
	step := permissionStep("scopes", cfg.Skipper, cfg.permit, &cfg)
	if cfg.Any {
		step.Name = "anyscope"
	}
	return step, nil
}

func checkRequired(scopes []string) error {
	if len(scopes) == 0 {
		return errors.New("middleware: scopes requires at least one scope: use Public for a tool that everyone may call")
	}
	return checkScopes(scopes)
}

// permit is a [Permission].
func (cfg *ScopesConfig) permit(c *mcpecho.Call) error {
	p := c.Principal()
	if cfg.Any && slices.ContainsFunc(cfg.Scopes, p.HasScope) {
		return nil
	}
	for _, s := range cfg.Scopes {
		if cfg.Any || !p.HasScope(s) {
			return &scopeError{cfg.needed(p)}
		}
	}
	return nil
}

// needed are the scopes with which the caller would pass.
func (cfg *ScopesConfig) needed(p *mcpecho.Principal) []string {
	if !cfg.Any {
		return cfg.Scopes
	}
	if held := slices.IndexFunc(cfg.Scopes, p.HasScope); held >= 0 {
		return cfg.Scopes[held : held+1]
	}
	return cfg.Scopes[:1]
}

// scopeError is a denial that more scopes would lift.
type scopeError struct{ needed []string }

func (e *scopeError) Error() string {
	return "middleware: the call needs the scopes " + strings.Join(e.needed, " ")
}

func (e *scopeError) Unwrap() error { return ErrDenied }

// chainScopes are the scope steps of one chain. All of its permission steps
// share them, so that the first denial can name what the others need.
type chainScopes struct{ steps []*ScopesConfig }

type chainScopesKey struct{}

func chainScopesOf(d *mcpecho.Definition) *chainScopes {
	all, ok := d.Get(chainScopesKey{}).(*chainScopes)
	if !ok {
		all = &chainScopes{}
		d.Set(chainScopesKey{}, all)
	}
	return all
}

// deny makes a scope error the answer to the call.
func (all *chainScopes) deny(ec echo.Context, p *mcpecho.Principal, cause *scopeError) error {
	var needed []string
	add := func(scopes []string) {
		for _, s := range scopes {
			if !slices.Contains(needed, s) {
				needed = append(needed, s)
			}
		}
	}
	for _, cfg := range all.steps {
		if !skips(cfg.Skipper, ec) {
			add(cfg.needed(p))
		}
	}
	add(cause.needed)
	if p == nil {
		challengeFrom(ec).set(ec, "", "", strings.Join(needed, " "))
		return &mcpecho.Error{Code: http.StatusUnauthorized, Message: "authentication required"}
	}
	challengeFrom(ec).set(ec, "insufficient_scope", "", strings.Join(withGranted(p, needed), " "))
	return &mcpecho.Error{
		Code: http.StatusForbidden, Message: "insufficient scope", Data: map[string]any{"requiredScopes": needed},
	}
}

// maxGranted bounds the scopes of a token that a challenge repeats, so that the
// header stays small whatever the token holds.
const maxGranted = 50

// withGranted are the scopes of the caller's token, and after them what it
// lacks.
func withGranted(p *mcpecho.Principal, needed []string) []string {
	var all []string
	for _, s := range p.Scopes {
		if len(all) < maxGranted && checkScopes([]string{s}) == nil && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, s := range needed {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
