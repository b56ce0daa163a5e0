package openapi

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
	mw "github.com/mcpecho/kit/middleware"
)

// Book is a row.
type Book struct {
	ID       int64     `json:"id"`
	Title    string    `json:"title" doc:"As on the cover."`
	Price    float64   `json:"price"`
	Language *string   `json:"language"`
	Printed  time.Time `json:"printed"`
}

type bookFilter struct {
	Title  *string                 `json:"title" filter:"title,icontains" doc:"A part of the title."`
	IDs    []int64                 `json:"ids" filter:"id,in"`
	Price  *filters.Range[float64] `json:"price" filter:"price,between" doc:"What it costs."`
	Spoken binding.Opt[string]     `json:"language" filter:"language,eq"`
}

type byID struct {
	ID int64 `json:"id" validate:"required,min=1" doc:"Which one."`
}

type newBook struct {
	Title    string              `json:"title" validate:"required,max=80"`
	Price    float64             `json:"price" default:"10" validate:"gte=0"`
	Language binding.Opt[string] `json:"language"`
	Tags     []string            `json:"tags" validate:"max=3"`
	Extra    map[string]string   `json:"extra"`
}

type changedBook struct {
	Number int64  `json:"number" validate:"required,min=1"`
	Title  string `json:"title" validate:"required"`
}

// Shelf holds shelves.
type Shelf struct {
	Name string  `json:"name" validate:"required"`
	Of   []Shelf `json:"of"`
}

func database(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{TranslateError: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&Book{}); err != nil {
		t.Fatal(err)
	}
	english := "en"
	for _, title := range []string{"Dune", "Emma", "Ulysses"} {
		if err := db.Create(&Book{Title: title, Price: 12.5, Language: &english, Printed: time.Unix(0, 0).UTC()}).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func library(db *gorm.DB, cfg mcpecho.Config) *mcpecho.Server {
	cfg.Name, cfg.Version, cfg.Title, cfg.DB = "library", "2.1.0", "The library", db
	srv := mcpecho.New(cfg)
	srv.Use(mw.Transaction())
	get := mcpecho.Retrieve[Book]("get", func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil },
		mcpecho.Route("GET /books/:id"), mcpecho.Title("One book"), mcpecho.Describe("Get a book."), mw.AnyScope("books:read", "books:write"))
	srv.Group("books").Add(
		mcpecho.Selector[Book]("list", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil },
			mcpecho.Route("GET /books"), mcpecho.Describe("List books."), mw.Scopes("books:read"),
			mw.Filter[bookFilter](), mw.Order("title", "-price"), mw.Paginate(2)),
		get,
		get.AsResource("book://{id}", mcpecho.Name("book"), mcpecho.Route("GET /books/:id/resource")),
		mcpecho.Retrieve[Book]("find", func(c *mcpecho.Call, in struct {
			Title string `json:"title" validate:"required"`
		}) (*gorm.DB, error) {
			return c.DB().Where("title = ?", in.Title), nil
		}, mcpecho.Route("GET /find"), mcpecho.Nullable(), mw.Scopes("books:read")),
		mcpecho.Service("add", func(c *mcpecho.Call, in newBook) (Book, error) {
			book := Book{Title: in.Title, Price: in.Price, Printed: time.Unix(0, 0).UTC()}
			return book, c.DB().Create(&book).Error
		}, mcpecho.Route("POST /books", mcpecho.Status(http.StatusCreated)), mcpecho.Describe("Add a book."), mw.Scopes("books:write")),
		mcpecho.Service("change", func(c *mcpecho.Call, in changedBook) (Book, error) {
			var book Book
			if err := c.DB().First(&book, in.Number).Error; err != nil {
				return book, err
			}
			book.Title = in.Title
			return book, c.DB().Save(&book).Error
		}, mcpecho.Route("PATCH /books/:number"), mw.Scopes("books:write"), mw.AnyScope("librarian", "admin")),
		mcpecho.Service("remove", func(c *mcpecho.Call, in byID) (struct{}, error) {
			return struct{}{}, c.DB().Delete(&Book{}, in.ID).Error
		}, mcpecho.Route("DELETE /books/:id", mcpecho.Status(http.StatusNoContent)), mw.Scopes("books:write")),
	)
	srv.Add(
		mcpecho.Service("shelve", func(_ *mcpecho.Call, in Shelf) (Shelf, error) { return in, nil },
			mcpecho.Route("POST /shelves"), mw.Public("a test")),
		mcpecho.Service("shape", func(_ *mcpecho.Call, in map[string]any) (map[string]any, error) { return in, nil },
			mcpecho.Route("POST /shape"), mw.Public("a test"), mcpecho.InputSchema(`{
				"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
				"properties": {"of": {"$ref": "#/$defs/shape"}}, "$defs": {"shape": {"type": "object", "properties": {"of": {"$ref": "#/$defs/shape"}, "up": {"$ref": "#"}}}}}`)),
		mcpecho.Service("cover", func(*mcpecho.Call, struct{}) (content.Image, error) {
			return content.Image{Data: []byte("PNG"), MIMEType: "image/png"}, nil
		}, mcpecho.Route("GET /cover"), mw.Public("a test")),
		mcpecho.Resource("library://rules", func(*mcpecho.Call, struct{}) (string, error) { return "Be quiet.", nil },
			mcpecho.Name("rules"), mcpecho.Route("GET /rules"), mw.Public("a test")),
		mcpecho.Service("unrouted", func(*mcpecho.Call, struct{}) (string, error) { return "", nil }, mw.Public("a test")),
	)
	return srv
}

