// Package native marks the steps of this module that keep two promises: they hand the very call
// that they were given to their successor, and they return only after it has returned. Such steps
// need no gate around their successor.
package native

// Mark is the mark of a step. Only this module can make one that says yes.
type Mark struct{ yes bool }

// Step is the mark of a step that keeps the promises.
func Step() Mark { return Mark{true} }

// Native says whether the step keeps the promises.
func (m Mark) Native() bool { return m.yes }
