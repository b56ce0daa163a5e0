package conduit

import (
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

type bySlug struct {
	Slug string `param:"slug" validate:"max=128" doc:"The article, as its slug says."`
}

type list struct {
	Tags   []string `query:"tag" doc:"Tags that all must be there."`
	Writer string   `query:"writer" doc:"Name of a writer."`
	Limit  int      `query:"limit" default:"20" validate:"gte=1,lte=100"`
}

type publish struct {
	Article struct {
		Title string   `json:"title" validate:"required"`
		Body  string   `json:"body"`
		Tags  []string `json:"tags"`
	} `json:"article" validate:"required"`
}

type edit struct {
	Slug    string `param:"slug"`
	Silent  bool   `query:"silent"`
	Article struct {
		Title *string `json:"title"`
		Body  *string `json:"body"`
	} `json:"article" validate:"required"`
}

type comment struct {
	Slug string `param:"slug"`
	Text string `form:"text" validate:"required"`
}

type picture struct {
	Slug    string `param:"slug"`
	Picture []byte `form:"picture" validate:"required" doc:"A PNG."`
}

// one is what the handlers of one article answer with.
type one struct {
	Article struct {
		Slug   string `json:"slug"`
		Title  string `json:"title"`
		Body   string `json:"body"`
		Writer struct {
			Name string `json:"name"`
		} `json:"writer"`
	} `json:"article"`
}

// Specs are the handlers of the application as tools, each with the middlewares of its route.
func (a *App) Specs(transaction mcpecho.Step) []*mcpecho.Spec {
	loggedIn, own := mcpecho.Guard("logged in", LoggedIn), mcpecho.Named("own article", a.OwnArticle)
	get := mcpecho.FromHandler[bySlug]("articles.get", "GET /api/articles/:slug", a.Get, mcpecho.Describe("Get an article."), mcpecho.Returns[one]())
	return []*mcpecho.Spec{
		get,
		get.AsResource("articles://{slug}", mcpecho.Name("article")),
		mcpecho.FromHandler[list]("articles.list", "GET /api/articles", a.List, mcpecho.Describe("List articles.")),
		mcpecho.FromHandler[publish]("articles.publish", "POST /api/articles", a.Publish, loggedIn, transaction, mcpecho.Returns[one]()),
		mcpecho.FromHandler[edit]("articles.edit", "PUT /api/articles/:slug", a.Edit, loggedIn, own, transaction, mcpecho.Returns[one]()),
		mcpecho.FromHandler[bySlug]("articles.delete", "DELETE /api/articles/:slug", a.Delete, loggedIn, own, transaction),
		mcpecho.FromHandler[comment]("articles.comment", "POST /api/articles/:slug/comments", a.Comment, loggedIn, transaction),
		mcpecho.FromHandler[picture]("articles.set_picture", "PUT /api/articles/:slug/picture", a.SetPicture, loggedIn, own, transaction),
		mcpecho.FromHandler[bySlug]("articles.picture", "GET /api/articles/:slug/picture", a.GetPicture),
		mcpecho.FromHandler[struct{}]("me", "GET /api/writer", a.Me, loggedIn),
	}
}

// Identify tells the MCP server who the application's own login has found.
func Identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if w := user(c); w != nil {
			mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: w.Name})
		}
		return next(c)
	}
}
