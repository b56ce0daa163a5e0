// Package mcptest calls the tools of a [mcpecho.Server] from Go tests: in
// process, without a port, but through the real Echo, the real transport and
// the real chain of each tool, so that a test sees what an MCP client sees.
//
//	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"invoices:read"}})
//	page := mcptest.Call[InvoicePage](client, "invoices.list", map[string]any{"sent": true})
//
// [Call] is for calls that must succeed: it fails the test otherwise and
// returns the decoded result. [Client.Do] is for everything else; its
// [Result] says which error came back and how. [AssertConforms] checks a
// result against the output schema that clients were told. [Client.Read],
// [Client.Prompt] and [Client.Complete] do the same for resources, prompts and
// completion.
//
// # Names
//
// Tests call tools and prompts by the names that the program gives them, as
// invoices.list; the client translates to the names that clients see and call,
// as invoices_list ([mcpecho.Config.ToolNames]). What comes back (the lists,
// hints, messages) has the names that clients see.
//
// # Authentication
//
// A test says who calls with [Client.As] and needs no token. The middlewares
// of an application's own Echo group are not part of the Echo that [New]
// makes; test those over HTTP.
//
// # Progress and logs
//
// With [WithProgress] and [WithLogs] a client asks for what a call reports
// before its answer; [Response.Progress] and [Response.Logs] return it.
//
// # Wires
//
// The default is the modern wire (protocol 2026-07-28). With [Dated] a client
// opens a session first, as clients before that revision do, and ends it when
// the test does. A tool behaves alike on both, with one difference that the
// protocol asks for: on the dated wire only objects are structured content,
// other results are in the text alone.
package mcptest
