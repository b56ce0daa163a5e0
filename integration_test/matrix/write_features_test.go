package matrix_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// The features of calls that write. Those of a slot exclude each other; the first of the slots of
// beginnings, surfaces, wires and stores is what a cell has without one.

func (e *env) retrying() mcpecho.Step {
	cfg := mw.TransactionConfig{Retries: 3}
	if e.db.Name() == "postgres" {
		cfg.Isolation = sql.LevelSerializable
	}
	return mw.TransactionWithConfig(cfg)
}

var beginnings = []writeFeature{
	{name: "a step of the spec", slot: slotBegin, add: func(w *writing) { w.options = append(w.options, mw.Transaction()) }},
	{name: "a step of the server", slot: slotBegin, add: func(w *writing) { w.server = append(w.server, mw.Transaction()) }},
	{name: "begun by the handler", slot: slotBegin, add: func(w *writing) { w.begins = byHandler }},
	{name: "one in the other", slot: slotBegin, add: func(w *writing) {
		w.options = append(w.options, mw.Transaction())
		insert := w.insert
		w.insert = func(c *mcpecho.Call, name string) error {
			return c.Transaction(nil, func() error { return insert(c, name) })
		}
	}},
	{name: "retried", slot: slotBegin, add: func(w *writing) {
		w.options = append(w.options, w.retrying(), mcpecho.Annotate(mcpecho.Idempotent(true)))
		w.retries = true
		met := false
		w.first = append(w.first, func(c *mcpecho.Call) error {
			if met {
				return nil
			}
			met = true
			c.AfterCommit(w.hook("of an attempt that failed"))
			return w.collide(c)
		})
	}},
}

// collide makes the database give up on the transaction of the call, because of another one.
func (w *writing) collide(c *mcpecho.Call) error {
	db, other := c.DB(), w.outside
	if w.look == w.beyond {
		other = w.beyond
	}
	add := func(db *gorm.DB, id uint) error {
		return db.Model(&lock{}).Where("id = ?", id).Update("n", gorm.Expr("n + 1")).Error
	}
	if db.Name() != "mysql" { // who has read before another has written must not write
		if err := errors.Join(db.First(&lock{}, 1).Error, add(other, 1)); err != nil {
			return fmt.Errorf("there is no collision: %w", err)
		}
		if err := add(db, 1); err != nil {
			return err
		}
		return errors.New("there was no collision")
	}
	// A deadlock. The other has written more, so that the call is the one that is given up.
	tx := other.Begin()
	defer tx.Rollback()
	err := errors.Join(add(tx, 2), tx.CreateInBatches(make([]item, 50), 50).Error, add(db, 1))
	if err != nil {
		return fmt.Errorf("there is no collision: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- add(tx, 1) }()
	err = add(db, 2)
	if err == nil {
		return errors.New("there was no collision")
	}
	return errors.Join(err, <-done)
}

var surfaces = []writeFeature{
	{name: "tool", slot: slotSurface, add: func(*writing) {}},
	{name: "sequence", slot: slotSurface, add: func(w *writing) { w.surface, w.rows = asSequence, 2 }},
	{name: "resource", slot: slotSurface, add: func(w *writing) { w.surface = asResource }},
	{name: "prompt", slot: slotSurface, add: func(w *writing) { w.surface = asPrompt }},
}

var wires = []writeFeature{
	{name: "modern", slot: slotWire, add: func(*writing) {}},
	{name: "dated", slot: slotWire, add: func(w *writing) { w.client.dated = true }},
	{name: "rest", slot: slotWire, add: func(w *writing) { w.client.rest = true },
		with: func(w *writing) bool { return w.surface != asPrompt && !w.client.streams }},
}

var stores = []writeFeature{
	{name: "c.DB", slot: slotStore, add: func(*writing) {}},
	{name: "joined store", slot: slotStore, add: func(w *writing) {
		w.insert = func(c *mcpecho.Call, name string) error {
			return w.store.WithContext(c.Ctx()).Create(&item{Owner: "ann", Name: name}).Error
		}
	}},
	{name: "joined store in a transaction of its own", slot: slotStore, add: func(w *writing) {
		w.insert = func(c *mcpecho.Call, name string) error {
			return w.store.WithContext(c.Ctx()).Transaction(func(tx *gorm.DB) error {
				return tx.Create(&item{Owner: "ann", Name: name}).Error
			})
		}
	}},
	{name: "Begin and Commit", slot: slotStore, add: func(w *writing) {
		w.insert = func(c *mcpecho.Call, name string) error {
			tx := c.DB().Begin()
			defer tx.Rollback()
			return errors.Join(tx.Error, tx.Create(&item{Owner: "ann", Name: name}).Error, tx.Commit().Error)
		}
	}},
	{name: "another database", slot: slotStore, add: func(w *writing) {
		w.look = w.beyond
		w.server = append(w.server, mcpecho.Named("tenant", mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			defer c.SetDB(w.other)()
			return next(ec)
		})))
	}},
}

