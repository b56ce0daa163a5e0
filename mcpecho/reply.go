package mcpecho

import (
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Header values that every reply shares. They are never changed in place.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// send writes one finished message.
func (x *exchange) send(status int, message []byte) error {
	response := x.ec.Response()
	h := response.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	response.WriteHeader(status)
	_, err := response.Write(message)
	return err
}

// result replies with a result whose JSON comes in parts.
func (x *exchange) result(parts ...[]byte) error {
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendResult(out.B, x.msg.ID, parts...)
	return x.send(http.StatusOK, out.B)
}

// toolResult replies with the result of a call. The value was encoded once:
// its bytes are the structured content and, quoted, the text block.
// (specification 2026-07-28, server/tools, section Structured Content)
func (x *exchange) toolResult(c *Call, tail []byte) error {
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	b := x.appendToolHead(out.B)
	b = jsonrpc.AppendString(b, c.encoded)
	b = append(b, `}]`...)
	if c.tool.output != nil && (x.wire == modern || c.tool.object) {
		b = append(b, `,"structuredContent":`...)
		b = append(b, c.encoded...)
	}
	out.B = x.appendToolTail(b, tail)
	return x.send(http.StatusOK, out.B)
}

func (x *exchange) appendToolHead(b []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, x.msg.ID...)
	b = append(b, `,"result":{`...)
	if x.wire == modern {
		b = append(b, `"resultType":"complete",`...)
	}
	return append(b, `"content":[{"type":"text","text":`...)
}

func (x *exchange) appendToolTail(b, tail []byte) []byte {
	if x.wire == modern {
		return append(append(b, tail...), '}')
	}
	return append(b, `}}`...)
}

// failCall replies to a call that ended with an error: as a JSON-RPC error
// for what a model cannot mend, as a tool result otherwise.
// (specification 2026-07-28, server/tools, section Error Handling)
func (x *exchange) failCall(c *Call, err error) error {
	if x.request.Context().Err() != nil {
		x.server.cfg.Logger.Debug("mcpecho: the client left during a call", slog.String("tool", c.tool.name))
		return nil
	}
	f := explain(err, x.server.cfg.DB)
	x.log(c.tool.name, f, err)
	if f.code != 0 {
		return x.sendError(f)
	}
	body := map[string]any{}
	maps.Copy(body, f.more)
	if f.retry > 0 {
		body["retryAfterMs"] = f.retry.Milliseconds()
		x.ec.Response().Header().Set("Retry-After", retrySeconds(f.retry))
	}
	if f.fields != nil {
		body["fields"] = f.fields
	}
	if f.ref != "" {
		body["reference"] = f.ref
	}
	body["type"], body["message"] = f.typ, f.message
	text, encErr := binding.Marshal(map[string]any{"error": body})
	if encErr != nil {
		x.log(c.tool.name, f, encErr)
		text = mustMarshal(map[string]any{"error": map[string]string{"type": f.typ, "message": f.message}})
	}
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	b := x.appendToolHead(out.B)
	b = jsonrpc.AppendString(b, text)
	b = append(b, `}],"isError":true`...)
	out.B = x.appendToolTail(b, x.server.registry.Load().resultTail)
	return x.send(http.StatusOK, out.B)
}

func retrySeconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

// fail replies to a message that could not be served.
func (x *exchange) fail(err error) error {
	if x.request.Context().Err() != nil {
		return nil
	}
	f := explain(err, nil)
	if f.code == 0 { // not a tool: the same causes are JSON-RPC errors
		f.code, f.status = jsonrpc.InternalError, http.StatusOK
	}
	x.log(x.msg.Method, f, err)
	return x.sendError(f)
}

func (x *exchange) sendError(f failure) error {
	var data []byte
	if f.data != nil {
		var err error
		if data, err = binding.Marshal(f.data); err != nil {
			x.log(x.msg.Method, f, err)
			data = nil
		}
	}
	if x.msg.Kind == jsonrpc.Notification {
		x.msg.ID = nil
	}
	out := jsonrpc.GetBuffer()
	defer jsonrpc.PutBuffer(out)
	out.B = jsonrpc.AppendError(out.B, x.msg.ID, f.code, f.message, data)
	return x.send(f.status, out.B)
}

// log records a refusal or failure: details that the client does not see at
// level error, what the client was told at level info.
func (x *exchange) log(subject string, f failure, err error) {
	logger, ctx := x.server.cfg.Logger, x.request.Context()
	attrs := []slog.Attr{slog.String("subject", clip(subject, 128))}
	if p := x.principal; p != nil {
		attrs = append(attrs, slog.String("principal", p.Subject))
	}
	if f.ref == "" {
		attrs = append(attrs, slog.Int("code", f.code), slog.String("type", f.typ), slog.String("message", f.message))
		if cause := errors.Unwrap(err); cause != nil {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
		logger.LogAttrs(ctx, slog.LevelInfo, "mcpecho: refused", attrs...)
		return
	}
	attrs = append(attrs, slog.String("reference", f.ref), slog.String("error", err.Error()))
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	logger.LogAttrs(ctx, slog.LevelError, "mcpecho: internal error", attrs...)
}
