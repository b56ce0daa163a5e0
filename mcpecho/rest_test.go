package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// rest is a REST client of a bundle over a real connection.
type rest struct {
	t   *testing.T
	url string
}

// mountREST serves the routes of the bundle under /api. The caller is b.user.
func (b *bundle) mountREST(auth ...echo.MiddlewareFunc) *rest {
	b.t.Helper()
	b.srv.MountREST(b.e.Group("/api"), append([]echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if b.user != nil {
				mcpecho.SetPrincipal(c, b.user)
			}
			return next(c)
		}
	}}, auth...)...)
	web := httptest.NewServer(b.e)
	b.t.Cleanup(web.Close)
	return &rest{b.t, web.URL}
}

type restReply struct {
	status int
	header http.Header
	body   string
}

func (r restReply) String() string { return fmt.Sprintf("%d %s", r.status, strings.TrimSpace(r.body)) }

// problem is the body as a problem, whose media type is checked.
func (r restReply) problem(t *testing.T) (p struct {
	Type, Title, Detail, Code string
	Status                    int
	Fields                    []struct{ Path, Rule, Message string }
}) {
	t.Helper()
	if media := r.header.Get("Content-Type"); media != "application/problem+json" {
		t.Errorf("media type %q of %s", media, r)
	}
	if err := json.Unmarshal([]byte(r.body), &p, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, r)
	}
	if p.Status != r.status || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Code == "" {
		t.Errorf("not a whole problem: %s", r)
	}
	return p
}

// do sends a request; a body is JSON unless the headers, name and value, say otherwise.
func (r *rest) do(method, target, body string, headers ...string) restReply {
	r.t.Helper()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, r.url+"/api"+target, sent)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return restReply{res.StatusCode, res.Header, string(got)}
}

func (r *rest) want(method, target, body, want string) restReply {
	r.t.Helper()
	got := r.do(method, target, body)
	if got.String() != want {
		r.t.Errorf("%s %s %s\n got %s\nwant %s", method, target, body, got, want)
	}
	return got
}

type span struct {
	Min *int `json:"min,omitzero"`
	Max *int `json:"max,omitzero"`
}

type searched struct {
	ID    int64    `json:"id"`
	Text  string   `json:"text,omitzero"`
	Tags  []string `json:"tags,omitzero"`
	On    *bool    `json:"on,omitzero"`
	Total *span    `json:"total,omitzero"`
}

func echoed(_ *mcpecho.Call, in searched) (searched, error) { return in, nil }

func TestAGetTakesItsArgumentsFromPathAndQuery(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")),
		mcpecho.Service("drop", echoed, mcpecho.Route("DELETE /things/:id")))
	c := b.mountREST()
	for _, method := range []string{"GET", "DELETE"} {
		c.want(method, "/things/7", "", `200 {"id":7}`)
		c.want(method, "/things/7?text=a+b%20c&on=true&tags=x&tags=y,z", "", `200 {"id":7,"text":"a b c","tags":["x","y,z"],"on":true}`)
		c.want(method, "/things/7?tags=x,y", "", `200 {"id":7,"tags":["x","y"]}`)
		c.want(method, "/things/7?total.min=1&total.max=5", "", `200 {"id":7,"total":{"min":1,"max":5}}`)
		c.want(method, "/things/7?total.max=5", "", `200 {"id":7,"total":{"max":5}}`)
		for query, want := range map[string]string{
			"?text=a&text=b":               "text duplicate",
			"?id=8":                        "id duplicate",
			"?total.min=1&total.min=2":     "total.min duplicate",
			"?total.mid=1":                 "total.mid unknown",
			"?total.min=x":                 "total.min type",
			"?on=1":                        "on type",
			"?nam=1":                       "nam unknown",
			"?text=%zz":                    " query",
			"?text=%ff":                    " json",
			"?a=1;b=2":                     " query",
			`?total={"min":1}&total.max=2`: "total duplicate",
		} {
			r := c.do(method, "/things/7"+query, "")
			p := r.problem(t)
			if r.status != 422 || p.Code != "validation_error" || len(p.Fields) != 1 || p.Fields[0].Path+" "+p.Fields[0].Rule != want {
				t.Errorf("%s %s: %s, want %s", method, query, r, want)
			}
		}
		if r := c.do(method, "/things/x", ""); r.status != 422 || r.problem(t).Fields[0].Path != "id" {
			t.Errorf("%s", r)
		}
		if r := c.do(method, "/things/7", `{"text":"a"}`); r.status != 400 || r.problem(t).Code != "body" {
			t.Errorf("%s", r)
		}
	}
}

