package mcpecho_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// document is what the tests look at.
type document struct {
	Info    struct{ Title, Version string } `json:"info"`
	Servers []struct {
		URL       string                    `json:"url"`
		Variables map[string]map[string]any `json:"variables"`
	} `json:"servers"`
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Parameters  []struct {
			Name     string `json:"name"`
			In       string `json:"in"`
			Required bool   `json:"required"`
		} `json:"parameters"`
		RequestBody map[string]any        `json:"requestBody"`
		Security    []map[string][]string `json:"security"`
	} `json:"paths"`
	Components struct {
		Schemas         map[string]any            `json:"schemas"`
		SecuritySchemes map[string]map[string]any `json:"securitySchemes"`
	} `json:"components"`
}

// operations are the method, path and id of each operation.
func (d document) operations() (all []string) {
	for path, methods := range d.Paths {
		for method, op := range methods {
			all = append(all, method+" "+path+" "+op.OperationID)
		}
	}
	slices.Sort(all)
	return all
}

func fetchDocument(t *testing.T, e *echo.Echo, headers ...string) (d document, raw string, reply http.Header) {
	t.Helper()
	status, header, body := fetchPath(t, e, "/openapi.json", headers...)
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", status, header, body)
	}
	if err := json.Unmarshal([]byte(body), &d, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return d, body, header
}

func fetchPath(t *testing.T, e *echo.Echo, path string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

func nothing(*mcpecho.Call, struct{}) (struct{}, error) { return struct{}{}, nil }

func byName(_ *mcpecho.Call, in struct {
	Name string `json:"name" validate:"required"`
	Much int    `json:"much"`
},
) (string, error) {
	return in.Name, nil
}

func ExampleServer_OpenAPI() {
	type Greeting struct {
		Text string `json:"text"`
	}
	greet := func(_ *mcpecho.Call, in struct {
		Name string `json:"name" validate:"required" doc:"Whom to greet."`
	},
	) (Greeting, error) {
		return Greeting{"Hello, " + in.Name}, nil
	}
	srv := mcpecho.New(mcpecho.Config{Name: "greeter", Version: "1.0.0"})
	srv.Use(mw.Unlimited("an example"))
	srv.Add(mcpecho.Service("greet", greet, mcpecho.Route("GET /greetings/:name"),
		mcpecho.Describe("Greet somebody."), mcpecho.NoTransaction("it writes nothing"), mw.Public("everybody is greeted")))

	e := echo.New()
	srv.MountREST(e.Group("/api"))
	e.GET("/openapi.json", srv.OpenAPI())

	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc struct {
		OpenAPI string           `json:"openapi"`
		Servers []map[string]any `json:"servers"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Description string `json:"description"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		panic(err)
	}
	fmt.Println(doc.OpenAPI, doc.Servers[0]["url"])
	for path, methods := range doc.Paths {
		for method, op := range methods {
			fmt.Println(method, path, op.OperationID, op.Description)
		}
	}
	// Output:
	// 3.1.1 /api
	// get /greetings/{name} greet Greet somebody.
}

func TestOpenAPISaysWhatARouteTakes(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "s"})
	srv.Group("things").Add(
		mcpecho.Service("get", byName, mcpecho.Route("GET /things/:name")),
		mcpecho.Service("put", byName, mcpecho.Route("PUT /things/:name")),
		mcpecho.Service("empty", nothing, mcpecho.Route("POST /things")),
		mcpecho.Service("unrouted", nothing),
	)
	e := echo.New()
	srv.MountREST(e.Group(""))
	e.GET("/openapi.json", srv.OpenAPI())
	d, raw, _ := fetchDocument(t, e)
	want := []string{"get /things/{name} things_get", "post /things things_empty", "put /things/{name} things_put"}
	if got := d.operations(); !slices.Equal(got, want) {
		t.Errorf("%q in %s", got, raw)
	}
	get, put := d.Paths["/things/{name}"]["get"], d.Paths["/things/{name}"]["put"]
	if got := fmt.Sprint(get.Parameters); got != "[{name path true} {much query false}]" || get.RequestBody != nil {
		t.Error(got, get.RequestBody)
	}
	if got := fmt.Sprint(put.Parameters); got != "[{name path true}]" || put.RequestBody == nil {
		t.Error(got, put.RequestBody)
	}
	if strings.Contains(fmt.Sprint(put.RequestBody), "name") || d.Paths["/things"]["post"].RequestBody != nil {
		t.Errorf("%s", raw)
	}
	if len(d.Servers) != 0 || d.Info.Title != "s" || d.Info.Version != "0.0.0" {
		t.Errorf("%+v %+v", d.Servers, d.Info)
	}
}

