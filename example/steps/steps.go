// Package steps has steps as an application writes them for itself: from an Echo middleware under a
// name to one that adds arguments to a tool and tells the steps behind it. docs/steps.md explains
// them one by one.
package steps

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// Book is a row of the library.
type Book struct {
	ID         int64      `json:"id"`
	Title      string     `json:"title"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func books(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }

// New is a server with one tool, whose chain has a step of each sort.
func New(db *gorm.DB, log *slog.Logger, isMember func(subject string) bool) *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "library", Version: "1.0.0", DB: db, Logger: log})
	srv.Use(Took(log))
	srv.Add(mcpecho.Selector[Book]("books.list", books,
		mcpecho.Describe("List the books of the library."),
		mcpecho.Named("no-store", NoStore),
		mcpecho.Guard("members", Members(isMember)),
		Archive(), Newest(), mw.Paginate(20)))
	return srv
}

// NoStore is an Echo middleware that knows nothing of MCP.
func NoStore(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		return next(c)
	}
}

// Members is an Echo middleware that decides who may call.
func Members(isMember func(subject string) bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if p := mcpecho.PrincipalFrom(c); p == nil || !isMember(p.Subject) {
				return echo.NewHTTPError(http.StatusForbidden)
			}
			return next(c)
		}
	}
}

// Took logs how long each call took and how it ended.
func Took(log *slog.Logger) mcpecho.Step {
	return mcpecho.Step{
		Name:  "took",
		Stage: mcpecho.StageObserve,
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			began := time.Now()
			err := next(ec)
			log.InfoContext(c.Ctx(), "took", "call", c.Name(), "time", time.Since(began), "failed", err != nil)
			return err
		}),
	}
}

type archiveArgs struct {
	Archived bool `json:"archived" doc:"List what is in the archive, instead of what is not."`
}

// archiveKey is where Archive tells the steps behind it that it is in the chain.
type archiveKey struct{}

// Archive hides the rows that have a time in archived_at. Its argument "archived" asks for them,
// and hides the others.
func Archive() mcpecho.Step {
	return mcpecho.Step{
		Name:   "archive",
		Stage:  mcpecho.StageFilter,
		Kinds:  mcpecho.KindSelector,
		Single: true,
		Describe: func(d *mcpecho.Definition) error {
			if d.Row.LookUpField("archived_at") == nil {
				return fmt.Errorf("steps: archive needs the column archived_at: add a field ArchivedAt *time.Time to %s", d.Row.Name)
			}
			d.Set(archiveKey{}, true)
			return d.AddArguments(binding.Part{Type: reflect.TypeFor[archiveArgs]()})
		},
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			rows := "archived_at IS NULL"
			if mcpecho.Args[archiveArgs](c).Archived {
				rows = "archived_at IS NOT NULL"
			}
			c.SetQuery(c.Query().Where(rows))
			return next(ec)
		}),
	}
}

// Newest orders a list by what came last: into the table, or into the archive where that is asked
// for.
func Newest() mcpecho.Step {
	return mcpecho.Step{
		Name:  "newest",
		Stage: mcpecho.StageOrder,
		Kinds: mcpecho.KindSelector,
		Describe: func(d *mcpecho.Definition) error {
			hasArchive := d.Get(archiveKey{}) != nil
			d.Func = mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
				if hasArchive && mcpecho.Args[archiveArgs](c).Archived {
					c.SetQuery(c.Query().Order("archived_at DESC, id DESC"))
				} else {
					c.SetQuery(c.Query().Order("id DESC"))
				}
				return next(ec)
			})
			return nil
		},
	}
}
