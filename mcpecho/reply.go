package mcpecho

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/sse"
)

// Header values that every reply shares. They are never changed in place.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
)

// send writes one finished message.
func (x *exchange) send(status int, message []byte) error {
	response := x.response
	h := response.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	response.WriteHeader(status)
	return x.write(message)
}

// result replies with a result whose JSON comes in parts.
func (x *exchange) result(parts ...[]byte) error {
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendResult(out.B, x.msg.ID, parts...)
	return x.send(http.StatusOK, out.B)
}

// toolResult replies with the result of a tool call. The value was encoded
// once: its bytes are the structured content and, quoted, the text block.
// (specification 2026-07-28, server/tools, section Structured Content)
func (x *exchange) toolResult(c *Call, tail []byte) error {
	if c.answer.items != nil {
		return x.reply(c, "content", tail)
	}
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	a := &c.answer
	text := a.text
	if text == nil {
		text = a.structured
	}
	b := x.appendHead(slices.Grow(out.B, replyRoom+len(a.structured)+quotedLen(text)+len(tail)), "content")
	b = append(b, `[{"type":"text","text":`...)
	b = jsonrpc.AppendString(b, text)
	b = append(b, `}]`...)
	if c.entry.structured && (x.wire == modern || c.entry.object) {
		b = append(b, `,"structuredContent":`...)
		b = append(b, a.structured...)
	}
	out.B = x.appendTail(b, tail)
	return x.finish(c, out.B)
}

// replyRoom is for what is around the result in a reply, its id included.
const replyRoom = 512

// quotedLen is about the length of text as a JSON string: most of what is quoted are quotes.
func quotedLen(text []byte) int { return len(text) + bytes.Count(text, []byte{'"'}) }

// reply replies with the finished items of a call.
func (x *exchange) reply(c *Call, member string, tail []byte) error {
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	b := x.appendHead(slices.Grow(out.B, replyRoom+len(c.answer.items)+len(tail)), member)
	out.B = x.appendTail(append(b, c.answer.items...), tail)
	return x.finish(c, out.B)
}

// finish sends the reply of a call: as the last event if the call has opened
// a stream, and not at all if nobody waits for it.
func (x *exchange) finish(c *Call, message []byte) error {
	if x.gone() {
		return x.leave(c)
	}
	c.answer = answer{} // while the client takes its time, the message is all that is held of the result
	if x.endStream(message) {
		return nil
	}
	return x.send(http.StatusOK, message)
}

// leave ends an exchange that the client has given up. One that cancelled by
// message still has an HTTP request to be answered.
func (x *exchange) leave(c *Call) error {
	x.server.cfg.Logger.Debug("mcpecho: the client left during a call", slog.String("spec", c.entry.name))
	if x.endStream(nil) || x.request.Context().Err() != nil {
		return nil
	}
	if !acceptsEvents(x.request.Header) {
		return x.ec.NoContent(http.StatusAccepted)
	}
	// A cancelled request gets no response, and a POST with a request gets JSON or events: so it
	// gets a stream without any. (specification 2025-11-25, basic/utilities/cancellation and
	// basic/transports, section Sending Messages to the Server)
	sse.Open(x.response)
	return nil
}

func (x *exchange) appendHead(b []byte, member string) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, x.msg.ID...)
	b = append(b, `,"result":{`...)
	if x.wire == modern {
		b = append(b, `"resultType":"complete",`...)
	}
	b = append(b, '"')
	b = append(b, member...)
	return append(b, `":`...)
}

func (x *exchange) appendTail(b, tail []byte) []byte {
	if x.wire == modern {
		return append(append(b, tail...), '}')
	}
	return append(b, `}}`...)
}

