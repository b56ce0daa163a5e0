// Package caught turns panics into errors that keep the stack for a log.
package caught

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// Panic is a recovered panic as an error. Its text is for a log, never for a client.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprint("panic: ", p.Value) }

// Into, deferred, turns a panic of the function that defers it into that function's error.
// [http.ErrAbortHandler] goes on: it is how a handler gives up its connection.
func Into(err *error) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler: //nolint:errorlint // the sentinel itself is what net/http compares
		panic(v)
	default:
		*err = &Panic{v, debug.Stack()}
	}
}