// fail is a feature because of which the call fails with one of some types.
func fail(name, slot string, types []string, add func(w *writing)) writeFeature {
	return writeFeature{name: name, slot: slot, add: func(w *writing) {
		w.fails = append(w.fails, types...)
		add(w)
	}}
}

// ends makes the handler do something after it has written.
func ends(f func(w *writing, c *mcpecho.Call) error) func(*writing) {
	return func(w *writing) { w.then = append(w.then, func(c *mcpecho.Call) error { return f(w, c) }) }
}

func just(err error) func(*writing) {
	return ends(func(*writing, *mcpecho.Call) error { return err })
}

// late is a failure that comes when the handler has ended: outside of a transaction that it has
// begun itself.
func (w *writing) late(types ...string) {
	if w.begins == byHandler {
		w.after = append(w.after, types...)
	} else {
		w.fails = append(w.fails, types...)
	}
}

const slotEnd = "end"

// handlerEnds are the ways in which a handler ends that has written.
var handlerEnds = []writeFeature{
	fail("an error for the model", slotEnd, []string{mcpecho.TypeError}, just(mcpecho.Errorf("not today"))),
	fail("an HTTP error", slotEnd, []string{mcpecho.TypeError}, just(echo.NewHTTPError(http.StatusConflict, "taken"))),
	fail("a row not found", slotEnd, []string{mcpecho.TypeNotFound, unknown}, just(gorm.ErrRecordNotFound)),
	fail("an unknown error", slotEnd, []string{mcpecho.TypeInternal}, just(errors.New("the secret is out"))),
	fail("a panic", slotEnd, []string{mcpecho.TypeInternal}, ends(func(*writing, *mcpecho.Call) error { panic("the secret is out") })),
	fail("an aborted reply", slotEnd, []string{""}, ends(func(*writing, *mcpecho.Call) error { panic(http.ErrAbortHandler) })),
	fail("an error reported and not returned", slotEnd, []string{mcpecho.TypeError}, ends(func(_ *writing, c *mcpecho.Call) error {
		c.Error(echo.NewHTTPError(http.StatusTeapot))
		return nil
	})),
	fail("a written 409", slotEnd, []string{mcpecho.TypeError}, ends(func(_ *writing, c *mcpecho.Call) error {
		return c.JSON(http.StatusConflict, echo.Map{"message": "taken"})
	})),
	fail("a written 500", slotEnd, []string{mcpecho.TypeInternal}, ends(func(_ *writing, c *mcpecho.Call) error {
		return c.JSON(http.StatusInternalServerError, echo.Map{"message": "the secret is out"})
	})),
	{name: "a written 200", slot: slotEnd, last: true, add: func(w *writing) {
		w.answer = func(c *mcpecho.Call) error { return c.JSON(http.StatusOK, written{"written"}) }
		switch w.surface {
		case asPrompt:
			w.answer = func(c *mcpecho.Call) error { return c.String(http.StatusOK, "written") }
		case asSequence: // which needs a value of a Go type
			w.late(mcpecho.TypeInternal)
		}
	}},
	{name: "a result that is too large", slot: slotEnd, last: true, add: func(w *writing) {
		w.big, w.config.MaxResultBytes = true, 1<<15
		w.late(mcpecho.TypeTooLarge)
	}},
	{name: "a COMMIT that is refused", slot: slotEnd, fits: (*env).refusesCommits, add: func(w *writing) {
		w.fails = append(w.fails, mcpecho.TypeConflict)
		ends(func(_ *writing, c *mcpecho.Call) error {
			return c.DB().Exec("INSERT INTO parts (id, item_id) VALUES (1, 4711)").Error
		})(w)
	}},
	{name: "a duplicate that nobody cares about", slot: slotEnd, add: func(w *writing) {
		if w.env.db.Name() == "postgres" { // where it ends the transaction
			w.fails = append(w.fails, mcpecho.TypeInternal, mcpecho.TypeConflict)
		}
		ends(func(_ *writing, c *mcpecho.Call) error {
			if c.DB().Create(&lock{ID: 1}).Error == nil {
				return errors.New("there was no duplicate")
			}
			return nil
		})(w)
	}},
	{name: "a savepoint that is undone", slot: slotEnd, add: ends(func(w *writing, c *mcpecho.Call) error {
		undone := errors.New("undone")
		err := c.Transaction(nil, func() error {
			c.AfterCommit(w.hook("undone"))
			return errors.Join(undone, c.DB().Create(&item{Name: w.row + "undone"}).Error)
		})
		if !errors.Is(err, undone) {
			return errors.Join(err, errors.New("the savepoint did not fail"))
		}
		return nil
	})},
	{name: "a row in the other database too", slot: slotStore, add: func(w *writing) {
		w.beside = true
		ends(func(w *writing, c *mcpecho.Call) error {
			return c.Transaction(w.other, func() error {
				c.AfterCommit(func(context.Context) { // which waits for the transaction around
					w.besides.Add(1)
					w.hook("beside")(context.Background())
					w.hooks.Add(-1)
				})
				return c.DB().Create(&item{Owner: "elsewhere"}).Error
			})
		})(w)
	}},
	{name: "a failure in the other database that nobody cares about", slot: slotStore, add: ends(func(w *writing, c *mcpecho.Call) error {
		undone := errors.New("undone")
		err := c.Transaction(w.other, func() error {
			c.AfterCommit(w.hook("undone"))
			return errors.Join(undone, c.DB().Create(&item{Owner: "elsewhere"}).Error)
		})
		if !errors.Is(err, undone) {
			return errors.Join(err, errors.New("the transaction did not fail"))
		}
		return nil
	})},
	fail("a deadline", slotEnd, []string{mcpecho.TypeTimeout}, func(w *writing) {
		w.options = append(w.options, mw.Timeout(deadline))
		ends(func(_ *writing, c *mcpecho.Call) error {
			<-c.Ctx().Done()
			return c.Ctx().Err()
		})(w)
	}),
	fail("a deadline that nobody cares about", slotEnd, []string{mcpecho.TypeTimeout}, func(w *writing) {
		w.config.CallTimeout = deadline
		ends(func(w *writing, c *mcpecho.Call) error {
			<-c.Ctx().Done()
			c.DB().Create(&item{Name: w.row + "late"})
			return nil
		})(w)
	}),
	fail("a client that leaves", slotEnd, []string{""}, func(w *writing) {
		ends(func(w *writing, c *mcpecho.Call) error {
			w.cancel()
			<-c.Ctx().Done()
			return nil
		})(w)
	}),
}