// failTool replies to a tool call that ended with an error: as a JSON-RPC
// error for what a model cannot mend, as a tool result otherwise.
// (specification 2026-07-28, server/tools, section Error Handling)
func (x *exchange) failTool(c *Call, err error) error {
	if x.gone() {
		return x.leave(c)
	}
	if c.hidden() {
		return x.hide(c, err)
	}
	f := c.explain(err)
	x.log(c, f, err)
	if f.code != 0 {
		return x.sendError(c, f)
	}
	body := map[string]any{}
	maps.Copy(body, f.more)
	if f.retry > 0 {
		body["retryAfterMs"] = f.retry.Milliseconds()
		x.setHeader("Retry-After", retrySeconds(f.retry))
	}
	if f.fields != nil {
		body["fields"] = f.fields
	}
	if f.ref != "" {
		body["reference"] = f.ref
	}
	var step *stepFailure
	if errors.As(err, &step) {
		body["failedStep"] = step.step
	}
	body["type"], body["message"] = f.typ, f.message
	text, encErr := binding.Marshal(map[string]any{"error": body})
	if encErr != nil {
		x.log(c, f, encErr)
		body = map[string]any{"type": f.typ, "message": f.message}
		if c.committed.Load() {
			body = withCommitted(body)
		}
		text = mustMarshal(map[string]any{"error": body})
	}
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	b := x.appendHead(out.B, "content")
	b = append(b, `[{"type":"text","text":`...)
	b = jsonrpc.AppendString(b, text)
	b = append(b, `}],"isError":true`...)
	out.B = x.appendTail(b, x.server.registry.Load().resultTail)
	return x.finish(c, out.B)
}

func retrySeconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

// failEntry replies to a call of a resource, prompt or completion that ended
// with an error: the same causes are JSON-RPC errors there.
func (x *exchange) failEntry(c *Call, err error) error {
	if x.gone() {
		return x.leave(c)
	}
	if c.hidden() {
		return x.hide(c, err)
	}
	f := c.explain(err).asProtocolError()
	x.log(c, f, err)
	if f.retry > 0 {
		x.setHeader("Retry-After", retrySeconds(f.retry))
	}
	return x.sendError(c, f)
}

// fail replies to a message that could not be served.
func (x *exchange) fail(err error) error {
	f := explain(err, nil).asProtocolError()
	if x.gone() && f.status != http.StatusRequestTimeout { // whose body was late is still there
		return nil
	}
	if x.msg.Kind == 0 && f.ref != "" {
		f.status = http.StatusInternalServerError // there is no message that a status 200 could be about
	}
	x.log(nil, f, err)
	if f.retry > 0 {
		x.response.Header().Set("Retry-After", retrySeconds(f.retry))
	}
	if n := x.notify.Load(); x.response.Committed && (n == nil || n == over) {
		panic(http.ErrAbortHandler) // what was sent so far must not be taken for the whole
	}
	return x.sendError(nil, f)
}

func (x *exchange) sendError(c *Call, f failure) error {
	var data []byte
	if f.data != nil {
		var err error
		if data, err = binding.Marshal(f.data); err != nil {
			x.log(c, f, err)
			data = nil
			if c != nil && c.committed.Load() {
				data = mustMarshal(withCommitted(nil))
			}
		}
	}
	if x.msg.Kind == jsonrpc.Notification {
		x.msg.ID = nil
	}
	if f.status == http.StatusUnauthorized {
		x.challenge()
	}
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendError(out.B, x.msg.ID, f.code, f.message, data)
	if x.endStream(out.B) {
		return nil
	}
	return x.send(f.status, out.B)
}

// challenge gives a 401 the header that it must have, unless a step has set one: that of the
// authentication of the mount, or a plain one. (RFC 9110 section 15.5.2)
func (x *exchange) challenge() {
	h := x.response.Header()
	if h.Get(echo.HeaderWWWAuthenticate) != "" {
		return
	}
	value := `Bearer realm="mcp"`
	if known := authn.ChallengerFrom(x.ec); known != nil {
		value = known.Challenge()
	}
	h.Set(echo.HeaderWWWAuthenticate, value)
}
