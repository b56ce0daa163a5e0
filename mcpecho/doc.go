// Package mcpecho turns an Echo application into a Model Context Protocol
// (MCP) server.
//
// A tool is written the way an Echo route is: a name, a handler, middlewares.
// The unit of registration is the [Spec]: [Service] makes one of a function
// that changes something, [Selector] and [Retrieve] of functions that return a
// gorm query, [Resource] and [Prompt] of functions that give something to read
// and messages for a model. Types are inferred from the function; the fields
// of its input say the arguments (package binding).
//
//	srv := mcpecho.New(mcpecho.Config{Name: "billing", DB: db})
//	srv.Add(
//		mcpecho.Service("invoices.create", createInvoice,
//			mcpecho.Describe("Create an invoice."), mw.Scopes("invoices:write"), mw.Transaction()),
//		mcpecho.Selector[Invoice]("invoices.list", invoices,
//			mcpecho.Describe("List invoices."), mw.Scopes("invoices:read"),
//			mw.Filter[InvoiceFilter](), mw.Order("number"), mw.Paginate(20)),
//	)
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//	srv.Fprint(os.Stdout)
//
// # The chain
//
// Each spec runs as a named chain of echo.MiddlewareFunc, its [Chain]. A
// [Step] is one of them: package middleware has the ready-made ones, [Named]
// makes any Echo middleware a step. Server, [Group] and spec add steps; the
// [Stage] of each puts them into the order of the pipeline, and a spec edits
// its own chain by name with [Before], [After], [Replace] and [Without]. The
// handler is a step in the middle, so the printed chain is the real order.
//
// The [Call] that passes through it is the live echo.Context of the request.
//
// # One call from door to door
//
// The files of the package follow a request:
//
//	guard.go        refuses what needs no identity to be refused; refusal.go logs what a mount refused
//	load.go         counts who is inside; slow.go gives bodies and replies their time
//	http.go         reads one message; serves the verbs
//	wire.go         tells the two wires apart, compares headers with the body (param.go)
//	session.go      the sessions of dated clients, subscribe.go what they watch; cancel.go ends calls
//	dispatch.go     the method table; list.go, resource.go, prompt.go and completion.go have the
//	                methods beside tools/call
//	registry.go     what is served at one moment; entry.go is one spec as a server runs it
//	names.go        how entries are listed; hidden.go finds a resource by its URI (internal/location),
//	                and answers as if an entry did not exist
//	call.go         what the chain works on; run.go runs it, whatever middlewares do
//	gate.go         waits for what a middleware leaves running; own.go keeps its context apart
//	database.go     which database a call has
//	transaction.go  begins and ends a transaction; commit.go, savepoint.go, control.go, turn.go, join.go,
//	                hooks.go for what follows a commit, attempt.go for running a chain again
//	rows.go         which rows a call can see, and who is asked about each
//	fetch.go        runs the query; serialize.go and render.go encode the result once
//	written.go      what a middleware or handler wrote instead
//	errors.go       the one table from causes to what a client sees; dberror.go, refused.go and
//	                httperror.go read what databases and Echo say
//	log.go          what is logged of it; mask.go takes values out
//	reply.go        writes the reply; stream.go turns it into an event stream
//
// At Add: spec.go and option.go say what a spec is, step.go and chain.go how its steps are sorted,
// edited and nested, definition.go what a step may add to it, sequence.go makes one of several.
//
// # The wires
//
// One endpoint serves protocol 2026-07-28 ("modern": no handshake, every
// request carries its version) and 2025-11-25, 2025-06-18 and 2025-03-26
// ("dated": initialize, then a session). A request says which it is on.
// Batches, which 2025-03-26 alone knows, are refused.
package mcpecho
