package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// TimeoutConfig configures [TimeoutWithConfig].
type TimeoutConfig struct {
	// Skipper leaves a call its deadline. Optional.
	Skipper Skipper
	// Timeout is how long everything after the step may take. Required.
	Timeout time.Duration
}

// Timeout is a step of [mcpecho.StageObserve] that shortens the deadline of a call: everything
// after it sees a context that ends in time, which cancels the SQL statement that is running and
// rolls a transaction back. The client gets an error of type timeout. It never lengthens: a
// duration above [mcpecho.Config.CallTimeout] has no effect.
//
// A chain holds one: that of the spec replaces that of its group or server. A handler that ignores
// its context is not interrupted. It panics unless d is positive.
func Timeout(d time.Duration) mcpecho.Step {
	return TimeoutWithConfig(TimeoutConfig{Timeout: d})
}

// TimeoutWithConfig is [Timeout] with a configuration. It panics when that is wrong;
// [TimeoutConfig.ToStep] returns the error.
func TimeoutWithConfig(cfg TimeoutConfig) mcpecho.Step {
	return must(cfg.ToStep())
}

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg TimeoutConfig) ToStep() (mcpecho.Step, error) {
	if cfg.Timeout <= 0 {
		return mcpecho.Step{}, fmt.Errorf("middleware: timeout of %s must be positive: leave the step out for mcpecho.Config.CallTimeout alone", cfg.Timeout)
	}
	shorten := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			request := ec.Request()
			ctx, cancel := context.WithTimeout(request.Context(), cfg.Timeout)
			defer cancel()
			ec.SetRequest(request.WithContext(ctx))
			defer ec.SetRequest(request)
			err := next(ec)
			if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				// Drivers report an interrupted statement in words of their own.
				err = errors.Join(err, ctx.Err())
			}
			return err
		}
	}
	return mcpecho.Step{
		Name: "timeout", Stage: mcpecho.StageObserve, Func: unless(cfg.Skipper, shorten), Native: native.Step(), Single: true,
	}, nil
}
