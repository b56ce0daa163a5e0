package mcpecho_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	"github.com/mcpecho/kit/middleware"
)

// A handler that the application has is a tool, as it is.
func ExampleFromHandler() {
	type User struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	get := func(c echo.Context) error { // it knows nothing of MCP
		var in struct {
			ID    int64 `param:"id"`
			Upper bool  `query:"upper"`
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		if in.ID != 7 {
			return echo.NewHTTPError(http.StatusNotFound, "no such user")
		}
		name := "ada"
		if in.Upper {
			name = strings.ToUpper(name)
		}
		return c.JSON(http.StatusOK, echo.Map{"id": in.ID, "name": name, "password": "secret"})
	}

	type GetUser struct {
		ID    int64 `param:"id" validate:"gte=1" doc:"Id of a user."`
		Upper bool  `query:"upper" doc:"In capitals."`
	}
	srv := mcpecho.New(mcpecho.Config{Name: "users"})
	srv.Add(mcpecho.FromHandler[GetUser]("users.get", "GET /users/:id", get, mcpecho.Returns[User](), middleware.Scopes("users:read")))
	srv.Fprint(os.Stdout)

	client := mcptest.New(inExample(), srv).As(&mcpecho.Principal{Subject: "ada", Scopes: []string{"users:read"}})
	fmt.Println(client.Do("users.get", map[string]any{"id": 7, "upper": true}).Text)
	fmt.Println(client.Do("users.get", map[string]any{"id": 8}).Error)
	fmt.Println(client.Do("users.get", map[string]any{"id": "../admin"}).Error)
	// Output:
	// users.get  scopes → validate → handle → serialize  (listed as users_get)
	// {"id":7,"name":"ADA"}
	// error: no such user
	// validation_error: invalid arguments: id must be an integer
	// 	id must be an integer (type)
}

// seen is what a handler found in its request.
type seen struct {
	Method, Path, Route, URI string
	Param, Query, Form       map[string][]string
	Body, Media              string
	Header                   http.Header
}

// sees is a handler that notes all that it is given.
func sees(into *[]seen) echo.HandlerFunc {
	return func(c echo.Context) error {
		s := seen{Method: c.Request().Method, Path: c.Request().URL.Path, Route: c.Path(), URI: c.Request().RequestURI,
			Param: map[string][]string{}, Query: c.QueryParams(), Media: c.Request().Header.Get("Content-Type"), Header: c.Request().Header}
		for _, name := range c.ParamNames() {
			s.Param[name] = []string{c.Param(name)}
		}
		if strings.Contains(s.Media, "form") {
			form, err := c.FormParams()
			if err != nil {
				return err
			}
			s.Form = form
		} else {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return err
			}
			s.Body = string(body)
		}
		*into = append(*into, s)
		return c.JSON(http.StatusOK, echo.Map{"ok": true})
	}
}

var hostile = []string{
	"../x", "a/b", "%2e", "%2e%2e%2f", "..", ".", "/", "//", "", " ", "a b", "a?admin=1", "a#b", "a&b=c", "a;b", "a%00", "a\x01\x1f\x7f", "a\r\nX-Admin: 1",
	`a\b`, `..\x`, "%", "%zz", "%2F", "é☕", "admin", ":id", "*", "+", "a+b", "http://evil.example/", "\u202e", "\ufeff", strings.Repeat("x", 5000),
}

func TestNoArgumentOfAHandlerReachesAnotherRoute(t *testing.T) {
	type byID struct {
		ID    string `param:"id"`
		Query string `query:"q"`
	}
	type byPath struct {
		Path string `param:"*"`
	}
	var got []seen
	b := setup(t)
	other := func(c echo.Context) error { t.Errorf("another route ran: %s", c.Request().RequestURI); return nil }
	b.e.GET("/users/:id/posts", sees(&got))
	b.e.GET("/files/*", sees(&got))
	b.e.GET("/x", other)
	b.e.GET("/users/admin/posts", other)
	b.e.Any("/*", other)
	b.srv.Add(
		mcpecho.FromHandler[byID]("u.posts", "GET /users/:id/posts", sees(&got)),
		mcpecho.FromHandler[byPath]("f.get", "GET /files/*", sees(&got)),
	)
	for _, value := range hostile {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		r := b.call("u.posts", fmt.Sprintf(`{"id":%s,"q":%s}`, quoted, quoted))
		if one := value != "" && value != "." && value != ".." && !strings.Contains(value, "/"); one != (len(got) == 1) {
			t.Errorf("%q: ran %d times: %s", value, len(got), r.Body)
		}
		if len(got) == 0 {
			if f := r.failure(t); f["type"] != "validation_error" {
				t.Errorf("%q: %s", value, r.Body)
			}
		} else {
			s := got[0]
			if s.Param["id"][0] != value || s.Query["q"][0] != value || s.Route != "/users/:id/posts" || s.Method != "GET" || s.Path != "/users/"+value+"/posts" {
				t.Errorf("%q arrived as %+v", value, s)
			}
			parsed, err := url.ParseRequestURI(s.URI)
			if err != nil || parsed.Path != s.Path || strings.Count(parsed.EscapedPath(), "/") != 3 || s.Header.Get("X-Admin") != "" {
				t.Errorf("%q: %s %v", value, s.URI, err)
			}
		}
		got = nil
		r = b.call("f.get", fmt.Sprintf(`{"Path":%s}`, quoted))
		if len(got) == 1 && (got[0].Param["*"][0] != value || got[0].Path != "/files/"+value || slices.Contains(strings.Split(value, "/"), "..")) {
			t.Errorf("%q arrived as %+v", value, got[0])
		} else if len(got) == 0 && r.failure(t)["type"] != "validation_error" {
			t.Errorf("%q: %s", value, r.Body)
		}
	}
}

