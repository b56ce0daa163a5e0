package integration_test

import (
	"os"
	"strings"
	"testing"
)

// The program itself is compiled with the module, as example/quickstart.
func TestTheREADMEShowsTheQuickstartProgram(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("../example/quickstart/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```") {
		t.Error("README.md does not show example/quickstart/main.go as it is: paste it again")
	}
}