func TestOtherMethodsTakeTheirArgumentsFromPathAndBody(t *testing.T) {
	b := setup(t)
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		b.srv.Add(mcpecho.Service(method, echoed, mcpecho.Route(method+" /things/:id", mcpecho.Status(202))))
	}
	b.srv.Add(mcpecho.Service("all", echoed, mcpecho.Route("POST /things", mcpecho.Status(201))))
	c := b.mountREST()
	c.want("POST", "/things", `{"id":9007199254740993,"text":"a"}`, `201 {"id":9007199254740993,"text":"a"}`)
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		c.want(method, "/things/7", "", `202 {"id":7}`)
		c.want(method, "/things/7", " { } ", `202 {"id":7}`)
		c.want(method, "/things/7", ` {"text":"a/b"}`, `202 {"id":7,"text":"a/b"}`)
		for body, want := range map[string]string{
			`{"id":7}`:             "id duplicate",
			`{"\u0069d":7}`:        "id duplicate",
			`{"ID":7}`:             "ID unknown",
			`{"text":1}`:           "text type",
			`{"text":"a"}{"id":8}`: " json",
			`{`:                    " json",
			`{,"text":"a"}`:        " json",
			`[1]`:                  " type",
			`"x"`:                  " type",
			"{\"text\":\"\xff\"}":  " json",
		} {
			r := c.do(method, "/things/7", body)
			p := r.problem(t)
			if r.status != 422 || len(p.Fields) == 0 || p.Fields[0].Path+" "+p.Fields[0].Rule != want {
				t.Errorf("%s %s: %s, want %s", method, body, r, want)
			}
		}
		if r := c.do(method, "/things/7?text=a", `{}`); r.status != 422 || r.problem(t).Fields[0].Rule != "query" {
			t.Errorf("%s", r)
		}
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
			if r := c.do(method, "/things/7", `{}`, "Content-Type", media); r.status != 415 || r.problem(t).Code != "content_type" {
				t.Errorf("%q: %s", media, r)
			}
		}
		if r := c.do(method, "/things/7", `{"text":"`+strings.Repeat("a", 2<<20)+`"}`); r.status != 413 || r.problem(t).Code != "body_size" {
			t.Errorf("%s", r)
		}
	}
}

func TestPathValuesArriveAsPlainValuesOrNotAtAll(t *testing.T) {
	b := setup(t)
	type in struct {
		Name string `json:"name"`
	}
	b.srv.Add(
		mcpecho.Service("get", func(_ *mcpecho.Call, in in) (string, error) { return in.Name, nil }, mcpecho.Route("GET /files/:name")),
		mcpecho.Service("more", func(_ *mcpecho.Call, in in) (string, error) { return "more " + in.Name, nil }, mcpecho.Route("GET /files/:name/more")),
		mcpecho.Service("me", func(*mcpecho.Call, none) (string, error) { return "fixed", nil }, mcpecho.Route("GET /files/me")),
	)
	c := b.mountREST()
	for path, want := range map[string]string{
		"a%20b":           `200 "a b"`,
		"a%2Fb":           `200 "a/b"`,
		"a%2Fb%20c":       `200 "a/b c"`,
		"a%252Fb":         `200 "a%2Fb"`,
		"100%25":          `200 "100%"`,
		"100%25%2Fb":      `200 "100%/b"`,
		"%2e%2e%2Fsecret": `200 "../secret"`,
		"%252e%252e":      `200 "%2e%2e"`,
		"a%0Ab":           `200 "a\nb"`,
		"a%2Fb/more":      `200 "more a/b"`,
		"me":              `200 "fixed"`,
		"m%65":            `200 "me"`,
		"a+b":             `200 "a+b"`,
		"a;b":             `200 "a;b"`,
		":name":           `200 ":name"`,
		"%3Aname":         `200 ":name"`,
		"a/b":             `404 {"message":"Not Found"}`,
		"a/more/x":        `404 {"message":"Not Found"}`,
		"":                `404 {"message":"Not Found"}`,
		"a/":              `404 {"message":"Not Found"}`,
	} {
		c.want("GET", "/files/"+path, "", want)
	}
	for _, path := range []string{"a%00b", "%ff"} {
		if r := c.do("GET", "/files/"+path, ""); r.status != 422 {
			t.Errorf("%s: %s", path, r)
		}
	}
}

