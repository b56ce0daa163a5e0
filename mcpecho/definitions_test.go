package mcpecho_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

func ExampleServer_Tools() {
	type Place struct {
		City string `json:"city" validate:"required" doc:"Where."`
	}
	type Weather struct {
		Degrees int `json:"degrees"`
	}
	srv := mcpecho.New(mcpecho.Config{Name: "weather"})
	srv.Add(
		mcpecho.Service("weather.now", func(*mcpecho.Call, Place) (Weather, error) { return Weather{21}, nil },
			mcpecho.Describe("The weather now."), mw.Scopes("weather:read")),
		mcpecho.Service("weather.forget", func(*mcpecho.Call, Place) (Weather, error) { return Weather{}, nil },
			mcpecho.Describe("Forget a place."), mw.Scopes("weather:write")),
	)

	ctx := mcpecho.WithPrincipal(context.Background(), &mcpecho.Principal{Subject: "ada", Scopes: []string{"weather:read"}})
	for _, t := range srv.Tools(ctx) { // as the function-calling interface of a model takes them
		fmt.Println(t.Name, "-", t.Description)
		fmt.Printf("%s\n", t.InputSchema)
	}
	// What the model then calls is invoked by the name that it was told.
	now, err := mcpecho.Invoke[Weather](ctx, srv, "weather_now", json.RawMessage(`{"city":"Oslo"}`))
	fmt.Println(now.Degrees, err)
	// Output:
	// weather_now - The weather now.
	// {"type":"object","properties":{"city":{"type":"string","description":"Where.","minLength":1}},"required":["city"],"additionalProperties":false}
	// 21 <nil>
}

// told are the names of definitions.
func told(all []mcpecho.ToolDefinition) string {
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
	}
	return strings.Join(names, " ")
}

func as(ctx context.Context, scopes ...string) context.Context {
	return mcpecho.WithPrincipal(ctx, &mcpecho.Principal{Subject: "a", Scopes: scopes})
}

func TestToolsAreThoseThatTheCallerMayUse(t *testing.T) {
	for _, hide := range []bool{false, true} {
		srv := mcpecho.New(mcpecho.Config{Name: "s", HideForbidden: hide, Logger: slog.New(slog.DiscardHandler)})
		limited := 0
		srv.Use(mcpecho.Step{Name: "limit", Stage: mcpecho.StageRateLimit, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
			limited++
			return func(echo.Context) error { t.Error("a limit counts Tools"); return nil }
		}})
		get := mcpecho.Service("get", nothing, mw.Scopes("read"))
		srv.Add(
			mcpecho.Service("open", nothing), mcpecho.Service("stated", nothing, mw.Public("a test")), get,
			mcpecho.Service("put", nothing, mw.Scopes("write")), get.AsResource("things://all"),
			mcpecho.Prompt("ask", func(*mcpecho.Call, struct{}) (string, error) { return "", nil }),
			mcpecho.Service("panics", nothing, mcpecho.Guard("panics", func(echo.HandlerFunc) echo.HandlerFunc {
				return func(echo.Context) error { panic("in a permission") }
			})),
			mcpecho.Service("aborts", nothing, mcpecho.Guard("aborts", func(echo.HandlerFunc) echo.HandlerFunc {
				return func(echo.Context) error { return errors.New("the directory is down") }
			})),
			mcpecho.Service("answers", nothing, mcpecho.Guard("answers", func(echo.HandlerFunc) echo.HandlerFunc {
				return func(ec echo.Context) error { return ec.NoContent(http.StatusNoContent) }
			})),
		)
		for want, ctx := range map[string]context.Context{
			"open stated":         t.Context(),
			"open stated get":     as(t.Context(), "read"),
			"open stated get put": as(t.Context(), "read", "write"),
		} {
			if got := told(srv.Tools(ctx)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if got := srv.Tools(ended); got != nil {
			t.Error(got)
		}
		srv.Remove("stated")
		if got := told(srv.Tools(t.Context())); got != "open" {
			t.Error(got)
		}
	}
}

func TestToolsInsideACallAreThoseOfItsCaller(t *testing.T) {
	srv, other := mcpecho.New(mcpecho.Config{Name: "s"}), mcpecho.New(mcpecho.Config{Name: "other"})
	other.Add(mcpecho.Service("theirs", nothing, mw.Scopes("read")), mcpecho.Service("everybodys", nothing))
	srv.Add(
		mcpecho.Service("read", nothing, mw.Scopes("read")),
		mcpecho.Service("write", nothing, mw.Scopes("write")),
		mcpecho.Service("list", func(c *mcpecho.Call, _ struct{}) ([]string, error) {
			c.Progress(1, 2, "") // what asks is heard by nobody else
			return []string{
				told(srv.Tools(c.Ctx())), told(srv.Tools(as(c.Ctx(), "write"))),
				told(other.Tools(c.Ctx())), told(other.Tools(as(c.Ctx(), "read"))),
			}, nil
		}),
	)
	got, err := mcpecho.Invoke[[]string](as(t.Context(), "read"), srv, "list", nil)
	if want := []string{"read list", "", "everybodys", "theirs everybodys"}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}

func TestToolsHaveTheSchemasThatAreListed(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "s"})
	srv.Add(mcpecho.Service("a.b", byName, mcpecho.Describe("b of a")), mcpecho.Service("quiet", byName, mcpecho.OutputSchema(false)))
	all := srv.Tools(t.Context())
	got, err := json.Marshal(all)
	want := `[{"name":"a_b","description":"b of a","inputSchema":{"type":"object","properties":{"name":{"type":"string","minLength":1},"much":{"type":"integer"}},` +
		`"required":["name"],"additionalProperties":false},"outputSchema":{"type":"string"}},` +
		`{"name":"quiet","inputSchema":{"type":"object","properties":{"name":{"type":"string","minLength":1},"much":{"type":"integer"}},"required":["name"],"additionalProperties":false}}]`
	if err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	for i := range all[0].InputSchema {
		all[0].InputSchema[i] = 'x' // what a caller does to its own
	}
	if again := srv.Tools(t.Context()); string(again[0].InputSchema) == string(all[0].InputSchema) {
		t.Error("two callers share one schema")
	}
}

func TestToolsAreToldWhileTheyChange(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "s"})
	srv.Add(mcpecho.Service("stays", nothing))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				if got := told(srv.Tools(t.Context())); got != "stays" && got != "stays goes" {
					t.Errorf("%q", got)
				}
			}
		})
	}
	for range 20 {
		srv.Add(mcpecho.Service("goes", nothing))
		srv.Remove("goes")
	}
	all.Wait()
}
