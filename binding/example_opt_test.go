package binding_test

import (
	"fmt"

	"github.com/mcpecho/kit/binding"
)

// A partial update changes what is present, clears what is null, and leaves the rest.
func ExampleOpt() {
	type Patch struct {
		Note binding.Opt[string] `json:"note"`
	}
	for _, body := range []string{`{}`, `{"note":null}`, `{"note":"paid late"}`} {
		p, err := binding.DecodeJSON[Patch]([]byte(body))
		if err != nil {
			panic(err)
		}
		switch note, ok := p.Note.Get(); {
		case ok:
			fmt.Println("set note to", note)
		case p.Note.IsNull():
			fmt.Println("clear note")
		default:
			fmt.Println("leave note")
		}
	}
	// Output:
	// leave note
	// clear note
	// set note to paid late
}
