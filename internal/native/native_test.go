package native_test

import (
	"testing"

	"github.com/mcpecho/kit/internal/native"
)

func TestOnlyAMarkOfThisPackageSaysYes(t *testing.T) {
	if (native.Mark{}).Native() {
		t.Error("a step without a mark, as every step of a user is, counts as one that keeps the promises")
	}
	if !native.Step().Native() {
		t.Error("the mark of a step that keeps the promises says no")
	}
}