func TestWhereAHandlerFindsItsArguments(t *testing.T) {
	type everywhere struct {
		ID    int64    `param:"id" json:"-"`
		Dry   bool     `query:"dry"`
		Tags  []string `query:"tag" json:"tags,omitempty"` // of a POST, the body
		Title string   `json:"title" form:"title"`
		Price *float64 `json:"price"`
		Left  string   `json:"-"`
		By    struct {
			Name string `json:"name"`
		} `json:"by"`
		Note binding.Opt[string] `json:"note"`
		Lang string              `json:"lang" default:"en"`
		Size int                 `query:"size" default:"20"`
	}
	type form struct {
		ID   int64    `param:"id"`
		Name string   `form:"name"`
		Tags []string `form:"tag"`
	}
	type search struct {
		Tags  []string  `query:"tag"`
		Since time.Time `query:"since"`
		Max   *float64  `query:"max"`
		On    *bool     `query:"on"`
	}
	var got []seen
	h := sees(&got)
	tests := map[string]struct {
		spec      *mcpecho.Spec
		arguments string
		want      seen
	}{
		"path, query, body": {mcpecho.FromHandler[everywhere]("h", "POST /a/:id", h), `{"id":7,"dry":false,"tags":["x"],"title":"T","price":1.50,"by":{"name":"N"},"note":null}`,
			seen{Method: "POST", URI: "/a/7?dry=false&size=20", Media: "application/json", Body: `{"tags":["x"],"title":"T","price":1.50,"by":{"name":"N"},"note":null,"lang":"en"}`}},
		"null is absence": {mcpecho.FromHandler[everywhere]("h", "POST /a/:id", h), `{"id":7,"price":null,"dry":null,"lang":null}`,
			seen{Method: "POST", URI: "/a/7?size=20", Media: "application/json", Body: `{"lang":"en"}`}},
		"exact numbers": {mcpecho.FromHandler[everywhere]("h", "PUT /a/:id", h), `{"id":9007199254740993,"size":-0}`,
			seen{Method: "PUT", URI: "/a/9007199254740993?size=0", Media: "application/json", Body: `{"lang":"en"}`}},
		"a form": {mcpecho.FromHandler[form]("h", "POST /a/:id", h), `{"id":7,"name":"a&b=c","tag":["x","y"]}`,
			seen{Method: "POST", URI: "/a/7", Media: "application/x-www-form-urlencoded", Form: map[string][]string{"name": {"a&b=c"}, "tag": {"x", "y"}}}},
		"a list in a query": {mcpecho.FromHandler[search]("h", "GET /s", h), `{"tag":["a,b","c"],"since":"2026-01-02T03:04:05Z","max":1e2,"on":true}`,
			seen{Method: "GET", URI: "/s?max=1e2&on=true&since=2026-01-02T03%3A04%3A05Z&tag=a%2Cb&tag=c"}},
		"nothing": {mcpecho.FromHandler[search]("h", "GET /s", h), `{}`, seen{Method: "GET", URI: "/s"}},
		"a body of a DELETE": {mcpecho.FromHandler[struct {
			Reason string `json:"reason"`
			Force  bool   `json:"force" query:"force"`
		}]("h", "DELETE /d", h), `{"reason":"x","force":true}`,
			seen{Method: "DELETE", URI: "/d?force=true", Media: "application/json", Body: `{"reason":"x"}`}},
	}
	for name, tt := range tests {
		got = nil
		b := setup(t)
		b.srv.Add(tt.spec)
		r := b.call("h", tt.arguments)
		if len(got) != 1 {
			t.Errorf("%s: %s", name, r.Body)
			continue
		}
		s := got[0]
		if s.Method != tt.want.Method || s.URI != tt.want.URI || s.Media != tt.want.Media || s.Body != tt.want.Body ||
			tt.want.Form != nil && !equalValues(s.Form, tt.want.Form) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, s, tt.want)
		}
	}
}

func equalValues(a, b map[string][]string) bool {
	return url.Values(a).Encode() == url.Values(b).Encode()
}

