package jsonrpc

// Meta is the decoded params._meta of a request (basic/index, "_meta"). It is shared between requests: read only. Its byte slices live as long as the body does.
type Meta struct {
	ProtocolVersion    string // io.modelcontextprotocol/protocolVersion
	HasVersion         bool
	ClientName         string // io.modelcontextprotocol/clientInfo
	ClientVersion      string
	ClientCapabilities []byte // io.modelcontextprotocol/clientCapabilities: a JSON object
	HasCapabilities    bool
	LogLevel           string // io.modelcontextprotocol/logLevel; empty when absent
	ProgressToken      []byte // a JSON string or integer literal; nil when absent
}

// ParseMeta decodes raw, the Meta of a message that Parse accepted; nil raw gives an empty Meta. The error is an *Error with code InvalidParams.
func ParseMeta(raw []byte) (*Meta, error) { panic("jsonrpc: not written yet") }
