package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	mw "github.com/mcpecho/kit/middleware"
)

// logged is what a server writes to its log while one request with the token goes
// through the door, and the status of the answer.
func logged(t *testing.T, door echo.MiddlewareFunc, authorization string) (lines []string, status int) {
	t.Helper()
	var log bytes.Buffer
	srv := newServer(nil, logTo(&log))
	srv.Add(mcpecho.Service("tool", ok, mw.Public("a test"), mcpecho.Describe("It is a test.")))
	e := echo.New()
	srv.Mount(e.Group("/mcp"), door)
	log.Reset()
	header := map[string]string{}
	if authorization != "" {
		header["Authorization"] = authorization
	}
	rec := send(e, "tool", header)
	for _, secret := range append(strings.Split(strings.TrimPrefix(authorization, "Bearer "), "."), authorization) {
		if len(secret) > 3 && strings.Contains(log.String(), secret) {
			t.Errorf("%q of the token is in the log: %s", secret, log.String())
		}
	}
	return strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n"), rec.Code
}

func TestRefusedTokensLeaveOneLineWithOneWord(t *testing.T) {
	bearer := mw.BearerWithConfig(mw.BearerConfig{Verifier: byKey(auth.JWTConfig{Issuer: "https://issuer", Resource: "https://api"})})
	soon := time.Now().Add(5 * time.Minute).Unix()
	for name, tc := range map[string]struct{ authorization, word string }{
		"none":             {"", "no_token"},
		"another scheme":   {"Basic YWxhZGRpbjpzZXNhbWU=", "no_token"},
		"no JWT":           {"Bearer garbage-of-somebody", "malformed_token"},
		"no JSON":          {"Bearer Z2FyYmFnZQ.Z2FyYmFnZQ.Z2FyYmFnZQ", "malformed_token"},
		"too long":         {"Bearer " + strings.Repeat("x", 9000), "malformed_token"},
		"expired":          {"Bearer " + hs256(t, jwt.MapClaims{"exp": 1}), "expired_token"},
		"not yet":          {"Bearer " + hs256(t, jwt.MapClaims{"nbf": soon}), "early_token"},
		"made later":       {"Bearer " + hs256(t, jwt.MapClaims{"iat": soon}), "early_token"},
		"another audience": {"Bearer " + hs256(t, jwt.MapClaims{"aud": "https://other"}), "wrong_audience"},
		"another issuer":   {"Bearer " + hs256(t, jwt.MapClaims{"iss": "https://other"}), "wrong_issuer"},
		"another key":      {"Bearer " + sign(t, jwt.SigningMethodHS256, []byte("another"), claims(nil)), "wrong_signature"},
		"another method":   {"Bearer " + sign(t, jwt.SigningMethodHS512, key, claims(nil)), "wrong_signature"},
		"no exp":           {"Bearer " + hs256(t, jwt.MapClaims{"exp": nil}), "invalid_token"},
		"a strange date":   {"Bearer " + hs256(t, jwt.MapClaims{"nbf": 1e300}), "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, status := logged(t, bearer, tc.authorization)
			equal(t, "status", status, http.StatusUnauthorized)
			if len(lines) != 1 || !strings.HasSuffix(lines[0], "level=INFO msg=\"mcpecho: refused\" http_method=POST reason="+tc.word) {
				t.Errorf("the log has %q, want one line with reason=%s", lines, tc.word)
			}
		})
	}
	if lines, _ := logged(t, bearer, "Bearer "+hs256(t, nil)); lines[0] != "" {
		t.Errorf("a good token leaves %q", lines)
	}
}

func TestAnOutageIsLoggedWithItsCauseOnceASecond(t *testing.T) {
	const token = "opaque+of/somebody="
	for name, leaked := range map[string]string{
		"plain": token, "in a query": url.QueryEscape(token), "in a path": url.PathEscape(token),
	} {
		t.Run(name, func(t *testing.T) {
			bearer := mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.VerifierFunc(func(context.Context, string) (*mcpecho.Principal, error) {
				return nil, fmt.Errorf("no route to login.example.com while asking for %q", leaked)
			})})
			began, loud := time.Now(), 0
			for range 20 {
				lines, status := logged(t, bearer, "Bearer "+token)
				equal(t, "status", status, http.StatusServiceUnavailable)
				if len(lines) != 1 || !strings.Contains(lines[0], "reason=unverifiable_token") || strings.Contains(lines[0], leaked) {
					t.Errorf("the log has %q", lines)
				}
				if strings.Contains(lines[0], "level=ERROR") {
					contains(t, "line", lines[0], "no route to login.example.com")
					loud++
				}
			}
			if most := 1 + int(time.Since(began)/time.Second); loud < 1 || loud > most {
				t.Errorf("%d lines at level error, want at most %d", loud, most)
			}
		})
	}
}

func TestRefusalsOfAnApplicationsOwnAuthenticationAreLogged(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{echo.NewHTTPError(http.StatusUnauthorized, "told"), "level=INFO msg=\"mcpecho: refused\" http_method=POST reason=unauthorized"},
		{echo.NewHTTPError(http.StatusBadGateway).SetInternal(errors.New("the cause")), "reason=bad_gateway cause="},
	} {
		own := func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return tc.err } }
		lines, _ := logged(t, own, "Bearer opaque")
		equal(t, "lines", len(lines), 1)
		contains(t, "log", lines[0], tc.want)
		if strings.Contains(lines[0], "told") {
			t.Errorf("what the client is told is in the log: %s", lines[0])
		}
	}
}

