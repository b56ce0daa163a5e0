package jsonrpc

// Parse scans body into m, which is reset first. On refusal it returns the JSON-RPC error to send, and m.ID is set when the id could be read, so that the reply can carry it.
func Parse(body []byte, m *Message) *Error { panic("jsonrpc: not written yet") }

// Member returns the raw value of the member name of object, which is part of a scanned message; nil when it is absent or object is not a JSON object.
func Member(object []byte, name string) []byte { panic("jsonrpc: not written yet") }

// Unquote is Text without a copy: the bytes are part of raw unless the string holds escapes.
func Unquote(raw []byte) ([]byte, bool) { panic("jsonrpc: not written yet") }
