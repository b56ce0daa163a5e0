// Package conduit is an application as there are many: writers log in, publish articles, comment
// and add pictures. It knows nothing of MCP; mcp.go beside it makes tools of its handlers.
package conduit

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
)

// Writer is somebody who may log in.
type Writer struct {
	ID    uint   `json:"-"`
	Name  string `json:"name" gorm:"size:64;uniqueIndex"`
	Token string `json:"-" gorm:"size:64;index"`
}

// Article is what a writer has published.
type Article struct {
	ID       uint      `json:"-"`
	Slug     string    `json:"slug" gorm:"size:128;uniqueIndex"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	Tags     []string  `json:"tags" gorm:"serializer:json"`
	WriterID uint      `json:"-"`
	Writer   Writer    `json:"writer"`
	Picture  []byte    `json:"-"`
	Comments []Comment `json:"-"`
	At       time.Time `json:"-"`
}

// Comment is what a writer says about an article.
type Comment struct {
	ID        uint   `json:"id"`
	ArticleID uint   `json:"-"`
	Text      string `json:"text"`
	By        string `json:"by"`
}

// App is the application.
type App struct{ db *gorm.DB }

// New migrates the database and routes the application.
func New(db *gorm.DB) (*App, *echo.Echo, error) {
	if err := db.AutoMigrate(&Writer{}, &Article{}, &Comment{}); err != nil {
		return nil, nil, err
	}
	a, e := &App{db}, echo.New()
	e.Binder, e.Validator, e.HTTPErrorHandler = &binder{}, &rules{validator.New()}, answerError
	api := e.Group("/api", a.Login)
	api.GET("/articles", a.List)
	api.GET("/articles/:slug", a.Get)
	api.GET("/articles/:slug/picture", a.GetPicture)
	api.POST("/articles", a.Publish, LoggedIn)
	api.PUT("/articles/:slug", a.Edit, LoggedIn, a.OwnArticle)
	api.DELETE("/articles/:slug", a.Delete, LoggedIn, a.OwnArticle)
	api.POST("/articles/:slug/comments", a.Comment, LoggedIn)
	api.PUT("/articles/:slug/picture", a.SetPicture, LoggedIn, a.OwnArticle)
	api.GET("/writer", a.Me, LoggedIn)
	return a, e, nil
}

// Errors of the domain, which answerError knows.
var (
	errNoArticle = errors.New("article not found")
	errNotYours  = errors.New("not the writer of the article")
)

// invalid is what the binder finds, by field.
type invalid map[string]string

func (invalid) Error() string { return "invalid" }

// answerError is the error handler of the application.
func answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	var fields invalid
	var plain *echo.HTTPError
	switch {
	case errors.As(err, &fields):
		_ = c.JSON(http.StatusUnprocessableEntity, echo.Map{"errors": fields})
	case errors.Is(err, errNoArticle):
		_ = c.JSON(http.StatusNotFound, echo.Map{"errors": echo.Map{"article": err.Error()}})
	case errors.Is(err, errNotYours):
		_ = c.JSON(http.StatusForbidden, echo.Map{"errors": echo.Map{"article": err.Error()}})
	case errors.As(err, &plain):
		_ = c.JSON(plain.Code, echo.Map{"errors": echo.Map{"request": plain.Message}})
	default:
		_ = c.JSON(http.StatusInternalServerError, echo.Map{"errors": echo.Map{"server": "failed"}})
	}
}

// binder trims texts and checks what it has bound.
type binder struct{ echo.DefaultBinder }

func (b *binder) Bind(i any, c echo.Context) error {
	if err := b.DefaultBinder.Bind(i, c); err != nil {
		return err
	}
	if t, ok := i.(interface{ trim() }); ok {
		t.trim()
	}
	return c.Validate(i)
}

type rules struct{ all *validator.Validate }

func (r *rules) Validate(i any) error {
	var broken validator.ValidationErrors
	if err := r.all.Struct(i); errors.As(err, &broken) {
		fields := invalid{}
		for _, f := range broken {
			fields[strings.ToLower(f.Field())] = f.Tag()
		}
		return fields
	}
	return nil
}

// Login finds the writer of a token, of a header or a cookie.
func (a *App) Login(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, _ := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Token ")
		if cookie, err := c.Cookie("session"); err == nil && token == "" {
			token = cookie.Value
		}
		var w Writer
		if token != "" && a.db.WithContext(c.Request().Context()).Where("token = ?", token).Take(&w).Error == nil {
			c.Set("user", &w)
		}
		return next(c)
	}
}

func user(c echo.Context) *Writer {
	w, _ := c.Get("user").(*Writer)
	return w
}

// LoggedIn refuses those whom Login has not found.
func LoggedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if user(c) == nil {
			return echo.NewHTTPError(http.StatusUnauthorized, "log in")
		}
		return next(c)
	}
}

// OwnArticle finds the article of the path, for its writer alone.
func (a *App) OwnArticle(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		article, err := a.find(c)
		if err != nil {
			return err
		}
		if article.WriterID != user(c).ID {
			return errNotYours
		}
		c.Set("article", article)
		return next(c)
	}
}

func (a *App) store(c echo.Context) *gorm.DB { return a.db.WithContext(c.Request().Context()) }

func (a *App) find(c echo.Context) (*Article, error) {
	var article Article
	err := a.store(c).Preload("Writer").Where("slug = ?", c.Param("slug")).Take(&article).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errNoArticle
	}
	return &article, err
}
