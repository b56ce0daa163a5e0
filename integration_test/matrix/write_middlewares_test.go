package matrix_test

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// A middleware of plain Echo is a feature twice: inside of the transaction step and outside of it.

// plain is a middleware of plain Echo.
type plain struct {
	name    string
	types   []string // of the error it leads to
	answers bool     // it does not call its successor
	wrap    func(arrived <-chan struct{}, next echo.HandlerFunc) echo.HandlerFunc
	add     func(w *writing, inside bool) // what else it needs
	writes  bool                          // it writes a response while its successor runs
	drops   bool                          // it drops errors
	second  bool                          // it writes a response when others may have
	leaves  bool                          // it fails before the commit, wherever it stands
}

var slotMiddleware = map[bool]string{true: "inside", false: "outside"}

// middlewares are all of them, inside or outside of the transaction step.
func middlewares(inside bool) (all []writeFeature) {
	for _, p := range plains {
		f := writeFeature{name: p.name + " " + slotMiddleware[inside], slot: slotMiddleware[inside], last: true}
		f.with = func(w *writing) bool {
			// Of two responses the first counts, as in Echo.
			return (!p.writes || alone(w)) && (!inside || w.begins == byStep) && (!p.second || w.answer == nil && !w.answers && w.writers == 1)
		}
		f.add = func(w *writing) {
			step := mcpecho.Named(slotMiddleware[inside], func(next echo.HandlerFunc) echo.HandlerFunc { return p.wrap(w.arrived, next) })
			if inside {
				w.options = append(w.options, mcpecho.After("transaction", step))
			} else {
				w.options = append(w.options, step)
			}
			if p.add != nil {
				p.add(w, inside)
			}
			w.answers = w.answers || p.answers
			if p.answers && w.checks { // and nobody has looked at a row
				w.fails = append(w.fails, mcpecho.TypeInternal)
			}
			if p.second {
				w.writers++
			}
			if inside || p.leaves || p.answers {
				w.fails = append(w.fails, p.types...)
			} else {
				w.after = append(w.after, p.types...)
			}
		}
		all = append(all, f)
	}
	return all
}

// before answers in the place of everything behind it.
func before(answer func(echo.Context) error) func(<-chan struct{}, echo.HandlerFunc) echo.HandlerFunc {
	return func(<-chan struct{}, echo.HandlerFunc) echo.HandlerFunc { return answer }
}

// after does something when everything behind it has succeeded.
func after(do func(echo.Context) error) func(<-chan struct{}, echo.HandlerFunc) echo.HandlerFunc {
	return func(_ <-chan struct{}, next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				return err
			}
			return do(c)
		}
	}
}

func writes(status int) func(echo.Context) error {
	return func(c echo.Context) error {
		if status == http.StatusOK {
			return c.JSON(status, written{"written by a middleware"})
		}
		return c.JSON(status, echo.Map{"message": "written by a middleware"})
	}
}

func returns(err error) func(echo.Context) error { return func(echo.Context) error { return err } }

// apart runs the successor in a goroutine, as middlewares with a time limit do, and ends when done
// says so.
func apart(end func(arrived <-chan struct{}, c echo.Context, done <-chan error) error) func(<-chan struct{}, echo.HandlerFunc) echo.HandlerFunc {
	return func(arrived <-chan struct{}, next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			done, panicked := make(chan error, 1), make(chan any, 1)
			go func() {
				defer func() {
					if v := recover(); v != nil {
						panicked <- v
						done <- errors.New("a panic")
					}
				}()
				done <- next(c)
			}()
			err := end(arrived, c, done)
			select {
			case v := <-panicked:
				panic(v)
			default:
				return err
			}
		}
	}
}

// leaving ends as soon as a handler has written, which then waits for the end of its context.
func leaving(answer func(echo.Context) error) func(<-chan struct{}, echo.HandlerFunc) echo.HandlerFunc {
	return apart(func(arrived <-chan struct{}, c echo.Context, done <-chan error) error {
		select {
		case <-arrived:
			return answer(c)
		case err := <-done:
			return err
		}
	})
}

func left(w *writing, _ bool) {
	if len(w.fails) > 0 || w.answer != nil { // whatever else has failed, the middleware hides it
		w.fails = append(w.fails, mcpecho.TypeInternal)
	}
	ends(func(w *writing, c *mcpecho.Call) error {
		select {
		case w.arrived <- struct{}{}:
		default:
		}
		<-c.Ctx().Done()
		return nil
	})(w)
}

// alone says whether nobody touches the response behind a middleware that writes one while its
// successor runs.
func alone(w *writing) bool { return w.answer == nil }

type contextKey struct{}

type wrapped struct{ echo.Context }

var plains = []plain{
	{name: "answers 200", answers: true, wrap: before(func(c echo.Context) error {
		if mcpecho.CallFrom(c).Kind() == mcpecho.KindPrompt {
			return c.String(http.StatusOK, "written by a middleware")
		}
		return writes(http.StatusOK)(c)
	})},
	{name: "answers 404", answers: true, types: []string{mcpecho.TypeError}, wrap: before(writes(http.StatusNotFound))},
	{name: "answers 500", answers: true, types: []string{mcpecho.TypeInternal}, wrap: before(writes(http.StatusInternalServerError))},
	{name: "writes 200 after", second: true, wrap: after(writes(http.StatusOK))},
	{name: "writes 409 after", second: true, types: []string{mcpecho.TypeError}, wrap: after(writes(http.StatusConflict))},
	{name: "writes 500 after", second: true, types: []string{mcpecho.TypeInternal}, wrap: after(writes(http.StatusInternalServerError))},
	{name: "fails after", types: []string{mcpecho.TypeError}, wrap: after(returns(mcpecho.Errorf("not today")))},
	{name: "panics after", types: []string{mcpecho.TypeInternal}, wrap: after(func(echo.Context) error { panic("the secret is out") })},
	{name: "reports after", types: []string{mcpecho.TypeError}, wrap: after(func(c echo.Context) error {
		c.Error(echo.NewHTTPError(http.StatusTeapot))
		return nil
	})},
	{name: "waits for a goroutine", wrap: apart(func(_ <-chan struct{}, _ echo.Context, done <-chan error) error { return <-done })},
	{name: "leaves with 504", types: []string{mcpecho.TypeTimeout}, leaves: true, add: left, wrap: leaving(returns(echo.NewHTTPError(http.StatusGatewayTimeout)))},
	{name: "leaves with a written 503", types: []string{mcpecho.TypeTimeout}, leaves: true, writes: true, add: left, wrap: leaving(writes(http.StatusServiceUnavailable))},
	{name: "leaves with an error", types: []string{mcpecho.TypeError}, leaves: true, add: left, wrap: leaving(returns(mcpecho.Errorf("not today")))},
	{name: "leaves with nothing", types: []string{mcpecho.TypeTimeout}, leaves: true, add: left, wrap: leaving(returns(nil))},
	{name: "drops errors", drops: true, add: func(w *writing, inside bool) {
		if len(w.fails) > 0 || inside && w.retries {
			w.fails = append(w.fails, mcpecho.TypeInternal)
		}
		if len(w.after) > 0 {
			w.after = append(w.after, mcpecho.TypeInternal)
		}
	}, wrap: func(_ <-chan struct{}, next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			_ = next(c)
			return nil
		}
	}},
	{name: "wraps the context", wrap: func(_ <-chan struct{}, next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), contextKey{}, "value")))
			return next(&wrapped{c})
		}
	}},
}
