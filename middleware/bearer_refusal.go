package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/mcpecho"
)

// refusals answers the requests that one bearer lets not pass, and says why where
// the log of the server finds it.
type refusals struct {
	challenge *challenge
	scope     string // what a client should ask for
	outages   rate.Sometimes
}

// answer answers a request without a caller. The token, if there was one, is kept
// out of the log.
func (r *refusals) answer(ec echo.Context, cause error, token string) error {
	reason := refusalOf(cause)
	mcpecho.SetRefusal(ec, reason, nil)
	if reason == unverifiable && ec.Request().Context().Err() == nil { // or else it is the caller that has left
		r.outages.Do(func() { mcpecho.SetRefusal(ec, reason, withoutToken(cause, token)) })
	}
	return r.challenge.answer(ec, cause, r.scope)
}

const unverifiable = "unverifiable_token"

// refusalWords are the causes that are told apart. The first that fits counts.
var refusalWords = []struct {
	cause error
	word  string
}{
	{errNoToken, "no_token"},
	{errTokenForm, "malformed_token"},
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

// refusalOf is the word for a cause.
func refusalOf(cause error) string {
	var answer *echo.HTTPError
	if errors.As(cause, &answer) {
		if answer.Code < http.StatusInternalServerError {
			return "invalid_token"
		}
		return unverifiable
	}
	if errors.Is(cause, errNoKeys) {
		return unverifiable
	}
	for _, known := range refusalWords {
		if errors.Is(cause, known.cause) {
			return known.word
		}
	}
	return unverifiable
}

// withoutToken is an error for the log. A verifier that asks another server may have
// an error that repeats what it sent.
func withoutToken(cause error, token string) error {
	if token == "" {
		return cause
	}
	text := cause.Error()
	for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token)} {
		text = strings.ReplaceAll(text, form, "[token]")
	}
	return errors.New(text)
}
