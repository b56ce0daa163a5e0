package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

func TestVerifierDecidesTheAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		principal *auth.Principal
		err       error
		status    int
		challenge string
		retry     string
	}{
		"a principal": {principal: ann, status: http.StatusOK},
		"nothing":     {status: 401, challenge: `Bearer realm="mcp", error="invalid_token", error_description="the token is not valid"`},
		"invalid": {err: fmt.Errorf("secret: %w", auth.ErrInvalidToken), status: 401,
			challenge: `Bearer realm="mcp", error="invalid_token", error_description="the token is not valid"`},
		"both":          {principal: ann, err: auth.ErrInvalidToken, status: 401, challenge: `Bearer realm="mcp", error="invalid_token", error_description="the token is not valid"`},
		"cannot tell":   {err: errors.New("secret"), status: http.StatusServiceUnavailable, retry: "5"},
		"its own words": {err: echo.NewHTTPError(http.StatusTooManyRequests), status: http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			bearer := guard(auth.VerifierFunc(func(_ context.Context, token string) (*auth.Principal, error) {
				equal(t, "token", token, "opaque")
				return tc.principal, tc.err
			}))
			rec, p := door(bearer, get("Bearer opaque"))
			equal(t, "status", rec.Code, tc.status)
			equal(t, "principal reached the handler", p != nil, tc.status == http.StatusOK)
			equal(t, "challenge", rec.Header().Get("WWW-Authenticate"), tc.challenge)
			equal(t, "retry", rec.Header().Get("Retry-After"), tc.retry)
			if strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("the cause is in the reply: %s", rec.Body)
			}
		})
	}
}

func TestVerifierIsNotAskedAboutWhatCannotBeAToken(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Header: "x-api-key", Verifier: auth.VerifierFunc(func(context.Context, string) (*auth.Principal, error) {
		return nil, errors.New("asked")
	})})
	for name, values := range map[string][]string{
		"none": nil, "empty": {""}, "spaces": {"  "}, "two": {"a", "b"}, "long": {strings.Repeat("x", 8<<10+1)},
	} {
		r := get("Bearer token")
		r.Header["X-Api-Key"] = values
		rec, _ := door(bearer, r)
		equal(t, name, rec.Code, http.StatusUnauthorized)
	}
}

func TestAPIKeysKnowTheirHolders(t *testing.T) {
	one, keepOne := auth.NewAPIKey("one")
	two, keepTwo := auth.NewAPIKey("two")
	keepTwo.Subject, keepTwo.Scopes = "ann", []string{"invoices:read"}
	verifier := auth.APIKeys(map[string]auth.APIKey{"one": keepOne, "two": keepTwo})
	header := mw.BearerWithConfig(mw.BearerConfig{Verifier: verifier, Header: "X-API-Key"})

	for name, tc := range map[string]struct{ key, subject string }{
		"first":             {one, "one"},
		"second":            {two, "ann"},
		"secret of another": {"one" + strings.TrimPrefix(two, "two"), ""},
		"unknown id":        {"three" + strings.TrimPrefix(two, "two"), ""},
		"id alone":          {"one", ""},
		"no secret":         {"one.", ""},
		"unknown, empty":    {"three.", ""},
		"no id":             {strings.TrimPrefix(one, "one"), ""},
		"secret and more":   {one + "x", ""},
		"another dot":       {one + ".", ""},
		"the digest":        {"one." + string(keepOne.Digest[:]), ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := http.StatusUnauthorized
			if tc.subject != "" {
				want = http.StatusOK
			}
			bySecret, byHeader := get("Bearer "+tc.key), get()
			byHeader.Header.Set("X-API-Key", tc.key)
			rec, p := door(guard(verifier), bySecret)
			equal(t, "status", rec.Code, want)
			rec, _ = door(header, byHeader)
			equal(t, "status by header", rec.Code, want)
			rec, _ = door(header, bySecret)
			equal(t, "status in another header", rec.Code, http.StatusUnauthorized)
			if p != nil {
				equal(t, "caller", p.Key(), "apikey\x00"+tc.subject)
				equal(t, "scope", p.HasScope("invoices:read"), tc.subject == "ann")
			}
		})
	}
}

func TestAPIKeysRefuseWhatCannotBeAKey(t *testing.T) {
	_, keep := auth.NewAPIKey("id")
	for want, keys := range map[string]map[string]auth.APIKey{
		"neither empty": {"": keep}, "nor have a dot": {"a.b": keep}, "has no Digest": {"id": {}},
	} {
		contains(t, "panic", panics(t, func() { auth.APIKeys(keys) }), want)
	}
	contains(t, "panic", panics(t, func() { auth.NewAPIKey("a.b") }), "nor have a dot")
}
