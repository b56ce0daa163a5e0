package mcpecho

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/store"
)

// maxSubscriptions bounds the resources that one session watches. Of each the session keeps a
// digest, because the client chooses how long its URIs are.
const maxSubscriptions = 100

// subscribe remembers in the session which resource the client watches. (specification 2025-11-25,
// server/resources, section Subscriptions)
func (s *Server) subscribe(x *wire.Exchange) error {
	uri, err := uriOf(x)
	if err != nil {
		return err
	}
	err = s.eachResource(x, uri, func(e *entry, arguments []byte) (hidden bool, err error) {
		c := s.newCall(x, e, arguments)
		c.uri = uri
		if err = c.admit(); err != nil && c.hidden() {
			c.logFailure(c.explain(err), err)
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return err
	}
	full, watched := false, digestOf(uri)
	err = x.UpdateSession(func(s *store.Session) {
		known := slices.Contains(s.Subscriptions, watched)
		if full = !known && len(s.Subscriptions) >= maxSubscriptions; !known && !full {
			s.Subscriptions = append(slices.Clip(s.Subscriptions), watched)
		}
	})
	if err != nil {
		return err
	}
	if full {
		return &Error{Code: http.StatusTooManyRequests, Message: fmt.Sprintf("a session watches at most %d resources: unsubscribe from one first", maxSubscriptions)}
	}
	return x.Result([]byte("{}"))
}

// admit runs the steps that decide who may read an entry, and how often.
func (c *Call) admit() error {
	c.muted = true
	admitted := false
	c.admitted = func(echo.Context) error {
		admitted = true
		return nil
	}
	if err := c.run(c.entry.admission, nil); err != nil || admitted || !c.entry.guarded() {
		return err
	}
	return &ToolError{Type: TypeForbidden, Message: "not permitted", Internal: errNoResult}
}

// unsubscribe is the end of subscribe. It says nothing about what was watched.
func (s *Server) unsubscribe(x *wire.Exchange) error {
	uri, err := uriOf(x)
	if err != nil {
		return err
	}
	watched := digestOf(uri)
	err = x.UpdateSession(func(s *store.Session) {
		s.Subscriptions = slices.DeleteFunc(slices.Clone(s.Subscriptions), func(d store.Digest) bool { return d == watched })
	})
	if err != nil {
		return err
	}
	return x.Result([]byte("{}"))
}

// digestOf is what a session keeps of a URI that it watches.
func digestOf(uri string) store.Digest {
	whole := sha256.Sum256([]byte(uri))
	return store.Digest(whole[:16])
}
