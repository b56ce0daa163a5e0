package middleware

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/mcpecho/kit/mcpecho"
)

// Permission decides about one call: nil permits it, an error refuses it. The step [Permit] asks it
// and says what clients see of the error. Permissions are asked at any time and in any number, so
// they should change nothing.
type Permission func(c *mcpecho.Call) error

// ErrDenied is wrapped by a denial: "no", as opposed to the failure to find out. Only [Not] tells
// the two apart. A [mcpecho.Error] or [echo.HTTPError] with status 401 or 403 is a denial too, and
// so is a [mcpecho.ToolError] of type forbidden.
var ErrDenied = errors.New("middleware: not permitted")

// HasScopes permits who has all the scopes. It panics without any.
func HasScopes(scopes ...string) Permission { return newScopes(scopes, false).permit }

// HasAnyScope permits who has one of the scopes. A challenge asks for the first. It panics without
// any.
func HasAnyScope(scopes ...string) Permission { return newScopes(scopes, true).permit }

// And permits what all of the permissions permit. The first denial decides, except that the scopes
// which an authenticated caller lacks are gathered from all of them, so that one challenge names
// them. It panics without any.
func And(permissions ...Permission) Permission {
	permissions = checkPermissions("And", permissions)
	return func(c *mcpecho.Call) error {
		var needed []string
		for _, permit := range permissions {
			err := permit(c)
			var scope *scopeError
			switch {
			case err == nil:
			case !errors.As(err, &scope), c.Principal() == nil:
				return err
			default:
				needed = append(needed, scope.needed...)
			}
		}
		if len(needed) > 0 {
			return &scopeError{needed}
		}
		return nil
	}
}

// Or permits what one of the permissions permits, asked in order. When none does, the answer is the
// first error that is no denial, or else a challenge for the scopes of the first permission that
// scopes would satisfy, or else the first denial. It panics without any.
func Or(permissions ...Permission) Permission {
	permissions = checkPermissions("Or", permissions)
	return func(c *mcpecho.Call) error {
		var denial, failure error
		for _, permit := range permissions {
			err := permit(c)
			var scope *scopeError
			switch {
			case err == nil:
				return nil
			case !isDenial(err):
				failure = cmp.Or(failure, err)
			case denial == nil, !errors.As(denial, &scope) && errors.As(err, &scope):
				denial = err
			}
		}
		return cmp.Or(failure, denial)
	}
}

// Not permits what the permission denies. An error that is no denial refuses as well: what could
// not be found out must not let anyone in. So the application's own permissions must wrap
// [ErrDenied] to be turned around. It panics without a permission.
func Not(permission Permission) Permission {
	permit := checkPermissions("Not", []Permission{permission})[0]
	return func(c *mcpecho.Call) error {
		switch err := permit(c); {
		case err == nil:
			return ErrDenied
		case isDenial(err):
			return nil
		default:
			return err
		}
	}
}

func isDenial(err error) bool {
	var protocol *mcpecho.Error
	if errors.As(err, &protocol) {
		return protocol.Code == http.StatusUnauthorized || protocol.Code == http.StatusForbidden
	}
	var told *mcpecho.ToolError
	if errors.As(err, &told) && told.Type == mcpecho.TypeForbidden {
		return true
	}
	return errors.Is(err, ErrDenied) || isRefusal(err)
}

func checkPermissions(name string, permissions []Permission) []Permission {
	if len(permissions) == 0 || slices.ContainsFunc(permissions, func(p Permission) bool { return p == nil }) {
		panic("middleware: " + name + " requires permissions that are not nil: with none it would be unclear who may")
	}
	return slices.Clone(permissions)
}
