package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

func TestScopesChallengesWhoLacksOne(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.Scopes("invoices:read", "invoices:write")))
	both := &mcpecho.Principal{Subject: "eve", Scopes: []string{"invoices:write", "x", "invoices:read"}}

	for name, tc := range map[string]struct {
		as        *mcpecho.Principal
		status    int
		message   string
		data      string
		challenge string
	}{
		"all scopes": {as: both, status: http.StatusOK},
		"anonymous": {nil, http.StatusUnauthorized, "authentication required", "",
			`Bearer realm="mcp", scope="invoices:read invoices:write"`},
		"one of two": {ann, http.StatusForbidden, "insufficient scope", `{"requiredScopes":["invoices:read","invoices:write"]}`,
			`Bearer realm="mcp", error="insufficient_scope", scope="invoices:read invoices:write"`},
		"none": {bob, http.StatusForbidden, "insufficient scope", `{"requiredScopes":["invoices:read","invoices:write"]}`,
			`Bearer realm="mcp", error="insufficient_scope", scope="invoices:read invoices:write"`},
	} {
		for wire, option := range map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()} {
			t.Run(name+"/"+wire, func(t *testing.T) {
				r := mcptest.New(t, srv, option).As(tc.as).Do("tool", nil)
				equal(t, "status", r.Status, tc.status)
				equal(t, "challenge", r.Header.Get("WWW-Authenticate"), tc.challenge)
				if tc.status == http.StatusOK {
					equal(t, "text", r.Text, `{"ok":true}`)
					return
				}
				equal(t, "code", r.RPCError.Code, tc.status)
				equal(t, "message", r.RPCError.Message, tc.message)
				equal(t, "data", string(r.RPCError.Data), tc.data)
			})
		}
	}
}

func TestScopesChallengesInTheRealmOfBearer(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.Scopes("admin"), mcpecho.Before("scopes", mcpecho.Named("foreign",
		func(next echo.HandlerFunc) echo.HandlerFunc { return next }))))
	rec := post(t, srv, "tool", map[string]string{"Authorization": "Bearer " + hs256(t, nil)},
		mw.BearerWithConfig(mw.BearerConfig{
			Verifier: byKey(auth.JWTConfig{}), Realm: "billing", ResourceMetadata: "https://api.example.com/metadata",
		}))
	equal(t, "status", rec.Code, http.StatusForbidden)
	equal(t, "challenge", rec.Header().Get("WWW-Authenticate"),
		`Bearer realm="billing", error="insufficient_scope", scope="invoices:read invoices:write admin", resource_metadata="https://api.example.com/metadata"`)
}

func TestWhatPermitReturnsDecidesTheAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		verdict error
		typ     string // of a tool error
		status  int    // of a protocol error
		message string
	}{
		"nil allows":               {},
		"any error is forbidden":   {verdict: errors.New("secret cause"), typ: mcpecho.TypeForbidden, message: "not permitted"},
		"an HTTP 400 too":          {verdict: echo.NewHTTPError(http.StatusBadRequest, "secret cause"), typ: mcpecho.TypeForbidden, message: "not permitted"},
		"an HTTP 500 too":          {verdict: echo.NewHTTPError(http.StatusInternalServerError, "secret cause"), typ: mcpecho.TypeForbidden, message: "not permitted"},
		"an HTTP 403 has its text": {verdict: echo.NewHTTPError(http.StatusForbidden, "not on Sundays"), typ: mcpecho.TypeForbidden, message: "not on Sundays"},
		"a tool error passes":      {verdict: mcpecho.Errorf("only the author may change it"), typ: mcpecho.TypeError, message: "only the author may change it"},
		"no row passes":            {verdict: gorm.ErrRecordNotFound, typ: mcpecho.TypeNotFound, message: "no matching row found"},
		"an HTTP 404 is no row":    {verdict: echo.NewHTTPError(http.StatusNotFound, "secret cause"), typ: mcpecho.TypeNotFound, message: "no matching row found"},
		"a deadline is a timeout":  {verdict: fmt.Errorf("secret cause: %w", context.DeadlineExceeded), typ: mcpecho.TypeTimeout, message: "the call took longer"},
		"a protocol error passes":  {verdict: &mcpecho.Error{Code: http.StatusForbidden, Message: "invoices are frozen"}, status: http.StatusForbidden, message: "invoices are frozen"},
		"an HTTP 401 passes":       {verdict: echo.NewHTTPError(http.StatusUnauthorized, "log in again"), status: http.StatusUnauthorized, message: "log in again"},
		"a code that is no status": {verdict: &mcpecho.Error{Code: 409, Message: "busy"}, status: http.StatusOK, message: "busy"},
	} {
		for wire, option := range map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()} {
			t.Run(name+"/"+wire, func(t *testing.T) {
				var log strings.Builder
				srv := newServer(nil, logTo(&log))
				srv.Add(mcpecho.Service("tool", ok, mw.Permit(func(c *mcpecho.Call) error {
					equal(t, "caller", c.Principal().Subject, "ann")
					return tc.verdict
				})))
				r := mcptest.New(t, srv, option).As(ann).Do("tool", nil)
				switch {
				case tc.verdict == nil:
					equal(t, "text", r.Text, `{"ok":true}`)
				case tc.typ != "":
					equal(t, "status", r.Status, http.StatusOK)
					equal(t, "type", r.Error.Type, tc.typ)
					contains(t, "message", r.Error.Message, tc.message)
					equal(t, "challenge", r.Header.Get("WWW-Authenticate"), "")
				default:
					equal(t, "status", r.Status, tc.status)
					equal(t, "message", r.RPCError.Message, tc.message)
				}
				if strings.Contains(string(r.Body), "secret") {
					t.Errorf("the cause is in the reply: %s", r.Body)
				}
				if tc.message == "not permitted" {
					contains(t, "log", log.String(), "secret cause")
				}
			})
		}
	}
}

