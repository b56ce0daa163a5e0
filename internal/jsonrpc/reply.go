package jsonrpc

// AppendResult appends the reply to the request id: {"jsonrpc":"2.0","id":id,"result":result}. The parts of result are written one after another, so that a caller
// can frame an encoded value without joining the pieces first; together they must be one JSON value.
func AppendResult(dst, id []byte, result ...[]byte) []byte { panic("jsonrpc: not written yet") }

// AppendError appends an error reply. A nil id is written as null, for a message whose id could not be read; nil data is left out.
func AppendError(dst, id []byte, code int, message string, data []byte) []byte {
	panic("jsonrpc: not written yet")
}

// AppendRequest appends a request of ours; nil params are left out.
func AppendRequest(dst, id []byte, method string, params []byte) []byte {
	panic("jsonrpc: not written yet")
}

// AppendNotification appends a notification; nil params are left out.
func AppendNotification(dst []byte, method string, params []byte) []byte {
	panic("jsonrpc: not written yet")
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T ~[]byte | ~string](dst []byte, s T) []byte { panic("jsonrpc: not written yet") }
