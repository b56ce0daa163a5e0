package mcpecho

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// Invoke calls a tool from Go code, as a job or another handler, through its whole chain:
// permissions, limits, validation and transaction are those of every other caller. name is that of
// the program, as "invoices.create"; the one that models are told, invoices_create, is taken too.
// Resources and prompts are not invoked.
//
//	ctx = mcpecho.WithPrincipal(ctx, &mcpecho.Principal{Subject: "nightly", Scopes: []string{"invoices:write"}})
//	sent, err := mcpecho.Invoke[Invoice](ctx, srv, "invoices.send", ByPK{PK: 1})
//
// in is JSON, a map or a struct, whose zero fields are absent unless they are required or have a
// default, at every depth; nil is no arguments. The result is the value that the chain would
// encode, and was never JSON: the Out of a service or of its Serialize step, the Row of a retrieve,
// the []Row of a list, a paginate.Envelope or paginate.CursorEnvelope of them (or another struct
// with some of its fields) where it is paged. A pointer may be asked for, and is nil for a null
// result. Where a middleware or the handler has written JSON, it is decoded. A jsontext.Value or
// json.RawMessage is the JSON that clients get, for which alone [Config.MaxResultBytes] holds. What
// is not an Out is an error, and rolls back.
//
// Errors are those that the handler and the steps have returned: [*ToolError], [*Error],
// [*binding.Error], gorm.ErrRecordNotFound and others, for errors.Is and errors.As. One that comes
// after a commit is a ToolError or an Error whose Data say committed. A panic is an error too. None
// is logged but that of a panic, and what [Config.HideForbidden] hides.
//
// Without an HTTP request, [Call.Request] is a POST without a body, headers and a peer. The call
// has [Config.CallTimeout] or what ctx leaves of it, and takes no place of [Config.MaxInFlight];
// [Server.Shutdown] refuses it, with [ErrShutdown], and waits for those that run.
//
// With the context of a call ([Call.Ctx], or one that descends from it) it is a call inside that
// one, at most 16 deep: it has its transaction and its deadline, the narrowings and row permissions
// of the calls around hold too, and its request is theirs. Its caller is the same, and another by
// [WithPrincipal] is refused; of another server it is the one that WithPrincipal has named inside
// the call, else an anonymous one, and neither what was set (c.Get) nor headers of the reply pass
// between the two. The steps of the invoked tool are run all, but a limit that it
// shares with a call around, being listed on their server or group, counts once. Its logs go to the
// client of the call around unless [OnLog] takes them, its progress, whose scale that client does
// not know, nowhere but to [OnProgress]. Calls inside one call run one after the other, also when
// goroutines make them, and are ended with it; after its end its context invokes nothing any more.
func Invoke[Out any](ctx context.Context, srv *Server, name string, in any, opts ...InvokeOption) (Out, error) {
	var out, none Out
	if ctx == nil || srv == nil {
		return none, errors.New("mcpecho: Invoke needs a context and a server")
	}
	made := new(struct {
		invocation
		Call
	})
	i := &made.invocation
	i.name, i.call, i.take = name, &made.Call, takeAs[Out]
	switch any(&out).(type) {
	case *jsontext.Value, *stdjson.RawMessage:
		i.take = nil
	}
	for _, o := range opts {
		if o != nil {
			o.applyTo(i)
		}
	}
	c, err := srv.invoke(ctx, in, i)
	if err != nil {
		return none, err
	}
	switch out := any(&out).(type) {
	case *jsontext.Value:
		*out = c.answer.json()
	case *stdjson.RawMessage:
		*out = stdjson.RawMessage(c.answer.json())
	default:
		*(out.(*Out)), _ = i.value.(Out)
	}
	return out, nil
}

// InvokeOption is an option of [Invoke]: [OnProgress] or [OnLog].
type InvokeOption interface{ applyTo(*invocation) }

type invokeOptionFunc func(*invocation)

func (f invokeOptionFunc) applyTo(i *invocation) { f(i) }

// OnProgress gives fn the reports of [Call.Progress]: each that is above the one before, and one at
// a time. It runs in the goroutine that reports, so the call waits for it, its transaction
// included. It must not invoke with the context of the call around, which has its turn then.
// Default: they are dropped.
func OnProgress(fn func(done, total float64, message string)) InvokeOption {
	return invokeOptionFunc(func(i *invocation) { i.onProgress = fn })
}

