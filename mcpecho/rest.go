package mcpecho

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/mcpecho/content"
)

// MountREST serves the specs that have a [Route] below a group of the Echo: the same chains with
// the same arguments, limits and errors as over MCP. The middlewares authenticate, as those of
// [Server.Mount]:
//
//	srv.MountREST(e.Group("/api"), mw.Bearer(key))
//
// Results are bare JSON. An error is an [echo.HTTPError] whose message is a problem of RFC 9457 and
// no string; the error handler of the application stays in charge, and finds the cause with
// errors.As. A list with pages has Link headers, whose references are relative to the request. HEAD
// is answered where GET is, and OPTIONS without the middlewares.
//
// Echo takes no routes while it serves: a spec with a route that is added later is refused, and one
// that is removed answers 404. [Config.HideForbidden] hides what is behind a path and not the path.
// [Config.Origins] does not hold here: where cookies authenticate, the group needs a defence of its
// own against forged requests, as Echo's CSRF.
func (s *Server) MountREST(g *echo.Group, m ...echo.MiddlewareFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mounted {
		if err := s.report(s.Check()); err != nil {
			panic(err.Error())
		}
	}
	s.mounted, s.restFixed = true, true
	prefix := ""
	for _, path := range s.routed() {
		var allow []string
		for _, e := range path {
			h := s.door.Behind(s.serveRoute(e.route), m, s.failRequest)
			added := g.Add(e.route.method, e.route.path, h)
			added.Name, prefix = e.label(), strings.TrimSuffix(added.Path, e.route.path)
			allow = append(allow, e.route.method)
			if e.route.method == http.MethodGet {
				g.HEAD(e.route.path, h)
				allow = append(allow, http.MethodHead)
			}
		}
		g.OPTIONS(path[0].route.path, allowed(strings.Join(append(allow, http.MethodOptions), ", ")))
	}
	s.documents.mount(restMount{prefix: prefix, authenticated: len(m) > 0})
	if _, err := s.documents.of(s.registry.Load(), nil); err != nil {
		panic(err.Error())
	}
}

// routed are the entries with routes, those of one path together, in the order in which they were
// added.
func (s *Server) routed() (paths [][]*entry) {
	known := map[string]int{}
	for _, e := range s.registry.entries() {
		if e.route == nil {
			continue
		}
		_, shape, _ := strings.Cut(e.route.place(), " ")
		i, ok := known[shape]
		if !ok {
			i, paths = len(paths), append(paths, nil)
			known[shape] = i
		}
		paths[i] = append(paths[i], e)
	}
	return paths
}

// allowed answers OPTIONS.
func allowed(methods string) echo.HandlerFunc {
	return func(ec echo.Context) error {
		ec.Response().Header().Set(echo.HeaderAllow, methods)
		return ec.NoContent(http.StatusNoContent)
	}
}

// request is the door of a call that came by REST.
type request struct {
	wire.Request
	server *Server
	route  *route
	place  string

	answered bool       // what Answer returns is for the application's error handler
	bad      error      // why there are no arguments, which the chain says in its time
	values   url.Values // of the path and the query string
	media    string     // of a result that is no JSON
	pages    paged      // the result, if it is a page
}

// paged is a page that knows its way to others: by the relation of a link, as next, the arguments
// that differ.
type paged interface{ Links() map[string]url.Values }

// serveRoute serves what stands at a route at the moment: steps may have been added to it.
func (s *Server) serveRoute(r *route) echo.HandlerFunc {
	place := r.place()
	return func(ec echo.Context) error {
		x := &request{server: s, route: r, place: place}
		err := s.door.Serve(&x.Request, ec, r.takesBody(), x)
		if err == nil || x.answered {
			return err
		}
		return s.failRequest(&x.Request, err)
	}
}

// Answer answers the request.
func (x *request) Answer(body []byte) error {
	e := x.server.registry.Load().routes[x.place]
	if e == nil {
		x.answered = true
		return echo.ErrNotFound
	}
	c := x.server.callBy(x, x.Owner, e, nil)
	err := x.takeArguments(c, body)
	if err == nil {
		err = c.execute(e.handler)
	}
	if err == nil {
		err = x.reply(c)
	} else {
		err = x.fail(c, err)
	}
	x.answered = true
	return err
}