func TestARefusalOutsideOfToolsIsAProtocolErrorWithoutAStatus(t *testing.T) {
	srv := newServer(nil)
	no := mw.Permit(func(*mcpecho.Call) error { return errors.New("no") })
	srv.Add(
		mcpecho.Prompt("p", func(*mcpecho.Call, nothing) (string, error) { return "", nil }, no),
		mcpecho.Resource("r://x", func(*mcpecho.Call, nothing) (string, error) { return "", nil }, no))
	for wire, option := range map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()} {
		c := mcptest.New(t, srv, option)
		for name, r := range map[string]mcptest.Response{"resource": c.Read("r://x").Response, "prompt": c.Prompt("p", nil).Response} {
			equal(t, wire+" "+name, r.Status, http.StatusOK)
			equal(t, wire+" "+name, r.RPCError.Code, http.StatusForbidden)
			equal(t, wire+" "+name, r.RPCError.Message, "not permitted")
		}
	}
}

func TestPublicIsSeenInTheChainAndPermitsEveryone(t *testing.T) {
	srv := newServer(nil)
	srv.Add(mcpecho.Service("tool", ok, mw.Public("health check of load balancers")))
	chain, _ := srv.Chain("tool")
	equal(t, "chain", chain.String(), "public → validate → handle → serialize")
	equal(t, "text", mcptest.New(t, srv).Do("tool", nil).Text, `{"ok":true}`)
}

func TestStepsRefuseArgumentsThatMakeNoSense(t *testing.T) {
	for want, f := range map[string]func(){
		"middleware: scopes requires at least one scope":            func() { mw.Scopes() },
		`middleware: "a b" is not an OAuth scope`:                   func() { mw.Scopes("a b") },
		`middleware: "" is not an OAuth scope`:                      func() { mw.Scopes("") },
		"middleware: permit requires a function":                    func() { mw.Permit(nil) },
		"middleware: public requires a reason":                      func() { mw.Public(" ") },
		"middleware: ratelimit of 0 calls per second":               func() { mw.RateLimit(0) },
		"middleware: ratelimit of -1 calls per second":              func() { mw.RateLimit(-1) },
		"middleware: ratelimit of NaN calls per second":             func() { mw.RateLimit(nan()) },
		"middleware: ratelimit of +Inf calls per second":            func() { mw.RateLimit(inf()) },
		"LimiterTimeout or Burst is negative":                       func() { mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 1, Burst: -1}) },
		"middleware: timeout of 0s must be positive":                func() { mw.Timeout(0) },
		"middleware: transaction Retries 11 must be between":        func() { mw.TransactionWithConfig(mw.TransactionConfig{Retries: 11}) },
		"middleware: transaction Isolation 99 is not a":             func() { mw.TransactionWithConfig(mw.TransactionConfig{Isolation: 99}) },
		"middleware: order requires at least one field":             func() { mw.Order() },
		"middleware: paginate limit 0 must be positive":             func() { mw.Paginate(0) },
		"middleware: paginate Limit 50 must be at most MaxLimit 10": func() { mw.PaginateWithConfig(mw.PaginateConfig{Limit: 50, MaxLimit: 10}) },
		"middleware: serialize requires a function":                 func() { mw.Serialize[Invoice, string](nil) },
	} {
		contains(t, "panic", panics(t, f), want)
	}
}
