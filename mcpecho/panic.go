package mcpecho

import (
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// recovered turns a panic of the function that defers it into its error, with the stack for the
// log. [http.ErrAbortHandler] goes on: it is how a handler gives up its connection.
func recovered(err *error) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler: //nolint:errorlint // the sentinel itself is what net/http compares
		panic(v)
	default:
		*err = &panicked{v, debug.Stack()}
	}
}

// contained runs h. Chains recover by themselves; this is for what surrounds them on every verb: an
// authentication hook, a store, an error that cannot be looked at.
func contained(h echo.HandlerFunc, ec echo.Context) (err error) {
	defer recovered(&err)
	return h(ec)
}
