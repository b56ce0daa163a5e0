package middleware

import "github.com/labstack/echo/v4"

// Skipper decides for one request that a middleware does nothing, as in Echo: a Skipper of Echo's
// own middleware package fits. Two kinds of step have none: those that add to a tool's schemas,
// which hold for every call, and those that decide who may call or which rows there are, whose
// exceptions belong into the [Permission] or function that decides.
type Skipper = func(ec echo.Context) bool

func skips(s Skipper, ec echo.Context) bool { return s != nil && s(ec) }

// unless leaves a middleware out where skipper, which may be nil, returns true.
func unless(skipper Skipper, mw echo.MiddlewareFunc) echo.MiddlewareFunc {
	if skipper == nil {
		return mw
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		inner := mw(next)
		return func(ec echo.Context) error {
			if skipper(ec) {
				return next(ec)
			}
			return inner(ec)
		}
	}
}

// must is the difference between XWithConfig, which a program calls while it starts, and ToStep or
// ToMiddleware, which return what is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err.Error())
	}
	return v
}