var key = []byte("a key of more than thirty-two bytes for tests")

func bearer(t *testing.T, subject, scope string) func(*http.Request) {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "scope": scope, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestTheDocumentIsValidAndTellsTheTruth(t *testing.T) {
	e := echo.New()
	srv := library(database(t), mcpecho.Config{})
	srv.MountREST(e.Group("/api"), mw.Bearer(key))
	e.GET("/openapi.json", srv.OpenAPI())
	a := serve(t, e, "/openapi.json", bearer(t, "ada", "books:read books:write admin"))

	for _, path := range []string{
		"/api/books", "/api/books?limit=1&page=2", "/api/books?ordering=title&ordering=-price", "/api/books?ids=1&ids=3", "/api/books?title=u",
		"/api/books?price.min=1&price.max=20.5", "/api/books?price.min=1", "/api/books/1", "/api/books/1/resource", "/api/find?title=Dune", "/api/find?title=nothing",
		"/api/cover", "/api/rules",
	} {
		a.call("GET", path, "", http.StatusOK)
	}
	a.call("POST", "/api/books", `{"title":"Walden"}`, http.StatusCreated)
	a.call("POST", "/api/books", `{"title":"Candide","price":3,"language":null,"tags":["a"],"extra":{"a":"b"}}`, http.StatusCreated)
	a.call("PATCH", "/api/books/4", `{"title":"Walden, or life in the woods"}`, http.StatusOK)
	a.call("DELETE", "/api/books/4", "", http.StatusNoContent)
	a.call("POST", "/api/shelves", `{"name":"a","of":[{"name":"b","of":[]}]}`, http.StatusOK)
	a.call("POST", "/api/shape", `{"of":{"of":{},"up":{}}}`, http.StatusOK)
	a.call("GET", "/api/books/99", "", http.StatusNotFound)

	a.refused("POST", "/api/books", `{"title":1}`, http.StatusUnprocessableEntity)
	a.refused("POST", "/api/books", `{}`, http.StatusUnprocessableEntity)
	a.refused("POST", "/api/books", `{"title":"a","colour":"red"}`, http.StatusUnprocessableEntity)
	a.refused("POST", "/api/books", "", http.StatusUnprocessableEntity)
	a.refused("POST", "/api/shelves", `{"name":"a","of":[{}]}`, http.StatusUnprocessableEntity)
	a.refused("GET", "/api/books/nine", "", http.StatusUnprocessableEntity)
	a.refused("GET", "/api/books/0", "", http.StatusUnprocessableEntity)
	a.refused("GET", "/api/books?limit=many", "", http.StatusUnprocessableEntity)
	a.refused("GET", "/api/books?price.min=cheap", "", http.StatusUnprocessableEntity)
	a.refused("GET", "/api/find", "", http.StatusUnprocessableEntity)
	a.authorize = nil
	a.refused("GET", "/api/books", "", http.StatusUnauthorized)
}

var _ = json.Valid
