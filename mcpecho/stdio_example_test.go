package mcpecho_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// A client starts the program and writes to its standard input. Here it has written all that it
// wants and left.
func ExampleServer_ServeStdio() {
	srv := mcpecho.New(mcpecho.Config{Name: "billing", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	srv.Add(mcpecho.Service("whoami", func(c *mcpecho.Call, _ struct{}) (string, error) {
		return c.Principal().Subject, nil
	}, mcpecho.Describe("Say who calls."), mw.Scopes("invoices:read")))

	os.Stdin = written(
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`)
	err := srv.ServeStdio(context.Background(), &mcpecho.Principal{Subject: "ann", Scopes: []string{"invoices:read"}})
	fmt.Println(err)
	// Output:
	// {"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"tools":{}},"serverInfo":{"name":"billing","version":"0.0.0"}}}
	// {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ann"}]}}
	// <nil>
}

// written is an input that has these lines.
func written(lines ...string) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	_ = w.Close()
	return r
}