func TestAFileOfAFormIsAnArgument(t *testing.T) {
	type upload struct {
		Name string `form:"name" validate:"required"`
		File []byte `form:"picture" validate:"required"`
	}
	b := setup(t)
	b.srv.Add(mcpecho.FromHandler[upload]("p.upload", "POST /pictures", func(c echo.Context) error {
		header, err := c.FormFile("picture")
		if err != nil {
			return err
		}
		file, err := header.Open()
		if err != nil {
			return err
		}
		defer file.Close()
		content, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		return c.String(200, fmt.Sprintf("%s %q %s %s", c.FormValue("name"), content, header.Filename, header.Header.Get("Content-Type")))
	}))
	content := base64.StdEncoding.EncodeToString([]byte("GIF89a\x00\r\n--"))
	if r := b.call("p.upload", `{"name":"a\r\nb","picture":"`+content+`"}`); r.text() != "a\r\nb \"GIF89a\\x00\\r\\n--\" picture image/gif" {
		t.Errorf("%q %s", r.text(), r.Body)
	}
	if f := b.call("p.upload", `{"name":"a","picture":"not base64!"}`).failure(t); f["type"] != "validation_error" {
		t.Error(f)
	}
}

func TestTheHandlerSeesTheHeadersOfItsCallerWithoutThoseOfTheMessage(t *testing.T) {
	var got []seen
	b := setup(t)
	b.srv.Add(mcpecho.FromHandler[none]("h", "GET /h", sees(&got)))
	b.modern("tools/call", `"name":"h","arguments":{}`, "Mcp-Name", "h", "Authorization", "Bearer t", "Cookie", "session=1", "Accept-Language", "de",
		"X-Forwarded-For", "192.0.2.1", "X-Request-Id", "r", "Range", "bytes=0-1", "If-None-Match", "*", "X-HTTP-Method-Override", "DELETE", "Accept-Encoding", "gzip",
		"Connection", "X-Hop", "X-Hop", "1", "Last-Event-ID", "1", "Content-Language", "de")
	if len(got) != 1 {
		t.Fatal("it did not run")
	}
	h := got[0].Header
	for name, want := range map[string]string{"Authorization": "Bearer t", "Cookie": "session=1", "Accept-Language": "de", "X-Forwarded-For": "192.0.2.1", "X-Request-Id": "r",
		"Accept": "application/json, */*;q=0.8"} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
		h.Del(name)
	}
	if len(h) > 0 {
		t.Errorf("these reach the handler too: %v", h)
	}
}

// rowBinder is a custom binder as applications have it.
type rowBinder struct{ echo.DefaultBinder }

func (b *rowBinder) Bind(i any, c echo.Context) error {
	if err := b.DefaultBinder.Bind(i, c); err != nil {
		return err
	}
	if w, ok := i.(*widget); ok {
		user, _ := c.Get("user").(string)
		w.Name += " of " + user
	}
	return c.Validate(i)
}

// noShortNames is the validator of an application.
type noShortNames struct{}

func (noShortNames) Validate(i any) error {
	if w, ok := i.(*widget); ok && len(w.Name) < 3+len(" of ada") {
		return echo.NewHTTPError(422, echo.Map{"errors": echo.Map{"name": []string{"is too short"}}})
	}
	return nil
}

type namedWidget struct {
	Size int64  `param:"size"`
	Name string `json:"name" validate:"max=10"`
}

// withUser is the group's own login.
func (b *bundle) withUser() {
	b.e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { c.Set("user", "ada"); return next(c) }
	})
}

func TestAHandlerBindsAndValidatesAsOnItsRoute(t *testing.T) {
	b := setup(t)
	b.withUser()
	b.e.Binder, b.e.Validator = &rowBinder{}, noShortNames{}
	create := func(c echo.Context) error {
		w := widget{Size: 1}
		if err := c.Bind(&w); err != nil {
			return err
		}
		if c.Get("user") != "ada" || mcpecho.CallFrom(c) == nil && c.Path() != "/w/:size" {
			return errors.New("another world")
		}
		c.Set("created", w.Name)
		return c.JSON(201, w)
	}
	b.e.POST("/w/:size", create)
	b.srv.Add(mcpecho.FromHandler[namedWidget]("w.create", "POST /w/:size", create, mcpecho.Returns[widget]()))
	if r := b.call("w.create", `{"size":4,"name":"gear"}`); r.text() != `{"id":0,"name":"gear of ada","size":1}` {
		t.Error(r.Body)
	}
	if f := b.call("w.create", `{"size":4,"name":"g"}`).failure(t); f["type"] != "error" || !strings.Contains(fmt.Sprint(f["details"]), "too short") {
		t.Error(f)
	}
	if f := b.call("w.create", `{"size":"x","name":"much too long","color":1}`).failure(t); len(f["fields"].([]any)) != 3 {
		t.Error(f)
	}
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("POST", "/w/4", strings.NewReader(`{"name":"gear"}`))
	req.Header.Set("Content-Type", "application/json")
	if b.e.ServeHTTP(rec, req); rec.Code != 201 || !strings.Contains(rec.Body.String(), "gear of ada") {
		t.Errorf("the route itself: %d %s", rec.Code, rec.Body)
	}
}

// appContext is a context type of an application's own.
type appContext struct {
	echo.Context
	tenant string
}