// deadline is that of calls that let it pass. It is long enough for everything before.
const deadline = 60 * time.Millisecond

const (
	slotHook  = "hook"
	slotGuard = "guard"
	slotRows  = "rows"
	slotShape = "serialize"
	slotReply = "reply"
)

type shown struct {
	Title string `json:"title"`
}

// mapped says whether results are what a mapping makes of them: values of Go, not of a prompt.
func mapped(w *writing) bool {
	return w.surface != asPrompt && w.answer == nil && !w.answers && w.writers == 0
}

// around are the features around a handler that are no middlewares of plain Echo.
var around = []writeFeature{
	{name: "a function after the commit that panics", slot: slotHook, add: ends(func(_ *writing, c *mcpecho.Call) error {
		c.AfterCommit(func(context.Context) { panic("the secret is out") })
		return nil
	})},
	{name: "scopes", slot: slotGuard, add: func(w *writing) { w.options = append(w.options, mw.Scopes("items")) }},
	fail("missing scopes", slotGuard, []string{mcpecho.TypeForbidden}, func(w *writing) { w.options = append(w.options, mw.Scopes("more")) }),
	{name: "hidden from others", slot: slotGuard, add: func(w *writing) {
		w.config.HideForbidden = true
		w.options = append(w.options, mw.Scopes("items"))
	}},
	fail("hidden", slotGuard, []string{unknown}, func(w *writing) {
		w.config.HideForbidden = true
		w.options = append(w.options, mw.Scopes("more"))
	}),
	{name: "a permitted row", slot: slotRows, add: func(w *writing) { w.permitRow(nil) }},
	fail("a refused row", slotRows, []string{mcpecho.TypeForbidden}, func(w *writing) { w.permitRow(errors.New("the secret is out")) }),
	{name: "a forgotten row", slot: slotRows, last: true, add: func(w *writing) {
		w.checks = true
		w.options = append(w.options, mw.PermitRow(func(*mcpecho.Call, item) error { return nil }))
		w.late(mcpecho.TypeInternal)
	}},
	{name: "row permissions of the server", slot: slotRows, add: func(w *writing) {
		w.server = append(w.server, mw.PermitRow(func(*mcpecho.Call, item) error { return nil }))
	}},
	{name: "a result mapped", slot: slotShape, with: mapped, add: func(w *writing) {
		w.options = append(w.options, mw.Serialize(func(r written) shown { return shown{r.Name} }))
	}},
	{name: "a result whose mapping panics", slot: slotShape, with: mapped, last: true, add: func(w *writing) {
		w.options = append(w.options, mw.Serialize(func(written) shown { panic("the secret is out") }))
		w.late(mcpecho.TypeInternal)
	}},
	{name: "progress", slot: slotReply, add: func(w *writing) {
		w.client.streams = true
		w.first = append(w.first, func(c *mcpecho.Call) error {
			c.Progress(1, 2, "half")
			return nil
		})
	}},
}

// permitRow lists a row permission on the spec, and checks the row that the handler has written.
func (w *writing) permitRow(refusal error) {
	w.checks = true
	w.options = append(w.options, mw.PermitRow(func(*mcpecho.Call, item) error { return refusal }))
	ends(func(w *writing, c *mcpecho.Call) error { return c.CheckRow(item{Owner: "ann", Name: w.row}) })(w)
}
