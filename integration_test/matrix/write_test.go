package matrix_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// written is what the calls answer.
type written struct {
	Name string `json:"name"`
}

type named struct {
	Name string `json:"name"`
}

// writing is one cell: a call that writes rows in a transaction, among features.
type writing struct {
	*env
	row     string // the name of the rows of this cell
	client  client
	config  mcpecho.Config
	server  []mcpecho.Step
	options []mcpecho.Option // of the spec that is called

	surface surface
	begins  begins
	look    *gorm.DB // where the rows are looked for, from outside
	rows    int      // that a success leaves
	insert  func(c *mcpecho.Call, name string) error
	first   []func(c *mcpecho.Call) error // before the insert
	then    []func(c *mcpecho.Call) error // after it
	answer  func(c *mcpecho.Call) error   // in the place of a returned result
	big     bool

	cancel  context.CancelFunc // the client leaves
	arrived chan struct{}      // a handler has done everything but end

	hooks, besides, early, running, attempts atomic.Int64

	fails   []string // the types of the errors that features lead to; "" for no answer
	after   []string // the same, of errors that come after the commit
	writers int      // that write a response when others may have
	retries bool     // the first attempt fails
	beside  bool     // it writes to the other database too
	checks  bool     // the call must have checked a row
	answers bool     // something may answer in the handler's place
}

// begins says who begins the transaction.
type begins int

const (
	byStep begins = iota
	byHandler
)

// writeFeature is a feature among the calls that write.
type writeFeature struct {
	name string
	slot string // of features that exclude each other only one is taken
	add  func(w *writing)
	fits func(e *env) bool     // nil: every database
	with func(w *writing) bool // asked after all slots but the last were added; nil: everything
	last bool                  // added after the others, because it depends on them
}

const (
	slotBegin   = "begin"
	slotSurface = "surface"
	slotWire    = "wire"
	slotStore   = "store"
)

// surface is what a client calls.
type surface int

const (
	asTool surface = iota
	asSequence
	asResource
	asPrompt
)

// newWriting makes a cell of features.
func newWriting(e *env, row string, features []writeFeature) *writing {
	w := &writing{env: e, row: row, look: e.outside, rows: 1, arrived: make(chan struct{}, 16)}
	w.client = client{env: e, caller: "ann", scope: "items"}
	w.config = mcpecho.Config{Name: "matrix", DB: e.db, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), CallTimeout: 8 * time.Second}
	w.insert = func(c *mcpecho.Call, name string) error { return c.DB().Create(&item{Owner: "ann", Name: name}).Error }
	for _, f := range features {
		f.add(w)
	}
	return w
}

// handle is the handler: it writes, and then does what features want.
func (w *writing) handle(last bool) func(c *mcpecho.Call, in named) (written, error) {
	return func(c *mcpecho.Call, in named) (out written, err error) {
		w.running.Add(1)
		defer w.running.Add(-1)
		w.attempts.Add(1)
		if w.begins == byHandler {
			err = c.Transaction(nil, func() error { return w.work(c, in.Name, last) })
		} else {
			err = w.work(c, in.Name, last)
		}
		if last && w.answer != nil && err == nil {
			return written{}, w.answer(c)
		}
		out.Name = in.Name
		if w.big && last {
			out.Name = strings.Repeat("x", 1<<16)
		}
		return out, err
	}
}

