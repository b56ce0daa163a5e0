package mcpecho

import (
	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/narrow"
)

// Narrow limits the rows that the rest of the call can see: the query of a
// selector, and the suggestions of [CompleteColumn]. It is what a row scope
// step calls. The condition is added last and in parentheses, so that no OR in
// a query and no filter undoes it; several add up.
func (c *Call) Narrow(scope func(*gorm.DB) *gorm.DB) { c.scopes = append(c.scopes, scope) }

// Narrowed applies the row scopes of the call to a query of your own, for
// services that look up what they change.
func (c *Call) Narrowed(query *gorm.DB) *gorm.DB {
	for _, scope := range c.scopes {
		query = narrow.Scope(query, scope)
	}
	return query
}

// OnRow registers a check of each row between fetch and serialize; it is what
// an object permission step calls. An error of the check refuses the whole
// call.
func (c *Call) OnRow(check func(row any) error) { c.rowChecks = append(c.rowChecks, check) }

// CheckRow runs the row checks of the call's chain on a row that a service
// has looked up itself.
func (c *Call) CheckRow(row any) error {
	for _, check := range c.rowChecks {
		if err := check(row); err != nil {
			return err
		}
	}
	return nil
}
