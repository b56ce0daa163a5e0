package wire

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

// App is the application behind a door.
type App interface {
	// Owner is who the request comes from, as the authentication among the middlewares of the mount
	// has found out.
	Owner(echo.Context) Owner
	// Answer answers one request, whose wire is negotiated and whose session is found. An error
	// that it returns is reported and sent.
	Answer(*Exchange) error
	// Report logs an error of an exchange and says what the client is told of it.
	Report(*Exchange, error) Failure
	// Refused is told of each request that has passed the guards, when the middlewares of the mount
	// have returned err. It logs those that one of them has answered itself.
	Refused(echo.Context, error)
}

// Owner is who sessions and places belong to.
type Owner interface {
	// Key tells owners apart, "" for an anonymous one.
	Key() string
}

// Config configures a [Door]. All of it is required but Hosts and Origins.
type Config struct {
	Hosts, Origins            []string
	MaxInFlight               int
	MaxBodyBytes              int64
	BodyTimeout, ReplyTimeout time.Duration
	Sessions                  store.Sessions
}

// Door serves MCP for an application.
type Door struct {
	cfg      Config
	app      App
	load     load
	inflight inflight
}

// New makes a door.
func New(cfg Config, app App) *Door {
	d := &Door{cfg: cfg, app: app}
	d.load.max = cfg.MaxInFlight
	return d
}

// Visit is one request of a client inside the server: it holds a place, and can be stopped.
type Visit struct {
	// Echo is the context of the request.
	Echo echo.Context
	// Owner is who the request comes from.
	Owner Owner

	headers Headers
	door    *Door
	peer    peer
	slot    slot        // of the load
	stopped atomic.Bool // the server has ended what runs
}

// Exchange is one message on its way through the server. The reply goes to the request that carried
// the message and nowhere else.
type Exchange struct {
	Visit

	// Message is what the client has sent.
	Message jsonrpc.Message
	// Wire is the form of the protocol that the message is in.
	Wire Wire
	// Session is that of a message on the dated wire.
	Session store.Session

	meta      *jsonrpc.Meta // the `_meta` of the message, never nil; equal requests share it
	cancelled atomic.Bool   // the client asked to end the call
	notifier  atomic.Pointer[notifier]
}

// peer is the other side of an exchange: where its message comes from and where the reply goes.
type peer interface {
	// context ends when the client has gone.
	context() context.Context
	// header is what came with the message under a canonical name.
	header(name string) []string
	// mirrors says whether headers must repeat parts of the message.
	mirrors() bool
	// network is where the client is, as it cannot change it at will.
	network() netip.Prefix
	// read takes the message, of at most Config.MaxBodyBytes.
	read() ([]byte, error)
	// unbound ends the time that what comes before the message is served may take.
	unbound()

	// session is that of a dated message. keep keeps one that was opened, change changes that of
	// the message.
	session(x *Exchange) (store.Session, error)
	keep(x *Exchange, opened store.Session) error
	change(x *Exchange, change func(*store.Session)) error

	// setHeader adds something to the reply that is no part of its message.
	setHeader(name, value string)
	// takesEvents says whether the client takes notifications before the reply.
	takesEvents() bool
	// open begins an event stream. headers are those that the application has made of the ones that
	// are set, nil where it has changed none.
	open(headers map[string][]string) stream
	// replyApart says whether a reply is sent as ever when a stream is open, not as its last event.
	replyApart() bool
	// begun says whether something of the reply has been sent.
	begun() bool
	// send sends a reply that is one message. unread says that the client has not taken it in the
	// time that the door gives it.
	send(status int, message []byte) (unread bool, err error)
	// accept answers a message that has no reply.
	accept() error
	// empty answers a request whose reply must not be sent.
	empty() error
	// abort breaks off a reply that has begun, so that what was sent is not taken for the whole.
	abort()
}

// stream is an open event stream.
type stream interface {
	// Send sends one message, which a client that does not read holds up to the time until.
	Send(message []byte, until time.Time) error
	Close()
}

// Headers are the headers of a reply, on their way from the application. Who changes those of the
// real response holds the mutex.
type Headers struct {
	sync.Mutex
	published atomic.Pointer[map[string][]string]
}

// Publish shows headers to an event stream that may begin at any time from now on. They must not
// change any more.
func (h *Headers) Publish(headers map[string][]string) { h.published.Store(&headers) }

var noMeta jsonrpc.Meta

// serve answers the message of a peer. A panic is answered here, where the id is known.
func (x *Exchange) serve() error {
	if err := x.contained(); err != nil {
		return x.fail(err)
	}
	return nil
}

func (x *Exchange) contained() (err error) {
	defer caught.Into(&err)
	x.Owner = x.door.app.Owner(x.Echo)
	load := &x.door.load
	if err := load.enter(&x.Visit); err != nil {
		return x.busy(err)
	}
	defer load.leave(&x.Visit)
	body, err := x.peer.read()
	if err != nil {
		return err
	}
	if err := load.serve(&x.Visit); err != nil {
		return x.busy(err)
	}
	x.peer.unbound()
	if err := jsonrpc.Parse(body, &x.Message); err != nil {
		return refuseMessage(err)
	}
	return x.take()
}

func refuseMessage(err *jsonrpc.Error) error {
	return refuse(badRequest, err.Code, "message", err.Message)
}

// OnHTTP says whether the message came with an HTTP request.
func (x *Exchange) OnHTTP() bool { return x.peer.mirrors() }

// take serves a message that has been parsed.
func (x *Exchange) take() error {
	if err := x.negotiate(); err != nil {
		return err
	}
	if err := x.Wire.join(x); err != nil {
		return err
	}
	switch x.Message.Kind {
	case jsonrpc.Notification:
		x.Wire.notified(x)
		return x.peer.accept()
	case jsonrpc.Response:
		if err := x.Wire.responded(x); err != nil {
			return err
		}
		return x.peer.accept()
	}
	return x.door.app.Answer(x)
}

// busy tells a client that was not let in when to come again.
func (v *Visit) busy(err error) error {
	v.setHeader("Retry-After", "1")
	return err
}

// Outer is the context of the request as it is outside of the application.
func (v *Visit) Outer() echo.Context { return v.Echo }

// Context ends when the client has gone.
func (v *Visit) Context() context.Context { return v.peer.context() }

// Header is what came with the request under a canonical name, "" when there is nothing.
func (v *Visit) Header(name string) string {
	if values := v.peer.header(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Headers are those of the reply.
func (v *Visit) Headers() *Headers { return &v.headers }

// setHeader sets a header of the reply.
func (v *Visit) setHeader(name, value string) {
	v.headers.Lock()
	defer v.headers.Unlock()
	v.peer.setHeader(name, value)
}
