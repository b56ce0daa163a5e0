package mcpecho

import (
	"context"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/wire"
)

// invocation is what Go code wants of one call that it makes.
type invocation struct {
	name string // as asked for
	call *Call
	run  func(*Call) error // in the place of the chain, nil for the chain
	// take, unless nil, takes the result in the place of its encoding. value is what it has made.
	take  func(c *Call, v any) (any, error)
	value any

	onProgress func(done, total float64, message string)
	onLog      func(level LogLevel, data any)

	mu       sync.Mutex // held while one of them runs
	reported bool
	progress float64 // the last report
	closed   bool    // the call is over
}

// invoked is the invocation that the call itself was made by, nil for others, those inside of it
// included.
func (c *Call) invoked() *invocation {
	var i *invocation
	switch d := c.door.(type) {
	case *goDoor:
		i = d.invocation
	case *innerDoor:
		i = d.invocation
	}
	if i == nil || i.call != c {
		return nil
	}
	return i
}

// report hands on progress as MCP does: it grows, or it is dropped.
func (i *invocation) report(done, total float64, message string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.reported && done <= i.progress || done != done || total != total {
		return
	}
	i.progress, i.reported = done, true
	i.onProgress(done, total, message)
}

func (i *invocation) log(level LogLevel, data any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.onLog(level, data)
	}
}

// close drops what goroutines tell after the call.
func (i *invocation) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
}

// goDoor is the door of a call that Go code makes outside of any other.
type goDoor struct {
	*invocation
	wire.Local

	server *Server
	ctx    context.Context
	echo   echo.Context
}

func (d *goDoor) Outer() echo.Context              { return d.echo }
func (d *goDoor) Context() context.Context         { return d.ctx }
func (d *goDoor) Header(string) string             { return "" }
func (d *goDoor) Begin(run wire.Ender) error       { return d.Local.Begin(d.server.door, run) }
func (d *goDoor) Links() bool                      { return true }
func (d *goDoor) Capabilities() []byte             { return []byte("{}") }
func (d *goDoor) WantsProgress() bool              { return d.onProgress != nil }
func (d *goDoor) ForgetProgress()                  {}
func (d *goDoor) LogLevel() string                 { return d.logLevel("") }
func (d *goDoor) Notify(string, []byte, time.Time) {}

func (d *goDoor) Progress(done, total float64, message string, _ time.Time) {
	d.report(done, total, message)
}

// innerDoor is the door of a call that Go code makes inside of another: that of the other, but for
// what Go code listens to.
type innerDoor struct {
	door
	*invocation
}

func (d *innerDoor) WantsProgress() bool { return d.onProgress != nil }
func (d *innerDoor) ForgetProgress()     {}
func (d *innerDoor) LogLevel() string    { return d.logLevel(d.door.LogLevel()) }

func (d *innerDoor) Progress(done, total float64, message string, _ time.Time) {
	d.report(done, total, message)
}

// outermostDoor is the door of the call that a client has made, whatever Go code has called inside.
func outermostDoor(d door) door {
	for {
		inner, ok := d.(*innerDoor)
		if !ok {
			return d
		}
		d = inner.door
	}
}

// logLevel is the least severe level that is listened to.
func (i *invocation) logLevel(otherwise string) string {
	if i.onLog != nil {
		return string(LogDebug)
	}
	return otherwise
}

// logTaker is the Go function that takes the log messages of a door, nil where there is none.
func logTaker(d door) func(LogLevel, any) {
	switch d := d.(type) {
	case *goDoor:
		if d.onLog != nil {
			return d.log
		}
	case *innerDoor:
		if d.onLog != nil {
			return d.log
		}
		return logTaker(d.door)
	}
	return nil
}
