// Package sse writes event streams as MCP uses them: each event is one JSON-RPC message.
// (specification 2026-07-28, basic/transports/streamable-http, section Receiving Messages)
package sse

import (
	"net/http"
	"time"
)

// Stream is an open event stream. It is not safe for concurrent use.
type Stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf []byte
}

// Open turns a response that nothing has been written to into a stream, with the headers that keep
// proxies from buffering it.
func Open(w http.ResponseWriter) *Stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	return &Stream{w: w, rc: http.NewResponseController(w)}
}

// Send writes one message, which must hold no line break, and flushes it. When the client does not
// read, Send blocks until the time until and then fails; the stream cannot be used any more.
func (s *Stream) Send(message []byte, until time.Time) error {
	s.buf = append(s.buf[:0], "data: "...)
	s.buf = append(s.buf, message...)
	s.buf = append(s.buf, "\n\n"...)
	_ = s.rc.SetWriteDeadline(until) // not every writer has deadlines
	if _, err := s.w.Write(s.buf); err != nil {
		return err
	}
	return s.rc.Flush()
}

// Close takes away the time limit of the last event, so that the connection can serve another
// request.
func (s *Stream) Close() { _ = s.rc.SetWriteDeadline(time.Time{}) }
