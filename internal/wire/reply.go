package wire

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Result replies with a result whose JSON comes in parts.
func (x *Exchange) Result(parts ...[]byte) error {
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendResult(out.B, x.Message.ID, parts...)
	return x.send(ok, out.B)
}

// Reply is a result in the making: an object whose first member is being written. What is appended
// to B is its value, and more members.
type Reply struct {
	B []byte

	x   *Exchange
	out *jsonrpc.Buffer
}

// replyRoom is for what is around the value in a reply, its id included.
const replyRoom = 512

// Reply begins the reply to a request with the first member of its result, of about size bytes.
// Every reply that is begun must be sent.
func (x *Exchange) Reply(member string, size int) Reply {
	out := jsonrpc.GetBuffer()
	b := slices.Grow(out.B, replyRoom+size)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, x.Message.ID...)
	b = append(b, `,"result":`...)
	b = x.Wire.AppendOpening(b)
	b = append(b, '"')
	b = append(b, member...)
	return Reply{append(b, `":`...), x, out}
}

// Send ends the result and sends the reply: as the last event if there were others. tail is what
// ends a result of the modern wire.
func (r Reply) Send(tail []byte) error {
	defer jsonrpc.PutBuffer(r.out)
	r.out.B = append(r.x.Wire.AppendClosing(r.B, tail), '}')
	if r.x.endStream(r.out.B) {
		return nil
	}
	return r.x.send(ok, r.out.B)
}

// Leave ends an exchange that the client has given up, see [Exchange.Gone]. One that cancelled by
// message still has a request to be answered.
func (x *Exchange) Leave() error {
	if x.endStream(nil) || x.peer.context().Err() != nil {
		return nil
	}
	return x.peer.empty()
}

// Fail replies with an error.
func (x *Exchange) Fail(f Failure) error {
	if x.Message.Kind == jsonrpc.Notification {
		x.Message.ID = nil
	}
	x.RetryAfter(f.RetryAfter)
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendError(out.B, x.Message.ID, f.Code, f.Message, f.Data)
	if x.endStream(out.B) {
		return nil
	}
	return x.send(f.Status, out.B)
}

// fail reports an error of a message that could not be served, and replies with it.
func (x *Exchange) fail(err error) error {
	if x.Gone() && !isLate(err) {
		return nil
	}
	f := x.door.app.Report(x, err)
	if x.Message.Kind == 0 && f.Hidden {
		f.Status = internalServerError // there is no message that a status 200 could be about
	}
	if x.peer.begun() && !x.streaming() {
		x.peer.abort()
	}
	return x.Fail(f)
}

// isLate says whether the error is about a body that did not come in time: who sent it is still
// there, although its context may have ended.
func isLate(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.Status == requestTimeout
}

// RetryAfter tells the client when to come again, if d is positive: in seconds, rounded up.
func (v *Visit) RetryAfter(d time.Duration) {
	if d > 0 {
		v.setHeader("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
}

// send sends a reply. That of a client that does not read it leaves a trace in the log.
func (x *Exchange) send(status int, message []byte) error {
	unread, err := x.peer.send(status, message)
	if unread {
		x.door.app.Report(x, &Refusal{Reason: "reply_time", Message: "the client did not read its reply in time", Internal: err})
	}
	return err
}
