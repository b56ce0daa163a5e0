package mcptest

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// Client calls a server on behalf of one caller. It is safe for concurrent use, but a failure that
// ends the test must happen on the test's goroutine: elsewhere use [Client.Do] and look at its
// result.
type Client struct {
	t         testing.TB
	server    http.Handler
	listed    func(name string) string // the name that clients call
	principal *mcpecho.Principal
	dated     bool
	progress  bool
	logs      mcpecho.LogLevel
	ids       *atomic.Int64

	mu      sync.Mutex // guards session
	session string
}

// Option configures a [Client]: [Modern], [Dated], [WithProgress] or [WithLogs].
type Option interface{ apply(*Client) }

type optionFunc func(*Client)

func (f optionFunc) apply(c *Client) { f(c) }

// Modern speaks protocol 2026-07-28: no handshake, each request stands alone. This is the default.
func Modern() Option { return optionFunc(func(c *Client) { c.dated = false }) }

// Dated speaks protocol 2025-11-25: initialize, then a session. The session is opened by the first
// call and deleted when the test ends.
func Dated() Option { return optionFunc(func(c *Client) { c.dated = true }) }

// WithProgress asks for progress reports of each call; [Response.Progress] has them. Default: none
// are asked for, and none are sent.
func WithProgress() Option { return optionFunc(func(c *Client) { c.progress = true }) }

// WithLogs asks for log messages of a level and above; [Response.Logs] has them. Default: none are
// asked for, and none are sent.
func WithLogs(level mcpecho.LogLevel) Option { return optionFunc(func(c *Client) { c.logs = level }) }

// New serves srv and returns an anonymous client of it. What an Echo has besides routes and
// middlewares, as a Binder and a Validator, are those of [mcpecho.Config.Echo].
func New(t testing.TB, srv *mcpecho.Server, opts ...Option) *Client {
	t.Helper()
	c := &Client{t: t, server: srv.Handler(identify), listed: srv.ListedName, ids: new(atomic.Int64)}
	for _, o := range opts {
		o.apply(c)
	}
	return c
}

// As returns a client of the same server whose calls are made by p; nil is an anonymous caller. It
// has a session of its own.
func (c *Client) As(p *mcpecho.Principal) *Client {
	return &Client{t: c.t, server: c.server, listed: c.listed, principal: p, dated: c.dated, progress: c.progress, logs: c.logs, ids: c.ids}
}

type principalKey struct{}

// identify is the authentication of the test's Echo: it believes the request.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if p, _ := ec.Request().Context().Value(principalKey{}).(*mcpecho.Principal); p != nil {
			mcpecho.SetPrincipal(ec, p)
		}
		return next(ec)
	}
}
