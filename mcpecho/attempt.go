package mcpecho

import (
	"maps"
	"slices"

	"github.com/labstack/echo/v4"
)

// Mark remembers what the chain has made of the call so far. The function that it returns puts
// the call back to that state, so that a step can run its successor again as if it had never run:
// the result and the query, what was reported with [Call.Error] or written as a response, what
// waits for a commit, and a report of progress that was not sent yet. What was sent to the client,
// and values set with Set, stay.
func (c *Call) Mark() (rewind func()) {
	query, wrap, result, format := c.query, c.wrap, c.result, c.format
	fetched, structured, text, items := c.fetched, c.structured, c.text, c.items
	scopes, rowChecks := slices.Clip(c.scopes), slices.Clip(c.rowChecks)
	errored, afterCommit, outcomes := c.errored, slices.Clip(c.afterCommit), maps.Clone(c.outcomes)
	rewindCapture := c.capture.mark(c.Context)
	return func() {
		c.query, c.wrap, c.result, c.format = query, wrap, result, format
		c.fetched, c.structured, c.text, c.items = fetched, structured, text, items
		c.scopes, c.rowChecks = scopes, rowChecks
		c.errored, c.afterCommit, c.outcomes = errored, afterCommit, maps.Clone(outcomes)
		rewindCapture()
		if n := c.exchange.notify.Load(); n != nil && n != over {
			n.forget()
		}
	}
}

// mark remembers what was written, to the capture and to the response in front of it.
func (p *capture) mark(ec echo.Context) (rewind func()) {
	if p == nil {
		return func() {}
	}
	response := ec.Response()
	status, length, header, before := p.status, p.body.Len(), p.header.Clone(), *response
	return func() {
		p.status = status
		p.body.Truncate(length)
		clear(p.header)
		for name, values := range header {
			p.header[name] = slices.Clone(values)
		}
		*response = before
		if ec.Response() != response {
			ec.SetResponse(response)
		}
	}
}
