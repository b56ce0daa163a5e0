package auth

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
)

// ErrInvalidToken is wrapped by the errors of a [Verifier] for a token that is unknown, expired,
// revoked or meant for another server.
var ErrInvalidToken = errors.New("auth: the token is not valid")

// ErrExpiredToken is wrapped too when a token was good and has expired, so that the client can be
// told. It is the error that package jwt has for it.
var ErrExpiredToken = jwt.ErrTokenExpired

func invalid(err error) error { return fmt.Errorf("%w: %w", ErrInvalidToken, err) }

const unverifiable = "unverifiable_token"

// reasons are the causes that are told apart. The first that fits counts.
var reasons = []struct {
	cause error
	word  string
}{
	{errForm, "malformed_token"},
	{jwt.ErrTokenMalformed, "malformed_token"},
	{jwt.ErrTokenExpired, "expired_token"},
	{jwt.ErrTokenNotValidYet, "early_token"},
	{jwt.ErrTokenUsedBeforeIssued, "early_token"},
	{jwt.ErrTokenInvalidIssuer, "wrong_issuer"},
	{jwt.ErrTokenInvalidAudience, "wrong_audience"},
	{jwt.ErrTokenSignatureInvalid, "wrong_signature"},
	{jwt.ErrTokenUnverifiable, "unknown_key"},
	{errInactive, "inactive_token"},
	{ErrInvalidToken, "invalid_token"},
}

// Reason is the word for the error of a [Verifier] in a log: "malformed_token", "expired_token",
// "early_token", "wrong_issuer", "wrong_audience", "wrong_signature", "unknown_key",
// "inactive_token", "invalid_token", or "unverifiable_token". The last is an outage: nothing could
// be found out about the token, and an operator should look at the error.
func Reason(err error) (word string, outage bool) {
	var answer *echo.HTTPError
	switch {
	case errors.As(err, &answer) && answer.Code < http.StatusInternalServerError:
		return "invalid_token", false
	case answer != nil || errors.Is(err, errNoKeys):
		return unverifiable, true
	}
	for _, known := range reasons {
		if errors.Is(err, known.cause) {
			return known.word, false
		}
	}
	return unverifiable, true
}
