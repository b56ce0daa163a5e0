// Package middleware has the ready-made middlewares and steps of an MCP server, commonly imported
// as mw.
//
//	srv.Use(mw.Transaction(), mw.RateLimit(10), mw.Timeout(time.Minute))
//	srv.Add(
//		mcpecho.Service("bills.create", createBill, mw.Scopes("bills:write")),
//		mcpecho.Selector[Bill]("bills.list", bills, mw.Scopes("bills:read"),
//			mw.Narrow[Bill](visible), mw.Filter[BillFilter](), mw.Order("number"), mw.Paginate(20)),
//	)
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// # Middlewares and steps
//
// The type of a function says where it works. One that returns an [echo.MiddlewareFunc] is an
// ordinary Echo middleware, good on any route. One that returns a [mcpecho.Step] needs an MCP call:
// list it on a server, a group or a spec.
//
// Each step has a stage, and a call passes through the stages in this order, wherever the steps
// were listed:
//
//	step               stage             serves                what it does
//	Timeout            StageObserve      all                   shortens the deadline
//	Scopes, AnyScope   StagePermissions  all                   asks for OAuth scopes
//	Permit             StagePermissions  all                   asks a function
//	Public             StagePermissions  all                   states that everyone may, and why
//	RateLimit          StageRateLimit    all                   bounds how often a caller may
//	Concurrency        StageRateLimit    all                   bounds how many calls run at once
//	Unlimited          StageRateLimit    all                   states that it is unbounded, and why
//	Narrow, NarrowAll  StageUser         all                   says which rows exist for the caller
//	Transaction        StageTransaction  services              commits or rolls back
//	Filter             StageFilter       selectors             adds WHERE, by arguments
//	Order              StageOrder        selectors             adds ORDER BY, by an argument
//	Paginate           StagePaginate     selectors             adds LIMIT, by arguments
//	PermitRow          StageRows         all                   refuses a call because of a row
//	Serialize          StageSerialize    all                   shows what a function makes of a row
//	As                 StageSerialize    selectors, retrieves  shows some columns of a row
//
// A server or group may hold a step that does not serve a spec: the chain of the spec leaves it
// out. Listed on the spec itself it is an error.
//
// # Three forms
//
// As in Echo, one that can be configured comes in three forms. [RateLimit] takes what everybody
// needs and [RateLimitWithConfig] everything; both panic with a sentence when their arguments make
// no sense, because a program that calls them is about to start. [RateLimitConfig.ToStep] returns
// that as an error, for configurations that come from outside.
//
//	limit := mw.RateLimit(10)
//	burst := mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 10, Burst: 50, Key: mw.ByTool})
//
// A field that is left zero has the default that its comment names. One without anything to
// configure comes in one form: [Filter], [Narrow], [Public].
//
// # Who is calling
//
// [Bearer] runs behind the guards of the mount, which need no identity. It verifies a token and
// records the caller; without a valid one the answer is HTTP 401 with a challenge, and the log has
// the reason in one word. [BearerWithConfig] takes every kind of token that package auth can
// verify, and [ResourceMetadata] tells clients where to log in.
//
// # May they
//
// Permissions are asked before the arguments of a call are decoded. What makes the message itself
// wrong, as arguments that are no object or a header that contradicts them, is answered before.
//
//	all := mw.Scopes("bills:write", "bills:send")
//	one := mw.AnyScope("bills:read", "bills:write")
//	rule := mw.Permit(mw.Or(employee, mw.HasScopes("rates:read")))
//	everyone := mw.Public("rates are on our home page")
//
// A function decides by what it knows of the call:
//
//	func employee(c *mcpecho.Call) error {
//		if c.Principal() == nil || c.Principal().Issuer != "https://login.example.com" {
//			return fmt.Errorf("%w: no employee", mw.ErrDenied)
//		}
//		return nil
//	}
//
// # How often
//
// [RateLimit] bounds how many calls a caller may make, by a token bucket or a window, counted in
// the process or in a [store.Limiter] that replicas share. [Concurrency] bounds how many calls of
// one caller run at once in this process.
//
//	window := mw.RateLimitWithConfig(mw.RateLimitConfig{
//		Policy: store.FixedWindow{Max: 1000, Per: time.Hour}, Key: mw.ByTool,
//	})
//
// # Which rows
//
// [Narrow] says which rows of a table exist for the caller, in every query of the call. [PermitRow]
// looks at each row that is about to be sent, and refuses the call.
//
//	func visible(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
//		return db.Where("owner = ?", c.Principal().Subject) // behind Scopes nobody is anonymous
//	}
//
// # What changes
//
// [Transaction] surrounds a service and the encoding of its result: it commits before the client
// gets its reply, and rolls back when anything fails before.
//
// # Which list
//
// [Filter], [Order] and [Paginate] rewrite the query that a selector returned. Each adds its
// arguments to the tool's schema.
//
//	type BillFilter struct {
//		Sent      *bool  `json:"sent"`
//		MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
//	}
//
// # What is shown
//
// [Serialize] and [As] say how a row is shown, and set the output schema.
//
//	columns := mw.As[Summary]()
//	words := mw.Serialize(func(b Bill) string { return "bill " + b.Number })
//
// # A step of your own
//
// Any Echo middleware is a step, by [mcpecho.Named], or by [mcpecho.Guard] when it decides who may
// call. One that works on the call is made by [mcpecho.Func], as the steps of this package are:
//
//	func quota(left func(subject string) int) mcpecho.Step {
//		return mcpecho.Step{
//			Name: "quota", Stage: mcpecho.StageRateLimit,
//			Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
//				if left(c.Principal().Subject) == 0 { // behind Scopes nobody is anonymous
//					return &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "no calls are left"}
//				}
//				return next(ec)
//			}),
//		}
//	}
//
// What comes before next(ec) happens on the way in, what comes after it on the way out, when
// [mcpecho.Call.Result] is there. A step that needs arguments of its own, changes the output schema
// or is built for each spec has a Describe: see [mcpecho.Definition], and docs/steps.md in the
// repository.
package middleware
