package wire

import "github.com/mcpecho/kit/internal/jsonrpc"

type dated struct{}

var datedVersions = []string{"2025-11-25", "2025-06-18", "2025-03-26"}

func (dated) Index() int { return datedIndex }

func (dated) Versions() []string { return datedVersions }

func (dated) AppendOpening(b []byte) []byte { return append(b, '{') }

func (dated) AppendClosing(b, _ []byte) []byte { return append(b, '}') }

// ResourceNotFound is the code of these revisions. (specification 2025-11-25, server/resources,
// section Error Handling)
func (dated) ResourceNotFound() int { return jsonrpc.ResourceNotFound }

func (dated) OnlyObjects() bool { return true }

// check compares the headers of the modern wire, which this one does not know, where a client sends
// them all the same: an intermediary that reads them would be told something else.
func (dated) check(x *Exchange, _ string) error {
	if x.Message.Kind != jsonrpc.Request {
		return nil
	}
	if method, single := x.one(headerMethod); !single || method != "" && method != x.Message.Method {
		return mismatch("the Mcp-Method header is not the method of the body")
	}
	if x.peer.header(headerName) != nil {
		return x.checkName()
	}
	return nil
}

// join checks the session of a message. (specification 2025-11-25, basic/transports, section
// Session Management)
func (dated) join(x *Exchange) (err error) {
	if x.Message.Method != "initialize" {
		x.Session, err = x.peer.session(x)
	}
	return err
}

func (dated) checkParams(*Exchange, []Param) error { return nil }

// notified ends a running call. (specification 2025-11-25, basic/utilities/cancellation)
func (dated) notified(x *Exchange) {
	if x.Message.Method == "notifications/cancelled" {
		x.door.inflight.cancel(x.Session.ID, jsonrpc.Member(x.Message.Params, "requestId"))
	}
}

func (dated) responded(*Exchange) error { return nil }

func (dated) begin(x *Exchange) error { return x.door.inflight.begin(x) }

func (dated) canBegin(x *Exchange) error {
	if x.door.inflight.has(x) {
		return errInFlight
	}
	return nil
}

func (dated) end(x *Exchange) { x.door.inflight.end(x) }

func (dated) methodNotFound(*Refusal) {}

func (dated) logLevel(x *Exchange) string { return x.Session.LogLevel }

func (dated) capabilities(x *Exchange) []byte { return x.Session.Capabilities }

func (dated) links(x *Exchange) bool { return x.Session.Protocol != "2025-03-26" }
