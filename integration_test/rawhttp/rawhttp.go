// Package rawhttp makes HTTP requests of the modern wire by hand, for tests that send what no
// client library sends.
package rawhttp

import (
	"net"
	"net/http"

	"github.com/go-json-experiment/json"
)

// Meta is the least that the params of a modern request have.
const Meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// Header is that of a modern request. An empty token or name is left out.
func Header(token, method, name string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {method}}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	if name != "" {
		h.Set("Mcp-Name", name)
	}
	return h
}

// Call is the body of a modern tools/call. The arguments are a JSON object.
func Call(tool, arguments string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `,` + Meta + `}}`
}

// Quote makes a JSON string of text, which must be UTF-8.
func Quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Narrow makes a listener whose connections take only a few KiB of a reply that is not read.
func Narrow(l net.Listener) net.Listener { return narrow{l} }

type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(4096)
	}
	return conn, err
}