// reply sends the result of a call.
func (x *request) reply(c *Call) error {
	status, body, media := http.StatusOK, c.answer.structured, echo.MIMEApplicationJSON
	if c.answer.items != nil {
		body = c.answer.items
		if x.media != "" {
			media = x.media
		}
	}
	h := x.Echo.Response().Header()
	if written := c.capture.Answered(); written >= 200 && written < 300 {
		status = written
		if location := c.capture.Header().Get(echo.HeaderLocation); location != "" {
			h.Set(echo.HeaderLocation, location) // of what was created
		}
	}
	if x.route.status != 0 {
		status = x.route.status
	}
	if x.pages != nil && !x.route.takesBody() {
		h.Add("Link", x.links())
	}
	c.answer = answer{} // while the client takes its time, the body is all that is held of the result
	err := x.Send(status, media, body)
	if err != nil {
		x.server.logRequest(&x.Request, explain(err, nil), err)
	}
	return err
}

// links is the Link header of a page. (RFC 8288)
func (x *request) links() string {
	var b strings.Builder
	links := x.pages.Links()
	for _, rel := range []string{"first", "prev", "next", "last"} {
		change, ok := links[rel]
		if !ok {
			continue
		}
		query := url.Values{}
		for name, values := range x.values {
			if !slices.Contains(x.route.params, name) {
				query[name] = values
			}
		}
		for name, values := range change {
			query[name] = values
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString("<?" + query.Encode() + `>; rel="` + rel + `"`)
	}
	return b.String()
}

// fail is the error that the application answers a call with.
func (x *request) fail(c *Call, err error) error {
	switch {
	case errors.Is(err, errNoPath):
		return echo.ErrNotFound
	case errors.Is(x.Context().Err(), context.Canceled):
		x.server.cfg.Logger.Debug("mcpecho: the client left during a call", slog.String("spec", c.entry.name))
		return &echo.HTTPError{Code: statusClientGone, Message: "the client has left", Internal: &problemCause{err, "the client has left"}}
	case c.hidden():
		c.logFailure(c.explain(err), err)
		if x.Stopped() {
			return explain(wire.ErrStopped, nil).problem(x.Echo, wire.ErrStopped, c.masks())
		}
		return echo.ErrNotFound
	}
	f := c.explain(err)
	c.logFailure(f, err)
	if c.committed.Load() {
		f.more = withCommitted(f.more) // whatever form the failure has
	}
	return x.server.refuseRequest(&x.Request, f, err, c.masks())
}

// failRequest answers what did not become a call.
func (s *Server) failRequest(r *wire.Request, err error) error {
	if r.Begun() {
		return err
	}
	f := explain(err, nil)
	s.logRequest(r, f, err)
	return s.refuseRequest(r, f, err, masks(r, nil))
}

// logRequest logs a failure of what did not become a call, or has been one.
func (s *Server) logRequest(r *wire.Request, f failure, err error) {
	subject := slog.String("http_method", wire.Clip(r.Echo.Request().Method, 32))
	s.logFailure(r, subject, PrincipalFrom(r.Echo), masks(r, nil), false, f, err)
}

func (s *Server) refuseRequest(r *wire.Request, f failure, err error, hide func(string) string) error {
	r.RetryAfter(f.retry)
	refusal := f.problem(r.Echo, err, hide)
	if f.restStatus(err) == http.StatusUnauthorized {
		r.Challenge()
	}
	return refusal
}

// errNoPath is the answer to a path that only looks like the one of a route.
var errNoPath = errors.New("mcpecho: no spec is served at this path")

// takeArguments gives a call the arguments of the request: those of the path, and with them those
// of the query string or the body. It returns an error for a path that is none of the route.
func (x *request) takeArguments(c *Call, body []byte) (err error) {
	raw := x.Echo.Request().URL.RawQuery
	if raw != "" {
		if x.values, x.bad = url.ParseQuery(raw); x.bad != nil {
			x.bad = binding.Errorf("", "query", "the query string is malformed")
			return nil
		}
	}
	if len(x.values) > 0 && x.route.takesBody() {
		x.bad = notInQuery(x.values)
		return nil
	}
	if err := x.takePath(); err != nil {
		return err
	}
	if c.entry.location != nil {
		if err := x.locate(c); err != nil {
			return err
		}
	}
	if len(x.values) > 0 {
		c.arguments, x.bad = c.entry.args.Query(x.values)
	}
	if x.route.takesBody() && x.bad == nil {
		c.arguments = joined(c.arguments, body)
	}
	return nil
}

// notInQuery refuses a query string where the arguments come in the body.
func notInQuery(values url.Values) error {
	var bad binding.Error
	for name := range values {
		bad.Fields = append(bad.Fields, binding.FieldError{Path: name, Rule: "query",
			Message: "is in the query string: send it in the body"})
	}
	slices.SortFunc(bad.Fields, func(a, b binding.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return &bad
}

// takePath takes the arguments in the path, each unescaped once: Echo has done so unless the path
// has an escaped slash. A single value that is in the query string too is a duplicate, which
// decoding refuses.
func (x *request) takePath() error {
	names := x.route.params
	if len(names) == 0 {
		return nil
	}
	all := x.Echo.ParamValues()
	if len(all) < len(names) {
		return errNoPath
	}
	escaped := x.Echo.Request().URL.RawPath != ""
	if x.values == nil {
		x.values = make(url.Values, len(names))
	}
	for i, value := range all[len(all)-len(names):] { // before them are those of the group's own path
		if value == "" || strings.Contains(value, "/") { // Echo gives the last one all that is left
			return errNoPath
		}
		if escaped {
			var err error
			if value, err = url.PathUnescape(value); err != nil {
				return errNoPath
			}
		}
		x.values[names[i]] = append([]string{value}, x.values[names[i]]...)
	}
	return nil
}

// joined is the body with the arguments of the path before its own. One that is in both is a
// duplicate, which decoding refuses, as it does what is no object.
func joined(path, body []byte) []byte {
	rest := bytes.TrimLeft(body, " \t\r\n")
	members, object := bytes.CutPrefix(rest, []byte("{"))
	switch {
	case len(rest) == 0:
		return path
	case len(path) == 0, !object:
		return body
	case bytes.HasPrefix(bytes.TrimLeft(members, " \t\r\n"), []byte("}")):
		return append(path[:len(path)-1], members...)
	}
	return append(append(path[:len(path)-1], ','), members...)
}

// locate finds the URI that a resource is read at. A value that is no part of one is refused as
// over MCP: whatever a handler builds of it stays inside.
func (x *request) locate(c *Call) error {
	at := c.entry.location
	values := url.Values{}
	for _, name := range at.Vars() {
		if all := x.values[name]; len(all) > 0 {
			values[name] = all
		}
	}
	c.uri = at.Expand(values)
	if _, ok := at.Match(c.uri); !ok {
		return errNoPath
	}
	return nil
}

// badRequest is why a call has no arguments that could be decoded.
func (c *Call) badRequest() error {
	if x, ok := c.door.(*request); ok && c.depth == 0 {
		return x.bad
	}
	return nil
}

// bare makes the body of a REST reply of a single piece of content, if that is the door of the
// call.
func (c *Call) bare(media, text string, blob []byte) bool {
	x, ok := c.door.(*request)
	if !ok || c.depth > 0 {
		return false
	}
	if blob == nil {
		blob = []byte(strings.ToValidUTF8(text, "\uFFFD"))
		if media == "" {
			media = echo.MIMETextPlain
		}
		if strings.HasPrefix(media, "text/") && !strings.Contains(media, ";") {
			media += "; charset=utf-8"
		}
	}
	if media == "" {
		media = echo.MIMEOctetStream
	}
	x.media, c.answer.items = media, blob
	return true
}

// bareBlock is bare for a content block.
func (c *Call) bareBlock(b content.Block) bool {
	switch b := b.(type) {
	case content.Text:
		return c.bare("", b.Text, nil)
	case content.Image:
		return c.bare(b.MIMEType, "", b.Data)
	case content.Audio:
		return c.bare(b.MIMEType, "", b.Data)
	case content.Embedded:
		return c.bare(b.Resource.MIMEType, b.Resource.Text, b.Resource.Blob)
	}
	return false
}

// notePages keeps a page for the Link headers of a REST reply.
func (c *Call) notePages(v any) {
	if x, ok := c.door.(*request); ok && c.depth == 0 {
		x.pages, _ = v.(paged)
	}
}
