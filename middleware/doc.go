// Package middleware has the ready-made middlewares and steps of an MCP server, commonly imported
// as mw.
//
// The type of a function says where it works. One that returns an [echo.MiddlewareFunc] is an
// ordinary Echo middleware, good on any route. One that returns a [mcpecho.Step] needs an MCP call:
// list it on a server, a group or a spec. As in Echo one with knobs comes as X, as XWithConfig,
// which panic when their arguments make no sense, and as XConfig.ToStep or ToMiddleware, which
// return the error instead.
//
//	srv := mcpecho.New(mcpecho.Config{Name: "billing", DB: db})
//	srv.Use(mw.Transaction(), mw.RateLimit(10))
//	srv.Add(
//		mcpecho.Service("invoices.create", createInvoice, mw.Scopes("invoices:write")),
//		mcpecho.Selector[Invoice]("invoices.list", invoices, mw.Scopes("invoices:read"),
//			mw.Filter[InvoiceFilter](), mw.Order("number"), mw.Paginate(20)),
//	)
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// # In the order of the pipeline
//
// [Bearer] runs behind the guards of the mount, which need no identity. It asks a verifier of
// package auth about the token, a JWT, an opaque token or an API key, and records the caller;
// without a valid one the answer is HTTP 401 with a challenge, the log has the reason in one word,
// and [ResourceMetadata] tells clients where to log in. Which issuer and which audience a token
// must have is for [auth.JWTConfig] to say.
//
// [Timeout] shortens the deadline of everything after it.
//
// [Scopes], [AnyScope] and [Permit] decide whether the caller may use the tool at all, before its
// arguments are looked at. [Public] marks a tool that everyone may use. [Narrow] and [NarrowAll]
// say which rows exist for the caller, [PermitRow] decides about single ones.
//
// [RateLimit] bounds how often one caller may, by a token bucket or a window, counted in a
// [store.Limiter]; [Concurrency] how many calls of one caller run at once in this process.
//
// [Transaction] surrounds a service and the encoding of its result.
//
// [Filter], [Order] and [Paginate] rewrite the query that a selector returned. Each adds its
// arguments to the tool's schema.
//
// [Serialize] and [As] say how a row is shown, and set the output schema.
package middleware
