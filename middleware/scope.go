package middleware

import (
	"errors"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// ScopeConfig configures [ScopeWithConfig].
type ScopeConfig struct {
	// Skipper skips the step for the calls it returns true for, which then see
	// every row. Default: none.
	Skipper Skipper
	// Scope adds the conditions that limit the rows of the call. Required.
	Scope func(c *mcpecho.Call, db *gorm.DB) *gorm.DB
}

// Scope limits the rows that a call can see, whatever its query and its
// filters say: those of selectors and retrieves, and the suggestions of
// CompleteColumn. scope adds conditions with Where, Not and Or; anything else
// fails the call. A row outside the scope does not exist for the caller.
//
//	mw.Scope(func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
//		return db.Where("owner = ?", c.Principal().Subject)
//	})
//
// Services look up what they change through c.Narrowed, which has the same
// limits. It panics without a function.
func Scope(scope func(c *mcpecho.Call, db *gorm.DB) *gorm.DB) mcpecho.Step {
	return ScopeWithConfig(ScopeConfig{Scope: scope})
}

// ScopeWithConfig is [Scope] with a configuration. It panics when the
// configuration is wrong.
func ScopeWithConfig(cfg ScopeConfig) mcpecho.Step { return must(cfg.ToStep()) }

// ToStep makes the step, or says what is wrong with the configuration.
func (cfg ScopeConfig) ToStep() (mcpecho.Step, error) {
	if cfg.Scope == nil {
		return mcpecho.Step{}, errors.New("middleware: scope needs a function that adds conditions")
	}
	return mcpecho.Step{
		Name: "scope", Stage: mcpecho.StagePermissions, Native: true,
		Func: func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				if c := mcpecho.CallFrom(ec); !skips(cfg.Skipper, ec) {
					c.Narrow(func(db *gorm.DB) *gorm.DB { return cfg.Scope(c, db) })
				}
				return next(ec)
			}
		},
	}, nil
}
