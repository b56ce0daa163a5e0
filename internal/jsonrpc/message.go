// Package jsonrpc reads and writes the JSON-RPC 2.0 messages of the Model Context Protocol.
//
// [Parse] is one strict pass over the body of a request. It yields byte ranges, not decoded values,
// and it refuses whatever two readers could understand differently: duplicate members, members that
// differ from a known one only by case, trailing bytes, broken Unicode. The Append functions write
// replies.
package jsonrpc

// Kind tells what a message is.
type Kind uint8

const (
	// Request is a message with a method and an id: it gets exactly one reply.
	Request Kind = iota + 1
	// Notification is a message with a method and no id: it gets no reply.
	Notification
	// Response is a message with a result or an error: the answer to a request of ours.
	Response
)

// Message is one scanned message. All byte slices are parts of the body that was parsed and live as
// long as it does; a nil slice means the member is absent.
type Message struct {
	Kind   Kind
	ID     []byte // a JSON string or an integer literal, as sent; nil for a notification
	Method string // decoded; empty for a response
	Params []byte // a JSON object

	// Members of Params that the dispatcher needs, as raw JSON of any type. Text gives the Go
	// string of one.
	Name      []byte
	URI       []byte
	Cursor    []byte
	Arguments []byte
	Format    []byte // "outputFormat"
	Meta      []byte // params._meta, see ParseMeta

	// What a response carries, as raw JSON.
	Result  []byte
	Failure []byte
}

// Text returns the string that raw, a member of a scanned message, encodes. It is false when raw is
// absent or not a JSON string.
func Text(raw []byte) (string, bool) {
	b, ok := Unquote(raw)
	return string(b), ok
}
