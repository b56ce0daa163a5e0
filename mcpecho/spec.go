package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"
)

// Spec is the unit of registration: what one tool, resource or prompt is called, what it runs and
// which steps surround it. Specs are values made by [Service], [Selector], [Retrieve], [Resource],
// [Prompt], [Finish] and [FromHandler]; a domain package can export a list of them and a server
// adds it. A Spec is never changed by adding it, so several servers may share it.
type Spec struct {
	name    string
	kind    Kind
	in      reflect.Type // the argument struct
	row     reflect.Type // the gorm model of a selector
	out     reflect.Type // the result type of a service
	surface surface
	uri     string  // of a resource
	links   []*link // of a sequence
	options []Option

	existing *existing // of FromHandler

	// handle runs the user's function: it sets the call's result or query.
	handle func(*Call) error
	// newRows makes what the rows of a selector are fetched into: *[]Row.
	newRows func() any
}

// Name is the name the spec was made with, before any group prefix.
func (s *Spec) Name() string { return s.name }

// declared is the struct that declares the arguments: the input, or one with its fields.
func (s *Spec) declared() reflect.Type {
	if s.existing != nil {
		return s.existing.declared
	}
	return s.in
}

// Kind is the kind of the spec.
func (s *Spec) Kind() Kind { return s.kind }

// Service makes a spec of a typed function, usually a mutation. In is the argument struct; its tags
// give the schema and the validation (package binding). Out becomes the tool's structured result.
// Whatever error fn returns, a Transaction step around it rolls back.
//
//	mcpecho.Service("invoices.create", createInvoice,
//		mcpecho.Describe("Create an invoice."), mw.Scopes("invoices:write"))
func Service[In, Out any](name string, fn func(c *Call, in In) (Out, error), opts ...Option) *Spec {
	return &Spec{
		name: name, kind: KindService, surface: onTools, options: given(fn != nil, noFunction, opts),
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		handle: func(c *Call) error {
			out, err := fn(c, *Args[In](c))
			if err != nil {
				return err
			}
			c.answer.result = out // which the steps behind may refuse, and serialize makes the answer
			return nil
		},
	}
}

// Selector makes a spec of a typed read that lists rows. fn returns a query that nothing has run
// yet; the steps after it filter, order, page and serialize it. Row is the gorm model: a query of
// another model is an error, one without a model gets Row. Without a paginate step the result is a
// bare array of at most [Config.MaxRows] rows.
func Selector[Row, In any](name string, fn func(c *Call, in In) (*gorm.DB, error), opts ...Option) *Spec {
	return selector[Row](name, KindSelector, fn, opts)
}

// Retrieve makes a spec of a typed read of one row: the first of the query that fn returns. No row
// is an error of type not_found, or a null result with [Nullable].
func Retrieve[Row, In any](name string, fn func(c *Call, in In) (*gorm.DB, error), opts ...Option) *Spec {
	return selector[Row](name, KindRetrieve, fn, opts)
}

func selector[Row, In any](name string, kind Kind, fn func(c *Call, in In) (*gorm.DB, error), opts []Option) *Spec {
	return &Spec{
		name: name, kind: kind, surface: onTools, options: given(fn != nil, noFunction, opts),
		in: reflect.TypeFor[In](), row: reflect.TypeFor[Row](),
		newRows: func() any { return new([]Row) },
		handle: func(c *Call) error {
			query, err := fn(c, *Args[In](c))
			if err != nil {
				return err
			}
			switch {
			case query == nil:
				return errNilQuery
			case query.Error != nil:
				return query.Error
			case query.Statement.Dest != nil:
				return errQueryRun
			}
			if query.Statement.Model == nil {
				query = query.Model(new(Row))
			}
			if err := checkModel(query, reflect.TypeFor[Row]()); err != nil {
				return err
			}
			c.SetQuery(query)
			return nil
		},
	}
}

var errQueryRun = errors.New("mcpecho: the selector has run its query already (Find, First, Scan, Count): " +
	"return the query itself, which the steps after it narrow and page")

// checkModel refuses a query of another model than the spec's: what was settled at Add (columns of
// filters, who may see which rows) says nothing of it.
func checkModel(query *gorm.DB, row reflect.Type) error {
	model := reflect.TypeOf(query.Statement.Model)
	for model.Kind() == reflect.Pointer || model.Kind() == reflect.Slice || model.Kind() == reflect.Array {
		model = model.Elem()
	}
	if model != row {
		return fmt.Errorf("mcpecho: the query is of %s and the spec lists %s: return c.DB().Model(&%s{}), or leave Model out", model, row, row)
	}
	return nil
}

// noFunction is why a spec without a function is refused.
const noFunction = "its function is nil: give it the one to run"

// Plain adapts a function that knows no MCP, so that the same service serves HTTP handlers and
// tools. Its context carries the call: [DB] gives the call's transaction, [CallFromContext] the
// call itself.
func Plain[In, Out any](fn func(ctx context.Context, in In) (Out, error)) func(*Call, In) (Out, error) {
	if fn == nil {
		return nil // which Add refuses
	}
	return func(c *Call, in In) (Out, error) { return fn(c.Ctx(), in) }
}
