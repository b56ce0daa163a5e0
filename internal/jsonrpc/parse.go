package jsonrpc

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// maxIDBytes bounds a string id, which is kept while the request runs and echoed in its reply.
const maxIDBytes = 256

// Parse scans body into m, which is reset first. It returns nil, or the JSON-RPC error to send:
// ParseError for a body that is not strict JSON (RFC 8259 in UTF-8 without a byte order mark,
// trailing bytes, repeated member names, lone surrogates or NUL in names), InvalidRequest for one
// that is not exactly one message (basic/index, "Messages"), is nested over 64 levels or holds over
// 10 000 values. Unknown members are ignored unless they differ from a known one only by case.
//
// m.ID is set even on refusal when the id could be read, so that the reply can carry it; the rest
// of m means nothing then. The types of the members of params are left to the methods, which answer
// InvalidParams.
func Parse(body []byte, m *Message) *Error {
	*m = Message{}
	s := newScanner(body)
	defer s.free()
	s.msg = m
	err := s.whole(envelope)
	s.judgeID()
	if err != nil {
		return err
	}
	s.judge()
	return s.refusal
}

// keep takes note of a member with a meaning.
func (s *scanner) keep(at place, name, raw []byte) {
	m := s.msg
	switch at {
	case envelope:
		switch string(name) {
		case "jsonrpc":
			s.version = raw
		case "id":
			s.id, s.idEnd = raw, s.pos
			s.ids++
		case "method":
			s.method = raw
		case "params":
			m.Params = raw
		case "result":
			m.Result = raw
		case "error":
			m.Failure = raw
		default:
			s.spelling("", name, envelopeNames)
		}
	case params:
		switch string(name) {
		case "name":
			m.Name = raw
		case "uri":
			m.URI = raw
		case "cursor":
			m.Cursor = raw
		case "arguments":
			m.Arguments = raw
		case "outputFormat":
			m.Format = raw
		case "_meta":
			m.Meta = raw
		default:
			s.spelling("params.", name, paramNames)
		}
	case meta:
		switch string(name) {
		case metaVersion, metaClientInfo, metaCapabilities, metaLogLevel, metaProgressToken:
		default:
			s.spelling("params._meta.", name, metaNames)
		}
	}
}

// judgeID decides whether the id can be used. An id that is given twice cannot.
func (s *scanner) judgeID() {
	if s.ids != 1 {
		return
	}
	if after := bytes.TrimLeft(s.body[s.idEnd:], " \t\r\n"); len(after) == 0 || after[0] != ',' && after[0] != '}' {
		return // the value does not end where it seemed to
	}
	switch c := s.id[0]; {
	case len(bytes.Trim(s.id, `"`)) > maxIDBytes:
		s.refuse("id must be at most 256 bytes")
	case c == '"', integerLen(s.id) == len(s.id):
		s.msg.ID = s.id
	default:
		s.refuse("id must be a string or an integer literal")
	}
}

// judge decides what a body that is JSON is as a message.
func (s *scanner) judge() {
	m := s.msg
	switch s.body[len(s.body)-len(bytes.TrimLeft(s.body, " \t\r\n"))] {
	case '{':
	case '[':
		s.refuse("batches are not supported: send one message per request")
		return
	default:
		s.refuse("the message must be a JSON object")
		return
	}
	if v, ok := Unquote(s.version); !ok || string(v) != "2.0" {
		s.refuse(`jsonrpc must be "2.0"`)
	}
	if string(m.Params) == "null" {
		m.Params = nil // what some clients send that have none
	}
	if m.Params != nil && m.Params[0] != '{' {
		s.refuse("params must be an object: leave it out when there are none")
	}
	switch reply := m.Result != nil || m.Failure != nil; {
	case s.method != nil && reply:
		s.refuse("method cannot stand beside result or error")
	case s.method != nil:
		method, ok := Unquote(s.method)
		if !ok {
			s.refuse("method must be a string")
		}
		m.Method = methodName(method)
		m.Kind = Request
		if s.id == nil {
			m.Kind = Notification
		}
	case m.Result != nil && m.Failure != nil:
		s.refuse("result cannot stand beside error")
	case m.Result != nil && s.id == nil:
		s.refuse("a result needs the id of its request")
	case reply:
		m.Kind = Response
	default:
		s.refuse("the message needs a method, a result or an error")
	}
}