func TestARouteBelowAGroupWithParametersHasItsOwnAlone(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", func(c *mcpecho.Call, in searched) (string, error) {
		return fmt.Sprint(c.Param("tenant"), " ", in.ID), nil
	}, mcpecho.Route("GET /things/:id")))
	b.srv.MountREST(b.e.Group("/:tenant/:id"))
	rec := httptest.NewRecorder()
	b.e.ServeHTTP(rec, httptest.NewRequest("GET", "/acme/9/things/7", nil))
	if rec.Body.String() != `"acme 7"` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestHeadAndOptionsAreAnswered(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")),
		mcpecho.Service("put", echoed, mcpecho.Route("PUT /things/:id")),
		mcpecho.Service("add", echoed, mcpecho.Route("POST /things")),
	)
	c := b.mountREST(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if ec.Request().Header.Get("Authorization") == "" {
				return echo.ErrUnauthorized
			}
			return next(ec)
		}
	})
	if r := c.do("HEAD", "/things/7", "", "Authorization", "x"); r.status != 200 || r.body != "" || r.header.Get("Content-Length") != "8" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", r, r.header)
	}
	if r := c.do("HEAD", "/things/x", "", "Authorization", "x"); r.status != 422 || r.body != "" {
		t.Errorf("%s %v", r, r.header)
	}
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		if r := c.do(method, "/things/7", ""); r.status != 401 {
			t.Errorf("%s: %s", method, r)
		}
	}
	if r := c.do("OPTIONS", "/things/7", ""); r.status != 204 || r.header.Get("Allow") != "GET, HEAD, PUT, OPTIONS" {
		t.Errorf("%s %v", r, r.header)
	}
	if r := c.do("OPTIONS", "/things", ""); r.status != 204 || r.header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("%s %v", r, r.header)
	}
	if r := c.do("GET", "/things", ""); r.status != 405 {
		t.Errorf("%s", r)
	}
	if got := b.e.Reverse("get", 7); got != "/api/things/7" {
		t.Errorf("the route is not found by the name of its spec: %q", got)
	}
}

func TestErrorsAreProblems(t *testing.T) {
	b := setup(t)
	cause := errors.New("the cause")
	causes := map[string]error{
		"errorf":    mcpecho.Errorf("out of stock"),
		"typed":     &mcpecho.ToolError{Type: "out_of_stock", Message: "none left", Data: map[string]any{"left": 0, "status": "x"}, Internal: echo.NewHTTPError(409)},
		"teapot":    echo.NewHTTPError(418, map[string]any{"message": "short", "stout": true}),
		"missing":   echo.ErrNotFound,
		"row":       fmt.Errorf("look: %w", gorm.ErrRecordNotFound),
		"duplicate": gorm.ErrDuplicatedKey,
		"late":      context.DeadlineExceeded,
		"many":      &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "slow down", RetryAfter: 1500 * time.Millisecond},
		"large":     &mcpecho.ToolError{Type: mcpecho.TypeTooLarge, Message: "large"},
		"busy":      &mcpecho.ToolError{Type: mcpecho.TypeBusy, Message: "busy"},
		"unknown":   &mcpecho.ToolError{Type: mcpecho.TypeUnknownOutcome, Message: "look"},
		"protocol":  &mcpecho.Error{Code: 409, Message: "conflict", Data: []int{1}},
		"invalid":   &mcpecho.Error{Code: -32602, Message: "invalid"},
		"internal":  &mcpecho.Error{Code: -32603, Message: "internal"},
		"login":     echo.ErrUnauthorized,
		"broken":    fmt.Errorf("secret: %w", cause),
		"down":      echo.NewHTTPError(503, "secret"),
	}
	b.srv.Add(mcpecho.Service("fail", func(_ *mcpecho.Call, in struct {
		How string `json:"how"`
	}) (none, error) {
		if in.How == "panic" {
			panic("secret")
		}
		return none{}, causes[in.How]
	}, mcpecho.Route("GET /fail/:how")))
	var returned error
	c := b.mountREST(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			returned = next(ec)
			return returned
		}
	})
	for how, want := range map[string]string{
		"errorf":    `400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"out of stock","code":"error"}`,
		"typed":     `409 {"type":"about:blank","title":"Conflict","status":409,"detail":"none left","code":"out_of_stock","left":0}`,
		"teapot":    `418 {"type":"about:blank","title":"I'm a teapot","status":418,"detail":"short","code":"error","details":{"message":"short","stout":true}}`,
		"missing":   `404 {"type":"about:blank","title":"Not Found","status":404,"detail":"Not Found","code":"error"}`,
		"row":       `404 {"type":"about:blank","title":"Not Found","status":404,"detail":"no matching row found","code":"not_found"}`,
		"duplicate": `409 {"type":"about:blank","title":"Conflict","status":409,"detail":"a row with the same unique value exists already","code":"conflict"}`,
		"many":      `429 {"type":"about:blank","title":"Too Many Requests","status":429,"detail":"slow down","code":"rate_limited","retryAfterMs":1500}`,
		"large":     `413 {"type":"about:blank","title":"Request Entity Too Large","status":413,"detail":"large","code":"result_too_large"}`,
		"busy":      `503 {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"busy","code":"busy"}`,
		"unknown":   `500 {"type":"about:blank","title":"Internal Server Error","status":500,"detail":"look","code":"unknown_outcome"}`,
		"protocol":  `409 {"type":"about:blank","title":"Conflict","status":409,"detail":"conflict","code":"code_409","data":[1]}`,
		"invalid":   `400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"invalid","code":"invalid_params"}`,
		"internal":  `500 {"type":"about:blank","title":"Internal Server Error","status":500,"detail":"internal","code":"code_-32603"}`,
		"login":     `401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"Unauthorized","code":"unauthenticated"}`,
	} {
		r := c.want("GET", "/fail/"+how, "", want)
		r.problem(t)
		if he := (*echo.HTTPError)(nil); !errors.As(returned, &he) || he.Code != r.status || !errors.Is(returned, causes[how]) {
			t.Errorf("%s: Echo got %v", how, returned)
		}
	}
	if r := c.do("GET", "/fail/late", ""); r.status != 504 || r.problem(t).Code != "timeout" {
		t.Errorf("%s", r)
	}
	if r := c.do("GET", "/fail/many", ""); r.header.Get("Retry-After") != "2" {
		t.Errorf("%v", r.header)
	}
	if r := c.do("GET", "/fail/login", ""); !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("%v", r.header)
	}
	for _, how := range []string{"broken", "down", "panic"} {
		if r := c.do("GET", "/fail/"+how, ""); r.status != 500 || r.problem(t).Code != "internal_error" || strings.Contains(r.body, "secret") || !strings.Contains(r.body, `"reference":"`) {
			t.Errorf("%s: %s", how, r)
		}
	}
	if n := strings.Count(b.log.String(), `message="slow down"`); n != 2 {
		t.Errorf("a failure is logged %d times for 2 requests:\n%s", n, b.log)
	}
}

