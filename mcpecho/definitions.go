package mcpecho

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
)

// ToolDefinition is what a model has to know of a tool to use it. Its JSON has the names of MCP;
// the function-calling interfaces of model providers have the same parts under their own.
type ToolDefinition struct {
	// Name is the listed one, of letters that every model takes. [Invoke] takes it too.
	Name string `json:"name"`
	// Description is that of [Describe].
	Description string `json:"description,omitzero"`
	// InputSchema is the JSON Schema 2020-12 of the arguments, an object.
	InputSchema stdjson.RawMessage `json:"inputSchema"`
	// OutputSchema is the JSON Schema of the result, nil for a tool that tells none.
	OutputSchema stdjson.RawMessage `json:"outputSchema,omitzero"`
}

// Tools are the definitions of the tools that the caller may use, in the order in which they were
// added, for Go code that talks to a model itself:
//
//	ctx = mcpecho.WithPrincipal(ctx, user)
//	for _, t := range srv.Tools(ctx) {
//		request.Tools = append(request.Tools, model.Tool{Name: t.Name, Description: t.Description, Parameters: t.InputSchema})
//	}
//
// The caller is that of [WithPrincipal], inside a call the one of the call, else an anonymous one.
// The permission steps of each tool are asked, whether [Config.HideForbidden] is set or not; its
// limits do not count that. A tool whose steps fail in another way than by a refusal is left out,
// and the log has the reason. Where nobody could be asked, as when ctx has ended, there are none.
func (s *Server) Tools(ctx context.Context) []ToolDefinition {
	r := s.registry.Load()
	usable, err := s.usableBy(ctx, r.lists[tools])
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "mcpecho: no tools are told of", slog.String("error", err.Error()))
		return nil
	}
	var told []ToolDefinition
	for i, d := range r.toolDefinitions() {
		if usable.has(i) {
			d.InputSchema, d.OutputSchema = bytes.Clone(d.InputSchema), bytes.Clone(d.OutputSchema)
			told = append(told, d)
		}
	}
	return told
}

// usableBy returns the entries that the caller of Go code may use. They are asked as calls inside
// one without arguments.
func (s *Server) usableBy(ctx context.Context, entries []*entry) (usable bits, err error) {
	i := &invocation{name: lists[tools].method, call: new(Call)}
	i.call.entry = s.listing[tools].Load()
	i.run = func(c *Call) error {
		c.muted = true
		return c.run(func(echo.Context) error {
			usable = c.usable(entries)
			return c.Ctx().Err()
		}, nil)
	}
	err = s.invokeBy(ctx, nil, i)
	return usable, err
}

// definitions are those of all tools, made when somebody first asks.
type definitions struct {
	once sync.Once
	all  []ToolDefinition
}

func (r *registry) toolDefinitions() []ToolDefinition {
	r.definitions.once.Do(func() {
		r.definitions.all = make([]ToolDefinition, len(r.lists[tools]))
		for i, e := range r.lists[tools] {
			if err := json.Unmarshal(e.listed[wire.Modern.Index()], &r.definitions.all[i]); err != nil {
				panic(fmt.Sprintf("mcpecho: the list entry of %s: %v", e.name, err)) // we have written it
			}
		}
	})
	return r.definitions.all
}
