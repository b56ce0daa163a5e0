package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// Scopes is a step of [mcpecho.StagePermissions] that lets a call pass when its principal has all
// the scopes. It panics without any: an empty list would permit everyone, for which there is
// [Public].
//
// An anonymous caller gets HTTP 401, one that lacks a scope 403. Both carry a challenge with every
// scope that the chain needs, those of its other Scopes and AnyScope steps included, so that a
// client asks its user once. That of a 403 begins with the scopes of the token: a client that asks
// for exactly what a challenge names would otherwise lose what it had. The error's data name what
// the chain needs, as requiredScopes.
// (specification 2026-07-28, basic/authorization, section Scope Challenge Handling)
func Scopes(scopes ...string) mcpecho.Step {
	needed := newScopes(scopes, false)
	return permissionStep("scopes", needed.permit, needed)
}

// AnyScope is [Scopes] for which one of the scopes is enough. A challenge asks for the first, so
// name the one that allows least first, as in AnyScope("invoices:read", "invoices:write").
func AnyScope(scopes ...string) mcpecho.Step {
	needed := newScopes(scopes, true)
	return permissionStep("anyscope", needed.permit, needed)
}

// neededScopes are the scopes that one step or permission asks for.
type neededScopes struct {
	names []string
	any   bool // one is enough
}

// newScopes panics when no caller could have the scopes, or every caller would.
func newScopes(names []string, anyOf bool) *neededScopes {
	if len(names) == 0 {
		panic("middleware: scopes requires at least one scope: use Public for a tool that everyone may call")
	}
	if err := checkScopes(names); err != nil {
		panic(err.Error())
	}
	return &neededScopes{slices.Clone(names), anyOf}
}

// permit is a [Permission].
func (n *neededScopes) permit(c *mcpecho.Call) error {
	p := c.Principal()
	if n.any && slices.ContainsFunc(n.names, p.HasScope) {
		return nil
	}
	for _, s := range n.names {
		if n.any || !p.HasScope(s) {
			return &scopeError{n.of(p)}
		}
	}
	return nil
}

// of are the scopes with which a principal would pass: those that it has already, too.
func (n *neededScopes) of(p *mcpecho.Principal) []string {
	if !n.any {
		return n.names
	}
	if held := slices.IndexFunc(n.names, p.HasScope); held >= 0 {
		return n.names[held : held+1]
	}
	return n.names[:1]
}

// alternatives are the sets of scopes of which one is enough.
func (n *neededScopes) alternatives() [][]string {
	if n.any {
		return slices.Collect(slices.Chunk(n.names, 1))
	}
	return [][]string{n.names}
}

// scopeError is a denial that more scopes would lift.
type scopeError struct{ needed []string }

func (e *scopeError) Error() string {
	return "middleware: the call needs the scopes " + strings.Join(e.needed, " ")
}

func (e *scopeError) Unwrap() error { return ErrDenied }

// chainScopes are the scope steps of one chain. All of its permission steps share them, so that the
// first denial can name what the others need.
type chainScopes struct{ steps []*neededScopes }

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
	for _, scopes := range all.steps {
		add(scopes.of(p))
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

// maxGranted bounds the scopes of a token that a challenge repeats, so that the header stays small
// whatever the token holds.
const maxGranted = 50

// withGranted are the scopes of the caller's token, and after them what it lacks.
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