// Two routes may call one place in a path by two names, which OpenAPI takes for two paths that
// clash.
func TestOpenAPIGivesOnePathOneNameOfAnArgument(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "s"})
	other := func(*mcpecho.Call, struct {
		ID string `json:"id" validate:"required"`
	},
	) (string, error) {
		return "", nil
	}
	srv.Add(mcpecho.Service("get", byName, mcpecho.Route("GET /things/:name")), mcpecho.Service("remove", other, mcpecho.Route("DELETE /things/:id")))
	e := echo.New()
	srv.MountREST(e.Group(""))
	e.GET("/openapi.json", srv.OpenAPI())
	d, raw, _ := fetchDocument(t, e)
	if len(d.Paths) != 1 || d.Paths["/things/{name}"]["delete"].Parameters[0].Name != "name" {
		t.Error(raw)
	}
}

func TestOpenAPITellsWhereTheRoutesAreMounted(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "s"})
	srv.Add(mcpecho.Service("get", byName, mcpecho.Route("GET /things/:name")))
	e := echo.New()
	e.GET("/openapi.json", srv.OpenAPI())
	if d, _, _ := fetchDocument(t, e); len(d.Paths) != 0 {
		t.Error("it has paths before they are mounted", d.Paths)
	}
	srv.MountREST(e.Group("/tenants/:tenant"))
	srv.MountREST(e.Group(""))
	d, raw, _ := fetchDocument(t, e)
	if len(d.Servers) != 2 || d.Servers[0].URL != "/tenants/{tenant}" || d.Servers[0].Variables["tenant"] == nil || d.Servers[1].URL != "/" {
		t.Error(raw)
	}
	srv.Remove("get")
	if d, raw, _ := fetchDocument(t, e); len(d.Paths) != 0 {
		t.Error("a removed spec is there:", raw)
	}
}

func TestOpenAPINamesTheScopesOfAChain(t *testing.T) {
	authenticate := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	for name, test := range map[string]struct {
		schemes map[string]any
		opts    []mcpecho.Option
		auth    []echo.MiddlewareFunc
		want    string
	}{
		"all of them":         {nil, []mcpecho.Option{mw.Scopes("a", "b")}, nil, "[map[bearer:[a b]]]"},
		"one of them":         {nil, []mcpecho.Option{mw.AnyScope("a", "b")}, nil, "[map[bearer:[a]] map[bearer:[b]]]"},
		"steps together":      {nil, []mcpecho.Option{mw.Scopes("a"), mw.AnyScope("b", "c")}, nil, "[map[bearer:[a b]] map[bearer:[a c]]]"},
		"a permission":        {nil, []mcpecho.Option{mw.Permit(func(*mcpecho.Call) error { return nil })}, nil, "[map[bearer:[]]]"},
		"nothing":             {nil, nil, nil, "[]"},
		"public":              {nil, []mcpecho.Option{mw.Public("a test")}, nil, "[]"},
		"authentication":      {nil, []mcpecho.Option{mw.Public("a test")}, []echo.MiddlewareFunc{authenticate}, "[map[bearer:[]]]"},
		"schemes of its own":  {map[string]any{"key": map[string]string{"type": "apiKey", "in": "header", "name": "X"}, "login": map[string]any{"type": "openIdConnect", "openIdConnectUrl": "https://x"}}, []mcpecho.Option{mw.Scopes("a")}, nil, "[map[key:[a]] map[login:[a]]]"},
		"schemes left out":    {map[string]any{}, []mcpecho.Option{mw.Scopes("a")}, nil, "[]"},
		"many sets of scopes": {nil, []mcpecho.Option{mw.AnyScope("a", "b", "c", "d", "e", "f"), mw.AnyScope("g", "h", "i", "j", "k", "l"), mw.AnyScope("m", "n", "o")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mcpecho.New(mcpecho.Config{Name: "s", SecuritySchemes: test.schemes})
			srv.Add(mcpecho.Service("get", nothing, append(test.opts, mcpecho.Route("GET /things"))...))
			e := echo.New()
			srv.MountREST(e.Group(""), test.auth...)
			e.GET("/openapi.json", srv.OpenAPI())
			d, raw, _ := fetchDocument(t, e)
			security := d.Paths["/things"]["get"].Security
			if got := fmt.Sprint(security); test.want != "" && got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if len(security) > 32 {
				t.Errorf("%d sets of scopes", len(security))
			}
			for _, need := range security {
				for scheme := range need {
					if d.Components.SecuritySchemes[scheme] == nil {
						t.Errorf("no scheme %s in %s", scheme, raw)
					}
				}
			}
		})
	}
}

