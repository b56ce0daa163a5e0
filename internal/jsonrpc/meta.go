package jsonrpc

import "bytes"

// The members of _meta that the protocol defines for requests (basic/index, "Reserved keys").
const (
	metaVersion       = "io.modelcontextprotocol/protocolVersion"
	metaClientInfo    = "io.modelcontextprotocol/clientInfo"
	metaCapabilities  = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel      = "io.modelcontextprotocol/logLevel"
	metaProgressToken = "progressToken"
)

// Meta is the decoded params._meta of a request (basic/index, "_meta"). It is shared between
// requests: read only. Its byte slices live as long as the body does.
type Meta struct {
	ProtocolVersion    string // io.modelcontextprotocol/protocolVersion
	HasVersion         bool
	ClientName         string // of io.modelcontextprotocol/clientInfo; the client's own word, for display alone
	ClientVersion      string
	ClientCapabilities []byte // io.modelcontextprotocol/clientCapabilities: a JSON object
	HasCapabilities    bool
	LogLevel           string // io.modelcontextprotocol/logLevel, one of the eight levels; empty when absent
	ProgressToken      []byte // a JSON string or integer literal; nil when absent
}

var noMeta Meta

// ParseMeta decodes raw, the Meta of a message that Parse accepted; nil raw gives an empty Meta.
// Which members are required is for the caller to judge. The error is an *Error with code
// InvalidParams. A _meta that is the same as before but for its progressToken is recognised by its
// bytes and not decoded again.
func ParseMeta(raw []byte) (*Meta, error) {
	if raw == nil {
		return &noMeta, nil
	}
	m, err := metas.parse(raw)
	if err == nil && len(m.ProgressToken) > maxIDBytes+2 {
		return nil, badMeta("progressToken must be at most 256 bytes") // every report repeats it
	}
	return m, err
}

// decodeMeta decodes raw. The byte slices of the result are parts of raw.
func decodeMeta(raw []byte) (*Meta, error) {
	if raw[0] != '{' {
		return nil, badMeta("it must be an object")
	}
	m := new(Meta)
	for name, value := range Members(raw) {
		ok := true
		switch string(name) {
		case metaVersion:
			m.ProtocolVersion, m.HasVersion = Text(value)
			ok = m.HasVersion
		case metaClientInfo:
			if value[0] != '{' {
				return nil, badMeta(metaClientInfo + " must be an object")
			}
			if err := m.decodeClient(value); err != nil {
				return nil, err
			}
		case metaCapabilities:
			if value[0] != '{' {
				return nil, badMeta(metaCapabilities + " must be an object")
			}
			m.ClientCapabilities, m.HasCapabilities = value, true
		case metaLogLevel:
			if m.LogLevel, ok = Text(value); ok && !isLogLevel(m.LogLevel) {
				return nil, badMeta(metaLogLevel + " must be one of debug, info, notice, warning, error, critical, alert, emergency")
			}
		case metaProgressToken:
			if value[0] == 'n' {
				continue // null: some clients send it when they want no reports
			}
			if value[0] != '"' && integerLen(value) != len(value) {
				return nil, badMeta("progressToken must be a string or an integer")
			}
			m.ProgressToken = value
		}
		if !ok {
			return nil, badMeta(string(name) + " must be a string")
		}
	}
	return m, nil
}

func (m *Meta) decodeClient(info []byte) error {
	for name, value := range Members(info) {
		ok := true
		switch string(name) {
		case "name":
			m.ClientName, ok = Text(value)
		case "version":
			m.ClientVersion, ok = Text(value)
		}
		if !ok {
			return badMeta(metaClientInfo + ": name and version must be strings")
		}
	}
	return nil
}

func badMeta(message string) error { return &Error{InvalidParams, "params._meta: " + message} }

// isLogLevel reports whether level is a level of server/utilities/logging, "Log Levels".
func isLogLevel(level string) bool {
	switch level {
	case "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency":
		return true
	}
	return false
}

// splitToken finds the value of progressToken in raw: raw is head, token, tail. Without one, or
// with one that is not a plain string or integer, head is raw. The member it finds may belong to a
// nested object; who stores under the split must check that it does not.
func splitToken(raw []byte) (head, token, tail []byte) {
	// A capital letter is rare in _meta, so this finds the name several times as fast as a search
	// for all of it.
	const quick = `Token"`
	i := bytes.Index(raw, []byte(quick))
	if i < 0 || !bytes.HasSuffix(raw[:i+len(quick)], []byte(`"`+metaProgressToken+`"`)) {
		return raw, nil, nil
	}
	s := scanner{body: raw, pos: i + len(quick)}
	if s.next() != ':' {
		return raw, nil, nil
	}
	s.pos++
	s.next()
	start := s.pos
	if s.value(nested) != nil {
		return raw, nil, nil
	}
	if token = raw[start:s.pos]; token[0] != '"' && integerLen(token) != len(token) {
		return raw, nil, nil
	}
	return raw[:start], token, raw[s.pos:]
}
