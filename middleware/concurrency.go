package middleware

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// ConcurrencyConfig configures [ConcurrencyWithConfig].
type ConcurrencyConfig struct {
	// Skipper lets a call pass uncounted. Optional.
	Skipper Skipper
	// Max is how many calls of one key may run at once. Required.
	Max int
	// Key names who or what a call is counted for; see [RateLimitConfig]. Default: [ByPrincipal].
	Key func(c *mcpecho.Call) string
	// RetryAfter is when a refused caller is told to come back: how long a call usually takes.
	// Default: 1 s.
	RetryAfter time.Duration
}

// Concurrency is a step of [mcpecho.StageRateLimit] that lets at most n calls of each caller run at
// once, counted in this process. One more is refused with an error of type rate_limited; it does
// not wait. A call counts until everything after the step has ended, with a panic too.
//
// One Step value is one limit, whatever it is given to; a chain may hold several. It panics unless
// n is positive.
func Concurrency(n int) mcpecho.Step {
	return ConcurrencyWithConfig(ConcurrencyConfig{Max: n})
}

// ConcurrencyWithConfig is [Concurrency] with a configuration. It panics when that is wrong;
// [ConcurrencyConfig.ToStep] returns the error.
func ConcurrencyWithConfig(cfg ConcurrencyConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg ConcurrencyConfig) ToStep() (mcpecho.Step, error) {
	if cfg.Max < 1 {
		return mcpecho.Step{}, fmt.Errorf("middleware: concurrency of %d calls must be positive: leave the step out for no limit", cfg.Max)
	}
	if cfg.RetryAfter < 0 {
		return mcpecho.Step{}, fmt.Errorf("middleware: concurrency RetryAfter %s is negative: leave it 0 for its default", cfg.RetryAfter)
	}
	if cfg.Key == nil {
		cfg.Key = ByPrincipal
	}
	cfg.RetryAfter = cmp.Or(cfg.RetryAfter, time.Second)
	cfg.RetryAfter = (cfg.RetryAfter + time.Millisecond - 1).Truncate(time.Millisecond) // the unit in which it is sent
	running := &running{max: cfg.Max, calls: map[string]int{}}
	limit := mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		key := limitKey(cfg.Key, c)
		if !running.begin(key) {
			return &mcpecho.ToolError{
				Type: mcpecho.TypeRate, Message: "too many calls at once: wait for one to end", RetryAfter: cfg.RetryAfter,
			}
		}
		defer running.end(key)
		return next(ec)
	})
	return mcpecho.Step{
		Name: "concurrency", Stage: mcpecho.StageRateLimit, Func: unless(cfg.Skipper, limit), Native: native.Step(),
	}, nil
}

// running counts calls by key. A key without calls is not held, so there are never more keys than
// requests.
type running struct {
	max   int
	mu    sync.Mutex
	calls map[string]int
}

func (r *running) begin(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[key] >= r.max {
		return false
	}
	r.calls[key]++
	return true
}

func (r *running) end(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[key]--; r.calls[key] == 0 {
		delete(r.calls, key)
	}
}
