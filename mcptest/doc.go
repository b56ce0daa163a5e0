// Package mcptest calls the tools of a [mcpecho.Server] from Go tests: in process, without a port,
// but through the real Echo, the real transport and the real chain of each tool, so that a test
// sees what an MCP client sees.
//
//	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"invoices:read"}})
//	page := mcptest.Call[InvoicePage](client, "invoices.list", map[string]any{"sent": true})
//
// # Calls
//
// [Call] is for calls that must succeed: it fails the test otherwise and returns the decoded
// result. [Client.Do] is for everything else; its [Result] says which error came back and how:
//
//	r := client.Do("invoices.create", map[string]any{"number": "A-1"})
//	if r.Error == nil || r.Error.Type != mcpecho.TypeConflict {
//		t.Errorf("a number that is used already: %s", r.Text)
//	}
//
// An error of the protocol, as the refusal of a scope, is in [Response.RPCError] instead, and the
// HTTP status in [Response.Status]. Arguments are a struct, a map, or the raw JSON of a
// jsontext.Value.
//
// # Callers
//
// A test says who calls with [Client.As] and needs no token; without it the caller is anonymous.
// The middlewares of an application's own Echo group do not run; test those over HTTP.
//
// # Schemas
//
// [AssertConforms] checks a result against the output schema that clients were told. One loop over
// [Client.Tools] checks all tools of a server.
//
// # Resources, prompts, completion
//
// [Client.Read], [Client.Prompt] and [Client.Complete] do for resources, prompts and suggestions
// what [Client.Do] does for tools; [Client.Resources], [Client.Templates] and [Client.Prompts] list
// them. [Client.Raw] sends any other method.
//
// # Progress and logs
//
// With [WithProgress] and [WithLogs] a client asks for what a call reports before its answer;
// [Response.Progress] and [Response.Logs] return it.
//
// # Names
//
// Tests call tools and prompts by the names that the program gives them, as invoices.list; the
// client translates to the names that clients see and call, as invoices_list
// ([mcpecho.Config.ToolNames]). What comes back (the lists, hints, messages) has the names that
// clients see.
//
// # Wires
//
// The default is the modern wire (protocol 2026-07-28). With [Dated] a client opens a session
// first, as clients before that revision do, and ends it when the test does. A tool behaves alike
// on both, with one difference that the protocol asks for: on the dated wire only objects are
// structured content, other results are in the text alone.
package mcptest
