package matrix_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// reading is one cell: a caller looks at rows of which some are its own, among features. Whatever
// they are, nothing of the others' may come back.
type reading struct {
	*env
	client  client
	config  mcpecho.Config
	server  []mcpecho.Step
	group   []mcpecho.Step
	options []mcpecho.Option

	look     *gorm.DB // where the rows are, from outside
	handle   *gorm.DB // that the query is made of; nil: c.DB()
	query    func(db *gorm.DB) *gorm.DB
	add      func(w *reading, srv *mcpecho.Server)
	ask      func(ctx context.Context, t *testing.T, w *reading) []reply
	kind     readKind
	partial  bool // the answer may have some of the caller's rows only
	suggests bool // no handler runs
	loose    bool // the query asks for more than the one row
	missing  bool // what is asked for is somebody else's
	first    []func(c *mcpecho.Call) error

	cancel  context.CancelFunc
	arrived chan struct{}
	running atomic.Int64

	fails    []string
	mayFail  bool // a refusal is as good as an answer
	sequence bool // which touches the echo.Context while it runs
	selects  bool // the query says itself which columns it wants
	answers  bool // something may answer in the handler's place
}

// readKind is what a spec is, for the steps that serve only some.
type readKind int

const (
	aSelector readKind = iota
	aRetrieve
	aFunction
)

type readFeature struct {
	name string
	slot string
	add  func(w *reading)
	with func(w *reading) bool
	last bool
}

// from is the query of the cell in a call.
func (w *reading) from(c *mcpecho.Call) *gorm.DB {
	if w.handle != nil {
		return w.query(w.handle.WithContext(c.Ctx()))
	}
	return w.query(c.DB())
}

// handled runs what features want before the query is made.
func (w *reading) handled(c *mcpecho.Call) error {
	w.running.Add(1)
	defer w.running.Add(-1)
	for _, f := range w.first {
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}

func newReading(e *env, features []readFeature) *reading {
	w := &reading{env: e, look: e.outside, arrived: make(chan struct{}, 16)}
	w.client = client{env: e, caller: "ann", scope: "items"}
	w.config = mcpecho.Config{Name: "matrix", DB: e.db, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), CallTimeout: 8 * time.Second}
	for _, f := range features {
		f.add(w)
	}
	return w
}

// seed fills a database with rows of two owners.
func (e *env) seed(t *testing.T) {
	t.Helper()
	for db, place := range map[*gorm.DB]string{e.outside: "here", e.beyond: "there"} {
		for i := range 7 {
			for _, owner := range []string{"ann", "bob"} {
				must(t, db.Create(&item{Owner: owner, Name: fmt.Sprintf("%s-%s-%d", owner, place, i), Secret: owner + "-secret"}).Error)
			}
		}
	}
}

var shownName = regexp.MustCompile(`ann-(here|there)-\d`)

var shownTotal = regexp.MustCompile(`"(?:total|count)":(\d+)`)

func (w *reading) run(t *testing.T) {
	t.Helper()
	srv := mcpecho.New(w.config)
	srv.Use(w.server...)
	w.build(srv)
	w.serve(srv)
	w.client.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.cancel = cancel
	replies := w.ask(ctx, t, w)
	last := replies[len(replies)-1]
	if !last.none && w.running.Load() != 0 {
		t.Error("a handler is running although the client was answered")
	}
	w.settled(t)
	w.check(t, replies, last)
	if t.Failed() {
		t.Logf("the last of %d replies: %s", len(replies), clip(last.body))
	}
}

// build adds the spec to the server.
func (w *reading) build(srv *mcpecho.Server) { w.add(w, srv) }

