package content

import (
	"fmt"
	"time"
)

// Hints are the optional annotations of a block or of a resource.
// (specification 2026-07-28, server/resources, section Annotations)
type Hints struct {
	// Audience is who the content is for: "user", "assistant" or both.
	Audience []string `json:"audience,omitempty"`
	// Priority is from 0 (entirely optional) to 1 (effectively required); nil says nothing.
	Priority *float64 `json:"priority,omitzero"`
	// LastModified is when the content last changed.
	LastModified time.Time `json:"lastModified,omitzero"`
}

// Check returns an error for an audience that the protocol does not know and for a priority outside
// of 0 to 1. Nil hints are right. A server checks the hints of blocks when it sends them.
func (h *Hints) Check() error {
	if h == nil {
		return nil
	}
	for _, a := range h.Audience {
		if a != "user" && a != "assistant" {
			return fmt.Errorf("content: audience %q must be user or assistant", a)
		}
	}
	if p := h.Priority; p != nil && !(*p >= 0 && *p <= 1) {
		return fmt.Errorf("content: priority %v must be from 0 to 1", *p)
	}
	return nil
}
