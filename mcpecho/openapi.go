package mcpecho

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/openapi"
)

// OpenAPI serves a document of OpenAPI 3.1 that describes what [Server.MountREST] has mounted:
//
//	e.GET("/openapi.json", srv.OpenAPI())
//
// Each spec with a [Route] is an operation, whose operationId is its portable name and whose tag is
// the prefix of its group. Arguments, results and scopes are those of the tools, also where
// [OutputSchema] keeps the schema of a result from MCP clients. An operation asks for one of
// [Config.SecuritySchemes] when its chain has a permission step, Public aside, or MountREST was
// given a middleware.
//
// With [Config.HideForbidden] the document shows what its caller may use: give the route the
// middlewares of MountREST. Rate limits of [Server.Use] count it then as a call.
func (s *Server) OpenAPI() echo.HandlerFunc {
	return func(ec echo.Context) error {
		r := s.registry.Load()
		if !s.cfg.HideForbidden {
			doc, err := s.documents.of(r, nil)
			if err != nil {
				return err
			}
			return ec.JSONBlob(http.StatusOK, doc)
		}
		x := &documentRequest{request: request{server: s}, registry: r}
		err := s.door.Serve(&x.Request, ec, false, x)
		if err == nil || x.answered {
			return err
		}
		return s.failRequest(&x.Request, err)
	}
}

// documentRequest asks for the document that its caller may see.
type documentRequest struct {
	request
	registry *registry
}

// Answer asks the permission steps of every entry with a route, as calls inside one of its own.
func (x *documentRequest) Answer([]byte) error {
	s := x.server
	x.answered = true
	var usable bits
	c := s.callBy(x, x.Owner, s.documenting.Load(), nil)
	c.muted = true
	c.admitted = func(echo.Context) error {
		usable = c.usable(x.registry.routed)
		return c.Ctx().Err()
	}
	err := c.run(c.entry.admission, nil)
	if err != nil {
		return x.fail(c, err)
	}
	doc, err := s.documents.of(x.registry, usable)
	if err != nil {
		return x.fail(c, err)
	}
	x.Echo.Response().Header().Set("Cache-Control", "private")
	return x.Send(http.StatusOK, echo.MIMEApplicationJSON, doc)
}

// problemSchema describes how MountREST answers an error. (RFC 9457 section 3.1)
const problemSchema = `{"type":"object","description":"A problem as of RFC 9457.","properties":{` +
	`"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},` +
	`"code":{"type":"string","description":"A stable word for programs."},` +
	`"fields":{"type":"array","description":"What is wrong with which argument.","items":{"type":"object","properties":` +
	`{"path":{"type":"string"},"rule":{"type":"string"},"message":{"type":"string"}}}}}}`

// restMount is a group that MountREST has mounted the routes on.
type restMount struct {
	prefix        string // in front of every path
	authenticated bool
}

// documents are the OpenAPI documents of a server, by who sees what.
type documents struct {
	mu     sync.Mutex
	mounts []restMount
	latest *registry // that the known ones describe
	known  map[string][]byte
}

// mount adds a group to the documents.
func (ds *documents) mount(m restMount) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.mounts, ds.latest = append(ds.mounts, m), nil
}

// of is the document of the entries with a route that are seen, nil for all.
func (ds *documents) of(r *registry, seen bits) ([]byte, error) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.latest != r || len(ds.known) >= maxViews {
		ds.latest, ds.known = r, map[string][]byte{}
	}
	if doc, ok := ds.known[string(seen)]; ok {
		return doc, nil
	}
	d := newAPIDocument(r.cfg, ds.mounts)
	for i, e := range r.routed {
		if len(ds.mounts) == 0 || seen != nil && !seen.has(i) {
			continue
		}
		if err := d.add(e); err != nil {
			return nil, fmt.Errorf("mcpecho: the OpenAPI document of %s %q: %w", e.kind, e.label(), err)
		}
	}
	doc, err := d.JSON()
	if err == nil {
		ds.known[string(seen)] = doc
	}
	return doc, err
}

// apiDocument is a document in the making.
type apiDocument struct {
	*openapi.Document
	authenticated bool // in front of all routes
}

func newAPIDocument(cfg *Config, mounts []restMount) *apiDocument {
	d := &apiDocument{Document: openapi.New(openapi.Info{Title: cfg.Name, Version: cfg.Version})}
	if cfg.Title != "" {
		d.Info.Title = cfg.Title
	}
	for _, m := range mounts {
		d.authenticated = d.authenticated || m.authenticated
		if m.prefix == "" && len(mounts) == 1 {
			continue
		}
		server := openapi.Server{Variables: map[string]openapi.Variable{}}
		var names []string
		server.URL, names = pathOf(cmp.Or(m.prefix, "/"))
		for _, name := range names {
			server.Variables[name] = openapi.Variable{Default: name}
		}
		d.Servers = append(d.Servers, server)
	}
	maps.Copy(d.SecuritySchemes, cfg.securitySchemes())
	d.Share("Problem", []byte(problemSchema))
	d.Responses["Problem"] = openapi.Response{Description: "What went wrong.", Content: map[string]openapi.Media{
		problemType: {Schema: []byte(`{"$ref":"#/components/schemas/Problem"}`)},
	}}
	d.Responses["Unauthorized"] = openapi.Response{ // the authentication answers in its own form
		Description: "The caller is not authenticated.",
		Headers: map[string]openapi.Header{"WWW-Authenticate": {
			Description: "How to authenticate, as of RFC 9110.", Schema: []byte(`{"type":"string"}`),
		}},
	}
	return d
}
