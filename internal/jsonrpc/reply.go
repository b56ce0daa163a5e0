package jsonrpc

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	opening = `{"jsonrpc":"2.0","id":`
	calling = `{"jsonrpc":"2.0","method":`
)

// AppendResult appends the reply to the request id: {"jsonrpc":"2.0","id":id,"result":result}. The
// parts of result are written one after another, so that a caller can frame an encoded value
// without joining the pieces first; together they must be one JSON value.
func AppendResult(dst, id []byte, result ...[]byte) []byte {
	dst = append(dst, opening...)
	dst = append(dst, id...)
	dst = append(dst, `,"result":`...)
	for _, part := range result {
		dst = append(dst, part...)
	}
	return append(dst, '}')
}

// AppendError appends an error reply. A nil id, of a message whose id could not be read, is left
// out: since 2025-11-25 the schema makes it optional, and no revision takes the null of plain
// JSON-RPC. data, a JSON value, is left out when nil.
func AppendError(dst, id []byte, code int, message string, data []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0"`...)
	if id != nil {
		dst = append(append(dst, `,"id":`...), id...)
	}
	dst = append(dst, `,"error":{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, message)
	if data != nil {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, "}}"...)
}

// AppendNotification appends a notification; params, a JSON object, are left out when nil.
func AppendNotification(dst []byte, method string, params []byte) []byte {
	dst = AppendString(append(dst, calling...), method)
	if params != nil {
		dst = append(dst, `,"params":`...)
		dst = append(dst, params...)
	}
	return append(dst, '}')
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T ~[]byte | ~string](dst []byte, s T) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // its only error says that bytes were replaced
	return dst
}