func TestTheErrorHandlerOfTheApplicationStaysInCharge(t *testing.T) {
	for name, tt := range map[string]struct {
		handler echo.HTTPErrorHandler
		media   string
		body    string
	}{
		"default": {nil, "application/problem+json", `"code":"error"`},
		"html": {func(err error, c echo.Context) {
			_ = c.HTML(err.(*echo.HTTPError).Code, fmt.Sprintf("<b>%v</b>", err.(*echo.HTTPError).Message))
		}, "text/html; charset=UTF-8", "<b>none left</b>"},
		"own json": {func(err error, c echo.Context) {
			tool, _ := errors.AsType[*mcpecho.ToolError](err)
			_ = c.JSON(409, map[string]string{"oops": tool.Message})
		}, "application/json", `{"oops":"none left"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.e.Use(middleware.Gzip())
			if tt.handler != nil {
				b.e.HTTPErrorHandler = tt.handler
			}
			b.srv.Add(mcpecho.Service("fail", func(*mcpecho.Call, none) (none, error) { return none{}, mcpecho.Errorf("none left") }, mcpecho.Route("GET /fail")))
			c := b.mountREST()
			if r := c.do("GET", "/fail", "", "Accept-Encoding", "identity"); r.header.Get("Content-Type") != tt.media || !strings.Contains(r.body, tt.body) {
				t.Errorf("%s %v", r, r.header)
			}
		})
	}
}

func TestAResourceIsReadByGet(t *testing.T) {
	b := setup(t)
	type file struct {
		Name string `json:"name"`
	}
	b.srv.Add(
		mcpecho.Resource("notes://{name}", func(c *mcpecho.Call, in file) (string, error) { return c.URI() + " " + in.Name, nil },
			mcpecho.Name("note"), mcpecho.Route("GET /notes/:name")),
		mcpecho.Resource("page://{name}", func(*mcpecho.Call, file) (string, error) { return "<p>", nil },
			mcpecho.Name("page"), mcpecho.MIMEType("text/html"), mcpecho.Route("GET /pages/:name")),
		mcpecho.Resource("blob://one", func(*mcpecho.Call, none) ([]byte, error) { return []byte{0, 1}, nil },
			mcpecho.Name("blob"), mcpecho.Route("GET /blob")),
		mcpecho.Resource("stats://one", func(*mcpecho.Call, none) (map[string]int, error) { return map[string]int{"n": 1}, nil },
			mcpecho.Name("stats"), mcpecho.Route("GET /stats")),
		mcpecho.Resource("two://one", func(*mcpecho.Call, none) ([]content.Contents, error) {
			return []content.Contents{{Text: "a"}, {Text: "b", URI: "two://b"}}, nil
		}, mcpecho.Name("two"), mcpecho.Route("GET /two")),
		mcpecho.Service("image", func(*mcpecho.Call, none) (content.Image, error) {
			return content.Image{Data: []byte("png"), MIMEType: "image/png"}, nil
		}, mcpecho.Route("GET /image")),
		mcpecho.Service("blocks", func(*mcpecho.Call, none) ([]content.Block, error) {
			return []content.Block{content.Text{Text: "a"}}, nil
		}, mcpecho.Route("GET /blocks")),
	)
	c := b.mountREST()
	for path, want := range map[string][2]string{
		"/notes/a%20b": {"text/plain; charset=utf-8", "notes://a%20b a b"},
		"/pages/x":     {"text/html; charset=utf-8", "<p>"},
		"/blob":        {"application/octet-stream", "\x00\x01"},
		"/stats":       {"application/json", `{"n":1}`},
		"/two":         {"application/json", `[{"uri":"two://one","text":"a"},{"uri":"two://b","text":"b"}]`},
		"/image":       {"image/png", "png"},
		"/blocks":      {"application/json", `[{"type":"text","text":"a"}]`},
	} {
		r := c.do("GET", path, "")
		if r.status != 200 || r.header.Get("Content-Type") != want[0] || r.body != want[1] || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", path, r, r.header)
		}
	}
	for _, path := range []string{"%2e%2e", "a%2Fb", "a%5Cb", "a%0Ab", "%2e%2e%2Fsecret"} {
		c.want("GET", "/notes/"+path, "", `404 {"message":"Not Found"}`)
	}
}

func TestWhatAHandlerWritesIsTheReply(t *testing.T) {
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("made", func(c *mcpecho.Call, _ none) (any, error) {
			c.Response().Header().Set("Location", "/api/made/7")
			c.Response().Header().Set("X-Made", "yes")
			return nil, c.JSON(http.StatusCreated, map[string]int{"id": 7})
		}, mcpecho.Route("POST /made")),
		mcpecho.Service("gone", func(c *mcpecho.Call, _ none) (any, error) {
			return nil, c.NoContent(http.StatusNoContent)
		}, mcpecho.Route("DELETE /made")),
		mcpecho.Service("silent", func(*mcpecho.Call, none) (string, error) { return "x", nil }, mcpecho.Route("PUT /made", mcpecho.Status(204))),
		mcpecho.Service("png", func(c *mcpecho.Call, _ none) (any, error) {
			return nil, c.Blob(200, "image/png", []byte("png"))
		}, mcpecho.Route("GET /png")),
		mcpecho.Service("refused", func(c *mcpecho.Call, _ none) (any, error) {
			return nil, c.JSON(http.StatusConflict, map[string]any{"why": "taken"})
		}, mcpecho.Route("GET /refused")),
	)
	c := b.mountREST()
	if r := c.want("POST", "/made", "", `201 {"id":7}`); r.header.Get("Location") != "/api/made/7" || r.header.Get("X-Made") != "yes" {
		t.Errorf("%v", r.header)
	}
	for _, method := range []string{"DELETE", "PUT"} {
		if r := c.want(method, "/made", "", `204 `); r.header.Get("Content-Type") != "" || r.header.Get("Content-Length") != "" {
			t.Errorf("%v", r.header)
		}
	}
	if r := c.want("GET", "/png", "", "200 png"); r.header.Get("Content-Type") != "image/png" {
		t.Errorf("%v", r.header)
	}
	if r := c.do("GET", "/refused", ""); r.status != 409 || !strings.Contains(r.body, `"details":{"why":"taken"}`) {
		t.Errorf("%s", r)
	}
}

func TestAFailedCallOfARouteLeavesNothingBehind(t *testing.T) {
	b := setup(t)
	b.srv.Use(transaction())
	late := mcpecho.Step{Name: "late", Stage: mcpecho.StageSerialize, Func: func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				return err
			}
			return errors.New("secret")
		}
	}}
	b.srv.Add(
		mcpecho.Service("add", insert, mcpecho.Route("POST /widgets", mcpecho.Status(201))),
		mcpecho.Service("broken", insert, mcpecho.Route("POST /broken"), late),
	)
	c := b.mountREST()
	c.want("POST", "/widgets", `{"name":"a"}`, `201 {"id":1,"name":"a","size":0}`)
	if r := c.do("POST", "/widgets", `{"name":"a"}`); r.status != 409 || r.problem(t).Fields[0].Path != "name" {
		t.Errorf("%s", r)
	}
	if r := c.do("POST", "/broken", `{"name":"b"}`); r.status != 500 {
		t.Errorf("%s", r)
	}
	if n := b.count(); n != 1 {
		t.Errorf("%d widgets", n)
	}
}

func TestHiddenSpecsAnswerAsIfThereWereNoRoute(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.HideForbidden = true })
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id"), mcpecho.Guard("deny", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("WWW-Authenticate", "Bearer")
			if mcpecho.CallFrom(c).Principal() == nil {
				return echo.ErrForbidden
			}
			return next(c)
		}
	})))
	c := b.mountREST()
	for _, target := range []string{"/things/7", "/things/x", "/things/7?nam=1", "/things/7?a=%zz", "/nothing/7"} {
		if r := c.want("GET", target, "", `404 {"message":"Not Found"}`); r.header.Get("WWW-Authenticate") != "" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", r.header)
		}
	}
	b.user = &mcpecho.Principal{Subject: "a"}
	c.want("GET", "/things/7", "", `200 {"id":7}`)
	if r := c.do("GET", "/things/x", ""); r.status != 422 {
		t.Errorf("%s", r)
	}
}

func TestRoutesAreFixedAfterMountREST(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")))
	c := b.mountREST()
	err := b.srv.AddSafely(mcpecho.Service("late", echoed, mcpecho.Route("GET /late/:id")))
	if want := `mcpecho: cannot add service "late": MountREST has run, and Echo takes no route "GET /late/:id" while it serves: add the spec before, or without Route`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	b.srv.Add(mcpecho.Service("late", echoed))
	b.srv.Use(mcpecho.Named("count", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("X-Used", "yes")
			return next(c)
		}
	}))
	if r := c.want("GET", "/things/7", "", `200 {"id":7}`); r.header.Get("X-Used") != "yes" {
		t.Error("a step that was added later does not run")
	}
	b.srv.Remove("get")
	c.want("GET", "/things/7", "", `404 {"message":"Not Found"}`)
}

func TestShutdownRefusesREST(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")))
	c := b.mountREST()
	if err := b.srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := c.do("GET", "/things/7", ""); r.status != 503 || r.problem(t).Code != "draining" || r.header.Get("Retry-After") != "1" {
		t.Errorf("%s", r)
	}
}

func TestAClientThatLeavesEndsItsCall(t *testing.T) {
	b := setup(t)
	begun, ended := make(chan struct{}), make(chan error, 1)
	b.srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ none) (none, error) {
		close(begun)
		<-c.Ctx().Done()
		ended <- c.Ctx().Err()
		return none{}, c.Ctx().Err()
	}, mcpecho.Route("GET /wait")))
	c := b.mountREST()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", c.url+"/api/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
			res.Body.Close()
		}
	}()
	<-begun
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-done
}

func TestADeadlineIs504(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.CallTimeout = 20 * time.Millisecond })
	b.srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ none) (none, error) {
		<-c.Ctx().Done()
		return none{}, c.Ctx().Err()
	}, mcpecho.Route("GET /wait")))
	if r := b.mountREST().do("GET", "/wait", ""); r.status != 504 || r.problem(t).Code != "timeout" {
		t.Errorf("%s", r)
	}
}

func TestHostsHoldForRESTAndOriginsDoNot(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.Hosts = []string{"api.example.com"} })
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")))
	b.srv.MountREST(b.e.Group("/api"))
	for host, status := range map[string]int{"api.example.com": 200, "evil.example.com": 403} {
		req := httptest.NewRequest("GET", "/api/things/7", nil)
		req.Host = host
		req.Header.Set("Origin", "https://page.example.com")
		rec := httptest.NewRecorder()
		b.e.ServeHTTP(rec, req)
		if rec.Code != status {
			t.Errorf("%s: %d %s", host, rec.Code, rec.Body)
		}
	}
}

func TestAPanicInAuthenticationIsAProblem(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")))
	c := b.mountREST(func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { panic("secret") } })
	if r := c.do("GET", "/things/7", ""); r.status != 500 || r.problem(t).Code != "internal_error" || strings.Contains(r.body, "secret") {
		t.Errorf("%s", r)
	}
}

func TestAddRefusesRoutesThatCannotBeServed(t *testing.T) {
	type nested struct {
		ID    int64           `json:"id"`
		Where struct{ A int } `json:"where"`
	}
	type many struct {
		IDs []int `json:"ids"`
	}
	takes := func(pattern string, opts ...mcpecho.RouteOption) *mcpecho.Spec {
		return mcpecho.Service("get", echoed, mcpecho.Route(pattern, opts...))
	}
	for want, spec := range map[string]*mcpecho.Spec{
		`write a method, a space`:                       takes("/things/:id"),
		`the method must be one of`:                     takes("get /things/:id"),
		`HEAD is answered wherever`:                     takes("HEAD /things/:id"),
		`the path may have no spaces`:                   takes("GET /things/*"),
		`the path has an empty segment`:                 takes("GET /things/"),
		`out of a path before it sends it`:              takes("GET /things/../x"),
		`a whole segment with a name`:                   takes("GET /things/a:id"),
		`is in the path twice`:                          takes("GET /things/:id/x/:id"),
		`which is no argument of the spec`:              takes("GET /things/:pk"),
		`"tags" is no single value`:                     takes("GET /things/:tags"),
		`the status 404 of a successful reply`:          takes("GET /things/:id", mcpecho.Status(404)),
		`option 1 of 1 is nil`:                          takes("GET /things/:id", nil),
		`it has two routes`:                             mcpecho.Service("get", echoed, mcpecho.Route("GET /a"), mcpecho.Route("GET /b")),
		`"where" is an object, which a query string`:    mcpecho.Service("get", func(*mcpecho.Call, nested) (none, error) { return none{}, nil }, mcpecho.Route("DELETE /a/:id")),
		`a prompt has no route`:                         mcpecho.Prompt("ask", func(*mcpecho.Call, none) (string, error) { return "", nil }, mcpecho.Route("GET /a")),
		`a resource is read, so its route is a GET`:     mcpecho.Resource("a://b", func(*mcpecho.Call, none) (string, error) { return "", nil }, mcpecho.Route("POST /a")),
		`its route "GET /b/:id" is that of "first" too`: mcpecho.Service("get", echoed, mcpecho.Route("GET /b/:id")),
	} {
		b := setup(t)
		b.srv.Add(mcpecho.Service("first", func(*mcpecho.Call, struct {
			PK int `json:"pk"`
		}) (none, error) {
			return none{}, nil
		}, mcpecho.Route("GET /b/:pk")))
		if err := b.srv.AddSafely(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	b := setup(t)
	b.srv.Add(
		mcpecho.Service("post", func(*mcpecho.Call, nested) (none, error) { return none{}, nil }, mcpecho.Route("POST /a/:id")),
		mcpecho.Service("list", func(*mcpecho.Call, many) (none, error) { return none{}, nil }, mcpecho.Route("GET /a")),
	)
	// What was refused has taken no route.
	if err := b.srv.AddSafely(takes("GET /c/:id"), takes("GET /d/:id")); err == nil {
		t.Error("two tools of one name were added")
	}
	b.srv.Add(takes("GET /c/:id"))
	b.srv.Remove("get")
	b.srv.Add(takes("GET /c/:id"))
}

func TestARouteBelongsToTheToolAndNotToItsResource(t *testing.T) {
	b := setup(t)
	tool := mcpecho.Retrieve[widget]("widgets.get", func(c *mcpecho.Call, in struct {
		ID int `json:"id"`
	}) (*gorm.DB, error) {
		return c.DB().Where("id = ?", in.ID), nil
	}, mcpecho.Route("GET /widgets/:id"))
	b.srv.Add(tool, tool.AsResource("widgets://{id}", mcpecho.Name("widget")),
		tool.AsResource("raw://{id}", mcpecho.Name("raw"), mcpecho.Route("GET /raw/:id")))
	b.db.Create(&widget{Name: "a"})
	c := b.mountREST()
	c.want("GET", "/widgets/1", "", `200 {"id":1,"name":"a","size":0}`)
	c.want("GET", "/raw/1", "", `200 {"id":1,"name":"a","size":0}`)
	if r := c.do("GET", "/raw/2", ""); r.status != 404 || r.problem(t).Code != "not_found" {
		t.Errorf("%s", r)
	}
}

func TestEveryArgumentOfTheQueryReachesTheCallAsOnMCP(t *testing.T) {
	b := setup(t)
	var got []string
	b.srv.Add(mcpecho.Service("get", func(c *mcpecho.Call, in searched) (searched, error) {
		got = append(got, fmt.Sprint(c.Name(), c.Request().Method, c.ClientCapabilities(), c.URI()))
		c.Progress(1, 2, "half")
		return in, nil
	}, mcpecho.Route("GET /things/:id")))
	c := b.mountREST()
	q := url.Values{"text": {"ä & =?"}, "tags": {"a", "b"}}
	r := c.do("GET", "/things/7?"+q.Encode(), "")
	m := b.call("get", `{"id":7,"text":"ä & =?","tags":["a","b"]}`)
	var rest map[string]any
	if err := json.Unmarshal([]byte(r.body), &rest); err != nil || !reflect.DeepEqual(rest, m.Result["structuredContent"]) {
		t.Errorf("%s\n%v", r, m.Result["structuredContent"])
	}
	if got[0] != "getGET[]" {
		t.Error(got)
	}
}

func TestAnExistingHandlerIsARouteOfTheServerToo(t *testing.T) {
	b := setup(t)
	type getUser struct {
		ID   int    `param:"id"`
		Lang string `query:"lang"`
	}
	handler := func(c echo.Context) error {
		switch c.Param("id") {
		case "1":
			return c.JSON(http.StatusOK, map[string]string{"id": c.Param("id"), "lang": c.QueryParam("lang"), "path": c.Path()})
		case "2":
			return c.JSON(http.StatusConflict, map[string]any{"code": 7, "why": "locked"})
		case "3":
			return c.Blob(http.StatusOK, "text/csv", []byte("a,b"))
		case "4":
			return c.Blob(http.StatusOK, "image/png", []byte("png"))
		}
		return c.Redirect(http.StatusFound, "/elsewhere")
	}
	b.srv.Add(mcpecho.FromHandler[getUser]("users.get", "GET /users/:id", handler, mcpecho.Route("GET /v2/users/:id")))
	c := b.mountREST()
	c.want("GET", "/v2/users/1?lang=de", "", `200 {"id":"1","lang":"de","path":"/users/:id"}`)
	if r := c.do("GET", "/v2/users/2", ""); r.status != 409 || !strings.Contains(r.body, `"details":{"code":7,"why":"locked"}`) {
		t.Errorf("%s", r)
	}
	if r := c.do("GET", "/v2/users/4", ""); r.body != "png" || r.header.Get("Content-Type") != "image/png" {
		t.Errorf("%s %v", r, r.header)
	}
	if r := c.do("GET", "/v2/users/5", ""); r.status != 400 || strings.Contains(r.body, "/elsewhere") {
		t.Errorf("%s", r)
	}
}

func TestTheMiddlewaresOfEchoAreStepsOfARoute(t *testing.T) {
	b := setup(t)
	b.e.Use(middleware.RequestID(), middleware.Secure())
	b.srv.Use(mcpecho.Named("gzip", middleware.Gzip()), mcpecho.Named("timeout", middleware.ContextTimeout(30*time.Millisecond)))
	b.srv.Add(
		mcpecho.Service("quick", echoed, mcpecho.Route("GET /quick/:id")),
		mcpecho.Service("slow", func(c *mcpecho.Call, _ none) (none, error) {
			<-c.Ctx().Done()
			return none{}, c.Ctx().Err()
		}, mcpecho.Route("GET /slow")),
		mcpecho.Service("panics", func(*mcpecho.Call, none) (none, error) { panic("secret") }, mcpecho.Route("GET /panics")),
		mcpecho.Service("limited", echoed, mcpecho.Route("GET /limited/:id"),
			mcpecho.Named("limiter", middleware.RateLimiter(middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{Rate: 0.01, Burst: 1})))),
	)
	c := b.mountREST(middleware.Gzip())
	r := c.want("GET", "/quick/7", "", `200 {"id":7}`)
	if r.header.Get("X-Request-Id") == "" || r.header.Get("X-Frame-Options") == "" || r.header.Get("Content-Encoding") != "" {
		t.Errorf("%v", r.header)
	}
	if r := c.do("GET", "/quick/7", "", "Accept-Encoding", "gzip"); r.status != 200 || r.header.Get("Content-Encoding") != "gzip" || r.header.Get("Content-Length") == "8" {
		t.Errorf("%s %v", r, r.header)
	}
	for path, status := range map[string]int{"/slow": 504, "/panics": 500, "/limited/7": 200} {
		if r := c.do("GET", path, ""); r.status != status || strings.Contains(r.body, "secret") {
			t.Errorf("%s: %s", path, r)
		}
	}
	if r := c.do("GET", "/limited/7", ""); r.status != 429 || r.problem(t).Code != "rate_limited" {
		t.Errorf("%s", r)
	}
}
