package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

// lastCalls is how long calls go on after the end of the input. It is short, because a client that
// has closed the input waits for the end of the process, and not zero, so that a script can write
// all its requests and close.
const lastCalls = time.Second

var errNotConcluded = errors.New("the client has closed the input, and then a call has not ended or a reply was not read")

// ServeLines serves one client, which writes each message as a line to in and reads those of the
// server as lines of out, until in ends or ctx does, neither of which is an error. request makes
// what stands for the HTTP request of a message.
//
// A goroutine that waits for in or out is left behind when ctx ends, if the stream can neither have
// a deadline nor be closed. (specification 2026-07-28, basic/transports/stdio)
func (d *Door) ServeLines(caller context.Context, in io.Reader, out io.Writer, request func(context.Context) echo.Context) error {
	ctx, end := context.WithCancelCause(caller)
	l := &lines{door: d, ctx: ctx, end: end, request: request,
		received: make(chan inputLine), eof: make(chan struct{}), replies: make(chan outgoing)}
	read, concluded, written := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { defer close(read); l.read(in) }()
	go func() { defer close(concluded); l.conclude() }()
	go func() { defer close(written); l.write(out) }()
	l.take()
	l.calls.Wait()
	close(l.replies)
	select {
	case <-written:
	case <-ctx.Done():
		release(written, out, lastCalls)
	}
	err := context.Cause(ctx)
	end(nil)
	<-concluded
	if err != nil {
		release(read, in, 0)
	}
	if caller.Err() != nil {
		return nil
	}
	return err
}

// conclude bounds the time that is left after the end of the input.
func (l *lines) conclude() {
	select {
	case <-l.eof:
	case <-l.ctx.Done():
		return
	}
	timer := time.NewTimer(lastCalls)
	defer timer.Stop()
	select {
	case <-timer.C:
		l.endCalls()
	case <-l.ctx.Done():
		return
	}
	timer.Reset(l.door.cfg.ReplyTimeout)
	select {
	case <-timer.C:
		l.end(errNotConcluded)
	case <-l.ctx.Done():
	}
}

// release waits for a goroutine that uses a stream, and after the time makes the stream fail, where
// that can be done.
func release(done <-chan struct{}, stream any, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	select {
	case <-done:
		return
	default:
	}
	if conn, ok := stream.(deadlines); ok {
		past := time.Unix(0, 1)
		if conn.SetReadDeadline(past) == nil && conn.SetWriteDeadline(past) == nil {
			<-done
		}
		return
	}
	if closer, ok := stream.(io.Closer); ok && closer.Close() == nil {
		<-done
	}
}

// lines is the connection of a client that sends messages as lines.
type lines struct {
	door     *Door
	ctx      context.Context // ends the connection
	end      context.CancelCauseFunc
	request  func(context.Context) echo.Context
	received chan inputLine
	eof      chan struct{} // closed at the end of the input
	replies  chan outgoing
	calls    sync.WaitGroup

	mu      sync.Mutex
	running map[requestKey]*line
	session *store.Session // of a dated client
}

// outgoing is one message on its way to the client.
type outgoing struct {
	text    []byte
	replyTo *line // nil for a notification
}

// read hands each line over, so that a client is read no faster than it is served.
func (l *lines) read(in io.Reader) {
	defer close(l.received)
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(b, l.door.cfg.MaxBodyBytes)
		if line.tooLong || len(line.text) > 0 {
			select {
			case l.received <- line:
			case <-l.ctx.Done():
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			close(l.eof)
			return
		case err != nil:
			l.end(fmt.Errorf("the input cannot be read: %w", err))
			return
		}
	}
}

// write writes what comes, each message at once.
func (l *lines) write(out io.Writer) {
	for message := range l.replies {
		if message.replyTo != nil {
			l.forget(message.replyTo) // before the client can use its id again
		}
		if _, err := out.Write(message.text); err != nil {
			l.end(fmt.Errorf("the output cannot be written: %w", err))
			return
		}
	}
}

// take serves what is received until there is no more.
func (l *lines) take() {
	for {
		select {
		case line, more := <-l.received:
			if !more {
				return
			}
			l.message(line)
		case <-l.ctx.Done():
			return
		}
	}
}

// endCalls ends the calls that run, but for those that have a reply already.
func (l *lines) endCalls() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.running {
		if !c.replied {
			c.cancel()
		}
	}
}

// message serves one line. Calls run beside each other; what changes the session is done before the
// next line, for a client that does not wait for the reply.
func (l *lines) message(line inputLine) {
	var m jsonrpc.Message
	if line.tooLong {
		m.ID = line.id
		l.exchange(m).refuse(refuse(contentTooLarge, jsonrpc.InvalidRequest, "body_size",
			"the message is longer than "+strconv.FormatInt(l.door.cfg.MaxBodyBytes, 10)+" bytes"))
		return
	}
	if err := jsonrpc.Parse(line.text, &m); err != nil {
		l.exchange(m).refuse(refuseMessage(err))
		return
	}
	switch m.Kind {
	case jsonrpc.Notification:
		if m.Method == "notifications/cancelled" {
			l.cancel(jsonrpc.Member(m.Params, "requestId"))
		}
		return
	case jsonrpc.Response:
		return // the server asks nothing
	}
	c := l.exchange(m)
	if err := c.begin(); err != nil {
		c.refuse(err)
		return
	}
	switch m.Method {
	case "initialize", "logging/setLevel":
		c.serve()
	default:
		l.calls.Go(c.serve)
	}
}

