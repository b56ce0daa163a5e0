package middleware

import (
	"crypto/sha256"
	"strings"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/store"
)

// ByPrincipal counts each caller for itself: the verified principal, or the network address of an
// anonymous caller, for IPv6 its /64 network. It is the default Key of [RateLimit] and
// [Concurrency].
//
// The address is that of [mcpecho.Call.Network]: behind a proxy set Echo.IPExtractor, or all
// anonymous callers are counted together.
func ByPrincipal(c *mcpecho.Call) string {
	if p := c.Principal(); p != nil {
		return "principal " + p.Key()
	}
	return store.Anonymous + c.Network().String()
}

// ByTool counts all callers of a tool, resource or prompt together.
func ByTool(c *mcpecho.Call) string { return c.Kind().String() + " " + c.Name() }

// ByPrincipalAndTool counts what each caller does with each tool, resource or prompt, so that a
// step of a whole server is a limit for each of its tools.
func ByPrincipalAndTool(c *mcpecho.Call) string { return ByPrincipal(c) + "\x00" + ByTool(c) }

// limitKey is the key of a call by a function of the configuration. Clients may have chosen parts
// of it, so its length is bounded.
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