func (w *writing) work(c *mcpecho.Call, name string, last bool) error {
	for _, f := range w.first {
		if err := f(c); err != nil {
			return err
		}
	}
	if err := w.insert(c, name); err != nil {
		return err
	}
	c.AfterCommit(w.hook(name))
	if !last {
		return nil
	}
	for _, f := range w.then {
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}

// hook counts itself, and looks whether it comes before the commit.
func (w *writing) hook(name string) func(context.Context) {
	return func(context.Context) {
		w.hooks.Add(1)
		if n, err := w.count(); err != nil || n == 0 {
			w.early.Add(1)
		}
	}
}

// count is how many rows of the cell somebody else sees.
func (w *writing) count() (n int64, err error) {
	err = w.look.Model(&item{}).Where("name LIKE ?", w.row+"%").Count(&n).Error
	return n, err
}

// build adds the spec to a server and says how to call it.
func (w *writing) build() (srv *mcpecho.Server, method, name string, params map[string]any) {
	srv = mcpecho.New(w.config)
	srv.Use(w.server...)
	if w.client.rest {
		route := "POST /write"
		if w.surface == asResource {
			route = "GET /items/:name"
		}
		w.options = append(w.options, mcpecho.Route(route))
	}
	arguments := map[string]any{"name": w.row}
	switch w.surface {
	case asSequence:
		seq := mcpecho.NewSequence[named]("write")
		mcpecho.Then[written](seq, mcpecho.Service("one", w.handle(false)), func(_ *mcpecho.Call, in named) named { return in })
		two := mcpecho.Then[written](seq, mcpecho.Service("two", w.handle(true)), func(_ *mcpecho.Call, in named) named { return named{in.Name + "-2"} })
		srv.Add(mcpecho.Finish(seq, two, w.options...))
	case asResource:
		srv.Add(mcpecho.Resource("items://{name}", w.handle(true), append(w.options, mcpecho.Name("write"))...))
		uri := "items://" + w.row
		return srv, "resources/read", uri, map[string]any{"uri": uri}
	case asPrompt:
		srv.Add(mcpecho.Prompt("write", func(c *mcpecho.Call, in named) (string, error) {
			out, err := w.handle(true)(c, in)
			return out.Name, err
		}, w.options...))
		return srv, "prompts/get", "write", map[string]any{"name": "write", "arguments": arguments}
	default:
		srv.Add(mcpecho.Service("write", w.handle(true), w.options...))
	}
	return srv, "tools/call", "write", map[string]any{"name": "write", "arguments": arguments}
}

// run makes the call and checks what must hold.
func (w *writing) run(t *testing.T) {
	t.Helper()
	srv, method, name, params := w.build()
	w.serve(srv)
	w.client.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.cancel = cancel
	before, err := w.elsewhere()
	must(t, err)
	var r reply
	switch {
	case w.client.rest && w.surface == asResource:
		r = w.client.fetch(ctx, t, http.MethodGet, "/items/"+w.row, "")
	case w.client.rest:
		r = w.client.fetch(ctx, t, http.MethodPost, "/write", `{"name":"`+w.row+`"}`)
	default:
		r = w.client.send(ctx, t, method, name, params)
	}
	if !r.none && w.running.Load() != 0 {
		t.Error("a handler is running although the client was answered")
	}
	if r.none {
		w.settled(t)
	}
	rows, err := w.count()
	must(t, err)
	hooks := w.hooks.Load()
	w.settled(t)
	if later, err := w.count(); err != nil || later != rows || w.hooks.Load() != hooks {
		t.Errorf("after the reply %d rows became %d, %d hooks became %d (%v)", rows, later, hooks, w.hooks.Load(), err)
	}
	after, err := w.elsewhere()
	must(t, err)
	w.invariants(t, r, rows, hooks, after-before)
	w.prediction(t, r, rows)
	if t.Failed() {
		t.Logf("rows %d, hooks %d, reply %s", rows, hooks, clip(r.body))
	}
}

// elsewhere counts the rows that calls write into the other database besides those of the cell.
func (w *writing) elsewhere() (n int64, err error) {
	err = w.beyond.Model(&item{}).Where("owner = ?", "elsewhere").Count(&n).Error
	return n, err
}

// invariants hold whatever is combined.
func (w *writing) invariants(t *testing.T, r reply, rows, hooks, elsewhere int64) {
	t.Helper()
	if hooks != rows {
		t.Errorf("%d rows are committed, and %d functions ran after a commit", rows, hooks)
	}
	if want := w.beside && w.attempts.Load() > 0 && (r.ok || len(w.fails) == 0); want != (w.besides.Load() == 1) {
		t.Errorf("%d functions of the transaction on the other database ran", w.besides.Load())
	}
	if n := w.early.Load(); n != 0 {
		t.Errorf("%d functions ran before the commit", n)
	}
	switch {
	case r.none:
	case r.ok && w.attempts.Load() == 0:
		if rows != 0 {
			t.Errorf("%d rows of a handler that did not run", rows)
		}
	case r.ok:
		if rows != int64(w.rows) {
			t.Errorf("success, and %d of %d rows", rows, w.rows)
		}
	case r.committed:
		if rows+elsewhere == 0 && w.attempts.Load() > 0 { // else the transaction had nothing in it
			t.Error("the client was told of a commit, and there is nothing")
		}
	case r.typ != mcpecho.TypeUnknownOutcome:
		if rows+elsewhere != 0 {
			t.Errorf("an error of type %s, and %d rows, %d in the other database", r.typ, rows, elsewhere)
		}
	}
	if r.none {
		return
	}
	for _, secret := range []string{"SELECT", "INSERT", "goroutine ", "secret", "127.0.0.1", ".db"} {
		if strings.Contains(r.body, secret) {
			t.Errorf("the reply has %q in it", secret)
		}
	}
}

// prediction is what follows from what each feature says.
func (w *writing) prediction(t *testing.T, r reply, rows int64) {
	t.Helper()
	expected := slices.Concat(w.fails, w.after)
	told := r.typ
	switch {
	case w.answers && r.ok && w.attempts.Load() == 0:
	case len(expected) == 0:
		if !r.ok {
			t.Errorf("failed with %s, nothing should", told)
		}
	case r.ok:
		t.Errorf("succeeded in spite of %v", expected)
	case !slices.Contains(expected, told):
		t.Errorf("type %q, want one of %q", told, expected)
	case len(w.fails) > 0 && rows != w.kept():
		t.Errorf("%d rows in spite of %q", rows, w.fails)
	case len(w.fails) == 0 && w.attempts.Load() > 0 && (rows == 0 || !r.committed):
		t.Errorf("%d rows, committed %v: the error came after the commit", rows, r.committed)
	}
}

// kept is how many rows stay of a call that fails: in a sequence each of whose specs begins a
// transaction of its own, those of the ones before.
func (w *writing) kept() int64 {
	if w.surface == asSequence && w.begins == byHandler {
		return max(w.attempts.Load()-1, 0)
	}
	return 0
}

func clip(s string) string { return s[:min(len(s), 600)] }

func names[F any](features []F, name func(F) string) string {
	all := make([]string, len(features))
	for i, f := range features {
		all[i] = name(f)
	}
	return strings.Join(all, " + ")
}

// write runs the cell of some features as a subtest.
func (e *env) write(t *testing.T, number int, features ...writeFeature) {
	t.Helper()
	t.Run(names(features, func(f writeFeature) string { return f.name }), func(t *testing.T) {
		newWriting(e, fmt.Sprintf("cell-%d-", number), features).run(t)
	})
}
