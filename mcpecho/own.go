package mcpecho

import (
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
)

// ownContext is an echo.Context that belongs to one call alone. Echo uses its own again for another
// request as soon as a request has ended; a middleware that keeps what it was given, in a goroutine
// that it does not wait for, would then act on the request of another caller.
type ownContext struct {
	echo.Context

	mu     sync.RWMutex
	shared echo.Context // Echo's own; nil after the call

	// Of a call of a handler that the application has:
	body    *requestBody
	refused []binding.FieldError // what no path can hold
}

func newOwnContext(shared echo.Context) *ownContext {
	own := shared.Echo().NewContext(shared.Request(), nil)
	own.SetResponse(shared.Response())
	own.SetPath(shared.Path())
	own.SetParamNames(shared.ParamNames()...)
	own.SetParamValues(shared.ParamValues()...)
	own.SetHandler(shared.Handler())
	own.SetLogger(shared.Logger())
	return &ownContext{Context: own, shared: shared}
}

// Get finds what the middlewares of the group have set too, while the call runs.
func (o *ownContext) Get(key string) any {
	if v := o.Context.Get(key); v != nil {
		return v
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.shared == nil {
		return nil
	}
	return o.shared.Get(key)
}

// Set shows the value to the middlewares of the group too, while the call runs.
func (o *ownContext) Set(key string, value any) {
	o.Context.Set(key, value)
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.shared != nil {
		o.shared.Set(key, value)
	}
}

// release cuts the connection to Echo's own context.
func (o *ownContext) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shared = nil
}
