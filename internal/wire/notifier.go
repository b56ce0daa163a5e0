package wire

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Bounds on what one exchange may send before its reply. Progress beyond them is held back, and the
// last report that was held back goes out before the reply.
const (
	notificationsPerSecond = 10
	notificationsPerCall   = 1000
)

// notifier sends notifications of an exchange on its own reply, which the first one turns into an
// event stream. It exists only once somebody used it, and may be used from any goroutine.
type notifier struct {
	mu     sync.Mutex
	x      *Exchange
	until  time.Time // the deadline of the call
	stream stream
	broken bool // the client cannot be written to any more
	closed bool // the reply is on its way

	progress float64 // the last report
	shown    float64 // the last report that was sent
	reported bool
	held     []byte // a report that waits for room
	sent     int
	recent   [notificationsPerSecond]time.Time // when the last ones were sent, as a ring
}

// over stands in the place of a notifier where nothing can be sent: after the reply, and to clients
// that do not take event streams. It is never changed.
var over = new(notifier)

// notifierUntil returns the notifier of the exchange, making it on first use, or over. until is
// when the time of the call that asks for it has passed.
func (x *Exchange) notifierUntil(until time.Time) *notifier {
	n := x.notifier.Load()
	if n != nil {
		return n
	}
	if n = over; x.peer.takesEvents() {
		n = &notifier{x: x, until: until}
	}
	if x.notifier.CompareAndSwap(nil, n) {
		return n
	}
	return x.notifier.Load()
}

// endStream sends the reply, if it is not nil, as the last event. It reports false when no stream
// was opened, so that the reply is an ordinary one. What a goroutine sends later is dropped.
func (x *Exchange) endStream(reply []byte) bool {
	if x.notifier.CompareAndSwap(nil, over) {
		return false
	}
	n := x.notifier.Load()
	return n != over && n.finish(reply)
}

// streaming says whether the reply is an event stream that has not ended, or may become one.
func (x *Exchange) streaming() bool {
	n := x.notifier.Load()
	return n != nil && n != over
}

// take says whether there is room for one more notification now. It leaves room for the last
// report.
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
	if n.broken || n.closed || n.x.Gone() {
		return
	}
	if n.stream == nil {
		n.stream = n.x.openStream()
	}
	n.broken = n.stream.Send(message, until) != nil
}

// openStream turns the reply into an event stream. Goroutines of a handler may be the first to
// report, so it takes the headers that the application has published, and not those that it may be
// setting.
func (x *Exchange) openStream() stream {
	x.headers.Lock()
	defer x.headers.Unlock()
	var headers map[string][]string
	if published := x.headers.published.Load(); published != nil {
		headers = *published
	}
	return x.peer.open(headers)
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
	return now.Add(min(n.x.door.cfg.ReplyTimeout, max(n.until.Sub(now), eventGrace)))
}

// finish sends what was held back and then the reply, if that is an event too.
func (n *notifier) finish(reply []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stream == nil {
		n.closed = true
		return false
	}
	until := n.x.door.replyTime(len(reply))
	if n.held != nil {
		n.send(n.held, until)
	}
	apart := n.x.peer.replyApart()
	if reply != nil && !apart {
		n.send(reply, until)
	}
	n.closed = true
	n.stream.Close()
	return !apart
}

// WantsProgress says whether the client has asked for reports.
func (x *Exchange) WantsProgress() bool { return x.meta.ProgressToken != nil }

// Progress reports how far a call has come whose time ends at until. done must grow with each
// report, others are dropped; total is left out when 0, and so is an empty message. (specification
// 2026-07-28, basic/patterns/progress)
func (x *Exchange) Progress(done, total float64, message string, until time.Time) {
	n := x.notifierUntil(until)
	if n == over {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.reported && done <= n.progress || done != done || total != total {
		return
	}
	params := struct {
		Token    jsontext.Value `json:"progressToken"`
		Progress float64        `json:"progress"`
		Total    float64        `json:"total,omitzero"`
		Message  string         `json:"message,omitzero"`
	}{x.meta.ProgressToken, done, total, message}
	body, err := json.Marshal(params)
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

// ForgetProgress drops the report that waits for room: what it told of is undone. What was sent
// stays, and later reports must be above it.
func (x *Exchange) ForgetProgress() {
	n := x.notifier.Load()
	if n == nil || n == over {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held != nil {
		n.held, n.progress = nil, n.shown
	}
}

// Notify sends a notification of a call whose time ends at until, or drops it where there is no
// room for it. params is a JSON object.
func (x *Exchange) Notify(method string, params []byte, until time.Time) {
	n := x.notifierUntil(until)
	if n == over {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed && !n.late() && n.take() {
		n.send(jsonrpc.AppendNotification(nil, method, params), n.eventTime())
	}
}