func TestTheMiddlewaresOfARouteAreStepsThatSeeItsRequest(t *testing.T) {
	type get struct {
		Owner string `param:"owner"`
		Full  bool   `query:"full"`
		Note  string `json:"note"`
	}
	b := setup(t)
	b.withUser()
	own := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Param("owner") != c.Get("user") {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	inTenant := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return next(&appContext{c, c.Param("owner") + "'s"}) }
	}
	dumped := ""
	dump := echomw.BodyDump(func(c echo.Context, in, out []byte) {
		dumped = c.Request().Method + c.Request().RequestURI + string(in) + string(out)
	})
	logged := ""
	logger := echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{LogMethod: true, LogURI: true, LogStatus: true,
		LogValuesFunc: func(_ echo.Context, v echomw.RequestLoggerValues) error {
			logged = fmt.Sprint(v.Method, " ", v.URI, " ", v.Status)
			return nil
		}})
	b.srv.Add(mcpecho.FromHandler[get]("w.get", "PUT /w/:owner", func(c echo.Context) error {
		app, ok := c.(*appContext)
		if !ok {
			return errors.New("the context of the application is lost")
		}
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		return app.JSON(200, echo.Map{"tenant": app.tenant, "full": c.QueryParam("full"), "body": string(body)})
	}, mcpecho.Guard("own", own), mcpecho.Named("logger", logger), mcpecho.Named("dump", dump), mcpecho.Named("limit", echomw.BodyLimit("1K")), mcpecho.Named("tenant", inTenant)))
	r := b.call("w.get", `{"owner":"ada","full":true,"note":"n"}`)
	if r.text() != `{"body":"{\"note\":\"n\"}","full":"true","tenant":"ada's"}` {
		t.Error(r.Body)
	}
	if !strings.HasPrefix(dumped, `PUT/w/ada?full=true{"note":"n"}`) || logged != "PUT /w/ada?full=true 200" {
		t.Errorf("%q %q", dumped, logged)
	}
	if f := b.call("w.get", `{"owner":"bob"}`).failure(t); f["type"] != "forbidden" {
		t.Error(f)
	}
	if f := b.call("w.get", `{"owner":"../ada"}`).failure(t); f["type"] != "forbidden" { // refused before it is looked at
		t.Error(f)
	}
}

func TestAHandlerTakesPartInTheTransactionOfTheCall(t *testing.T) {
	b := setup(t)
	if err := b.db.Use(mcpecho.JoinTransactions()); err != nil {
		t.Fatal(err)
	}
	handler := func(after func(c echo.Context) error) echo.HandlerFunc {
		return func(c echo.Context) error {
			var w widget
			if err := c.Bind(&w); err != nil {
				return err
			}
			if err := b.db.WithContext(c.Request().Context()).Create(&widget{Name: w.Name}).Error; err != nil { // a store of its own
				return err
			}
			if err := mcpecho.DB(c.Request().Context()).Create(&widget{Name: w.Name + "2"}).Error; err != nil {
				return err
			}
			return after(c)
		}
	}
	tests := map[string]struct {
		after func(c echo.Context) error
		rows  int64
	}{
		"success":         {func(c echo.Context) error { return c.JSON(201, widget{Name: "x"}) }, 2},
		"an error":        {func(echo.Context) error { return errors.New("no") }, 0},
		"a written error": {func(c echo.Context) error { return c.JSON(409, echo.Map{"message": "no"}) }, 0},
		"Context.Error":   {func(c echo.Context) error { c.Error(echo.ErrTeapot); return nil }, 0},
		"a panic":         {func(echo.Context) error { panic("no") }, 0},
		"no widget":       {func(c echo.Context) error { return c.JSON(200, echo.Map{"id": "text"}) }, 0},
		"no JSON":         {func(c echo.Context) error { return c.Blob(200, "image/png", []byte{1}) }, 0},
		"a redirect":      {func(c echo.Context) error { return c.Redirect(302, "/login") }, 0},
		"too long": {func(c echo.Context) error {
			<-c.Request().Context().Done()
			return c.Request().Context().Err()
		}, 0},
	}
	for name, tt := range tests {
		b := setupOn(t, b.db, func(c *mcpecho.Config) { c.CallTimeout = 2 * time.Second })
		b.db.Exec("DELETE FROM widgets")
		b.srv.Add(mcpecho.FromHandler[struct {
			Name string `json:"name"`
		}]("w.create", "POST /w", handler(tt.after), mcpecho.Returns[widget](), transaction()))
		r := b.call("w.create", `{"name":"a"}`)
		if n := b.count(); n != tt.rows || (r.Result["isError"] == true) != (tt.rows == 0) || strings.Contains(r.Body, "/login") {
			t.Errorf("%s: %d rows, %s", name, n, r.Body)
		}
	}
}

