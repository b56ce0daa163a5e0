package mcpecho

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
	"github.com/mcpecho/kit/store"
)

// Progress reports how far a call has come, to a client that asked for it; to others it costs
// nothing. done must grow with each report, others are dropped; total is 0 when unknown; message is
// for people and may be empty. At most 10 reports a second and 1,000 a call are sent; the last one
// always is. It may be called from goroutines that the handler starts; what comes after the call is
// dropped. (specification 2026-07-28, basic/patterns/progress)
func (c *Call) Progress(done, total float64, message string) {
	if c.door.WantsProgress() && !c.silent() {
		c.door.Progress(done, total, message, c.until())
	}
}

// silent says whether the call sends no notifications: what asks is not a call of the entry, or the
// client may not know of it.
func (c *Call) silent() bool { return c.muted || c.hidden() }

// until is when the time of the outermost call has passed.
func (c *Call) until() time.Time {
	for c.parent != nil {
		c = c.parent
	}
	at, _ := c.ctx.Deadline()
	return at
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

// Log sends a log message to a client that asked for messages of that level, on the reply of the
// call; for others it does nothing. data is any JSON value. It must not hold credentials, personal
// data or internals: a model may read it. At most 1,000 messages and reports a call are sent, 10 a
// second; more are dropped. Like [Call.Progress] it may be called from goroutines. (specification
// 2026-07-28, server/utilities/logging)
func (c *Call) Log(level LogLevel, data any) {
	asked := slices.Index(logLevels, LogLevel(c.door.LogLevel()))
	if asked < 0 || slices.Index(logLevels, level) < asked {
		return
	}
	if take := logTaker(c.door); take != nil {
		if !c.silent() {
			take(level, data)
		}
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
	if !c.silent() {
		c.door.Notify("notifications/message", body, c.until())
	}
}

// setLogLevel serves logging/setLevel: it asks for log messages of the session's calls.
// (specification 2025-11-25, server/utilities/logging)
func (s *Server) setLogLevel(x *wire.Exchange) error {
	level, ok := jsonrpc.Text(jsonrpc.Member(x.Message.Params, "level"))
	if !ok || !slices.Contains(logLevels, LogLevel(level)) {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.level must be one of " + joinLevels()}
	}
	if err := x.UpdateSession(func(s *store.Session) { s.LogLevel = level }); err != nil {
		return err
	}
	return x.Result([]byte("{}"))
}

func joinLevels() string {
	names := make([]string, len(logLevels))
	for i, l := range logLevels {
		names[i] = string(l)
	}
	return strings.Join(names, ", ")
}
