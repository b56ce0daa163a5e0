package mcpecho_test

import (
	"fmt"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

// Func makes a middleware of a function that gets the call too: who calls, what, and what came of
// it.
func ExampleFunc() {
	audit := mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		err := next(ec)
		fmt.Println(c.Principal().Subject, "called", c.Name(), "and got", c.Result(), err)
		return err
	})
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Use(mcpecho.Named("audit", audit))
	srv.Add(mcpecho.Service("count", func(*mcpecho.Call, struct{}) (int, error) { return 3, nil }))

	mcptest.New(inExample(), srv).As(&mcpecho.Principal{Subject: "ann"}).Do("count", nil)
	// Output:
	// ann called count and got 3 <nil>
}

// Any Echo middleware is a step, unchanged. What it writes becomes the answer.
func ExampleNamed() {
	closed := true
	maintenance := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if closed {
				return ec.JSON(http.StatusConflict, map[string]string{"message": "back at noon"})
			}
			return next(ec)
		}
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Use(mcpecho.Named("maintenance", maintenance))
	srv.Add(mcpecho.Service("count", func(*mcpecho.Call, struct{}) (int, error) { return 3, nil }))
	srv.Fprint(os.Stdout)

	client := mcptest.New(inExample(), srv)
	fmt.Println(client.Do("count", nil).Text)
	closed = false
	fmt.Println(client.Do("count", nil).Text)
	// Output:
	// count  maintenance → validate → handle → serialize
	// {"error":{"message":"back at noon","type":"error"}}
	// 3
}

// A middleware that decides who may call is a Guard: it stands before everything that costs
// something, and Check counts it as a permission.
func ExampleGuard() {
	members := mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if c.Principal() == nil {
			return echo.NewHTTPError(http.StatusForbidden, "members only")
		}
		return next(ec)
	})
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Use(mcpecho.Guard("members", members))
	srv.Add(mcpecho.Service("count", func(*mcpecho.Call, struct{}) (int, error) { return 3, nil }))
	srv.Fprint(os.Stdout)
	fmt.Println(mcptest.New(inExample(), srv).Do("count", nil).Error)
	// Output:
	// count  members → validate → handle → serialize
	// forbidden: members only
}