// loggedWith is [logged] with a token in any header.
func loggedWith(t *testing.T, door echo.MiddlewareFunc, header, value string) string {
	t.Helper()
	var log bytes.Buffer
	srv := newServer(nil, logTo(&log))
	srv.Add(mcpecho.Service("tool", func(c *mcpecho.Call, _ nothing) (string, error) {
		return "", fmt.Errorf("upstream refused %q", c.Request().Header.Get(header))
	}, mw.Public("a test"), mcpecho.Describe("It is a test.")))
	e := echo.New()
	srv.Mount(e.Group("/mcp"), door)
	log.Reset()
	send(e, "tool", map[string]string{header: value})
	return log.String()
}

func TestErrorsThatRepeatATokenAreLoggedWithoutIt(t *testing.T) {
	const token = "opaque-of-somebody"
	verifier := func(p *mcpecho.Principal, err error) auth.Verifier {
		return auth.VerifierFunc(func(context.Context, string) (*mcpecho.Principal, error) { return p, err })
	}
	own := func(err error) echo.MiddlewareFunc {
		return func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return err } }
	}
	bearer := func(cfg mw.BearerConfig) echo.MiddlewareFunc { return mw.BearerWithConfig(cfg) }
	for name, tc := range map[string]struct {
		door          echo.MiddlewareFunc
		header, value string
		want          string
	}{
		"a handler": {bearer(mw.BearerConfig{Verifier: verifier(ann, nil)}), "Authorization", "Bearer  " + token, "upstream refused"},
		"a handler behind a header of its own": {bearer(mw.BearerConfig{Header: "X-API-Key", Verifier: verifier(ann, nil)}), "X-Api-Key", token,
			"upstream refused"},
		"a panic behind a header of its own": {bearer(mw.BearerConfig{Header: "X-API-Key",
			Verifier: auth.VerifierFunc(func(context.Context, string) (*mcpecho.Principal, error) { panic("no " + token) })}), "X-Api-Key", token, "internal error"},
		"an authentication of the application": {own(errors.New("no route to introspect " + token)), "Authorization", "Bearer " + token,
			"level=ERROR msg=\"mcpecho: refused\" http_method=POST reason=internal_server_error cause=\"no route"},
		"its HTTP error": {own(echo.NewHTTPError(http.StatusBadGateway).SetInternal(errors.New("no " + token))), "Authorization", "Bearer " + token,
			"reason=bad_gateway"},
	} {
		log := loggedWith(t, tc.door, tc.header, tc.value)
		contains(t, name, log, tc.want)
		if strings.Contains(log, token) {
			t.Errorf("%s: the token is in the log: %s", name, log)
		}
		equal(t, name, strings.Count(log, "\n"), 1)
	}
}

func TestPanicsOfHooksOfAuthenticationAreAnsweredAndLogged(t *testing.T) {
	claimed := 0
	for name, bearer := range map[string]echo.MiddlewareFunc{
		"Keyfunc": mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.JWT(auth.JWTConfig{Keys: auth.Keyfunc(func(token *jwt.Token) (any, error) {
			return []byte(token.Header["kid"].(string)), nil // the usual mistake: a token without kid
		}, "HS256")})}),
		"Verifier": mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.VerifierFunc(func(context.Context, string) (*mcpecho.Principal, error) {
			var none *mcpecho.Principal
			return &mcpecho.Principal{Subject: none.Subject}, nil
		})}),
		"NewClaims": mw.BearerWithConfig(mw.BearerConfig{Verifier: byKey(auth.JWTConfig{NewClaims: func() jwt.Claims {
			if claimed++; claimed > 1 {
				panic("no claims")
			}
			return jwt.MapClaims{}
		}})}),
		"Skipper": mw.BearerWithConfig(mw.BearerConfig{Verifier: anyone, Skipper: func(echo.Context) bool { panic("no skipping") }}),
	} {
		t.Run(name, func(t *testing.T) {
			lines, status := logged(t, bearer, "Bearer "+hs256(t, nil))
			equal(t, "status", status, http.StatusInternalServerError)
			equal(t, "lines", len(lines), 1)
			contains(t, "log", lines[0], "mcpecho: internal error")
			contains(t, "log", lines[0], "stack=")
		})
	}
}

func TestVerifierThatNamesNobodyTellsCallersApartByTheirTokens(t *testing.T) {
	shared := &mcpecho.Principal{Scopes: []string{"a"}}
	bearer := mw.BearerWithConfig(mw.BearerConfig{Verifier: auth.VerifierFunc(func(context.Context, string) (*mcpecho.Principal, error) { return shared, nil })})
	_, one := door(bearer, get("Bearer one"))
	_, two := door(bearer, get("Bearer two"))
	_, again := door(bearer, get("Bearer one"))
	if one.Key() == two.Key() || one.Key() != again.Key() || strings.Contains(one.Key(), "one") {
		t.Errorf("keys %q, %q, %q", one.Key(), two.Key(), again.Key())
	}
	equal(t, "scope", one.HasScope("a"), true)
	equal(t, "ID of what the verifier returned", shared.ID, "")
}