func TestAHandlerThatIsRunAgainReadsItsBodyAgain(t *testing.T) {
	b := setup(t)
	runs := 0
	again := mcpecho.Step{Name: "again", Stage: mcpecho.StageTransaction, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		rewind := c.Mark()
		if err := next(ec); err == nil {
			return err
		}
		if err := rewind(); err != nil {
			return err
		}
		return next(ec)
	})}
	b.srv.Add(mcpecho.FromHandler[namedWidget]("w.create", "POST /w/:size", func(c echo.Context) error {
		var w widget
		if err := c.Bind(&w); err != nil {
			return err
		}
		if runs++; runs == 1 {
			return errors.New("once more")
		}
		return c.JSON(200, w)
	}, again))
	if r := b.call("w.create", `{"size":1,"name":"x"}`); r.text() != `{"id":0,"name":"x","size":0}` || runs != 2 {
		t.Error(runs, r.Body)
	}
}

// errTaken is an error that only the application's own error handler knows.
var errTaken = errors.New("dsn=secret")

func TestErrorsOfTheApplicationGoThroughItsOwnErrorHandler(t *testing.T) {
	var asked []error
	handles := func(err error, c echo.Context) {
		asked = append(asked, err)
		if errors.Is(err, errTaken) {
			_ = c.JSON(422, echo.Map{"errors": echo.Map{"name": "is taken"}})
			return
		}
		_ = c.JSON(500, echo.Map{"message": err.Error()})
	}
	tests := map[string]struct {
		err   error
		step  bool
		typ   string
		has   string
		asked int
	}{
		"one it knows":          {fmt.Errorf("create: %w", errTaken), false, "error", "is taken", 1},
		"of a middleware too":   {errTaken, true, "error", "is taken", 1},
		"one it does not know":  {errors.New("dsn=secret"), false, "internal_error", "reference", 1},
		"one that is known":     {echo.NewHTTPError(404, "no article"), false, "error", "no article", 0},
		"one of this module":    {mcpecho.Errorf("say more"), false, "error", "say more", 0},
		"a failure of the HTTP": {echo.NewHTTPError(503, "dsn=secret"), false, "internal_error", "reference", 1},
	}
	for name, tt := range tests {
		asked = nil
		b := setup(t)
		b.e.HTTPErrorHandler = handles
		fails := func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { return tt.err } }
		h, opts := func(echo.Context) error { return tt.err }, []mcpecho.Option{transaction()}
		if tt.step {
			opts = append(opts, mcpecho.Named("fails", fails))
		}
		b.srv.Add(mcpecho.FromHandler[none]("w", "POST /w", h, opts...))
		r := b.call("w", `{}`)
		if f := r.failure(t); f["type"] != tt.typ || !strings.Contains(r.Body, tt.has) || strings.Contains(r.Body, "secret") || len(asked) != tt.asked {
			t.Errorf("%s: asked %d, %s", name, len(asked), r.Body)
		}
	}
}

