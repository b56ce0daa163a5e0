// Package authn is what authentication leaves in an [echo.Context] for the server behind it: the
// challenge of a 401 that the server answers itself, and a token that its log must not show.
package authn

import "github.com/labstack/echo/v4"

const (
	challengerKey = "mcpecho.challenge"
	tokenKey      = "mcpecho.token"
)

// Challenger writes the WWW-Authenticate header of a 401.
type Challenger interface{ Challenge() string }

// SetChallenger records what challenges the caller of the request.
func SetChallenger(ec echo.Context, ch Challenger) { ec.Set(challengerKey, ch) }

// ChallengerFrom returns what was recorded, nil where no authentication has run.
func ChallengerFrom(ec echo.Context) Challenger {
	ch, _ := ec.Get(challengerKey).(Challenger)
	return ch
}

// SetToken records a token that did not come in the Authorization header.
func SetToken(ec echo.Context, token string) { ec.Set(tokenKey, token) }

// TokenFrom returns that token, or "".
func TokenFrom(ec echo.Context) string {
	token, _ := ec.Get(tokenKey).(string)
	return token
}
