package mcpecho_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/mcpecho"
)

// What the log must not show is searched for in time that is linear in what the client has sent.
// The bound is a hundred times what it takes; a table of the square of the length takes minutes.
func TestKeepingLongValuesOutOfTheLogTakesLinearTime(t *testing.T) {
	b := setup(t)
	b.srv.Add(echoTool(), mcpecho.Service("fail", func(_ *mcpecho.Call, in struct {
		Text []string `json:"text"`
	}) (string, error) {
		return "", fmt.Errorf("no room for %s", strings.Join(in.Text, " "))
	}))
	long := strings.Repeat("ab", 450_000)
	token := "Bearer " + long
	many := strings.Repeat(`"`+long[:850]+`",`, 1000)
	for name, send := range map[string]func() reply{
		"a verb":              func() reply { return b.send(http.MethodGet, "", "Authorization", token) },
		"a content type":      func() reply { return b.modern("ping", "", "Authorization", token, "Content-Type", "text/plain") },
		"what is accepted":    func() reply { return b.send(http.MethodPost, "{}", "Authorization", token, "Accept", "") },
		"an origin":           func() reply { return b.modern("ping", "", "Authorization", token, "Origin", "https://evil.example") },
		"an unknown tool":     func() reply { return b.call("nope", `{"text":"`+long+`"}`) },
		"an invalid argument": func() reply { return b.call("say", `{"text":7,"more":"`+long+`"}`) },
		"an internal error":   func() reply { return b.call("fail", `{"text":["`+long+`"]}`) },
		"many values":         func() reply { return b.call("fail", `{"text":[`+many+`"x"]}`) },
	} {
		b.log.Reset()
		start := time.Now()
		send()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %s", name, took)
		}
		if log := b.log.String(); log == "" || strings.Contains(log, long[:850]) {
			t.Errorf("%s: log = %.300s", name, log)
		}
	}
}

func TestATokenIsKeptOutOfTheLogHoweverItWasSent(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("fail", func(c *mcpecho.Call, _ none) (string, error) {
		return "", errors.New("upstream refused " + strings.TrimSpace(c.Request().Header.Get(echo.HeaderAuthorization)))
	}))
	for _, header := range []string{"Bearer t0p/secret", "Bearer  t0p/secret ", "t0p/secret", "bearer\t t0p/secret"} {
		b.log.Reset()
		b.modern("tools/call", `"name":"fail"`, "Mcp-Name", "fail", "Authorization", header)
		if log := b.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "upstream refused") {
			t.Errorf("%q: %s", header, log)
		}
	}
}

// A request may carry two tokens, one of which begins with the other.
func TestATokenThatBeginsWithAnotherIsKeptOutOfTheLogAsAWhole(t *testing.T) {
	b := setup(t)
	b.e = echo.New()
	b.srv.Mount(b.e.Group("/mcp"), func(echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			authn.SetToken(ec, "t0ken-and-its-secret")
			mcpecho.SetRefusal(ec, "unverifiable_token", errors.New("upstream refused t0ken-and-its-secret"))
			return ec.NoContent(http.StatusServiceUnavailable)
		}
	})
	b.modern("server/discover", "", "Authorization", "Bearer t0ken")
	if log := b.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "upstream refused") {
		t.Error(log)
	}
}
