package mcpecho

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Route serves the spec to REST clients too, where [Server.MountREST] mounts it: by a method and a
// path below that group, as "GET /invoices/:pk". It is the same chain with the same arguments.
//
// A name after a colon is the argument of that name, a single value. GET and DELETE take the others
// from the query string, where a list is a repeated key; POST, PUT and PATCH from a JSON body. A
// filters.Range in a query string is written total.min and total.max; other objects have no place
// there. A GET route answers HEAD too. Groups of specs add no prefix to paths.
//
// A tool answers with its result as bare JSON, a resource with its contents in their MIME type.
// Prompts have no routes, and [Spec.AsResource] needs one of its own.
func Route(pattern string, opts ...RouteOption) Option {
	return routed{pattern, opts}
}

// RouteOption configures a [Route].
type RouteOption interface{ applyRoute(*route) }

// Status sets the HTTP status of successful replies, as 201. With 204 or 205 the result is not
// sent. Default: 200, or the 2xx that the handler itself writes.
func Status(code int) RouteOption { return routeStatus(code) }

type routeStatus int

func (s routeStatus) applyRoute(r *route) { r.status = int(s) }

// routed is the option of a [Route].
type routed struct {
	pattern string
	opts    []RouteOption
}

func (o routed) apply(s *settings) {
	r, err := newRoute(o.pattern, o.opts)
	switch {
	case err != nil:
		s.errs = append(s.errs, err.Error())
	case s.route != nil:
		s.errs = append(s.errs, fmt.Sprintf("it has two routes, %s and %s: add it once more under another name for the second", s.route, r))
	}
	s.route = r
}

// withoutRoutes are the options of a spec that another may have too.
func withoutRoutes(opts []Option) []Option {
	return slices.DeleteFunc(slices.Clone(opts), func(o Option) bool { _, is := o.(routed); return is })
}

// route is where a spec is served to REST clients.
type route struct {
	method string   // in upper case
	path   string   // as Echo has it, from the slash on
	params []string // the arguments in the path, in their order
	status int      // of a successful reply, 0 when none was said
}

func (r *route) String() string { return r.method + " " + r.path }

// takesBody says whether the arguments come in a body. The others come in the query string.
func (r *route) takesBody() bool { return r.method != http.MethodGet && r.method != http.MethodDelete }

// place is what only one route may have: paths that differ in the names of their arguments alone
// are one.
func (r *route) place() string {
	segments := strings.Split(r.path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, ":") {
			segments[i] = ":"
		}
	}
	return r.method + " " + strings.Join(segments, "/")
}

var routeMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// newRoute reads a route as it is written.
func newRoute(pattern string, opts []RouteOption) (*route, error) {
	refuse := func(format string, a ...any) (*route, error) {
		return nil, fmt.Errorf("route %q: "+format, append([]any{pattern}, a...)...)
	}
	method, path, spaced := strings.Cut(pattern, " ")
	switch {
	case !spaced, !strings.HasPrefix(path, "/"):
		return refuse(`write a method, a space and a path that begins with a slash, as "GET /invoices/:pk"`)
	case method == http.MethodHead, method == http.MethodOptions:
		return refuse("%s is answered wherever another method is: leave it out", method)
	case !slices.Contains(routeMethods, method):
		return refuse("the method must be one of %s", strings.Join(routeMethods, ", "))
	case strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`?#%\*`, c) }):
		return refuse("the path may have no spaces and none of ? # %% \\ *: what varies is an argument, written /:name")
	}
	r := &route{method: method, path: path}
	for segment := range strings.SplitSeq(path[1:], "/") {
		name, is := strings.CutPrefix(segment, ":")
		switch {
		case segment == "." || segment == "..":
			return refuse("a client takes %s out of a path before it sends it", segment)
		case segment == "" && path != "/":
			return refuse("the path has an empty segment")
		case strings.Contains(name, ":") || is && name == "":
			return refuse("an argument is a whole segment with a name, as /:pk/")
		case is && slices.Contains(r.params, name):
			return refuse("the argument %q is in the path twice", name)
		case is:
			r.params = append(r.params, name)
		}
	}
	for i, o := range opts {
		if o == nil {
			return refuse("option %d of %d is nil", i+1, len(opts))
		}
		o.applyRoute(r)
	}
	if r.status != 0 && (r.status < 200 || r.status > 299) {
		return refuse("the status %d of a successful reply must be from 200 to 299", r.status)
	}
	return r, nil
}

var errPromptRoute = errors.New("a prompt has no route: its messages are for MCP clients. Leave Route out, or make it a Service")

// settleRoute checks a route against the arguments of the spec.
func (e *entry) settleRoute(set *settings) error {
	r := set.route
	if r == nil {
		return nil
	}
	switch {
	case e.kind == KindPrompt:
		return errPromptRoute
	case e.location != nil && r.method != http.MethodGet:
		return fmt.Errorf("route %q: a resource is read, so its route is a GET", r)
	}
	names := e.args.Names()
	for _, name := range r.params {
		if !slices.Contains(names, name) {
			return fmt.Errorf("route %q: the path has :%s, which is no argument of the spec; its arguments are %s",
				r, name, strings.Join(names, ", "))
		}
		if !e.args.Single(name) {
			return fmt.Errorf("route %q: the argument %q is no single value, so it cannot stand in the path", r, name)
		}
	}
	if r.takesBody() {
		e.route = r
		return nil
	}
	for _, name := range names {
		if !e.args.InQuery(name) {
			return fmt.Errorf("route %q: the argument %q is an object, which a query string cannot hold: "+
				"make its members arguments, use filters.Range, or take POST", r, name)
		}
	}
	e.route = r
	return nil
}

// claimRoutes takes the routes of entries that are being added, or none of them. The caller holds
// the server's mutex.
func (s *Server) claimRoutes(more []*entry) error {
	for i, e := range more {
		if e.route == nil {
			continue
		}
		place := e.route.place()
		other := s.routes[place]
		if other == nil && !s.restFixed {
			if s.routes == nil {
				s.routes = map[string]*entry{}
			}
			s.routes[place] = e
			continue
		}
		for _, claimed := range more[:i] {
			s.leaveRoute(claimed)
		}
		if other != nil {
			return fmt.Errorf("mcpecho: cannot add %s %q: its route %q is that of %q too: change one of the two",
				e.kind, e.label(), e.route, other.label())
		}
		return fmt.Errorf("mcpecho: cannot add %s %q: MountREST has run, and Echo takes no route %q while it serves: "+
			"add the spec before, or without Route", e.kind, e.label(), e.route)
	}
	return nil
}

// leaveRoute gives up the route of an entry that is not served any more.
func (s *Server) leaveRoute(e *entry) {
	if e.route != nil {
		delete(s.routes, e.route.place())
	}
}
