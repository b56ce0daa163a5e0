package mcpecho

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"
)

// gate stands between a middleware written for plain Echo and its successor, for one passage of a
// call. Such a middleware may return while its successor still runs in a goroutine (Echo's Timeout
// does), or before it has begun. A chain ends only when everything in it has ended.
type gate struct {
	number int   // of the step in its chain
	call   *Call // that passes

	mu      sync.Mutex
	inside  int           // successors that run
	closed  bool          // the middleware has returned
	expired bool          // the time of a successor had passed when it ended
	empty   chan struct{} // closed when the last one has left a closed gate
}

var errLate = errors.New("mcpecho: a middleware called its successor after it had returned")

// passage is the echo.Context that such a middleware is given. By it the successor finds the gate
// of this passage, also when the middleware keeps it until another passage has begun.
type passage struct {
	echo.Context
	gate gate
}

const gateKey = "mcpecho.gate"

// Get is echo.Context.Get.
func (p *passage) Get(key string) any {
	if key == gateKey {
		return &p.gate
	}
	return p.Context.Get(key)
}

// gateOf finds the gate of a successor: that of the passage whose context it is given, or of the
// one that is under way where a middleware passes on a context that knows nothing of it.
func gateOf(ec echo.Context, number int) (*gate, error) {
	c := CallFrom(ec)
	if c == nil {
		return nil, errNoCall
	}
	g, _ := ec.Get(gateKey).(*gate)
	switch {
	case g == nil || g.call == c && g.number != number:
		if number < len(c.gates) {
			g = c.gates[number].Load()
		}
	case g.call != c:
		return nil, errLate
	}
	if g == nil {
		return nil, errLate
	}
	return g, nil
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errLate
	}
	g.inside++
	return nil
}

func (g *gate) leave(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expired = g.expired || errors.Is(ctx.Err(), context.DeadlineExceeded)
	if g.inside--; g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// shut refuses who comes late. It returns what to wait for when somebody is still inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.inside == 0 {
		return nil
	}
	g.empty = make(chan struct{})
	return g.empty
}

// errLeftRunning is why a call was ended whose middleware did not wait for its successor.
var errLeftRunning = errors.New("mcpecho: a middleware returned while its successor was running")

// contain compiles a step written for plain Echo, behind the gate of that number. The steps around
// it see whatever error it reported as returned.
func contain(mw echo.MiddlewareFunc, next echo.HandlerFunc, number int) echo.HandlerFunc {
	h := mw(func(ec echo.Context) error {
		g, err := gateOf(ec, number)
		if err != nil {
			return err
		}
		if err := g.enter(); err != nil {
			return err
		}
		defer g.leave(ec.Request().Context())
		g.call.publishHeaders()
		return next(ec)
	})
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		if c == nil {
			return errNoCall
		}
		p := &passage{Context: ec}
		p.gate.number, p.gate.call = number, c
		request := ec.Request()
		late, err := p.run(h)
		ec.SetRequest(request) // some leave one behind whose context has ended
		if err == nil {
			err = c.outcome()
		}
		switch {
		case late && err == nil && !c.left.Load():
			return errors.Join(context.DeadlineExceeded, errLeftRunning)
		case (late || p.gate.expired) && isTimeout(err):
			return errors.Join(context.DeadlineExceeded, err)
		}
		return err
	}
}

// run runs a middleware and waits until its successor has ended, a panic included.
func (p *passage) run(h echo.HandlerFunc) (late bool, err error) {
	g := &p.gate
	c := g.call
	c.gates[g.number].Store(g)
	defer func() {
		if running := g.shut(); running != nil {
			late = true
			if c.capture.Status() != 0 {
				c.left.Store(true)
			}
			c.deadline.End(errLeftRunning)
			<-running
		}
	}()
	return false, h(p)
}

// isTimeout says whether the error is what a middleware answers with that has given up waiting.
func isTimeout(err error) bool {
	var plain *echo.HTTPError
	if !errors.As(err, &plain) {
		return false
	}
	return plain.Code == http.StatusServiceUnavailable || plain.Code == http.StatusGatewayTimeout
}
