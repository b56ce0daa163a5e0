package mcpecho

import (
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/native"
)

// Stage is the place of a step in the pipeline; its number is its order. Steps are sorted by stage,
// so the order in which server, group and spec list them does not matter across stages; within a
// stage the order is server, group, spec.
type Stage int8

// The stages, in the order in which a call passes through them. The zero Stage is StageUser, the
// place for an application's own middleware.
const (
	StageObserve     Stage = iota - 4 // traces, metrics, audit of every call, refused ones included
	StageAuth                         // who is calling
	StagePermissions                  // may they
	StageRateLimit                    // how often
	StageUser                         // an application's own middleware
	StageValidate                     // decode and check the arguments
	StageTransaction                  // begin and end the database transaction
	StageHandle                       // the service, selector or render function
	StageFilter                       // rewrite a selector's query: WHERE
	StageOrder                        // rewrite a selector's query: ORDER BY
	StagePaginate                     // rewrite a selector's query: LIMIT
	StageFetch                        // run the query
	StageRows                         // look at the rows that came
	StageSerialize                    // encode the result
)

// Kind is the kind of a spec. Kinds combine as bits in [Step.Kinds].
type Kind uint8

// The kinds of spec.
const (
	KindService  Kind = 1 << iota // a typed mutation, or any typed function: [Service]
	KindSelector                  // a read that lists rows: [Selector]
	KindRetrieve                  // a read of one row: [Retrieve]
	KindResource                  // something to read at a URI: [Resource]
	KindPrompt                    // messages for a model: [Prompt]
)

// String names the kind as its constructor does, in lower case.
func (k Kind) String() string {
	switch k {
	case KindService:
		return "service"
	case KindSelector:
		return "selector"
	case KindRetrieve:
		return "retrieve"
	case KindResource:
		return "resource"
	case KindPrompt:
		return "prompt"
	}
	return "spec"
}

// Step is one named middleware of a chain. Package middleware has the ready-made ones; [Named]
// makes any Echo middleware a step. A Step is a value: the same one may be used by any number of
// specs, groups and servers.
//
// A Step is also an [Option], so it is listed among the options of a spec.
type Step struct {
	// Name identifies the step in the printed chain and in [Before], [After], [Replace] and
	// [Without]. Required.
	Name string

	// Stage is the step's place. Default: [StageUser].
	Stage Stage

	// Func is the middleware. Required, unless Describe sets [Definition.Func].
	Func echo.MiddlewareFunc

	// Describe, if set, runs once when a spec with this step is added. It may add arguments to the
	// tool, change its output schema, or build a Func for this one spec. Its error makes Add fail.
	Describe func(*Definition) error

	// Kinds are the kinds of spec the step serves. Default: all. A chain leaves out an inherited
	// step that does not serve its spec; listing such a step on the spec itself is an error.
	Kinds Kind

	// Single marks a step of which a chain holds at most one: the one declared closest to the spec
	// replaces those of the same name that it would inherit. Default: all steps of a name are kept.
	Single bool

	// Note is a remark about the step's use, as the reason of a Public step. [Server.Fprint] prints
	// it. Optional.
	Note string

	// Native marks the steps of this module, which need no gate around their successor. Others
	// leave it as it is.
	Native native.Mark

	// Set while a chain is made:
	inherited bool // from the server or a group
	from      any  // which one: a *Server or a *Group, nil for the spec itself
	gate      int  // the number of its gate
}

// decides says whether the step decides if a caller may use the spec.
func (s Step) decides() bool { return s.Stage == StageAuth || s.Stage == StagePermissions }

// guards says whether the step decides if a call may run at all.
func (s Step) admits() bool { return s.decides() || s.Stage == StageRateLimit }

// states says whether the step only states that everybody may use a spec, as Public does.
func (s Step) states() bool { return s.Native.Native() && s.Note != "" }

// Named makes any Echo middleware a step of [StageUser] under a name. The middleware is used as it
// is: what it writes to the response becomes the result when its status is 2xx, and an error
// otherwise. It runs before the transaction step: when it fails after its successor has returned,
// what a transaction has committed stays, and the error says so. One that decides who may call is
// made by [Guard].
//
// A middleware that returns while its successor still runs, as Echo's deprecated Timeout does, ends
// the context of the call and waits; what the client gets comes after that.
func Named(name string, mw echo.MiddlewareFunc) Step {
	return Step{Name: name, Func: mw}
}

// Guard is [Named] at [StagePermissions], for an Echo middleware that decides who may call: it also
// guards completion, subscriptions and lists that show a caller only what it may use, and
// [Server.Check] counts it as a permission.
func Guard(name string, mw echo.MiddlewareFunc) Step {
	return Step{Name: name, Stage: StagePermissions, Func: mw}
}

// Func makes an Echo middleware of a function that gets the call too:
//
//	audit := mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
//		err := next(ec)
//		slog.InfoContext(c.Ctx(), "called", "tool", c.Name(), "failed", err != nil)
//		return err
//	})
//
// ec is what the step before passed on; next is given ec, as in every Echo middleware. Outside of
// an MCP call the middleware answers with an error that says so. The steps of package middleware
// are made by it: it allocates nothing for a call.
func Func(f func(c *Call, ec echo.Context, next echo.HandlerFunc) error) echo.MiddlewareFunc {
	if f == nil {
		return nil // Add refuses a step without a Func
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			c := CallFrom(ec)
			if c == nil {
				return errNoCall
			}
			return f(c, ec, next)
		}
	}
}

// Names of the steps that the core itself puts into a chain.
const (
	stepValidate  = "validate"
	stepHandle    = "handle"
	stepFetch     = "fetch"
	stepSerialize = "serialize"
)

// coreSteps are the steps that the core puts into a chain.
func (e *entry) coreSteps() []Step {
	steps := []Step{
		{Name: stepValidate, Stage: StageValidate, Func: e.validate, Native: native.Step(), Single: true},
		{Name: stepHandle, Stage: StageHandle, Func: e.handle, Native: native.Step()},
		{Name: stepSerialize, Stage: StageSerialize, Func: serialize, Native: native.Step(), Single: true},
	}
	if e.spec.row != nil {
		steps = append(steps, Step{Name: stepFetch, Stage: StageFetch, Func: e.fetch, Native: native.Step()})
	}
	return steps
}
