package mcpecho_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/store"
)

// panicking is a session store with a mistake in it.
type panicking struct{ store.Sessions }

func (panicking) Get(context.Context, string) (store.Session, error) { panic("PRIVATE") }

// answersPanic checks that a panic was answered with nothing but a reference, under which the
// stack is in the log.
func (b *bundle) answersPanic(r reply, status int) {
	b.t.Helper()
	expect(b.t, r, status, -32603)
	reference, _ := r.Error.Data["reference"].(string)
	log := b.log.String()
	if reference == "" || !strings.Contains(log, reference) || !strings.Contains(log, "stack=") || !strings.Contains(log, "panic_test.go") {
		b.t.Errorf("the panic has the reference %q and the log %s", reference, log)
	}
	if strings.Contains(r.Body, "PRIVATE") {
		b.t.Errorf("the text of the panic was sent: %s", r.Body)
	}
	b.log.Reset()
}

func TestAPanicInAuthenticationIsAnsweredOnEveryVerb(t *testing.T) {
	b := setup(t)
	b.e = echo.New()
	abort := false
	b.srv.Mount(b.e.Group("/mcp"), func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error {
			if abort {
				panic(http.ErrAbortHandler)
			}
			panic("PRIVATE")
		}
	})
	b.answersPanic(b.modern("server/discover", ""), 500)
	b.answersPanic(b.send(http.MethodDelete, "", "Mcp-Session-Id", "x"), 500)
	abort = true
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("http.ErrAbortHandler became %v", v)
		}
	}()
	b.modern("server/discover", "")
}

func TestAPanicInTheSessionStoreIsAnsweredOnEveryVerb(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Sessions = panicking{c.Sessions} })
	r := b.dated("x", "ping", "")
	if r.ID != 1.0 {
		t.Errorf("the reply has the id %v", r.ID)
	}
	b.answersPanic(r, 200)
	b.answersPanic(b.send(http.MethodDelete, "", "Mcp-Session-Id", "x"), 500)
}

// A middleware that has written part of an answer and then panics: the client must see a broken
// connection and not a whole reply.
func TestAPanicAfterPartOfAReplyBreaksTheConnection(t *testing.T) {
	b := setup(t)
	b.e = echo.New()
	b.srv.Mount(b.e.Group("/mcp"), func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			_ = c.String(http.StatusOK, "half")
			panic("PRIVATE")
		}
	})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler || !strings.Contains(b.log.String(), "PRIVATE") {
			t.Errorf("recovered %v, log %s", v, b.log.String())
		}
	}()
	b.modern("server/discover", "")
}