// OnLog gives fn the messages of [Call.Log], of all levels, with their data as they are and not as
// JSON. It runs as that of [OnProgress] does. Default: outside of a call they are dropped, inside
// of one they go where its own go.
func OnLog(fn func(level LogLevel, data any)) InvokeOption {
	return invokeOptionFunc(func(i *invocation) { i.onLog = fn })
}

// json is the finished JSON.
func (a *answer) json() jsontext.Value {
	if a.items != nil {
		return a.items
	}
	return a.structured
}

// invoke runs a tool for Go code and returns its call.
func (s *Server) invoke(ctx context.Context, in any, i *invocation) (*Call, error) {
	e, err := s.invocable(i.name)
	if err != nil {
		return nil, err
	}
	i.call.entry = e
	return i.call, s.invokeBy(ctx, in, i)
}

// invokeBy runs the call of an invocation, whose entry is known, inside the call of the context or
// outside of any.
func (s *Server) invokeBy(ctx context.Context, in any, i *invocation) error {
	if around := CallFromContext(ctx); around != nil {
		return around.invokeInside(ctx, s, in, i)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.invokeOutside(ctx, in, i)
}

var errAborted = errors.New("mcpecho: the call panicked with http.ErrAbortHandler, and there is no connection to abort")

// invokeOutside runs a call that is inside of no other.
func (s *Server) invokeOutside(ctx context.Context, in any, i *invocation) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what net/http compares
			err = errAborted
		} else if v != nil {
			panic(v)
		}
	}()
	defer i.close()
	c := i.call
	principal, _ := principalIn(ctx)
	c.Context = s.contextOf(ctx)
	if principal != nil {
		SetPrincipal(c.Context, principal)
	}
	d := &goDoor{invocation: i, server: s, ctx: ctx, echo: c.Context}
	c.inherited = inherited{server: s, door: d, principal: principal}
	if err := i.runCall(in); err != nil {
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
			err = errors.Join(err, ended) // a driver may say "interrupted" instead
		}
		return c.failInvoked(err)
	}
	return nil
}

// errOtherCaller refuses to change who calls.
var errOtherCaller = errors.New("mcpecho: Invoke inside a call is made by the caller of that call: " +
	"leave WithPrincipal out, or invoke with a context that is not of the call")

// invokeInside runs a call inside this one. That of another server has the caller that was named
// for it, and the database of its server.
func (c *Call) invokeInside(ctx context.Context, s *Server, in any, i *invocation) error {
	inner := i.call
	turn, err := c.takeTurn(ctx, inner)
	if err != nil {
		return err
	}
	defer turn.give()
	defer i.close()
	if err := ctx.Err(); err != nil {
		return err
	}
	c.around(inner)
	inner.door = &innerDoor{c.door, i}
	own := newOwnContext(c.Context)
	own.SetRequest(c.Request().WithContext(ctx))
	inner.Context = own
	principal, named := principalIn(ctx)
	switch {
	case s != c.server:
		own.release() // what was set here is about another caller, as is what will be set there
		inner.server, inner.principal = s, principal
		SetPrincipal(own.Context, principal)
		if inner.tx != nil {
			inner.SetDB(s.database())
		}
	case named && principal != c.principal:
		return errOtherCaller
	}
	if err := i.runCall(in); err != nil {
		c.hookList().Drop(inner.hooksFrom)
		return inner.failInvoked(err)
	}
	c.adopt(inner)
	return nil
}

// runCall runs the chain of a call that Go code makes.
func (i *invocation) runCall(in any) (err error) {
	c := i.call
	if i.run != nil {
		return i.run(c)
	}
	if c.arguments, err = c.entry.encode(in); err != nil {
		return c.unlessHidden(err)
	}
	return c.execute(c.entry.handler)
}

// failInvoked is what the Go caller gets of an error: the error itself, unless there is more to
// tell of it.
func (c *Call) failInvoked(err error) error {
	if c.hidden() {
		c.logFailure(c.explain(err), err)
		err = c.unknown()
	}
	if c.parent != nil {
		return err // the call around tells its client, and whether something was committed
	}
	_, panicked := errors.AsType[*caught.Panic](err)
	_, refused := errors.AsType[*wire.Refusal](err)
	committed := c.committed.Load()
	if !panicked && !refused && !committed && !c.door.Stopped() {
		return err
	}
	f := c.explain(err)
	if panicked {
		c.logFailure(f, err)
	}
	switch {
	case f.reason != "": // the server is shutting down
		return &Error{Code: http.StatusServiceUnavailable, Message: f.message, Data: f.data, Internal: errors.Join(ErrShutdown, err)}
	case !committed:
		return err
	case f.code != 0:
		return &Error{Code: f.code, Message: f.message, Data: f.data, Internal: err}
	}
	return &ToolError{Type: f.typ, Message: f.message, Data: f.more, RetryAfter: f.retry, Internal: err}
}

