package mcpecho

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
)

// door is where a call comes in, and where its progress and its logs go out. Those of MCP are
// [wire.Exchange].
type door interface {
	// Outer is the context of the request as it is outside of the chain.
	Outer() echo.Context
	// Context ends when nobody waits for the reply any more.
	Context() context.Context
	// Header is what came with the request under a canonical name, "" when there is nothing.
	Header(name string) string
	// Headers are those of the reply.
	Headers() *wire.Headers

	// Begin makes what runs stoppable until End, or says why nothing can begin.
	Begin(run wire.Ender) error
	End()
	// Stopped says whether a shutdown has ended what runs.
	Stopped() bool

	// Links says whether the client knows links to resources.
	Links() bool
	// Capabilities is the JSON of what the client has declared that it can do.
	Capabilities() []byte
	// WantsProgress says whether somebody listens to Progress. ForgetProgress drops a report that
	// was not sent yet.
	WantsProgress() bool
	Progress(done, total float64, message string, until time.Time)
	ForgetProgress()
	// LogLevel is the least severe level of the messages that Notify sends, "" for none.
	LogLevel() string
	Notify(method string, params []byte, until time.Time)
}

// exchange is the door of a call that came by MCP, nil for others.
func (c *Call) exchange() *wire.Exchange {
	d := c.door
	for {
		inner, ok := d.(*innerDoor)
		if !ok {
			break
		}
		d = inner.door
	}
	x, _ := d.(*wire.Exchange)
	return x
}
