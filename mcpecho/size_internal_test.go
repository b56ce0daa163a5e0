package mcpecho

import (
	"testing"
	"unsafe"
)

// A Call is the largest allocation of one. Go allocates in size classes, less a word for the
// garbage collector: eight bytes more here cost 128 in every call.
func TestACallFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(Call{}); size > 768-8 {
		t.Errorf("a Call has %d bytes: find something that can be worked out", size)
	}
}
