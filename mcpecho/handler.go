package mcpecho

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Handler serves MCP in any server of net/http, one of another framework included, at whatever path
// that server gives it the requests of:
//
//	mux.Handle("/mcp", srv.Handler(mw.Bearer(key)))
//
// It needs every method of the path. The middlewares run behind the guards, as those of
// [Server.Mount] do; [echo.WrapMiddleware] makes one of a middleware of net/http. What a middleware
// in front has found out about the caller is in the context of the request:
//
//	func identify(next echo.HandlerFunc) echo.HandlerFunc {
//		return func(c echo.Context) error {
//			user, ok := userFrom(c.Request().Context())
//			if !ok {
//				return echo.ErrUnauthorized
//			}
//			mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: user.ID})
//			return next(c)
//		}
//	}
//
// The peer of a request is its RemoteAddr, unless [Config.Echo] has an IPExtractor.
//
// Handler logs what [Server.Check] finds, and panics instead when [Config.Strict] is set.
func (s *Server) Handler(m ...echo.MiddlewareFunc) http.Handler {
	s.beginServing()
	return &handler{s.cfg.Echo, s.door.Handler(m...)}
}

// handler runs a handler of Echo without its router.
type handler struct {
	echo  *echo.Echo
	serve echo.HandlerFunc
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ec := h.echo.AcquireContext()
	ec.Reset(r, w)
	if err := h.serve(ec); err != nil {
		h.echo.HTTPErrorHandler(err, ec)
	}
	h.echo.ReleaseContext(ec)
}
