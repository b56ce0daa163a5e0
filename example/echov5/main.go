// Command echov5 is an Echo v5 application that is an MCP server too. This module is built on Echo
// v4, and the two live in one program: the application keeps its version, its login and its routes,
// and serves MCP at one path by the server's http.Handler.
package main

import (
	"context"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"

	echov4 "github.com/labstack/echo/v4"
	"github.com/labstack/echo/v5"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// Notes is the service of the application, for its routes and its tools.
type Notes struct {
	mu    sync.Mutex
	notes []Note
}

// Note belongs to the user who has written it.
type Note struct {
	Owner string `json:"-"`
	Text  string `json:"text"`
}

// Of lists the notes of a user.
func (n *Notes) Of(user string) []Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.notes), func(note Note) bool { return note.Owner != user })
}

// Add writes one more.
func (n *Notes) Add(user, text string) Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, Note{user, text})
	return n.notes[len(n.notes)-1]
}

type userKey struct{}

// login is the application's own. What it finds out is in the context of the request, where every
// framework finds it.
func login(users map[string]string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			token, _ := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
			if user, known := users[token]; known {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), userKey{}, user)))
			}
			return next(c)
		}
	}
}

// identify tells the MCP server who the login has found.
func identify(next echov4.HandlerFunc) echov4.HandlerFunc {
	return func(c echov4.Context) error {
		user, ok := c.Request().Context().Value(userKey{}).(string)
		if !ok {
			c.Response().Header().Set("WWW-Authenticate", `Bearer realm="notes"`)
			return echov4.ErrUnauthorized
		}
		mcpecho.SetPrincipal(c, &mcpecho.Principal{Subject: user})
		return next(c)
	}
}

type newNote struct {
	Text string `json:"text" validate:"required,max=200" doc:"What to remember."`
}

// server has the tools of the notes.
func server(notes *Notes) *mcpecho.Server {
	known := mw.Permit(func(c *mcpecho.Call) error {
		if c.Principal() == nil {
			return mcpecho.Errorf("log in first")
		}
		return nil
	})
	srv := mcpecho.New(mcpecho.Config{Name: "notes", Version: "1.0.0"})
	srv.Use(mw.RateLimit(10), known)
	srv.Add(
		mcpecho.Service("notes.add", func(c *mcpecho.Call, in newNote) (Note, error) {
			return notes.Add(c.Principal().Subject, in.Text), nil
		}, mcpecho.Describe("Write a note.")),
		mcpecho.Service("notes.list", func(c *mcpecho.Call, _ struct{}) ([]Note, error) {
			return notes.Of(c.Principal().Subject), nil
		}, mcpecho.Describe("List your notes."), mcpecho.Annotate(mcpecho.ReadOnly(true))),
	)
	return srv
}

// application is what was there, with one route more.
func application(users map[string]string) *echo.Echo {
	notes := &Notes{}
	e := echo.New()
	e.Use(login(users))
	e.GET("/notes", func(c *echo.Context) error {
		user, ok := c.Request().Context().Value(userKey{}).(string)
		if !ok {
			return echo.ErrUnauthorized
		}
		return c.JSON(http.StatusOK, notes.Of(user))
	})
	e.Any("/mcp", echo.WrapHandler(server(notes).Handler(identify)))
	return e
}

func main() {
	if err := application(map[string]string{"a-token-for-ada": "ada"}).Start("localhost:8080"); err != nil {
		log.Fatal(err)
	}
}
