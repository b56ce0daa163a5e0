package mcpecho_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/store"
)

// refusing is a session store that answers with an error of the server's own kind, as one does that
// asks another service.
type refusing struct{ store.Sessions }

func (refusing) Get(context.Context, string) (store.Session, error) {
	return store.Session{}, &mcpecho.Error{Code: http.StatusForbidden, Message: "PRIVATE"}
}

func TestAnErrorOfTheSessionStoreIsNotSentWhateverItsType(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.Sessions = refusing{c.Sessions} })
	r := b.dated("x", "ping", "")
	expect(t, r, http.StatusServiceUnavailable, -32603)
	if strings.Contains(r.Body, "PRIVATE") || !strings.Contains(b.log.String(), "PRIVATE") {
		t.Errorf("sent %s, logged %s", r.Body, b.log)
	}
}
