package middleware_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

func with(scopes ...string) *mcpecho.Principal {
	return &mcpecho.Principal{Subject: "eve", Scopes: scopes}
}

func TestAChallengeNamesTheScopesOfTheWholeChain(t *testing.T) {
	srv := newServer(nil)
	srv.Use(mw.Scopes("base"))
	admin := srv.Group("admin", mw.Scopes("admin", "base"))
	admin.Add(mcpecho.Service("purge", ok, mw.AnyScope("rows:delete", "rows:all"), mw.Scopes("audit"),
		mw.Permit(mw.HasScopes("owner"))))
	srv.Add(mcpecho.Service("look", ok))

	for name, tc := range map[string]struct {
		tool, needed string
		as           *mcpecho.Principal
		asked        string // by the challenge, where that is more or another order
	}{
		"anonymous":                {"admin.purge", "base admin rows:delete audit", nil, ""},
		"nothing granted":          {"admin.purge", "base admin rows:delete audit", with(), ""},
		"first step passed":        {"admin.purge", "base admin rows:delete audit", with("base"), ""},
		"the other alternative":    {"admin.purge", "base admin rows:all audit", with("base", "rows:all"), "base rows:all admin audit"},
		"all but what permit asks": {"admin.purge", "base admin rows:delete audit owner", with("base", "admin", "rows:delete", "audit"), ""},
		"all":                      {"admin.purge", "", with("base", "admin", "rows:all", "audit", "owner"), ""},
		"another tool":             {"look", "base", with("admin"), "admin base"},
		"what no header can hold":  {"look", "base", with("x\"y", "admin", "admin", "a b"), "admin base"},
		"another tool, permitted":  {"look", "", with("base"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := mcptest.New(t, srv).As(tc.as).Do(tc.tool, nil)
			if tc.needed == "" {
				equal(t, "text", r.Text, `{"ok":true}`)
				return
			}
			if tc.as == nil {
				equal(t, "status", r.Status, http.StatusUnauthorized)
				equal(t, "challenge", r.Header.Get("WWW-Authenticate"), `Bearer realm="mcp", scope="`+tc.needed+`"`)
				return
			}
			equal(t, "status", r.Status, http.StatusForbidden)
			equal(t, "challenge", r.Header.Get("WWW-Authenticate"), `Bearer realm="mcp", error="insufficient_scope", scope="`+cmp.Or(tc.asked, tc.needed)+`"`)
			equal(t, "data", string(r.RPCError.Data), `{"requiredScopes":["`+strings.ReplaceAll(tc.needed, " ", `","`)+`"]}`)
		})
	}
}

func TestPermissionsCombine(t *testing.T) {
	yes := func(*mcpecho.Call) error { return nil }
	no := func(*mcpecho.Call) error { return fmt.Errorf("%w: not today", mw.ErrDenied) }
	frozen := func(*mcpecho.Call) error { return &mcpecho.Error{Code: http.StatusForbidden, Message: "frozen"} }
	broken := func(*mcpecho.Call) error { return errors.New("database is gone") }
	a, b, either := mw.HasScopes("a"), mw.HasScopes("b"), mw.HasAnyScope("b", "c")

	const rule = 0 // refused by a rule, which is no HTTP status
	for name, tc := range map[string]struct {
		permit mw.Permission
		as     *mcpecho.Principal
		status int
		scope  string // of the challenge
	}{
		"and of all":                           {mw.And(yes, a, b), with("a", "b"), 200, ""},
		"and gathers scopes":                   {mw.And(a, yes, b), with(), 403, "a b"},
		"and, another reason":                  {mw.And(a, no), with(), rule, ""},
		"and asks no more when anonymous":      {mw.And(a, func(c *mcpecho.Call) error { panic(c.Principal().Subject) }), nil, 401, "a"},
		"or of the first":                      {mw.Or(yes, broken), with(), 200, ""},
		"or of the last":                       {mw.Or(no, b), with("b"), 200, ""},
		"or asks for scopes":                   {mw.Or(no, b, a), with(), 403, "b"},
		"or without scopes":                    {mw.Or(frozen, no), with(), 403, ""},
		"or of ands":                           {mw.Or(mw.And(a, b), mw.And(no, a)), with("b"), 403, "b a"},
		"any scope":                            {either, with("c"), 200, ""},
		"no scope of any":                      {either, with("a"), 403, "a b"},
		"not of a denial":                      {mw.Not(no), with(), 200, ""},
		"not of missing scopes":                {mw.Not(a), with(), 200, ""},
		"not of a protocol denial":             {mw.Not(frozen), with(), 200, ""},
		"not of an HTTP denial":                {mw.Not(func(*mcpecho.Call) error { return echo.ErrForbidden }), with(), 200, ""},
		"not of a permission":                  {mw.Not(a), with("a"), rule, ""},
		"not of a failure lets nobody in":      {mw.Not(broken), with("a"), rule, ""},
		"not of an and with a failure neither": {mw.Not(mw.And(a, broken)), with("a"), rule, ""},
		"not of an or with a failure neither":  {mw.Not(mw.Or(a, no, broken)), with(), rule, ""},
		"not of an HTTP error neither":         {mw.Not(func(*mcpecho.Call) error { return echo.ErrBadGateway }), with(), rule, ""},
		"not not":                              {mw.Not(mw.Not(a)), with("a"), 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(nil)
			srv.Add(mcpecho.Service("tool", ok, mw.Permit(tc.permit)))
			r := mcptest.New(t, srv).As(tc.as).Do("tool", nil)
			if tc.status == rule {
				equal(t, "type", r.Error.Type, mcpecho.TypeForbidden)
				tc.status = http.StatusOK
			}
			equal(t, "status", r.Status, tc.status)
			_, challenged, _ := strings.Cut(r.Header.Get("WWW-Authenticate"), `scope="`)
			equal(t, "scope", strings.TrimSuffix(challenged, `"`), tc.scope)
			if strings.Contains(string(r.Body), "database") {
				t.Errorf("the cause is in the reply: %s", r.Body)
			}
		})
	}
}

func TestPermissionsRefuseToCombineNothing(t *testing.T) {
	for want, f := range map[string]func(){
		"And requires permissions":                       func() { mw.And() },
		"Or requires permissions":                        func() { mw.Or(mw.HasScopes("a"), nil) },
		"Not requires permissions":                       func() { mw.Not(nil) },
		"scopes requires at least one scope":             func() { mw.HasScopes() },
		`"a b" is not an OAuth scope`:                    func() { mw.HasAnyScope("a b") },
		"middleware: scopes requires at least one scope": func() { mw.AnyScope() },
	} {
		contains(t, "panic", panics(t, f), want)
	}
}
