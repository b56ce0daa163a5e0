package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/mcpecho/auth"
)

// challenge builds the WWW-Authenticate header of one authenticator. It is kept in the
// echo.Context, so that a refusal deep inside a chain names the same realm and metadata as one at
// the door.
type challenge struct {
	realm    string
	metadata string // absolute URL, or ""
}

const defaultRealm = "mcp"

var plainChallenge = &challenge{realm: defaultRealm}

func challengeFrom(ec echo.Context) *challenge {
	if ch, ok := authn.ChallengerFrom(ec).(*challenge); ok {
		return ch
	}
	return plainChallenge
}

// Challenge is what the server sends with a 401 that is not of this package.
func (ch *challenge) Challenge() string { return ch.header("", "", "") }

// set puts the challenge into the response.
func (ch *challenge) set(ec echo.Context, code, description, scope string) {
	ec.Response().Header().Set(echo.HeaderWWWAuthenticate, ch.header(code, description, scope))
}

// header writes the challenge. Empty parameters are left out: code must be empty when the request
// carried no token.
// (RFC 6750 section 3, RFC 9728 section 5.1)
func (ch *challenge) header(code, description, scope string) string {
	var b strings.Builder
	b.WriteString(`Bearer realm="` + quotable.Replace(ch.realm) + `"`)
	for _, p := range [...][2]string{
		{"error", code}, {"error_description", description}, {"scope", scope}, {"resource_metadata", ch.metadata},
	} {
		if p[1] != "" {
			b.WriteString(", " + p[0] + `="` + quotable.Replace(p[1]) + `"`)
		}
	}
	return b.String()
}

// quotable escapes what would end a quoted-string. (RFC 9110 section 5.6.4)
var quotable = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// answer is the one table from the causes of a missing principal to what the client sees, outside
// of any MCP message.
func (ch *challenge) answer(ec echo.Context, cause error, scope string) error {
	var answer *echo.HTTPError
	switch {
	case errors.As(cause, &answer):
		return answer
	case errors.Is(cause, errNoToken):
		return ch.refuse(ec, "", "a bearer token is required", scope)
	case errors.Is(cause, auth.ErrExpiredToken):
		return ch.refuse(ec, "invalid_token", "the token is expired", scope)
	case errors.Is(cause, auth.ErrInvalidToken):
		return ch.refuse(ec, "invalid_token", "the token is not valid", scope)
	}
	ec.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	ec.Response().Header().Set(echo.HeaderRetryAfter, retryAfter)
	return echo.NewHTTPError(http.StatusServiceUnavailable, "tokens cannot be verified at the moment").SetInternal(cause)
}

// refuse answers 401. Without a code the request carried no token, and the challenge then says
// neither what was wrong nor why.
func (ch *challenge) refuse(ec echo.Context, code, description, scope string) error {
	if code == "" {
		ch.set(ec, "", "", scope)
		code = "unauthorized"
	} else {
		ch.set(ec, code, description, scope)
	}
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
	if err != nil {
		return err
	}
	ec.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return ec.JSONBlob(http.StatusUnauthorized, body)
}

// checkScopes refuses what could not be written into a challenge.
// (RFC 6749 section 3.3)
func checkScopes(scopes []string) error {
	for _, s := range scopes {
		bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
		if s == "" || strings.ContainsFunc(s, bad) {
			return fmt.Errorf("middleware: %q is not an OAuth scope: use one or more printable ASCII characters without space, quote or backslash, one scope per string", s)
		}
	}
	return nil
}

// checkQuotable refuses what a header cannot carry.
func checkQuotable(field, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("middleware: %s %q must be printable ASCII: it is sent in a header", field, value)
	}
	return nil
}