// invocable finds the tool that Go code calls by a name.
func (s *Server) invocable(name string) (*entry, error) {
	r := s.registry.Load()
	if e, ok := r.written[tools][name]; ok {
		return e, nil
	}
	if e, ok := r.tools[name]; ok {
		return e, nil
	}
	return nil, s.notInvocable(name)
}

// notInvocable is the answer to a name that is no tool.
func (s *Server) notInvocable(name string) error {
	message := fmt.Sprintf("unknown tool %q", wire.Clip(name, 128))
	if s.cfg.HideForbidden {
		return &Error{Code: jsonrpc.InvalidParams, Message: message}
	}
	r := s.registry.Load()
	for _, e := range r.order {
		if e.surface != onTools && (e.name == name || e.label() == name) {
			message += fmt.Sprintf(": it is a %s, and only tools are invoked", e.surface)
			return &Error{Code: jsonrpc.InvalidParams, Message: message}
		}
	}
	if near := r.near(tools, s.ListedName(name)); near != "" {
		message += fmt.Sprintf("; did you mean %q?", r.tools[near].name)
	}
	return &Error{Code: jsonrpc.InvalidParams, Message: message}
}

// takeAs makes the result of a call an Out, while it can still be rolled back.
func takeAs[Out any](c *Call, v any) (any, error) {
	if raw, ok := v.(rawJSON); ok {
		if string(raw) != "null" {
			var out Out
			if err := json.Unmarshal(raw, &out); err != nil {
				return nil, fmt.Errorf("mcpecho: the JSON that %s results in is no %s: %w", c.entry.name, reflect.TypeFor[Out](), err)
			}
			return out, nil
		}
		v = nil
	}
	if _, ok := v.(Out); ok {
		return v, nil
	}
	want := reflect.TypeFor[Out]()
	if v == nil {
		switch want.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
			return nil, nil
		}
		return nil, fmt.Errorf("mcpecho: %s results in null: ask for a *%s", c.entry.name, want)
	}
	have := reflect.ValueOf(v)
	switch {
	case have.Kind() == reflect.Pointer && !have.IsNil() && have.Type().Elem() == want:
		return have.Elem().Interface(), nil
	case want.Kind() == reflect.Pointer && want.Elem() == have.Type():
		p := reflect.New(have.Type())
		p.Elem().Set(have)
		return p.Interface(), nil
	case c.answer.wrap != nil:
		if out, ok := opened(have, want); ok {
			return out, nil
		}
		return nil, fmt.Errorf("mcpecho: %s results in %s, not in a %s", c.entry.name, shape(have), want)
	}
	return nil, fmt.Errorf("mcpecho: %s results in a %s, not in a %s", c.entry.name, have.Type(), want)
}

// opened makes the envelope of a page, which knows the type of its items at run time only, a struct
// that has some of its fields.
func opened(have reflect.Value, want reflect.Type) (any, bool) {
	pointer := want.Kind() == reflect.Pointer
	if pointer {
		want = want.Elem()
	}
	if have.Kind() != reflect.Struct || want.Kind() != reflect.Struct {
		return nil, false
	}
	out := reflect.New(want)
	for i := range want.NumField() {
		f := want.Field(i)
		from := have.FieldByName(f.Name)
		if from.IsValid() && from.Kind() == reflect.Interface {
			from = from.Elem()
		}
		if !f.IsExported() || !from.IsValid() || !from.Type().AssignableTo(f.Type) {
			return nil, false
		}
		out.Elem().Field(i).Set(from)
	}
	if pointer {
		return out.Interface(), true
	}
	return out.Elem().Interface(), true
}

// shape names the fields of an envelope.
func shape(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return "a " + v.Type().String()
	}
	text := "an envelope with"
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Interface {
			f = f.Elem()
		}
		if i > 0 {
			text += ","
		}
		text += " " + v.Type().Field(i).Name
		if f.IsValid() {
			text += " " + f.Type().String()
		}
	}
	return text
}
