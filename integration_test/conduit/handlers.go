package conduit

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// List lists articles: by a tag, by a writer, by page.
func (a *App) List(c echo.Context) error {
	q := a.store(c).Preload("Writer").Order("articles.id")
	if name := c.QueryParam("writer"); name != "" {
		q = q.Joins("JOIN writers ON writers.id = articles.writer_id").Where("writers.name = ?", name)
	}
	if raw := c.QueryParam("limit"); raw != "" {
		limit, err := strconv.Atoi(raw)
		if err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "limit is no number")
		}
		q = q.Limit(limit)
	}
	var all, found []Article
	if err := q.Find(&all).Error; err != nil {
		return err
	}
	for _, article := range all {
		if hasAll(article.Tags, c.QueryParams()["tag"]) {
			found = append(found, article)
		}
	}
	return c.JSON(http.StatusOK, echo.Map{"articles": found, "count": len(found)})
}

func hasAll(tags, wanted []string) bool {
	have := " " + strings.Join(tags, " ") + " "
	for _, tag := range wanted {
		if !strings.Contains(have, " "+tag+" ") {
			return false
		}
	}
	return true
}

// Get answers with one article.
func (a *App) Get(c echo.Context) error {
	article, err := a.find(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, echo.Map{"article": article})
}

type articleBody struct {
	Article struct {
		Title string   `json:"title" validate:"required,max=100"`
		Body  string   `json:"body"`
		Tags  []string `json:"tags" validate:"max=5"`
	} `json:"article"`
}

func (b *articleBody) trim() { b.Article.Title = strings.TrimSpace(b.Article.Title) }

// Publish adds an article.
func (a *App) Publish(c echo.Context) error {
	var in articleBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	article := Article{
		Slug: strings.ReplaceAll(strings.ToLower(in.Article.Title), " ", "-"), Title: in.Article.Title, Body: in.Article.Body,
		Tags: in.Article.Tags, WriterID: user(c).ID, Writer: *user(c),
	}
	if err := a.store(c).Omit("Writer").Create(&article).Error; err != nil {
		return err
	}
	if strings.Contains(article.Body, "and then the server fails") {
		return io.ErrUnexpectedEOF
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/articles/"+article.Slug)
	return c.JSON(http.StatusCreated, echo.Map{"article": article})
}

// Edit changes what is given of an article.
func (a *App) Edit(c echo.Context) error {
	var in struct {
		Slug    string `param:"slug" json:"-"`
		Silent  bool   `query:"silent" json:"-"`
		Article struct {
			Title *string `json:"title" validate:"omitempty,max=100"`
			Body  *string `json:"body"`
		} `json:"article"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	article := c.Get("article").(*Article)
	if in.Slug != article.Slug {
		return echo.NewHTTPError(http.StatusConflict, "the binder and the middleware have found two articles")
	}
	if in.Article.Title != nil {
		article.Title = *in.Article.Title
	}
	if in.Article.Body != nil {
		article.Body = *in.Article.Body
	}
	if err := a.store(c).Omit("Writer").Save(article).Error; err != nil {
		return err
	}
	return c.JSON(http.StatusOK, echo.Map{"article": article})
}

// Delete takes an article away.
func (a *App) Delete(c echo.Context) error {
	if err := a.store(c).Delete(c.Get("article").(*Article)).Error; err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// Comment takes a form.
func (a *App) Comment(c echo.Context) error {
	article, err := a.find(c)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(c.FormValue("text"))
	if text == "" {
		return invalid{"text": "required"}
	}
	comment := Comment{ArticleID: article.ID, Text: text, By: user(c).Name}
	if err := a.store(c).Create(&comment).Error; err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, echo.Map{"comment": comment})
}

// SetPicture takes a file of a multipart form.
func (a *App) SetPicture(c echo.Context) error {
	header, err := c.FormFile("picture")
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "no picture")
	}
	file, err := header.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	picture, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if http.DetectContentType(picture) != "image/png" {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "a picture is a PNG")
	}
	if err := a.store(c).Model(c.Get("article").(*Article)).Update("picture", picture).Error; err != nil {
		return err
	}
	return c.String(http.StatusOK, strconv.Itoa(len(picture))+" bytes")
}

// GetPicture answers with the file.
func (a *App) GetPicture(c echo.Context) error {
	article, err := a.find(c)
	if err != nil {
		return err
	}
	if article.Picture == nil {
		return echo.NewHTTPError(http.StatusNotFound, "no picture")
	}
	return c.Blob(http.StatusOK, "image/png", article.Picture)
}

// Me answers with who is logged in.
func (a *App) Me(c echo.Context) error { return c.JSON(http.StatusOK, echo.Map{"writer": user(c)}) }
