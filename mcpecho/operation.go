package mcpecho

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/openapi"
)

// add describes an entry.
func (d *apiDocument) add(e *entry) error {
	op := &openapi.Operation{
		OperationID: e.operationID(), Summary: e.title, Description: e.description, Security: d.security(e),
		Responses: map[string]openapi.Response{"default": {Ref: "#/components/responses/Problem"}},
	}
	if op.Security != nil {
		op.Responses["401"] = openapi.Response{Ref: "#/components/responses/Unauthorized"}
	}
	if e.group.prefix != "" {
		op.Tags = []string{e.group.prefix}
	}
	if err := d.addArguments(op, e); err != nil {
		return err
	}
	if err := d.addReply(op, e); err != nil {
		return err
	}
	path, _ := pathOf(e.route.path)
	return d.Add(e.route.method, path, op)
}

// operationID is the name by which clients that are made of the document call the entry.
func (e *entry) operationID() string {
	if e.surface == onResources {
		return NamesPortable.list("read." + e.name)
	}
	return NamesPortable.list(e.name)
}

// pathOf is a path of Echo as OpenAPI writes it, and the names of the values in it.
func pathOf(path string) (written string, names []string) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		name, is := strings.CutPrefix(s, ":")
		if is {
			names = append(names, name)
			segments[i] = "{" + name + "}"
			continue
		}
		segments[i] = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s)
	}
	return strings.Join(segments, "/"), names
}

func (d *apiDocument) addArguments(op *openapi.Operation, e *entry) error {
	in, err := d.Schema(op.OperationID+"_arguments", e.args.Schema())
	if err != nil {
		return err
	}
	required := in.Required()
	for _, name := range e.route.params {
		if err := d.addParameter(op, in, name, "path", true); err != nil {
			return err
		}
	}
	rest := slices.DeleteFunc(in.Names(), func(name string) bool { return slices.Contains(e.route.params, name) })
	needed := slices.ContainsFunc(rest, func(name string) bool { return slices.Contains(required, name) })
	if e.route.takesBody() {
		body, err := in.Except(e.route.params)
		if err == nil && (len(rest) > 0 || in.Open()) {
			op.RequestBody = &openapi.Body{Required: needed, Content: map[string]openapi.Media{echo.MIMEApplicationJSON: {Schema: body}}}
		}
		return err
	}
	for _, name := range rest {
		if err := d.addParameter(op, in, name, "query", slices.Contains(required, name)); err != nil {
			return err
		}
	}
	return nil
}

// addParameter describes an argument in a path or query. The two ends of a range are apart.
func (d *apiDocument) addParameter(op *openapi.Operation, in *openapi.Schema, name, place string, required bool) error {
	schema, ok, err := in.Property(name)
	if err != nil {
		return err
	}
	if !ok {
		schema = []byte("{}") // a schema that was written by hand may leave it out
	}
	var facts struct {
		Description string                    `json:"description"`
		Properties  map[string]jsontext.Value `json:"properties"`
	}
	_ = json.Unmarshal(schema, &facts) // a schema may be true or false
	if place == "query" && len(facts.Properties) > 0 {
		for _, end := range slices.Sorted(maps.Keys(facts.Properties)) {
			op.Parameters = append(op.Parameters, openapi.Parameter{
				Name: name + "." + end, In: place, Description: facts.Description, Schema: facts.Properties[end],
			})
		}
		return nil
	}
	op.Parameters = append(op.Parameters, openapi.Parameter{
		Name: name, In: place, Required: required, Description: facts.Description, Schema: schema,
	})
	return nil
}

func (d *apiDocument) addReply(op *openapi.Operation, e *entry) error {
	status := e.route.status
	if status == 0 {
		status = http.StatusOK
	}
	reply := openapi.Response{Description: http.StatusText(status)}
	defer func() { op.Responses[strconv.Itoa(status)] = reply }()
	if status == http.StatusNoContent || status == http.StatusResetContent {
		return nil
	}
	if e.has(StagePaginate) {
		reply.Headers = map[string]openapi.Header{"Link": {
			Description: "Where the other pages are, as of RFC 8288.", Schema: []byte(`{"type":"string"}`),
		}}
	}
	media := openapi.Media{}
	if e.output != nil {
		if err := d.shareResult(e); err != nil {
			return err
		}
		raw, err := binding.MarshalSchema(e.output.Schema())
		if err != nil {
			return err
		}
		result, err := d.Schema(op.OperationID+"_result", raw)
		if err != nil {
			return err
		}
		if media.Schema, err = result.Whole(); err != nil {
			return err
		}
	}
	reply.Content = map[string]openapi.Media{e.replyMedia(): media}
	return nil
}

// shareResult lets the type of a result, or of one item of it, stand in the document once.
func (d *apiDocument) shareResult(e *entry) error {
	if e.shown == nil || e.shown.Name() == "" {
		return nil
	}
	schema, err := binding.OutputSchema(e.shown)
	if err != nil {
		return err
	}
	if schema.Type != "object" || len(schema.Properties) == 0 {
		return nil
	}
	raw, err := binding.MarshalSchema(binding.RootSchema(schema))
	if err == nil {
		d.Share(typePath.ReplaceAllString(e.shown.Name(), ""), raw)
	}
	return err
}

// typePath is where a type argument comes from, as in Page[example.com/shop.Order].
var typePath = regexp.MustCompile(`[^\[\],]*[./]`)

// replyMedia is the media type of a reply that ended well.
func (e *entry) replyMedia() string {
	switch {
	case e.output != nil:
		return echo.MIMEApplicationJSON
	case e.mimeType != "":
		return e.mimeType
	case e.surface == onTools && !isBlocks(e.resultType()):
		return echo.MIMEApplicationJSON
	}
	return "*/*"
}
