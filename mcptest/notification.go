package mcptest

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
)

// Notification is a message that came before the answer of a call and on the same response.
type Notification struct {
	Method string
	Params jsontext.Value
}

// Progress is one report of [mcpecho.Call.Progress].
type Progress struct {
	Progress float64 `json:"progress"`
	Total    float64 `json:"total"`   // 0 when unknown
	Message  string  `json:"message"` // empty when there is none
}

// Log is one message of [mcpecho.Call.Log].
type Log struct {
	Level  mcpecho.LogLevel `json:"level"`
	Logger string           `json:"logger"` // the name of the tool, resource or prompt
	Data   jsontext.Value   `json:"data"`
}

// Progress are the progress reports among the notifications, in order.
func (r *Response) Progress() []Progress {
	return notified[Progress](r, "notifications/progress")
}

// Logs are the log messages among the notifications, in order.
func (r *Response) Logs() []Log {
	return notified[Log](r, "notifications/message")
}

// notified decodes the notifications of a method. One that does not fit is as its zero value, which
// no test expects.
func notified[T any](r *Response, method string) (all []T) {
	for _, n := range r.Notifications {
		if n.Method == method {
			var params T
			_ = json.Unmarshal(n.Params, &params)
			all = append(all, params)
		}
	}
	return all
}
