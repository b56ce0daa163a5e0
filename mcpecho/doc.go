// Package mcpecho turns an Echo application into a Model Context Protocol (MCP) server.
//
// A tool is written the way an Echo route is: a name, a handler, middlewares. The handler is a
// typed function over the application's own gorm models and services; what surrounds it,
// authentication, permissions, limits, validation, a transaction, filters, pages, is a named chain
// of echo.MiddlewareFunc that can be printed and edited.
//
// # A server
//
// A [Server] is made once, gets its specs, and is mounted on a group of the Echo that is there.
// What is given to Mount authenticates; package middleware has Bearer for JWTs, package auth the
// verifiers for identity providers and API keys.
//
//	func taskServer(db *gorm.DB) *mcpecho.Server {
//		srv := mcpecho.New(mcpecho.Config{Name: "tasks", Version: "1.0.0", DB: db})
//		srv.Use(mw.RateLimit(10), mw.Transaction(), mw.Narrow[Task](ownTasks))
//
//		get := mcpecho.Retrieve[Task]("tasks.get", taskByID, mcpecho.Describe("Get a task."), mw.Scopes("tasks:read"))
//		srv.Add(
//			mcpecho.Service("tasks.add", addTask, mcpecho.Describe("Add a task."), mw.Scopes("tasks:write")),
//			mcpecho.Service("tasks.finish", finishTask, mcpecho.Describe("Finish a task."), mw.Scopes("tasks:write"),
//				mcpecho.Before("validate", mcpecho.Named("audit", audit))),
//			mcpecho.Selector[Task]("tasks.list", listTasks, mcpecho.Describe("List tasks."), mw.Scopes("tasks:read"),
//				mw.Filter[TaskFilter](), mw.Order("title", "id"), mw.Paginate(20)),
//			get,
//			get.AsResource("tasks://{id}", mcpecho.Name("task")),
//			mcpecho.Prompt("review", review, mcpecho.Describe("Review the tasks of a week."), mw.Public("it shows nothing")),
//		)
//		return srv
//	}
//
//	func mount(e *echo.Echo, srv *mcpecho.Server, key []byte) {
//		srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//	}
//
// [Server.Add] panics when a spec is wrong, with a sentence that names the spec, the step and the
// fix; [Server.AddSafely] returns it. [Server.Check] finds what is rarely meant, as a tool that
// nobody has to be permitted for; Mount logs it, or panics with [Config.Strict]. [Server.Shutdown]
// lets the calls that run end.
//
// # Specs
//
// A [Spec] is what one tool, resource or prompt is. [Service] makes one of a function that changes
// something. [Selector] and [Retrieve] make one of a function that returns a gorm query, which
// nobody has run: the steps behind it filter, order and page it, and the server runs it.
// [Spec.AsResource] publishes the same chain as a resource, [Resource] and [Prompt] make those of
// functions, and [NewSequence] one tool of several specs. Specs are values, so a domain package can
// export a list of them.
//
//	func addTask(c *mcpecho.Call, in NewTask) (Task, error) {
//		task := Task{Title: in.Title, Owner: c.Principal().Subject}
//		err := c.DB().Create(&task).Error
//		return task, err
//	}
//
//	func listTasks(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }
//
// [Plain] adapts a function that knows only a context, so that one service serves HTTP handlers and
// tools. [FromHandler] makes a spec of an Echo handler as it is.
//
// # Arguments
//
// The fields of the input struct are the arguments. Its tags are the schema that clients are told,
// and the validation: one source for both. Names that do not exist, wrong types and broken rules
// are reported all at once, in words by which a model can correct itself (package binding).
//
//	type NewTask struct {
//		Title string `json:"title" validate:"required,max=80" doc:"What is to be done."`
//		List  string `json:"list" default:"inbox" validate:"oneof=inbox later"`
//	}
//
// # The chain
//
// Each spec runs as its [Chain]. [Server.Fprint] prints them, and what it prints is what runs:
//
//	tasks.finish  scopes → ratelimit → narrow → audit → validate → transaction → handle → serialize
//
// A [Step] is one named middleware. Server, [Group] and spec add steps; the [Stage] of each decides
// where it stands, and a spec edits its own chain by name with [Before], [After], [Replace] and
// [Without]. The handler is a step in the middle. [Named] makes a step of any Echo middleware,
// [Guard] one of a middleware that decides who may call, and [Func] is the short form for a
// middleware that works on the call:
//
//	func audit(next echo.HandlerFunc) echo.HandlerFunc {
//		return func(c echo.Context) error {
//			err := next(c)
//			fmt.Println("audit:", mcpecho.CallFrom(c).Name(), err == nil)
//			return err
//		}
//	}
//
// A step that adds arguments or changes the output says so in its Describe; see [Definition].
//
// # The call
//
// The [Call] that passes through a chain is the live echo.Context of the request: what the
// middlewares of the Echo group have set is there. It has the caller, the database, the arguments,
// progress and logs for the client. What is written to its response, by a middleware or by a
// handler that knows only Echo, becomes the result of the call or its error.
//
// # Errors
//
// What a handler returns decides what the client sees. [Errorf] is for what a model should read and
// mend; a row that is not there, a violated constraint and a lock of the database become not_found,
// conflict and busy; what is not known becomes an internal error whose text is in the log alone,
// under a reference that the client is told. [Error] is an error of the protocol.
//
//	func finishTask(c *mcpecho.Call, in ByID) (Task, error) {
//		var task Task
//		if err := c.Narrowed(c.DB()).First(&task, in.ID).Error; err != nil {
//			return task, err // gorm.ErrRecordNotFound becomes not_found
//		}
//		if task.Done {
//			return task, mcpecho.Errorf("task %d is done already: list those with done=false", task.ID)
//		}
//		task.Done = true
//		c.AfterCommit(func(context.Context) { fmt.Println("mail:", task.Title, "is done") })
//		return task, c.DB().Save(&task).Error
//	}
//
// # Transactions
//
// With a Transaction step [Call.DB] is a transaction. It commits before the reply says success, and
// rolls back on an error, a panic, a deadline, a client that has left, and a result that cannot be
// sent. [Call.AfterCommit] is for mails and messages. [Call.Transaction] begins one in a handler,
// [JoinTransactions] lets stores that hold a handle of their own take part.
//
// # Which rows a caller sees
//
// A narrowing belongs to a row type and holds for every query of it that the server runs, in this
// call and in calls inside it: lists, counts, pages, completions. A handler's own queries go
// through [Call.Narrowed].
//
//	func ownTasks(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
//		return db.Where("owner = ?", c.Principal().Subject)
//	}
//
// A row permission (PermitRow of package middleware) looks at whole rows instead; [Call.CheckRow]
// asks it about one that a handler has looked up.
//
// # REST
//
// A spec with a [Route] is an Echo route too, where [Server.MountREST] mounts it: the same chain,
// with its arguments from the path and the query string or the body, its result as bare JSON, and
// its errors as problems that the application's own error handler answers. [Server.OpenAPI] serves
// the document of it.
//
// # Go callers
//
// [Invoke] calls a tool from a job, or from the handler of another tool, through its whole chain.
// [WithPrincipal] says for whom; inside of a call it is the caller of that.
//
//	func openTasks(ctx context.Context, srv *mcpecho.Server, owner string) ([]Task, error) {
//		ctx = mcpecho.WithPrincipal(ctx, &mcpecho.Principal{Subject: owner, Scopes: []string{"tasks:read"}})
//		page, err := mcpecho.Invoke[paginate.Envelope[Task]](ctx, srv, "tasks.list", TaskFilter{Done: new(false)})
//		return page.Items, err
//	}
//
// # Tests
//
// Package mcptest calls a server in process, through the real Echo and the real chain.
//
// # The wires
//
// One endpoint serves protocol 2026-07-28 ("modern": no handshake, every request carries its
// version) and 2025-11-25, 2025-06-18 and 2025-03-26 ("dated": initialize, then a session). A
// request says which it is on. Batches, which 2025-03-26 alone knows, are refused.
//
// # From door to door
//
// For readers of the code. A message comes in by internal/wire, which guards, reads and negotiates
// it; mount.go is the server as that package knows it. Then the files follow a call of a tool:
//
//	dispatch.go     has the table of methods, and says what a name that does not exist was meant to be
//	tool.go         finds the tool, replies with its result or its failure
//	registry.go     is what the server has at this moment
//	run.go          runs a call from its chain to its outcome, whatever middlewares do
//	call.go         is what the chain works on
//	entry.go        has the chain, compiled; gate.go, own.go keep foreign middlewares inside of the call
//	handle.go       decodes the arguments and runs the function
//	transaction.go  begins a transaction around it and undoes it; commit.go sends COMMIT, database.go says
//	                on which database; internal/transaction is what an open one is
//	rows.go         limits the rows of queries; fetch.go runs that of a selector
//	written.go      takes what was written to the response as the result
//	serialize.go    makes the result final, and has it encoded once
//	errors.go       is the table from causes to what a client sees; dbfailure.go its part about constraints
//	                and locks, by what internal/dberror reads in the errors of drivers
//	log.go          logs the failure; mask.go takes values out of it
//	reply.go        replies with finished content, and with errors of the protocol
//
// The other doors make the same call. REST: route.go is the option of a spec, rest.go takes its
// arguments from a request and sends the result, problem.go is a failure as that door tells it;
// openapi.go serves the document of it, operation.go describes one route there, security.go what a
// caller needs. Any server of net/http: handler.go. A terminal: stdio.go; request.go stands for the
// HTTP request that there is not. Inwards, fromhandler.go runs a handler of the application;
// existing.go says where that looks for its arguments, existingrequest.go makes the request.
//
// Go code: invoke.go finds and runs the tool and takes its result, godoor.go is the door, turn.go
// lets calls inside of one call run one after the other. definitions.go tells which tools there are
// for the caller.
//
// Beside that way: resource.go finds resources by their URI (internal/location matches templates)
// and replies with them; prompt.go and completion.go are the other surfaces, list.go the lists,
// subscribe.go what a session watches. hidden.go answers as if an entry did not exist. notify.go
// has Progress and Log, which the door sends. refusal.go logs what a middleware of a mount has
// refused. attempt.go runs a part of a chain again.
//
// At [Server.Add], in server.go: spec.go and option.go say what a spec is, surface.go what it
// becomes, names.go how it is called. step.go has the stages in their order, chain.go sorts and
// nests the steps, edit.go changes them by name. definition.go and models.go are what a step may
// know and add, output.go the schema and the options of a tool's result, sequence.go makes one spec
// of several, check.go finds what is rarely meant.
package mcpecho