func TestConfigRefusesWhatIsNoSecurityScheme(t *testing.T) {
	for want, schemes := range map[string]map[string]any{
		`the name "a b" must be`:        {"a b": map[string]string{"type": "mutualTLS"}},
		`"a" must be an object`:         {"a": "bearer"},
		`whose type is http, apiKey`:    {"a": map[string]string{"type": "basic"}},
		`lacks the member "scheme"`:     {"a": map[string]string{"type": "http"}},
		`lacks the member "flows"`:      {"a": map[string]string{"type": "oauth2"}},
		`must be an object whose type `: {"a": func() {}},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) || !strings.HasPrefix(got, "mcpecho: Config.SecuritySchemes: ") {
					t.Errorf("%q does not say %q", got, want)
				}
			}()
			mcpecho.New(mcpecho.Config{Name: "s", SecuritySchemes: schemes})
		}()
	}
}

// Who may not call an operation finds neither it nor what it is made of.
func TestOpenAPIHidesWhatTheCallerMayNotUse(t *testing.T) {
	type Secret struct {
		Hidden string `json:"hidden"`
	}
	asked := 0
	srv := mcpecho.New(mcpecho.Config{Name: "s", HideForbidden: true})
	srv.Use(mcpecho.Step{Name: "counted", Stage: mcpecho.StageRateLimit, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			asked++
			if asked > 4 {
				return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "enough"}
			}
			return next(ec)
		}
	}})
	srv.Add(
		mcpecho.Service("open", nothing, mcpecho.Route("GET /open"), mw.Public("a test")),
		mcpecho.Service("read", nothing, mcpecho.Route("GET /read"), mw.Scopes("read")),
		mcpecho.Service("write", func(*mcpecho.Call, struct{}) (Secret, error) { return Secret{}, nil }, mcpecho.Route("POST /write"), mw.Scopes("write")),
		mcpecho.Service("broken", nothing, mcpecho.Route("GET /broken"), mcpecho.Guard("panics", func(echo.HandlerFunc) echo.HandlerFunc {
			return func(echo.Context) error { panic("in a permission") }
		})),
	)
	authenticate := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if scopes := ec.Request().Header.Get("Scopes"); scopes != "" {
				mcpecho.SetPrincipal(ec, &mcpecho.Principal{Subject: "a", Scopes: strings.Fields(scopes)})
			}
			return next(ec)
		}
	}
	e := echo.New()
	srv.MountREST(e.Group(""), authenticate)
	e.GET("/openapi.json", srv.OpenAPI(), authenticate)
	for _, test := range []struct{ scopes, want string }{
		{"", "[get /open open]"},
		{"read", "[get /open open get /read read]"},
		{"read write", "[get /open open get /read read post /write write]"},
		{"read", "[get /open open get /read read]"},
	} {
		d, raw, header := fetchDocument(t, e, "Scopes", test.scopes)
		if got := fmt.Sprint(d.operations()); got != test.want {
			t.Errorf("%q sees %s, want %s", test.scopes, got, test.want)
		}
		if strings.Contains(raw, "hidden") != strings.Contains(test.scopes, "write") {
			t.Errorf("%q sees %s", test.scopes, raw)
		}
		if header.Get("Cache-Control") != "private" || header.Get("WWW-Authenticate") != "" {
			t.Error(header)
		}
	}
	if status, _, body := fetchPath(t, e, "/openapi.json"); status != http.StatusTooManyRequests {
		t.Error(status, body)
	}
}
