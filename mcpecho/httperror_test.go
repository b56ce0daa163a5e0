package mcpecho_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
)

func TestTheBodyOfAnHTTPErrorReachesTheModelAsJSON(t *testing.T) {
	taken := echo.Map{"errors": echo.Map{"title": "taken"}}
	tests := map[string]struct {
		err     error                    // returned by the handler
		writes  func(echo.Context) error // or written by it
		typ     string
		message string
		details string
	}{
		"a sentence": {err: echo.NewHTTPError(422, "no"), typ: "error", message: "no"},
		"none":       {err: echo.NewHTTPError(422), typ: "error", message: "Unprocessable Entity"},
		"an error":   {err: echo.NewHTTPError(422, errors.New("no")), typ: "error", message: "no"},
		"a map":      {err: echo.NewHTTPError(422, taken), typ: "error", message: "Unprocessable Entity", details: `{"errors":{"title":"taken"}}`},
		"a struct with a message": {err: echo.NewHTTPError(409, struct {
			Message string `json:"message"`
			Version int    `json:"version"`
		}{"out of date", 7}), typ: "error", message: "out of date", details: `{"message":"out of date","version":7}`},
		"a list":                {err: echo.NewHTTPError(400, []int{1, 2}), typ: "error", message: "Bad Request", details: `[1,2]`},
		"what has no JSON":      {err: echo.NewHTTPError(400, func() {}), typ: "error", message: "Bad Request"},
		"written":               {writes: func(c echo.Context) error { return c.JSON(422, taken) }, typ: "error", message: "Unprocessable Entity", details: `{"errors":{"title":"taken"}}`},
		"written as Echo does":  {writes: func(c echo.Context) error { return c.JSON(409, echo.Map{"message": "busy"}) }, typ: "error", message: "busy"},
		"written with a word":   {writes: func(c echo.Context) error { return c.JSON(418, echo.Map{"error": "no coffee"}) }, typ: "error", message: "no coffee"},
		"written text":          {writes: func(c echo.Context) error { return c.String(418, "no coffee\n") }, typ: "error", message: "no coffee"},
		"written problem":       {writes: func(c echo.Context) error { return c.Blob(400, "application/problem+json", []byte(`{"title": "bad"}`)) }, typ: "error", message: "Bad Request", details: `{"title":"bad"}`},
		"written nothing":       {writes: func(c echo.Context) error { return c.NoContent(410) }, typ: "error", message: "Gone"},
		"a 500 says nothing":    {err: echo.NewHTTPError(500, taken), typ: "internal_error"},
		"a written 500 neither": {writes: func(c echo.Context) error { return c.JSON(502, taken) }, typ: "internal_error"},
		"a limit says when": {writes: func(c echo.Context) error {
			c.Response().Header().Set("Retry-After", "3")
			return c.JSON(429, echo.Map{"message": "slow"})
		}, typ: "rate_limited", message: "slow"},
		"a handler's own 403": {err: echo.NewHTTPError(403, taken), typ: "error", message: "Forbidden", details: `{"errors":{"title":"taken"}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.srv.Add(mcpecho.Service("tool", func(c *mcpecho.Call, _ none) (any, error) {
				if tc.writes != nil {
					return nil, tc.writes(c)
				}
				return nil, tc.err
			}))
			r := b.call("tool", `{}`)
			f := r.failure(t)
			if f["type"] != tc.typ || tc.message != "" && f["message"] != tc.message {
				t.Errorf("%v", f)
			}
			details := ""
			if f["details"] != nil {
				encoded, err := binding.Marshal(f["details"])
				if err != nil {
					t.Fatal(err)
				}
				canonical := jsontext.Value(encoded)
				_ = canonical.Canonicalize()
				details = string(canonical)
			}
			if details != tc.details || strings.Contains(r.Body, "map[") {
				t.Errorf("details %s, want %s", details, tc.details)
			}
			if tc.typ == "internal_error" && (strings.Contains(r.Body, "taken") || !strings.Contains(b.log.String(), "taken")) {
				t.Errorf("the body belongs into the log alone: %s\n%s", r.Body, b.log)
			}
			if tc.typ == "rate_limited" && (f["retryAfterMs"] != 3000.0 || r.Header.Get("Retry-After") != "3") {
				t.Error(f, r.Header)
			}
		})
	}
}

func TestADetailedErrorOutsideOfToolsHasItsBodyInTheData(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Resource("r://x", func(*mcpecho.Call, none) (string, error) {
		return "", echo.NewHTTPError(422, echo.Map{"title": "taken"})
	}))
	r := b.modern("resources/read", `"uri":"r://x"`, "Mcp-Name", "r://x")
	expect(t, r, http.StatusOK, http.StatusBadRequest)
	if got := fmt.Sprint(r.Error.Data); got != "map[details:map[title:taken]]" {
		t.Error(got)
	}
}

func TestA401OfAStepHasAChallenge(t *testing.T) {
	own := mcpecho.Guard("own", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("WWW-Authenticate", "Basic")
			return echo.ErrUnauthorized
		}
	})
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("handler", func(*mcpecho.Call, none) (string, error) { return "", echo.NewHTTPError(401, "log in again") }),
		mcpecho.Service("own", say(""), own))
	for tool, want := range map[string]string{"handler": `Bearer realm="mcp"`, "own": "Basic"} {
		r := b.call(tool, `{}`)
		expect(t, r, http.StatusUnauthorized, http.StatusUnauthorized)
		if got := r.Header.Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: challenge %q, want %q", tool, got, want)
		}
	}
}

func TestA403OfAGuardIsARefusalAndOneOfTheHandlerAnError(t *testing.T) {
	no := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error { return echo.NewHTTPError(403, echo.Map{"why": "sunday"}) }
	}
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("guarded", say(""), mcpecho.Guard("guard", no)),
		mcpecho.Resource("g://x", say(""), mcpecho.Guard("guard", no)))
	f := b.call("guarded", `{}`).failure(t)
	if f["type"] != mcpecho.TypeForbidden || f["message"] != "Forbidden" || fmt.Sprint(f["details"]) != "map[why:sunday]" {
		t.Error(f)
	}
	expect(t, b.modern("resources/read", `"uri":"g://x"`, "Mcp-Name", "g://x"), http.StatusOK, http.StatusForbidden)
}
