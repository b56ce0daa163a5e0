// Package openapi writes the document by which clients know a REST API: OpenAPI 3.1, whose schemas
// are JSON Schema 2020-12. It knows no spec and no step.
package openapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document describes an API. Make one with [New].
type Document struct {
	// Info is what the API is called.
	Info Info
	// Servers are where the paths begin, the root of the host when there is none.
	Servers []Server
	// SecuritySchemes are the ways to authenticate, by the names under which operations ask for
	// them.
	SecuritySchemes map[string]any
	// Responses are those that several operations have, by name.
	Responses map[string]Response

	paths   map[string]map[string]*Operation
	shapes  map[string]string // from a path without names to the path as it is written
	schemas map[string]jsontext.Value
	sources map[string]string // what a shared schema was made of, to its name
}

// New begins a document.
func New(info Info) *Document {
	return &Document{
		Info: info, SecuritySchemes: map[string]any{}, Responses: map[string]Response{},
		paths: map[string]map[string]*Operation{}, shapes: map[string]string{},
		schemas: map[string]jsontext.Value{}, sources: map[string]string{},
	}
}

// Info is what an API is called. (OpenAPI 3.1.1 section 4.8.2)
type Info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

// Server is where paths begin: a URL, which may have variables {name}. (OpenAPI 3.1.1 section
// 4.8.5)
type Server struct {
	URL       string              `json:"url"`
	Variables map[string]Variable `json:"variables,omitempty"`
}

// Variable is a part of a URL that a client chooses.
type Variable struct {
	Default string `json:"default"`
}

// Operation is a method of a path. (OpenAPI 3.1.1 section 4.8.10)
type Operation struct {
	OperationID string              `json:"operationId"`
	Summary     string              `json:"summary,omitzero"`
	Description string              `json:"description,omitzero"`
	Tags        []string            `json:"tags,omitempty"`
	Parameters  []Parameter         `json:"parameters,omitempty"`
	RequestBody *Body               `json:"requestBody,omitzero"`
	Responses   map[string]Response `json:"responses"`
	// Security are alternatives; no more than nothing is needed where it is empty.
	Security []Requirement `json:"security,omitempty"`
}

// Requirement names the scopes that each of some security schemes must grant.
type Requirement map[string][]string

// Parameter is one value in a path or a query string. (OpenAPI 3.1.1 section 4.8.12)
type Parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"`
	Required    bool           `json:"required,omitzero"`
	Description string         `json:"description,omitzero"`
	Schema      jsontext.Value `json:"schema"`
}

// Body is the body of a request.
type Body struct {
	Required bool             `json:"required,omitzero"`
	Content  map[string]Media `json:"content"`
}

// Response is a reply, or a reference to one that several operations have. (OpenAPI 3.1.1 section
// 4.8.17)
type Response struct {
	Ref         string            `json:"$ref,omitzero"`
	Description string            `json:"description,omitzero"`
	Headers     map[string]Header `json:"headers,omitempty"`
	Content     map[string]Media  `json:"content,omitempty"`
}

// Header is a header of a reply.
type Header struct {
	Description string         `json:"description,omitzero"`
	Schema      jsontext.Value `json:"schema"`
}

// Media is what stands in a body of one media type.
type Media struct {
	Schema jsontext.Value `json:"schema,omitzero"`
}

// Add puts an operation at a path, whose arguments are segments {name}. Two paths that differ in
// the names of their arguments alone are one for OpenAPI, so the arguments of the second take the
// names of the first. It is an error when that path has the method already.
func (d *Document) Add(method, path string, op *Operation) error {
	shape, names := shapeOf(path)
	if first, ok := d.shapes[shape]; ok {
		_, as := shapeOf(first)
		for i, p := range op.Parameters {
			if p.In == "path" {
				op.Parameters[i].Name = as[slices.Index(names, p.Name)]
			}
		}
		path = first
	}
	method = strings.ToLower(method)
	if d.paths[path][method] != nil {
		return fmt.Errorf("openapi: %s %s is there twice", method, path)
	}
	if d.paths[path] == nil {
		d.shapes[shape], d.paths[path] = path, map[string]*Operation{}
	}
	d.paths[path][method] = op
	return nil
}

// shapeOf takes the names out of a path.
func shapeOf(path string) (shape string, names []string) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
			names = append(names, strings.Trim(s, "{}"))
		}
	}
	return strings.Join(segments, "/"), names
}

// JSON is the whole document.
func (d *Document) JSON() ([]byte, error) {
	return json.Marshal(form{
		OpenAPI: "3.1.1", Info: d.Info, Servers: d.Servers, Paths: d.paths,
		Components: components{Schemas: d.schemas, Responses: d.Responses, SecuritySchemes: d.SecuritySchemes},
	}, json.Deterministic(true))
}

type form struct {
	OpenAPI    string                           `json:"openapi"`
	Info       Info                             `json:"info"`
	Servers    []Server                         `json:"servers,omitempty"`
	Paths      map[string]map[string]*Operation `json:"paths"`
	Components components                       `json:"components,omitzero"`
}

type components struct {
	Schemas         map[string]jsontext.Value `json:"schemas,omitempty"`
	Responses       map[string]Response       `json:"responses,omitempty"`
	SecuritySchemes map[string]any            `json:"securitySchemes,omitempty"`
}
