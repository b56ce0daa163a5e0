package middleware

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"strings"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/store"
)

// ByPrincipal counts each caller for itself: the verified principal, or the
// network address of an anonymous caller, for IPv6 its /64 network. It is the
// default Key of [RateLimit] and [Concurrency].
//
// The address is that of [echo.Context.RealIP]: behind a proxy set
// Echo.IPExtractor, or clients can choose it.
func ByPrincipal(c *mcpecho.Call) string {
	if p := c.Principal(); p != nil {
		return "principal " + p.Key()
	}
	return store.Anonymous + clientNetwork(c)
}

// ByTool counts all callers of a tool, resource or prompt together.
func ByTool(c *mcpecho.Call) string { return c.Kind().String() + " " + c.Name() }

// ByPrincipalAndTool counts what each caller does with each tool, resource or
// prompt, so that a step of a whole server is a limit for each of its tools.
func ByPrincipalAndTool(c *mcpecho.Call) string { return ByPrincipal(c) + "\x00" + ByTool(c) }

// limitKey is the key of a call by a function of the configuration. Clients
// may have chosen parts of it, so its length is bounded.
func limitKey(by func(*mcpecho.Call) string, c *mcpecho.Call) string {
	const maxBytes = 256
	key := by(c)
	anonymous := strings.HasPrefix(key, store.Anonymous)
	if len(key) > maxBytes {
		sum := sha256.Sum256([]byte(key))
		if key = string(sum[:]); anonymous {
			key = store.Anonymous + key
		}
	}
	return key
}

// clientNetwork is what one anonymous client cannot change at will: its IPv4
// address or its IPv6 network.
func clientNetwork(c *mcpecho.Call) string {
	addr, err := netip.ParseAddr(c.RealIP())
	if err != nil { // a made-up header: the connection does not lie
		host, _, _ := net.SplitHostPort(c.Request().RemoteAddr)
		if addr, err = netip.ParseAddr(host); err != nil {
			return ""
		}
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	network, _ := addr.Prefix(64)
	return network.String()
}
