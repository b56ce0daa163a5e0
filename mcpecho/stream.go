package mcpecho

import (
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/capture"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/sse"
)

// Bounds on what one call may send before its result. Progress beyond them is
// held back, and the last held-back report goes out before the result.
const (
	notificationsPerSecond = 10
	notificationsPerCall   = 1000
)

// notifier sends notifications of an exchange on its own reply, which the first one turns into an
// event stream. It exists only once a step used it, and is shared by all calls of the exchange and
// by the goroutines that they start.
type notifier struct {
	mu     sync.Mutex
	x      *exchange
	until  time.Time // the deadline of the call
	stream *sse.Stream
	broken bool // the client cannot be written to any more
	closed bool // the reply is on its way

	progress float64 // the last report
	shown    float64 // the last report that was sent
	reported bool
	held     []byte // a report that waits for room
	sent     int
	recent   [notificationsPerSecond]time.Time // when the last ones were sent, as a ring
}

// over stands in the place of a notifier where nothing can be sent: after the reply, for calls that
// are muted, and to clients that do not take event streams. It is never changed.
var over = new(notifier)

// notifier returns that of the exchange, making it on first use, or over. Goroutines of a handler
// may call it at any time, also when the call has ended.
func (c *Call) notifier() *notifier {
	x := c.exchange
	if c.muted || c.hidden() {
		return over
	}
	n := x.notify.Load()
	if n != nil {
		return n
	}
	if n = over; acceptsEvents(x.request.Header) {
		n = &notifier{x: x}
		outermost := c
		for outermost.parent != nil {
			outermost = outermost.parent
		}
		n.until, _ = outermost.ctx.Deadline()
	}
	if x.notify.CompareAndSwap(nil, n) {
		return n
	}
	return x.notify.Load()
}

// endStream sends the reply, if it is not nil, as the last event. It reports false when no stream
// was opened, so that the reply is an ordinary one. What a goroutine sends later is dropped.
func (x *exchange) endStream(reply []byte) bool {
	if x.notify.CompareAndSwap(nil, over) {
		return false
	}
	n := x.notify.Load()
	return n != over && n.finish(reply)
}

// take says whether there is room for one more notification now. It leaves
// room for the last report.
func (n *notifier) take() bool {
	now, oldest := time.Now(), &n.recent[n.sent%notificationsPerSecond]
	if n.sent >= notificationsPerCall-1 || now.Sub(*oldest) < time.Second {
		return false
	}
	*oldest = now
	n.sent++
	return true
}

// send writes a message, opening the stream if it is the first. It waits for a client that does not
// read, but not beyond until.
func (n *notifier) send(message []byte, until time.Time) {
	if n.broken || n.closed || n.x.gone() {
		return
	}
	if n.stream == nil {
		n.stream = n.x.openStream()
	}
	n.broken = n.stream.Send(message, until) != nil
}

// openStream turns the reply into an event stream. Goroutines of a handler may be the first to report,
// so it takes the headers that the chain has published, and not those that it may be setting.
func (x *exchange) openStream() *sse.Stream {
	x.headers.mu.Lock()
	defer x.headers.mu.Unlock()
	if published := x.headers.published.Load(); published != nil {
		capture.Merge(x.response.Header(), *published)
	}
	return sse.Open(x.response)
}

// headers are those of the reply, on their way from the chain.
type headers struct {
	mu        sync.Mutex // held while those of the real response are changed
	published atomic.Pointer[http.Header]
}

// publishHeaders shows what steps have set so far to a stream that may begin.
func (c *Call) publishHeaders() {
	for call := c; call != nil; call = call.parent {
		if h := call.capture.Headers(); h != nil {
			published := h // on the heap only where there is something to publish
			c.exchange.headers.published.Store(&published)
			return
		}
	}
}

// setHeader sets a header of the reply.
func (x *exchange) setHeader(name, value string) {
	x.headers.mu.Lock()
	defer x.headers.mu.Unlock()
	x.response.Header().Set(name, value)
}

// late says whether the time of the call has passed: only its reply is sent then.
func (n *notifier) late() bool { return !time.Now().Before(n.until) }

// eventGrace is the least time that a notification has, so that one at the very end of a call does
// not break the connection before the client has been told of the end.
const eventGrace = 100 * time.Millisecond

