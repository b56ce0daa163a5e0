package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/store"
)

// RateLimitConfig configures [RateLimitWithConfig].
type RateLimitConfig struct {
	// Skipper lets a call pass uncounted. Optional.
	Skipper Skipper
	// Rate is the sustained number of calls per second, below 1 for less than one. Required, unless
	// Policy is set.
	Rate rate.Limit
	// Burst is how many calls a rested caller may make at once. Default: Rate rounded up, at least
	// 1.
	Burst int
	// Policy counts in another way than by the bucket of Rate and Burst, which must then be 0:
	// [store.FixedWindow] or [store.SlidingWindow]. Optional.
	Policy store.Policy
	// Key names who or what a call is counted for: [ByPrincipal], [ByTool], [ByPrincipalAndTool],
	// or a function of the application, as one that reads the tenant from the principal's claims.
	// Calls with the same key are counted together. Default: ByPrincipal.
	Key func(c *mcpecho.Call) string

	// Limiter counts for all replicas together. Default: a [store.MemoryLimiter] of the step's own,
	// so that n replicas allow n times as much.
	Limiter store.Limiter
	// Name tells the counts of this limit from those of others in the same Limiter; steps of one
	// name and policy draw on the same counts. Required with Limiter.
	Name string
	// LimiterTimeout is how long a call waits for Limiter before that counts as down. A
	// [store.MemoryLimiter] needs none. Default: 100 ms.
	LimiterTimeout time.Duration
	// FailOpen lets calls pass uncounted while Limiter is down. Default: false, they are refused as
	// rate_limited, to be tried again after a second. Either is logged, at most once a second.
	FailOpen bool
}

// RateLimit is a step of [mcpecho.StageRateLimit] that bounds how many calls per second each caller
// may make, by a token bucket in the memory of this process. A call above the limit is refused with
// an error of type rate_limited that says when to come back, and costs the caller nothing.
//
// It runs after the permissions and before the arguments are decoded. Whoever may not use a tool is
// not charged, bad arguments are; so are reads of and subscriptions to a resource, prompts and
// completions whose chain has the step. A chain may hold several limits: they are asked in order,
// and the first that refuses is the last that is asked.
//
// One Step value is one limit: all specs, groups and servers that it is given to draw on the same
// counts. It panics unless perSecond is positive and finite.
func RateLimit(perSecond float64) mcpecho.Step {
	return RateLimitWithConfig(RateLimitConfig{Rate: rate.Limit(perSecond)})
}

// RateLimitWithConfig is [RateLimit] with a configuration. It panics when that is wrong;
// [RateLimitConfig.ToStep] returns the error.
func RateLimitWithConfig(cfg RateLimitConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg RateLimitConfig) ToStep() (mcpecho.Step, error) {
	if err := cfg.check(); err != nil {
		return mcpecho.Step{}, err
	}
	if cfg.Policy == nil {
		burst := cmp.Or(cfg.Burst, int(min(max(1, math.Ceil(float64(cfg.Rate))), math.MaxInt32)))
		cfg.Policy = store.TokenBucket{Rate: float64(cfg.Rate), Burst: burst}
	}
	if cfg.Key == nil {
		cfg.Key = ByPrincipal
	}
	if cfg.Limiter == nil {
		cfg.Limiter = store.NewMemoryLimiter(store.MemoryLimiterConfig{})
	}
	cfg.LimiterTimeout = cmp.Or(cfg.LimiterTimeout, 100*time.Millisecond)
	if _, local := cfg.Limiter.(*store.MemoryLimiter); local {
		cfg.LimiterTimeout = 0 // there is nothing to wait for
	}
	outages := &rate.Sometimes{Interval: time.Second}
	limit := mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		if err := cfg.charge(c, outages); err != nil {
			return err
		}
		return next(ec)
	})
	return mcpecho.Step{
		Name: "ratelimit", Stage: mcpecho.StageRateLimit, Func: unless(cfg.Skipper, limit), Native: native.Step(),
	}, nil
}

func (cfg RateLimitConfig) check() error {
	switch {
	case cfg.Burst < 0 || cfg.LimiterTimeout < 0:
		return errors.New("middleware: ratelimit LimiterTimeout or Burst is negative: leave it 0 for its default")
	case cfg.Limiter != nil && cfg.Name == "":
		return errors.New("middleware: ratelimit with a Limiter requires a Name, under which replicas find the same counts")
	case cfg.Policy == nil:
		if !(cfg.Rate > 0) || cfg.Rate >= rate.Inf {
			return fmt.Errorf("middleware: ratelimit of %v calls per second must be positive and finite: leave the step out for no limit", float64(cfg.Rate))
		}
		return nil
	case cfg.Rate != 0 || cfg.Burst != 0:
		return errors.New("middleware: ratelimit has a Policy and a Rate or Burst: use one of the two")
	}
	switch cfg.Policy.(type) {
	case store.TokenBucket, store.FixedWindow, store.SlidingWindow:
	default:
		return fmt.Errorf("middleware: ratelimit Policy is a %T: use a TokenBucket, FixedWindow or SlidingWindow, and no pointer", cfg.Policy)
	}
	if err := cfg.Policy.Validate(); err != nil {
		return fmt.Errorf("middleware: ratelimit: %w", err)
	}
	return nil
}

// charge counts a call, or says why it must not go on.
func (cfg *RateLimitConfig) charge(c *mcpecho.Call, outages *rate.Sometimes) error {
	ctx := c.Ctx()
	if cfg.LimiterTimeout > 0 {
		limited, cancel := context.WithTimeout(ctx, cfg.LimiterTimeout)
		defer cancel()
		ctx = limited
	}
	wait, err := cfg.Limiter.Take(ctx, cfg.Name, cfg.Policy, limitKey(cfg.Key, c), 1)
	switch {
	case err == nil && wait <= 0:
		return nil
	case err == nil:
		return &mcpecho.ToolError{
			Type: mcpecho.TypeRate, Message: "too many calls: try again in " + wait.String(), RetryAfter: wait,
		}
	case c.Ctx().Err() != nil: // the caller has gone or the call has taken too long: no fault of the Limiter
		return c.Ctx().Err()
	}
	outages.Do(func() {
		c.Server().Config().Logger.LogAttrs(c.Ctx(), slog.LevelError, "middleware: a limiter is down",
			slog.String("limit", cfg.Name), slog.String("error", err.Error()), slog.Bool("calls_pass", cfg.FailOpen))
	})
	if cfg.FailOpen {
		return nil
	}
	return &mcpecho.ToolError{
		Type: mcpecho.TypeRate, Message: "calls cannot be counted at the moment: try again in 1s", RetryAfter: time.Second, Internal: err,
	}
}