// cancel ends a request. An unknown id is ignored: the reply may be on its way already.
// (specification 2026-07-28, basic/patterns/cancellation)
func (l *lines) cancel(id []byte) {
	if id == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.running[keyOf("", id)]; c != nil {
		c.cancel()
	}
}

// line is a peer that has sent a request as a line. Its context ends when the request is cancelled,
// as that of an HTTP request does when its connection is closed.
type line struct {
	x      *Exchange
	lines  *lines
	key    requestKey
	ctx    context.Context
	cancel context.CancelFunc

	replied bool // guarded by lines.mu
}

func (l *lines) exchange(m jsonrpc.Message) *line {
	both := &struct {
		Exchange
		line
	}{}
	c := &both.line
	*c = line{x: &both.Exchange, lines: l}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.x.Visit = Visit{Echo: l.request(c.ctx), door: l.door, peer: c}
	c.x.Message, c.x.meta, c.x.Wire = m, &noMeta, Dated
	c.x.Owner = l.door.app.Owner(c.x.Echo)
	return c
}

// begin gives the request a place among those that run.
func (c *line) begin() error {
	l, load := c.lines, &c.lines.door.load
	c.key = keyOf("", c.x.Message.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[c.key] != nil {
		return errInFlight
	}
	if err := load.enter(&c.x.Visit); err != nil {
		return err
	}
	if err := load.serve(&c.x.Visit); err != nil {
		load.leave(&c.x.Visit)
		return err
	}
	if l.running == nil {
		l.running = map[requestKey]*line{}
	}
	l.running[c.key] = c
	return nil
}

// forget makes the id of a request free again.
func (l *lines) forget(c *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[c.key] == c {
		delete(l.running, c.key)
	}
}

// serve answers the request.
func (c *line) serve() {
	defer c.cancel()
	defer c.lines.forget(c)
	defer c.lines.door.load.leave(&c.x.Visit)
	if err := contain(c.x.take); err != nil {
		c.refuse(err)
	}
}

// refuse answers with an error. What Exchange.fail returns is for net/http alone.
func (c *line) refuse(err error) {
	defer c.cancel()
	_ = contain(func() error { return c.x.fail(err) })
}

// contain makes an error of every panic, of [http.ErrAbortHandler] too: there is no net/http around
// that would, and the process must not end.
func contain(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &caught.Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

func (c *line) context() context.Context { return c.ctx }

func (c *line) header(string) []string { return nil }

func (c *line) mirrors() bool { return false }

func (c *line) network() netip.Prefix { return netip.Prefix{} }

func (c *line) read() ([]byte, error) { return nil, errors.ErrUnsupported }

func (c *line) unbound() {}

func (c *line) setHeader(string, string) {}

func (c *line) takesEvents() bool { return true }

func (c *line) open(map[string][]string) stream { return c }

func (c *line) replyApart() bool { return true }

func (c *line) begun() bool {
	c.lines.mu.Lock()
	defer c.lines.mu.Unlock()
	return c.replied
}

// send waits without a limit for a client that does not read: it may be stopped for a while, as one
// in a debugger, and shall find its replies.
func (c *line) send(_ int, message []byte) (unread bool, err error) {
	c.lines.mu.Lock()
	again := c.replied
	c.replied = true
	c.lines.mu.Unlock()
	if !again {
		c.put(message, c, nil)
	}
	return false, nil
}

// Send drops a notification that is not taken in time: the reply can still be.
func (c *line) Send(message []byte, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	c.put(message, nil, timer.C)
	return nil
}

func (c *line) Close() {}

// put hands a message to the writer, unless nobody waits for it any more.
func (c *line) put(message []byte, replyTo *line, late <-chan time.Time) {
	if c.ctx.Err() != nil {
		return
	}
	text := make([]byte, len(message)+1) // the message is in a buffer that is used again
	text[copy(text, message)] = '\n'
	select {
	case c.lines.replies <- outgoing{text, replyTo}:
	case <-late:
	case <-c.ctx.Done():
	}
}

func (c *line) accept() error { return nil }

func (c *line) empty() error { return nil }

func (c *line) abort() { c.cancel() }

// session is that of the process. A ping may come before it. (specification 2025-11-25,
// basic/lifecycle, section Initialization)
func (c *line) session(x *Exchange) (store.Session, error) {
	c.lines.mu.Lock()
	defer c.lines.mu.Unlock()
	switch {
	case c.lines.session != nil:
		return *c.lines.session, nil
	case x.Message.Method == "ping":
		return store.Session{}, nil
	}
	return store.Session{}, refuse(badRequest, jsonrpc.InvalidRequest, "session_missing",
		"send initialize first, or with each request the protocolVersion "+Modern.Versions()[0]+" in params._meta")
}

func (c *line) keep(_ *Exchange, opened store.Session) error {
	c.lines.mu.Lock()
	defer c.lines.mu.Unlock()
	c.lines.session = &opened
	return nil
}

func (c *line) change(_ *Exchange, change func(*store.Session)) error {
	c.lines.mu.Lock()
	defer c.lines.mu.Unlock()
	changed := *c.lines.session
	change(&changed)
	c.lines.session = &changed
	return nil
}
