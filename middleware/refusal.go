package middleware

import (
	"errors"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
)

// refusals answers the requests that one bearer lets not pass, and says why where the log of the
// server finds it.
type refusals struct {
	challenge *challenge
	scope     string // what a client should ask for
	outages   rate.Sometimes
}

// answer answers a request without a caller. The token, if there was one, is kept out of the log.
func (r *refusals) answer(ec echo.Context, cause error, token string) error {
	reason, outage := reasonOf(cause)
	mcpecho.SetRefusal(ec, reason, nil)
	if outage && ec.Request().Context().Err() == nil { // or else it is the caller that has left
		r.outages.Do(func() { mcpecho.SetRefusal(ec, reason, withoutToken(cause, token)) })
	}
	return r.challenge.answer(ec, cause, r.scope)
}

// reasonOf is the word for a cause, and whether it is one that an operator should look at.
func reasonOf(cause error) (word string, outage bool) {
	switch {
	case errors.Is(cause, errNoToken):
		return "no_token", false
	case errors.Is(cause, errTwoTokens):
		return "malformed_token", false
	}
	return auth.Reason(cause)
}

// withoutToken is an error for the log. A verifier that asks another server may have an error that
// repeats what it sent.
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