// spelling refuses an unknown member that another reader would take for a known one. Case is folded
// by the rules of Unicode, as lenient readers do: they take U+017F for s and U+212A for k.
func (s *scanner) spelling(prefix string, name []byte, known [][]byte) {
	for _, k := range known {
		if len(name) >= len(k) && bytes.EqualFold(name, k) && !bytes.Equal(name, k) {
			s.refuse("a member differs from " + prefix + string(k) + " only by case: names are exact")
		}
	}
}

var (
	envelopeNames = nameList("jsonrpc", "id", "method", "params", "result", "error")
	// paramNames are all members that any method's params define, in all protocol versions.
	paramNames = nameList("name", "uri", "cursor", "taskId", "arguments", "_meta",
		"protocolVersion", "capabilities", "clientInfo", "level", "ref", "argument", "context", "task",
		"inputResponses", "requestState", "notifications", "requestId", "reason",
		"progressToken", "progress", "total", "message")
	metaNames = nameList(metaVersion, metaClientInfo, metaCapabilities, metaLogLevel, metaProgressToken,
		"io.modelcontextprotocol/subscriptionId", "io.modelcontextprotocol/serverInfo",
		"io.modelcontextprotocol/related-task", "traceparent", "tracestate", "baggage")
)

func nameList(names ...string) [][]byte {
	list := make([][]byte, len(names))
	for i, name := range names {
		list[i] = []byte(name)
	}
	return list
}

// methodName is string(b) without an allocation for the methods of MCP.
func methodName(b []byte) string {
	switch string(b) {
	case "tools/call":
		return "tools/call"
	case "tools/list":
		return "tools/list"
	case "server/discover":
		return "server/discover"
	case "initialize":
		return "initialize"
	case "ping":
		return "ping"
	case "notifications/initialized":
		return "notifications/initialized"
	case "notifications/cancelled":
		return "notifications/cancelled"
	case "notifications/progress":
		return "notifications/progress"
	case "notifications/roots/list_changed":
		return "notifications/roots/list_changed"
	case "resources/list":
		return "resources/list"
	case "resources/templates/list":
		return "resources/templates/list"
	case "resources/read":
		return "resources/read"
	case "resources/subscribe":
		return "resources/subscribe"
	case "resources/unsubscribe":
		return "resources/unsubscribe"
	case "prompts/list":
		return "prompts/list"
	case "prompts/get":
		return "prompts/get"
	case "completion/complete":
		return "completion/complete"
	case "logging/setLevel":
		return "logging/setLevel"
	case "subscriptions/listen":
		return "subscriptions/listen"
	case "tasks/get":
		return "tasks/get"
	case "tasks/update":
		return "tasks/update"
	case "tasks/list":
		return "tasks/list"
	case "tasks/result":
		return "tasks/result"
	case "tasks/cancel":
		return "tasks/cancel"
	}
	return string(b)
}

// Members yields the names, unescaped, and the raw values of the members of object, which must be
// part of a message that Parse accepted; none when it is not an object.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, raw []byte) bool) {
		if len(object) == 0 || object[0] != '{' {
			return
		}
		s := newScanner(object)
		defer s.free()
		s.pos = 1
		for s.next() == '"' {
			name, err := s.name()
			if err != nil {
				return
			}
			s.next()
			start := s.pos
			if s.value(nested) != nil || !yield(name, object[start:s.pos:s.pos]) {
				return
			}
			if s.next() == ',' {
				s.pos++
				s.next()
			}
		}
	}
}

// Member returns the raw value of the member name of object, which must be part of a message that
// Parse accepted; nil when it is absent or object is not an object.
func Member(object []byte, name string) []byte {
	for n, raw := range Members(object) {
		if string(n) == name {
			return raw
		}
	}
	return nil
}

// Unquote is Text without a copy: the bytes are part of raw unless the string holds escapes.
func Unquote(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return b, err == nil
}