// eventTime is how long a notification may wait for its client. A handler that reports inside a
// transaction holds its locks meanwhile, so it is no longer than the call, but for eventGrace.
func (n *notifier) eventTime() time.Time {
	now := time.Now()
	return now.Add(min(n.x.server.cfg.ReplyTimeout, max(n.until.Sub(now), eventGrace)))
}

// finish sends what was held back and then the reply.
func (n *notifier) finish(reply []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stream == nil {
		n.closed = true
		return false
	}
	until := n.x.replyTime(len(reply))
	if n.held != nil {
		n.send(n.held, until)
	}
	if reply != nil {
		n.send(reply, until)
	}
	n.closed = true
	n.stream.Close()
	return true
}

// Progress reports how far a call has come, to a client that asked for it; to
// others it costs nothing. done must grow with each report, others are
// dropped; total is 0 when unknown; message is for people and may be empty.
// At most 10 reports a second and 1,000 a call are sent; the last one always
// is. It may be called from goroutines that the handler starts; what comes
// after the call is dropped. (specification 2026-07-28, basic/patterns/progress)
func (c *Call) Progress(done, total float64, message string) {
	token := c.exchange.meta.ProgressToken
	if token == nil {
		return
	}
	n := c.notifier()
	if n == over {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.reported && done <= n.progress || done != done || total != total {
		return
	}
	params := struct {
		Token    rawJSON `json:"progressToken"`
		Progress float64 `json:"progress"`
		Total    float64 `json:"total,omitzero"`
		Message  string  `json:"message,omitzero"`
	}{rawJSON(token), done, total, message}
	body, err := binding.Marshal(params)
	if err != nil {
		return // an infinite number or text that is not UTF-8
	}
	n.progress, n.reported = done, true
	event := jsonrpc.AppendNotification(nil, "notifications/progress", body)
	if n.late() || !n.take() {
		n.held = event
		return
	}
	n.held, n.shown = nil, done
	n.send(event, n.eventTime())
}

// forget drops the report that waits for room: what it told of is undone. What was sent stays,
// and later reports must be above it.
func (n *notifier) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held != nil {
		n.held, n.progress = nil, n.shown
	}
}

// LogLevel is a severity of RFC 5424, as [Call.Log] takes it.
type LogLevel string

// The log levels, least severe first.
const (
	LogDebug     LogLevel = "debug"
	LogInfo      LogLevel = "info"
	LogNotice    LogLevel = "notice"
	LogWarning   LogLevel = "warning"
	LogError     LogLevel = "error"
	LogCritical  LogLevel = "critical"
	LogAlert     LogLevel = "alert"
	LogEmergency LogLevel = "emergency"
)

var logLevels = []LogLevel{LogDebug, LogInfo, LogNotice, LogWarning, LogError, LogCritical, LogAlert, LogEmergency}

// Log sends a log message to a client that asked for messages of that level,
// on the reply of the call; for others it does nothing. data is any JSON
// value. It must not hold credentials, personal data or internals: a model
// may read it. At most 1,000 messages and reports a call are sent, 10 a
// second; more are dropped. Like [Call.Progress] it may be called from
// goroutines. (specification 2026-07-28, server/utilities/logging)
func (c *Call) Log(level LogLevel, data any) {
	asked := slices.Index(logLevels, c.exchange.logLevel())
	if asked < 0 || slices.Index(logLevels, level) < asked {
		return
	}
	params := struct {
		Level  LogLevel `json:"level"`
		Logger string   `json:"logger"`
		Data   any      `json:"data"`
	}{level, c.entry.listedAs, data}
	body, err := binding.Marshal(params)
	if err != nil {
		c.server.cfg.Logger.Warn("mcpecho: the data of a log message cannot be encoded",
			slog.String("spec", c.entry.name), slog.String("error", err.Error()))
		return
	}
	n := c.notifier()
	if n == over {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed && !n.late() && n.take() {
		n.send(jsonrpc.AppendNotification(nil, "notifications/message", body), n.eventTime())
	}
}

// logLevel is what the client asked for: in the request on the modern wire,
// once for the session on the dated one. Empty: nothing.
func (x *exchange) logLevel() LogLevel {
	if x.wire == modern {
		return LogLevel(x.meta.LogLevel)
	}
	return LogLevel(x.session.LogLevel)
}
