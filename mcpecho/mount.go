package mcpecho

import (
	"context"
	"errors"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
)

// Mount serves MCP on the group's own path: POST for messages and DELETE for ending a dated
// session. The middlewares given to it run behind the guards of Origin, Host and media types, which
// need no identity, so authentication belongs there. Who is inside is counted after them:
//
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// The middlewares of the group itself run before the guards; with authentication among them,
// browsers' preflight requests are refused.
//
// Mount logs what [Server.Check] finds, and panics instead when [Config.Strict] is set.
func (s *Server) Mount(g *echo.Group, m ...echo.MiddlewareFunc) {
	s.beginServing()
	s.door.Mount(g, m...)
}

// beginServing reports what Check finds, now that the steps of the server are there. It panics with
// [Config.Strict].
func (s *Server) beginServing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.report(s.Check()); err != nil {
		panic(err.Error())
	}
	s.mounted = true
}

// newDoor makes the door that MCP clients come in by.
func (s *Server) newDoor() *wire.Door {
	return wire.New(wire.Config{
		Hosts: s.cfg.Hosts, Origins: s.cfg.Origins, MaxInFlight: s.cfg.MaxInFlight, MaxBodyBytes: s.cfg.MaxBodyBytes,
		BodyTimeout: s.cfg.BodyTimeout, ReplyTimeout: s.cfg.ReplyTimeout, Sessions: s.cfg.Sessions,
	}, behindDoor{s})
}

// behindDoor is the server as its door knows it.
type behindDoor struct{ *Server }

func (behindDoor) Owner(ec echo.Context) wire.Owner { return PrincipalFrom(ec) }

// Answer serves a request by the table of methods.
func (s behindDoor) Answer(x *wire.Exchange) error {
	m, ok := methods[x.Message.Method]
	if !ok || !m.wires.Has(x.Wire) || m.exists != nil && !m.exists(s.registry.Load()) {
		return x.MethodNotFound()
	}
	if s.cfg.HideForbidden {
		// Said before a name is looked up, it does not tell a hidden one from one that is unknown.
		if err := x.CanBegin(); err != nil {
			return err
		}
	}
	return m.serve(s.Server, x)
}

// Report logs an error of a message that did not become a call.
func (s behindDoor) Report(x *wire.Exchange, err error) wire.Failure {
	f := explain(err, nil).asProtocolError()
	s.logUncalled(x, f, err)
	told, err := f.told()
	if err != nil {
		s.logUncalled(x, f, err)
	}
	return told
}

func (s behindDoor) Refused(ec echo.Context, err error) { s.logRefusal(ec, err) }

// Network is where the request of the call comes from, as one client cannot change it at will: an
// IPv4 address or an IPv6 /64 network. It is the peer of the connection, or behind a proxy what
// [echo.Echo.IPExtractor] finds: without one no header is believed, [echo.Context.RealIP] believes
// all. It is the zero Prefix where there is no address, as in calls that Go code makes.
func (c *Call) Network() netip.Prefix { return wire.Network(c) }

// ErrShutdown is the cause, as [context.Cause] gives it, that a call was ended with because
// [Server.Shutdown] could not wait for it any longer.
var ErrShutdown = errors.New("mcpecho: the server was shut down before the call had ended")

// Shutdown refuses new requests with status 503 and waits until those in progress have been
// answered, or ctx ends; then it returns ctx's error, and the calls that still run are ended with
// the cause [ErrShutdown]. Call it before echo.Echo.Shutdown, so that a balancer sees the server
// leave, and close the database after both. A second call waits as well.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.door.Shutdown(ctx, ErrShutdown) {
		return nil
	}
	return errors.Join(errors.New("mcpecho: requests were still in progress at shutdown"), ctx.Err())
}
