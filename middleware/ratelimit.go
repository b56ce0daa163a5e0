package middleware

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/mcpecho"
)

// RateLimitConfig configures [RateLimitWithConfig].
type RateLimitConfig struct {
	// Skipper lets a call pass uncounted. Optional.
	Skipper Skipper
	// Rate is the sustained number of calls per second, below 1 for less than
	// one. Required.
	Rate rate.Limit
	// Burst is how many calls a rested caller may make at once. Default: Rate
	// rounded up, at least 1.
	Burst int
	// Key names who a call is counted for. Default: the verified principal; the
	// address of an anonymous caller, for IPv6 its /64 network. The address is
	// [echo.Context.RealIP]: behind a proxy set Echo.IPExtractor, or clients can
	// choose it.
	Key func(c *mcpecho.Call) string
	// MaxKeys bounds how many callers are remembered. Above it the one that was
	// quiet for longest is forgotten, and starts with a full burst when it comes
	// back. Default: 10,000, which take about 3 MB.
	MaxKeys int
	// IdleExpiry is how long a quiet caller is remembered, though never shorter
	// than it takes to regain a full burst. Default: 3 min.
	IdleExpiry time.Duration
}

// DefaultRateLimitConfig has the defaults of [RateLimit].
var DefaultRateLimitConfig = RateLimitConfig{
	MaxKeys:    10_000,
	IdleExpiry: 3 * time.Minute,
}

// RateLimit is a step of [mcpecho.StageRateLimit] that bounds how many calls
// per second each caller may make, by a token bucket in the memory of this
// process. A call above the limit is refused with an error of type
// rate_limited that says when to come back, and costs the caller nothing.
//
// One Step value is one limit: all specs, groups and servers that it is given
// to draw on the same buckets. A chain may hold several. It panics unless
// perSecond is positive and finite.
func RateLimit(perSecond float64) mcpecho.Step {
	cfg := DefaultRateLimitConfig
	cfg.Rate = rate.Limit(perSecond)
	return RateLimitWithConfig(cfg)
}

// RateLimitWithConfig is [RateLimit] with a configuration. It panics when
// that is wrong; [RateLimitConfig.ToStep] returns the error.
func RateLimitWithConfig(cfg RateLimitConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg RateLimitConfig) ToStep() (mcpecho.Step, error) {
	if !(cfg.Rate > 0) || math.IsInf(float64(cfg.Rate), 1) || cfg.Rate == rate.Inf {
		return mcpecho.Step{}, fmt.Errorf("middleware: ratelimit of %v calls per second must be positive and finite: leave the step out for no limit", float64(cfg.Rate))
	}
	if cfg.Burst < 0 || cfg.MaxKeys < 0 || cfg.IdleExpiry < 0 {
		return mcpecho.Step{}, errors.New("middleware: ratelimit Burst, MaxKeys or IdleExpiry is negative: leave it 0 for its default")
	}
	if cfg.Burst == 0 {
		cfg.Burst = int(min(max(1, math.Ceil(float64(cfg.Rate))), math.MaxInt32))
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = DefaultRateLimitConfig.MaxKeys
	}
	if cfg.IdleExpiry == 0 {
		cfg.IdleExpiry = DefaultRateLimitConfig.IdleExpiry
	}
	b := newBuckets(cfg)
	limit := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			if skips(cfg.Skipper, ec) {
				return next(ec)
			}
			c := mcpecho.CallFrom(ec)
			if wait := b.take(cfg.key(c), time.Now()); wait > 0 {
				return &mcpecho.ToolError{
					Type: mcpecho.TypeRate, Message: "too many calls: try again in " + wait.String(), RetryAfter: wait,
				}
			}
			return next(ec)
		}
	}
	return mcpecho.Step{Name: "ratelimit", Stage: mcpecho.StageRateLimit, Func: limit, Native: true}, nil
}

// bucketKey keeps the two kinds of caller apart, whatever a principal's key
// looks like.
type bucketKey struct {
	anonymous bool
	name      string
}

// maxKeyBytes bounds the memory of a key that a client may have chosen.
const maxKeyBytes = 256

func (cfg RateLimitConfig) key(c *mcpecho.Call) bucketKey {
	var k bucketKey
	switch {
	case cfg.Key != nil:
		k.name = cfg.Key(c)
	case c.Principal() != nil:
		k.name = c.Principal().Key()
	default:
		k = bucketKey{anonymous: true, name: clientNetwork(c)}
	}
	if len(k.name) > maxKeyBytes {
		sum := sha256.Sum256([]byte(k.name))
		k.name = string(sum[:])
	}
	return k
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