// check is what must hold whatever is combined, and what follows from what each feature says.
func (w *reading) check(t *testing.T, replies []reply, last reply) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range replies {
		if strings.Contains(r.body, "bob-") {
			t.Errorf("somebody else's rows are seen: %s", clip(r.body))
		}
		for _, name := range shownName.FindAllString(r.body, -1) {
			seen[name] = true
		}
		for _, total := range shownTotal.FindAllStringSubmatch(r.body, -1) {
			if total[1] != "7" {
				t.Errorf("%s rows are counted, 7 are the caller's", total[1])
			}
		}
	}
	var own []string
	must(t, w.look.Model(&item{}).Where("owner = ?", "ann").Order("name").Pluck("name", &own).Error)
	missing := 0
	for _, name := range own {
		if !seen[name] {
			missing++
		}
		delete(seen, name)
	}
	switch {
	case len(seen) > 0:
		t.Errorf("rows of another database are seen: %v", seen)
	case w.answers: // what a middleware writes need not be rows
	case last.ok && w.fails != nil:
		t.Errorf("succeeded in spite of %q", w.fails)
	case last.ok && w.missing && !w.loose:
		t.Error("somebody else's row was found")
	case last.ok && w.partial && missing == len(own):
		t.Error("nothing is seen")
	case last.ok && !w.partial && missing > 0:
		t.Errorf("%d of the caller's %d rows are not seen", missing, len(own))
	case last.ok:
	case w.fails == nil && w.missing:
		if last.typ != mcpecho.TypeNotFound && last.typ != unknown && !(w.mayFail && last.typ == mcpecho.TypeInternal) {
			t.Errorf("type %q for somebody else's row", last.typ)
		}
	case w.mayFail && last.typ == mcpecho.TypeInternal:
	case w.fails == nil && !w.answers:
		t.Errorf("failed with %q, nothing should", last.typ)
	case w.fails != nil && !slices.Contains(w.fails, last.typ) && !w.missing:
		t.Errorf("type %q, want one of %q", last.typ, w.fails)
	}
}

// read runs the cell of some features as a subtest.
func (e *env) read(t *testing.T, features ...readFeature) {
	t.Helper()
	t.Run(names(features, func(f readFeature) string { return f.name }), func(t *testing.T) { newReading(e, features).run(t) })
}

var readDefaults = []readFeature{narrowings[0], queries[0], views[0], readWires[0]}

// completeRead is [complete] for cells that read.
func completeRead(e *env, features ...readFeature) []readFeature {
	taken := map[string]bool{}
	for _, f := range features {
		if taken[f.slot] {
			return nil
		}
		taken[f.slot] = true
	}
	for _, d := range readDefaults {
		if !taken[d.slot] {
			features = append(slices.Clip(features), d)
		}
	}
	order := func(f readFeature) int {
		if i := slices.IndexFunc(readDefaults, func(d readFeature) bool { return d.slot == f.slot }); i >= 0 {
			return i
		}
		if f.last {
			return 20
		}
		return 10
	}
	features = slices.SortedStableFunc(slices.Values(features), func(a, b readFeature) int { return order(a) - order(b) })
	w := newReading(e, features)
	for _, f := range features {
		if f.with != nil && !f.with(w) {
			return nil
		}
	}
	return features
}

// TestNarrowingMeetsEverything combines how rows are narrowed, how they are queried and through
// what they are seen, each with everything else.
func TestNarrowingMeetsEverything(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.seed(t)
		number := 0
		cell := func(features ...readFeature) {
			if all := completeRead(e, features...); all != nil {
				number++
				e.read(t, all...)
			}
		}
		for _, v := range views {
			for _, q := range queries {
				cell(v, q)
			}
			for _, n := range narrowings[1:] {
				cell(v, n)
			}
			for _, f := range meets {
				cell(v, f)
			}
			for _, shape := range ofSlot(slotShape) {
				for _, rows := range ofSlot(slotRows) {
					cell(v, shape, rows)
				}
			}
			cell(v, readWires[1])
		}
		for _, n := range narrowings[1:] {
			for _, q := range queries[1:] {
				cell(n, q)
			}
			for _, f := range meets {
				cell(n, f)
			}
		}
		for _, q := range queries[1:] {
			for _, f := range meets {
				cell(q, f)
			}
		}
		t.Logf("%d cells", number)
	})
}

// ofSlot are the features of one slot that reads are combined with.
func ofSlot(slot string) (found []readFeature) {
	for _, f := range meets {
		if f.slot == slot {
			found = append(found, f)
		}
	}
	return found
}

// TestReadsMeetAnything draws cells by chance.
func TestReadsMeetAnything(t *testing.T) {
	source := chance(t)
	each(t, func(t *testing.T, e *env) {
		e.seed(t)
		r := source()
		for number := 0; number < *samples; {
			features := []readFeature{pick(r, narrowings), pick(r, queries), pick(r, views), pick(r, readWires)}
			for range 1 + r.IntN(3) {
				features = append(features, pick(r, meets))
			}
			if all := completeRead(e, features...); all != nil {
				number++
				e.read(t, all...)
			}
		}
	})
}
