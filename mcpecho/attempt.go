package mcpecho

import (
	"maps"
	"slices"
)

// Mark remembers what the chain has made of the call so far. The function that it returns puts the
// call back to that state, so that a step can run its successor again as if it had never run: the
// arguments, the result and the query, what was reported with [Call.Error] or written as a
// response, what waits for a commit, and a report of progress that was not sent yet. What was sent
// to the client, and values set with Set, stay.
func (c *Call) Mark() (rewind func() error) {
	answer, hooks, decoded := c.answer, c.hookList().Mark(), c.args != nil
	answer.checked, answer.outcomes = slices.Clip(answer.checked), maps.Clone(answer.outcomes)
	response, rewindCapture := c.response, c.capture.Mark()
	return func() error {
		c.answer = answer
		c.hookList().Drop(hooks)
		c.answer.outcomes = maps.Clone(answer.outcomes)
		rewindCapture()
		c.SetResponse(response)
		c.door.ForgetProgress()
		if decoded {
			return c.decode()
		}
		return nil
	}
}