func TestWhatAHandlerWritesIsTheAnswer(t *testing.T) {
	png := []byte("\x89PNG\r\n\x1a\n\xff")
	file := t.TempDir() + "/note.pdf"
	if err := os.WriteFile(file, []byte("%PDF-\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		h   echo.HandlerFunc
		has string
		err bool
	}{
		"JSON":           {func(c echo.Context) error { return c.JSON(200, echo.Map{"a": 1}) }, `{\"a\":1}`, false},
		"text":           {func(c echo.Context) error { return c.String(200, "hello") }, `"text":"hello"`, false},
		"nothing":        {func(c echo.Context) error { return c.NoContent(204) }, `"text":"null"`, false},
		"not even that":  {func(echo.Context) error { return nil }, `"text":"null"`, false},
		"an image":       {func(c echo.Context) error { return c.Blob(200, "image/png", png) }, `"type":"image"`, false},
		"a file":         {func(c echo.Context) error { return c.Attachment(file, "note.pdf") }, `"mimeType":"application/pdf"`, false},
		"no such file":   {func(c echo.Context) error { return c.File(file + "x") }, `Not Found`, true},
		"an error":       {func(c echo.Context) error { return c.JSON(400, echo.Map{"errors": echo.Map{"body": "bad"}}) }, `\"body\":\"bad\"`, true},
		"a failure":      {func(c echo.Context) error { return c.String(500, "secret") }, `reference`, true},
		"a 401":          {func(echo.Context) error { return echo.ErrUnauthorized }, `"code":401`, false},
		"half an answer": {func(c echo.Context) error { _ = c.String(200, "half"); return errors.New("secret") }, `reference`, true},
	}
	for name, tt := range tests {
		b := setup(t)
		b.srv.Add(mcpecho.FromHandler[none]("w", "GET /w", tt.h))
		r := b.call("w", `{}`)
		if !strings.Contains(r.Body, tt.has) || (r.Result["isError"] == true) != tt.err || strings.Contains(r.Body, "secret") {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
}

func TestAHandlerIsAResourceAndPartOfASequence(t *testing.T) {
	type byID struct {
		ID int64 `param:"id"`
	}
	type user struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	type input struct {
		ID int64 `json:"id"`
	}
	get := mcpecho.FromHandler[byID]("u.get", "GET /users/:id", func(c echo.Context) error {
		return c.JSON(200, echo.Map{"id": c.Param("id") == "7", "name": "u" + c.Param("id"), "more": true})
	})
	typed := mcpecho.FromHandler[byID]("u.typed", "GET /users/:id", func(c echo.Context) error {
		return c.JSON(200, echo.Map{"id": 7, "name": "u" + c.Param("id"), "more": true})
	}, mcpecho.Returns[user]())

	b := setup(t)
	b.srv.Add(get.AsResource("users://{id}"), typed, mcpecho.FromHandler[byID]("u.del", "DELETE /users/:id", func(c echo.Context) error { return nil }))
	if r := b.modern("resources/read", `"uri":"users://7"`, "Mcp-Name", "users://7"); !strings.Contains(r.Body, `\"name\":\"u7\"`) {
		t.Error(r.Body)
	}
	whole := mcpecho.NewSequence[input]("u.whole")
	one := mcpecho.Then[user](whole, typed, func(_ *mcpecho.Call, in input) byID { return byID(in) })
	two := mcpecho.Then[user](whole, typed, func(c *mcpecho.Call, _ input) byID { return byID{ID: one.In(c).ID + 1} })
	b.srv.Add(mcpecho.Finish(whole, two))
	if r := b.call("u.whole", `{"id":7}`); r.text() != `{"id":7,"name":"u8"}` {
		t.Error(r.Body)
	}
	list := b.modern("tools/list", "").Body
	if !strings.Contains(list, `"annotations":{"readOnlyHint":true}`) || !strings.Contains(list, `"destructiveHint":true`) {
		t.Error(list)
	}
}

// checked is an input with a check of its own.
type checked struct {
	ID int64 `param:"id"`
}

func (checked) Check() error { return nil }

func TestWhatIsWrongWithAHandlerIsSaidAtAdd(t *testing.T) {
	type in struct {
		ID int64 `param:"id"`
	}
	h := func(echo.Context) error { return nil }
	tests := map[string]struct {
		spec *mcpecho.Spec
		says string
	}{
		"no handler":      {mcpecho.FromHandler[in]("h", "GET /a/:id", nil), "function is nil"},
		"no method":       {mcpecho.FromHandler[in]("h", "/a/:id", h), `as "GET /users/:id"`},
		"no such method":  {mcpecho.FromHandler[in]("h", "get /a/:id", h), "must be one of"},
		"no field":        {mcpecho.FromHandler[none]("h", "GET /a/:id", h), `no field of mcpecho_test.none is param:"id"`},
		"no parameter":    {mcpecho.FromHandler[in]("h", "GET /a", h), "which the path does not have"},
		"two parameters":  {mcpecho.FromHandler[in]("h", "GET /a/:id/:id", h), "name of its own"},
		"a * inside":      {mcpecho.FromHandler[in]("h", "GET /a/*/b", h), "end of a path"},
		"a body of a GET": {mcpecho.FromHandler[struct{ Q string }]("h", "GET /a", h), "tag it query or param"},
		"a form of a DELETE": {mcpecho.FromHandler[struct {
			Q string `form:"q"`
		}]("h", "DELETE /a", h), "tag it query or param"},
		"a header": {mcpecho.FromHandler[struct {
			Q string `header:"Authorization"`
		}]("h", "POST /a", h), "no argument can be"},
		"two bodies": {mcpecho.FromHandler[struct {
			A string `form:"a"`
			B string `json:"b"`
		}]("h", "POST /a", h), "all form"},
		"an object in a query": {mcpecho.FromHandler[struct {
			A struct{ B int } `query:"a"`
		}]("h", "GET /a", h), "neither a query string"},
		"a list in a path": {mcpecho.FromHandler[struct {
			A []int `param:"a"`
		}]("h", "GET /:a", h), "no single value"},
		"one name twice": {mcpecho.FromHandler[struct {
			A string `param:"id"`
			B string `query:"id"`
		}]("h", "GET /:id", h), `both the argument "id"`},
		"an optional parameter": {mcpecho.FromHandler[struct {
			A string `param:"id" validate:"omitempty,max=3"`
		}]("h", "GET /:id", h), "leave its default or omitempty out"},
		"a default inside": {mcpecho.FromHandler[struct {
			A struct {
				B int `json:"b" default:"1"`
			} `json:"a"`
		}]("h", "POST /", h), "leave them to it"},
		"methods":                   {mcpecho.FromHandler[checked]("h", "GET /:id", h), "has a method Check"},
		"Returns of a service":      {mcpecho.Service("h", func(*mcpecho.Call, none) (none, error) { return none{}, nil }, mcpecho.Returns[in]()), "Returns is for FromHandler"},
		"Returns of a resource":     {mcpecho.FromHandler[in]("h", "GET /:id", h).AsResource("x://{id}", mcpecho.Returns[in]()), "give it there"},
		"an input that is a number": {mcpecho.FromHandler[int]("h", "GET /", h), "struct"},
	}
	for name, tt := range tests {
		err := setup(t).srv.AddSafely(tt.spec)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHandlerIsTheSameOnEveryDoor(t *testing.T) {
	create := func(c echo.Context) error {
		var w widget
		if err := c.Bind(&w); err != nil {
			return err
		}
		if c.Path() != "/w/:size" || c.Request().Method != http.MethodPut || c.Request().URL.Path != "/w/"+c.Param("size") {
			return errors.New("another request")
		}
		return c.JSON(201, w)
	}
	type shown struct {
		Name string `json:"name"`
	}
	specs := func() []*mcpecho.Spec {
		return []*mcpecho.Spec{
			mcpecho.FromHandler[namedWidget]("w.create", "PUT /w/:size", create, mcpecho.Returns[widget](), mcpecho.Route("POST /widgets/:size")),
			mcpecho.FromHandler[namedWidget]("w.shown", "PUT /w/:size", create, mcpecho.Returns[widget](),
				middleware.Serialize(func(w widget) shown { return shown{strings.ToUpper(w.Name)} })),
		}
	}
	const arguments, want = `{"size":4,"name":"gearwheel"}`, `{"id":0,"name":"gearwheel of ","size":0}`
	e := echo.New()
	e.Binder, e.Validator = &rowBinder{}, noShortNames{}
	e.Logger.SetOutput(io.Discard)

	b := setup(t)
	b.e.Binder, b.e.Validator = e.Binder, e.Validator
	b.srv.Add(specs()...)
	b.srv.Add(mcpecho.FromHandler[namedWidget]("w.next", "PUT /w/:size", func(c echo.Context) error {
		w, err := mcpecho.Invoke[widget](c.Request().Context(), b.srv, "w.create", namedWidget{Size: 5, Name: "inside " + c.Param("size")})
		if err != nil {
			return err
		}
		return c.String(200, w.Name+c.Param("size"))
	}, mcpecho.Route("POST /next/:size")))
	if got := b.call("w.next", arguments).text(); got != "inside 4 of 4" {
		t.Errorf("one inside another: %s", got)
	}
	if got := b.call("w.create", arguments).text(); got != want {
		t.Errorf("MCP over HTTP: %s", got)
	}
	if got := b.call("w.shown", arguments).text(); got != `{"name":"GEARWHEEL OF "}` {
		t.Errorf("mapped: %s", got)
	}
	b.srv.MountREST(b.e.Group("/api"))
	rec, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/api/widgets/4", strings.NewReader(`{"name":"gearwheel"}`))
	req.Header.Set("Content-Type", "application/json")
	if b.e.ServeHTTP(rec, req); rec.Code != 201 || strings.TrimSpace(rec.Body.String()) != want {
		t.Errorf("REST: %d %s", rec.Code, rec.Body)
	}

	rec, req = httptest.NewRecorder(), httptest.NewRequest("POST", "/api/next/4", strings.NewReader(`{"name":"x"}`))
	req.Header.Set("Content-Type", "application/json")
	if b.e.ServeHTTP(rec, req); rec.Code != 200 || !strings.Contains(rec.Body.String(), "inside 4 of 4") {
		t.Errorf("one inside another, by REST: %d %s", rec.Code, rec.Body)
	}

	tm := start(t, nil, mcpecho.Config{Echo: e}, specs()...)
	go tm.write(callOf("w_create", arguments))
	line, err := tm.out.ReadString('\n')
	if quoted, _ := json.Marshal(want); err != nil || !strings.Contains(line, string(quoted)) {
		t.Errorf("stdio: %s %v", line, err)
	}

	srv := mcpecho.New(mcpecho.Config{Name: "test", Echo: e})
	srv.Add(specs()...)
	if got := mcptest.New(t, srv).Do("w.create", jsontext.Value(arguments)).Text; got != want {
		t.Errorf("net/http: %s", got)
	}
	for name, in := range map[string]any{"struct": namedWidget{Size: 4, Name: "gearwheel"}, "pointer": &namedWidget{Size: 4, Name: "gearwheel"},
		"map": map[string]any{"size": 4, "name": "gearwheel"}, "JSON": jsontext.Value(arguments)} {
		if got, err := mcpecho.Invoke[widget](t.Context(), srv, "w.create", in); err != nil || got.Name != "gearwheel of " {
			t.Errorf("Go, a %s: %+v %v", name, got, err)
		}
	}
}

func TestNoArgumentOfAHandlerIsAnotherTenantThanThatOfTheMount(t *testing.T) {
	type get struct {
		Tenant string `param:"tenant"`
		ID     int64  `param:"id"`
	}
	var seen []string
	note := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { seen = append(seen, c.Param("tenant")); return next(c) }
	}
	answers := func(c echo.Context) error { return c.String(200, c.Param("tenant")+" "+c.Param("id")) }
	srv := mcpecho.New(mcpecho.Config{Name: "test", Logger: slog.New(slog.DiscardHandler)})
	srv.Use(mcpecho.Named("note", note))
	srv.Add(mcpecho.FromHandler[get]("with", "GET /t/:tenant/users/:id", answers), mcpecho.FromHandler[struct {
		ID int64 `param:"id"`
	}]("without", "GET /users/:id", answers))
	e := echo.New()
	srv.Mount(e.Group("/t/:tenant/mcp"))
	for _, tt := range []struct{ tool, arguments, has string }{
		{"with", `{"tenant":"a","id":7}`, `"text":"a 7"`},
		{"with", `{"tenant":"b","id":7}`, "must be what the address of the server says"},
		{"without", `{"id":7}`, `"text":"a 7"`},
	} {
		seen = nil
		r := through(e, "POST", "/t/a/mcp", callOf(tt.tool, tt.arguments), "Mcp-Name", tt.tool)
		if !strings.Contains(r.Body.String(), tt.has) || slices.Contains(seen, "b") {
			t.Errorf("%s %s: %s, steps saw %q", tt.tool, tt.arguments, r.Body, seen)
		}
	}
}

func TestNoArgumentOfAHandlerIsAnotherTenantThanThatOfTheGroupOfRoutes(t *testing.T) {
	type get struct {
		Tenant string `param:"tenant"`
		ID     int64  `param:"id"`
	}
	b := setup(t)
	b.srv.Add(mcpecho.FromHandler[get]("users.get", "GET /t/:tenant/users/:id",
		func(c echo.Context) error { return c.String(200, c.Param("tenant")+" "+c.Param("id")) }, mcpecho.Route("GET /users/:tenant/:id")))
	b.srv.MountREST(b.e.Group("/t/:tenant"))
	for path, has := range map[string]string{"/t/a/users/a/7": `"a 7"`, "/t/a/users/b/7": "must be what the address of the server says"} {
		rec := httptest.NewRecorder()
		b.e.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(rec.Body.String(), has) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestAHandlerInvokedInACallOfARouteTakesItsOwnArguments(t *testing.T) {
	type byID struct {
		ID int64 `param:"id" json:"id"`
	}
	b := setup(t)
	b.srv.Add(
		mcpecho.FromHandler[byID]("users.get", "GET /users/:id", func(c echo.Context) error { return c.String(200, strings.Join(c.ParamValues(), " ")) }),
		mcpecho.Service("owner", func(c *mcpecho.Call, in byID) (string, error) {
			return mcpecho.Invoke[string](c.Ctx(), b.srv, "users.get", byID{ID: in.ID + 1})
		}, mcpecho.Route("GET /orders/:id/owner")))
	b.mountREST().want("GET", "/orders/7/owner", "", `200 "8"`)
}

func TestGuardsOfARouteHideItsTool(t *testing.T) {
	b := setup(t, func(c *mcpecho.Config) { c.HideForbidden = true })
	user := ""
	guard := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if user == "" {
				return echo.ErrUnauthorized
			}
			return next(c)
		}
	}
	b.srv.Add(mcpecho.FromHandler[none]("w.secret", "GET /w", func(c echo.Context) error { return c.NoContent(204) }, mcpecho.Guard("logged in", guard)))
	for _, user = range []string{"", "ada"} {
		list, call := b.modern("tools/list", "").Body, b.call("w.secret", `{}`).Body
		if strings.Contains(list, "w_secret") != (user != "") || strings.Contains(call, "unknown tool") != (user == "") {
			t.Errorf("%q: %s\n%s", user, list, call)
		}
	}
}

func FuzzAnArgumentOfAHandlerStaysInItsPlace(f *testing.F) {
	type in struct {
		ID    string `param:"id"`
		Query string `query:"q"`
		Form  string `form:"f"`
	}
	var got *http.Request
	var param, form string
	srv := mcpecho.New(mcpecho.Config{Name: "test", Logger: slog.New(slog.DiscardHandler)})
	srv.Add(mcpecho.FromHandler[in]("w", "POST /users/:id/posts", func(c echo.Context) error {
		got, param, form = c.Request(), c.Param("id"), c.FormValue("f")
		return c.NoContent(204)
	}))
	h := srv.Handler()
	for _, value := range hostile {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Skip("no argument can be that")
		}
		got = nil
		r := through(h, "POST", "/mcp", callOf("w", fmt.Sprintf(`{"id":%s,"q":%s,"f":%s}`, quoted, quoted, quoted)), "Mcp-Name", "w")
		if got == nil {
			if !strings.Contains(r.Body.String(), "validation_error") && r.Code != http.StatusRequestEntityTooLarge {
				t.Fatalf("%q: %d %s", value, r.Code, r.Body)
			}
			return
		}
		read, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST " + got.RequestURI + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		segments := strings.Split(read.URL.EscapedPath(), "/")
		if len(segments) != 4 || segments[1] != "users" || segments[3] != "posts" || read.URL.Path != got.URL.Path || got.URL.Path != "/users/"+value+"/posts" {
			t.Fatalf("%q: %s", value, got.RequestURI)
		}
		if q := read.URL.Query(); param != value || form != value || len(q) != 1 || q.Get("q") != value {
			t.Fatalf("%q: %q %q %s", value, param, form, got.RequestURI)
		}
	})
}
