package matrix_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

const (
	slotNarrow  = "narrow"
	slotQuery   = "query"
	slotView    = "view"
	slotTenant  = "tenant"
	slotAround  = "around"
	slotPassing = "ends"
)

// own is the narrowing of the matrix: a caller sees its own rows.
func own(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
	return db.Where("owner = ?", c.Principal().Subject)
}

var narrowings = []readFeature{
	{name: "narrowed by the spec", slot: slotNarrow, add: func(w *reading) { w.options = append(w.options, mw.Narrow[item](own)) }},
	{name: "narrowed by the group", slot: slotNarrow, add: func(w *reading) { w.group = append(w.group, mw.Narrow[item](own)) }},
	{name: "narrowed by the server", slot: slotNarrow, add: func(w *reading) { w.server = append(w.server, mw.Narrow[item](own)) }},
	{name: "every table narrowed", slot: slotNarrow, add: func(w *reading) { w.server = append(w.server, mw.NarrowAll(own)) }},
	{name: "narrowed twice", slot: slotNarrow, add: func(w *reading) {
		w.server = append(w.server, mw.NarrowAll(func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("1 = 1").Or("owner = ?", "bob") }))
		w.options = append(w.options, mw.Narrow[item](own))
	}},
	{name: "narrowed with Or", slot: slotNarrow, add: func(w *reading) {
		w.options = append(w.options, mw.Narrow[item](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
			return db.Where("owner = ?", "nobody").Or("owner = ?", c.Principal().Subject)
		}))
	}},
	{name: "narrowed by a scope", slot: slotNarrow, add: func(w *reading) {
		w.options = append(w.options, mw.Narrow[item](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return own(c, db) })
		}))
	}},
}

func queried(name string, query func(db *gorm.DB) *gorm.DB) readFeature {
	return readFeature{name: name, slot: slotQuery, add: func(w *reading) { w.query = query }}
}

// loose is a query with an Or of its own, which a condition that comes after does not limit.
func loose(name string, query func(db *gorm.DB) *gorm.DB) readFeature {
	return readFeature{name: name, slot: slotQuery, add: func(w *reading) { w.query, w.loose = query, true }}
}

// risky is a query that may be refused.
func risky(name string, query func(db *gorm.DB) *gorm.DB) readFeature {
	return readFeature{name: name, slot: slotQuery, add: func(w *reading) { w.query, w.mayFail = query, true }}
}

func all(db *gorm.DB) *gorm.DB { return db.Model(&item{}) }

var queries = []readFeature{
	queried("a model", all),
	loose("Or", func(db *gorm.DB) *gorm.DB { return all(db).Where("name <> ?", "").Or("owner = ?", "bob") }),
	queried("a condition with OR", func(db *gorm.DB) *gorm.DB { return all(db).Where("owner = 'bob' OR 1 = 1") }),
	loose("a scope with Or", func(db *gorm.DB) *gorm.DB {
		return all(db).Scopes(func(db *gorm.DB) *gorm.DB { return db.Where("1 = 1").Or("owner = ?", "bob") })
	}),
	loose("a clause with Or", func(db *gorm.DB) *gorm.DB {
		return all(db).Clauses(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Eq{Column: "owner", Value: "bob"}, clause.Expr{SQL: "1 = 1"})}})
	}),
	loose("Not", func(db *gorm.DB) *gorm.DB { return all(db).Not("owner = ?", "nobody").Or("1 = 1") }),
	queried("a join", func(db *gorm.DB) *gorm.DB { return all(db).Joins("JOIN locks ON locks.id = 1 OR 1 = 0") }),
	{name: "Select", slot: slotQuery, add: func(w *reading) {
		w.selects = true
		w.query = func(db *gorm.DB) *gorm.DB {
			return all(db).Select("items.id", "items.owner", "items.name", "items.secret")
		}
	}},
	queried("Distinct", func(db *gorm.DB) *gorm.DB { return all(db).Distinct() }),
	loose("Unscoped", func(db *gorm.DB) *gorm.DB { return all(db).Unscoped().Where("1 = 1").Or("1 = 1") }),
	queried("a prepared session", func(db *gorm.DB) *gorm.DB { return all(db.Session(&gorm.Session{PrepareStmt: true})) }),
	queried("a subquery", func(db *gorm.DB) *gorm.DB {
		return all(db).Where("id IN (?)", db.Session(&gorm.Session{NewDB: true}).Table("items").Select("id"))
	}),
	{name: "a store's handle", slot: slotQuery, add: func(w *reading) { w.query, w.handle = all, w.store }, with: func(w *reading) bool { return w.look != w.beyond }},
	risky("a table", func(db *gorm.DB) *gorm.DB { return db.Table("items") }),
	risky("a table with an alias", func(db *gorm.DB) *gorm.DB { return db.Table("items AS i") }),
	risky("a model in a table of another name", func(db *gorm.DB) *gorm.DB { return all(db).Table("items AS i") }),
	risky("a derived table", func(db *gorm.DB) *gorm.DB {
		return all(db).Table("(?) AS items", db.Session(&gorm.Session{NewDB: true}).Model(&item{}))
	}),
	risky("raw SQL", func(db *gorm.DB) *gorm.DB { return db.Raw("SELECT * FROM items") }),
	risky("a union", func(db *gorm.DB) *gorm.DB {
		return all(db).Where("1 = 0 UNION SELECT * FROM items")
	}),
	risky("two tables", func(db *gorm.DB) *gorm.DB { return all(db).Table("items, locks").Where("locks.id = 1") }),
	risky("a grouping", func(db *gorm.DB) *gorm.DB { return all(db).Group("id, owner, name, secret").Having("1 = 1 OR 1 = 0") }),
}

type pk struct {
	ID uint `json:"pk"`
}

type itemFilter struct {
	MinID *int64 `json:"min_id" filter:"id,gte"`
}

type nothing struct{}

func (w *reading) selector(name string, options ...mcpecho.Option) *mcpecho.Spec {
	return mcpecho.Selector[item](name, func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
		return w.from(c), w.handled(c)
	}, options...)
}

func (w *reading) retrieve() *mcpecho.Spec {
	return mcpecho.Retrieve[item]("read", func(c *mcpecho.Call, in pk) (*gorm.DB, error) {
		return w.from(c).Where("items.id = ?", in.ID), w.handled(c)
	}, w.options...)
}

// view is a way in which a client sees rows.
func view(name string, kind readKind, add func(w *reading, g *mcpecho.Group), ask func(ctx context.Context, t *testing.T, w *reading) []reply) readFeature {
	return readFeature{name: name, slot: slotView, add: func(w *reading) {
		w.kind, w.ask = kind, ask
		w.add = func(w *reading, srv *mcpecho.Server) { add(w, srv.Group("", w.group...)) }
	}}
}

// calls calls the tool once.
func calls(arguments map[string]any) func(ctx context.Context, t *testing.T, w *reading) []reply {
	return func(ctx context.Context, t *testing.T, w *reading) []reply {
		return []reply{w.client.send(ctx, t, "tools/call", "read", map[string]any{"name": "read", "arguments": arguments})}
	}
}

// reads reads a resource once.
func reads(uri string) func(ctx context.Context, t *testing.T, w *reading) []reply {
	return func(ctx context.Context, t *testing.T, w *reading) []reply {
		return []reply{w.client.send(ctx, t, "resources/read", uri, map[string]any{"uri": uri})}
	}
}

// turns calls the tool for each page, until there is none or an error.
func turns(ctx context.Context, t *testing.T, w *reading) (replies []reply) {
	arguments := map[string]any{"limit": 3}
	for page := 1; page < 10; page++ {
		r := calls(arguments)(ctx, t, w)[0]
		replies = append(replies, r)
		var result struct {
			Structured jsontext.Value `json:"structuredContent"`
			Content    []struct {
				Text string `json:"text"`
			} `json:"content"`
		}
		var envelope struct {
			Cursor string `json:"nextCursor"`
			More   bool   `json:"hasNext"`
		}
		if !r.ok || json.Unmarshal(r.result, &result) != nil || len(result.Content) == 0 {
			break
		}
		if result.Structured == nil {
			result.Structured = jsontext.Value(result.Content[0].Text)
		}
		_ = json.Unmarshal(result.Structured, &envelope) // what a middleware has written is no page
		switch {
		case envelope.Cursor != "":
			arguments["cursor"] = envelope.Cursor
		case envelope.More:
			arguments["page"] = page + 1
		default:
			return replies
		}
	}
	return replies
}

// row asks for one row of an owner.
func row(owner string, ask func(id uint) func(ctx context.Context, t *testing.T, w *reading) []reply) func(ctx context.Context, t *testing.T, w *reading) []reply {
	return func(ctx context.Context, t *testing.T, w *reading) []reply {
		var found item
		must(t, w.look.Where("owner = ?", owner).Order("id").First(&found).Error)
		return ask(found.ID)(ctx, t, w)
	}
}

func callOf(id uint) func(ctx context.Context, t *testing.T, w *reading) []reply {
	return calls(map[string]any{"pk": id})
}

func uriOf(id uint) func(ctx context.Context, t *testing.T, w *reading) []reply {
	return reads("item://" + url.PathEscape(strconv.FormatUint(uint64(id), 10)))
}

// and adds more to a cell with the feature.
func (f readFeature) and(more func(w *reading)) readFeature {
	add := f.add
	f.add = func(w *reading) {
		add(w)
		more(w)
	}
	return f
}

// partly says that the answer has one row only: none, when it is missing.
func partly(f readFeature, missing bool) readFeature {
	return f.and(func(w *reading) { w.partial, w.missing = true, missing })
}

type report struct {
	Names []string `json:"names"`
	Count int64    `json:"count"`
}

// report looks at the rows as a function does that makes its own queries.
func (w *reading) report(c *mcpecho.Call) (r report, err error) {
	if err := w.handled(c); err != nil {
		return r, err
	}
	var rows []item
	if err := errors.Join(c.Narrowed(w.from(c)).Find(&rows).Error, c.CheckRow(rows)); err != nil {
		return r, err
	}
	for _, i := range rows {
		r.Names = append(r.Names, i.Name)
	}
	err = c.Narrowed(w.query(c.DB())).Count(&r.Count).Error
	return r, err
}

var views = []readFeature{
	view("list", aSelector, func(w *reading, g *mcpecho.Group) { g.Add(w.selector("read", w.options...)) }, calls(nil)),
	view("pages", aSelector, func(w *reading, g *mcpecho.Group) {
		g.Add(w.selector("read", append(w.options, mw.Paginate(3))...))
	}, turns),
	view("cursors", aSelector, func(w *reading, g *mcpecho.Group) {
		g.Add(w.selector("read", append(w.options, mw.Order("-name", "id"), mw.PaginateWithConfig(mw.PaginateConfig{Limit: 3, Keyset: true}))...))
	}, turns),
	view("a filtered list", aSelector, func(w *reading, g *mcpecho.Group) {
		g.Add(w.selector("read", append(w.options, mw.Filter[itemFilter](), mw.Order("-name", "id"))...))
	}, calls(map[string]any{"min_id": 0, "ordering": []string{"-name"}})),
	partly(view("an own row", aRetrieve, func(w *reading, g *mcpecho.Group) { g.Add(w.retrieve()) }, row("ann", callOf)), false),
	partly(view("another's row", aRetrieve, func(w *reading, g *mcpecho.Group) { g.Add(w.retrieve()) }, row("bob", callOf)), true),
	view("a list as a resource", aSelector, func(w *reading, g *mcpecho.Group) {
		g.Add(w.selector("read", w.options...).AsResource("items://all", mcpecho.Name("read")))
	}, reads("items://all")),
	partly(view("an own row as a resource", aRetrieve, func(w *reading, g *mcpecho.Group) {
		g.Add(w.retrieve().AsResource("item://{pk}", mcpecho.Name("read")))
	}, row("ann", uriOf)), false),
	partly(view("another's row as a resource", aRetrieve, func(w *reading, g *mcpecho.Group) {
		g.Add(w.retrieve().AsResource("item://{pk}", mcpecho.Name("read")))
	}, row("bob", uriOf)), true),
	view("a function", aFunction, func(w *reading, g *mcpecho.Group) {
		g.Add(mcpecho.Service("read", func(c *mcpecho.Call, _ nothing) (report, error) { return w.report(c) }, w.options...))
	}, calls(nil)),
	view("a prompt", aFunction, func(w *reading, g *mcpecho.Group) {
		g.Add(mcpecho.Prompt("read", func(c *mcpecho.Call, _ nothing) (string, error) {
			r, err := w.report(c)
			return strings.Join(r.Names, ", "), err
		}, w.options...))
	}, func(ctx context.Context, t *testing.T, w *reading) []reply {
		return []reply{w.client.send(ctx, t, "prompts/get", "read", map[string]any{"name": "read"})}
	}),
	view("a sequence", aFunction, func(w *reading, g *mcpecho.Group) {
		seq := mcpecho.NewSequence[nothing]("read")
		same := func(_ *mcpecho.Call, in nothing) nothing { return in }
		rows := mcpecho.Then[[]item](seq, w.selector("rows"), same)
		mcpecho.Then[report](seq, mcpecho.Service("report", func(c *mcpecho.Call, _ nothing) (report, error) { return w.report(c) }), same)
		g.Add(mcpecho.Finish(seq, rows, w.options...))
	}, calls(nil)).and(func(w *reading) { w.sequence = true }),
	view("suggestions", aFunction, func(w *reading, g *mcpecho.Group) {
		g.Add(mcpecho.Prompt("read", func(*mcpecho.Call, named) (string, error) { return "unused", nil },
			append(w.options, mcpecho.CompleteColumn("name", "name", w.from))...))
	}, func(ctx context.Context, t *testing.T, w *reading) []reply {
		r := w.client.send(ctx, t, "completion/complete", "", map[string]any{
			"ref": map[string]any{"type": "ref/prompt", "name": "read"}, "argument": map[string]any{"name": "name", "value": ""}})
		return []reply{r}
	}).and(func(w *reading) { w.suggests = true }),
}

var readWires = []readFeature{
	{name: "modern", slot: slotWire, add: func(*reading) {}},
	{name: "dated", slot: slotWire, add: func(w *reading) { w.client.dated = true }},
}

type projected struct {
	ID   uint   `json:"id"`
	Name string `json:"name"`
}

func fetches(w *reading) bool { return w.kind != aFunction }

// whole is a row permission that only whole rows satisfy.
func whole(_ *mcpecho.Call, i item) error {
	if i.Owner == "" || i.Secret == "" {
		return errors.New("a part of a row is missing")
	}
	return nil
}

func failsRead(name, slot string, types []string, add func(w *reading)) readFeature {
	return readFeature{name: name, slot: slot, add: func(w *reading) {
		w.fails = append(w.fails, types...)
		add(w)
	}}
}

func handlerRuns(w *reading) bool { return !w.suggests }

// begins makes the handler do something before it makes its query.
func beginsWith(f func(w *reading, c *mcpecho.Call) error) func(w *reading) {
	return func(w *reading) { w.first = append(w.first, func(c *mcpecho.Call) error { return f(w, c) }) }
}

// onlyWhere limits a feature to some cells.
func onlyWhere(with func(w *reading) bool, f readFeature) readFeature {
	f.with = with
	return f
}

// meets is what reads are combined with.
var meets = slices.Concat([]readFeature{
	{name: "As", slot: slotShape, with: fetches, add: func(w *reading) { w.options = append(w.options, mw.As[projected]()) }},
	{name: "Serialize", slot: slotShape, with: fetches, add: func(w *reading) {
		w.options = append(w.options, mw.Serialize(func(i item) projected { return projected{i.ID, i.Name} }))
	}},
	{name: "TOON", slot: slotShape, add: func(w *reading) { w.config.OutputFormat = mcpecho.FormatTOON }},
	{name: "row permission", slot: slotRows, add: func(w *reading) {
		w.mayFail = w.mayFail || w.selects // it needs whole rows
		w.options = append(w.options, mw.PermitRow(whole))
	}},
	{name: "row permission of the server", slot: slotRows, add: func(w *reading) {
		w.mayFail = w.mayFail || w.selects
		w.server = append(w.server, mw.PermitRow(whole))
	}},
	onlyWhere(handlerRuns, failsRead("a refused row", slotRows, []string{mcpecho.TypeForbidden}, func(w *reading) {
		w.mayFail = w.mayFail || w.selects
		w.options = append(w.options, mw.PermitRow(func(*mcpecho.Call, item) error { return errors.New("the secret is out") }))
	})),
	{name: "another database", slot: slotTenant, add: func(w *reading) {
		w.look = w.beyond
		w.server = append(w.server, mcpecho.Step{Name: "tenant", Stage: mcpecho.StageAuth, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			defer c.SetDB(w.other)()
			return next(ec)
		})})
	}},
	{name: "in a transaction", slot: slotBegin, with: handlerRuns, add: func(w *reading) {
		w.options = append(w.options, mcpecho.Named("in_transaction", mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			return c.Transaction(nil, func() error { return next(ec) })
		})))
	}},
	{name: "scopes", slot: slotGuard, add: func(w *reading) { w.options = append(w.options, mw.Scopes("items")) }},
	failsRead("missing scopes", slotGuard, []string{mcpecho.TypeForbidden}, func(w *reading) { w.options = append(w.options, mw.Scopes("more")) }),
	{name: "hidden from others", slot: slotGuard, add: func(w *reading) {
		w.config.HideForbidden = true
		w.options = append(w.options, mw.Scopes("items"))
	}},
	failsRead("hidden", slotGuard, []string{unknown}, func(w *reading) {
		w.config.HideForbidden = true
		w.options = append(w.options, mw.Scopes("more"))
	}),
	{name: "progress", slot: slotReply, with: handlerRuns, add: func(w *reading) {
		w.client.streams = true
		beginsWith(func(_ *reading, c *mcpecho.Call) error {
			c.Progress(1, 7, "a part")
			return nil
		})(w)
	}},
	onlyWhere(handlerRuns, failsRead("an error for the model", slotEnd, []string{mcpecho.TypeError}, beginsWith(func(*reading, *mcpecho.Call) error {
		return mcpecho.Errorf("not today")
	}))),
	onlyWhere(handlerRuns, failsRead("a panic", slotEnd, []string{mcpecho.TypeInternal}, beginsWith(func(*reading, *mcpecho.Call) error {
		panic("the secret is out")
	}))),
	onlyWhere(handlerRuns, failsRead("a deadline", slotEnd, []string{mcpecho.TypeTimeout}, func(w *reading) {
		w.options = append(w.options, mw.Timeout(deadline))
		beginsWith(func(_ *reading, c *mcpecho.Call) error {
			<-c.Ctx().Done()
			return nil
		})(w)
	})),
	onlyWhere(handlerRuns, failsRead("a client that leaves", slotEnd, []string{""}, func(w *reading) {
		beginsWith(func(w *reading, c *mcpecho.Call) error {
			w.cancel()
			<-c.Ctx().Done()
			return nil
		})(w)
	})),
}, aroundReads())

// aroundReads are the middlewares of plain Echo around a read.
func aroundReads() (all []readFeature) {
	for _, p := range plains {
		all = append(all, readFeature{name: p.name, slot: slotAround, last: true, with: func(w *reading) bool {
			return !w.suggests
		}, add: func(w *reading) {
			w.options = append(w.options, mcpecho.Named("around", func(next echo.HandlerFunc) echo.HandlerFunc { return p.wrap(w.arrived, next) }))
			// What a middleware writes in the place of rows has another form than they.
			w.answers = w.answers || p.answers || p.second
			if p.leaves {
				beginsWith(func(w *reading, c *mcpecho.Call) error {
					w.arrived <- struct{}{}
					<-c.Ctx().Done()
					return nil
				})(w)
			}
			if w.fails != nil && (p.leaves || p.drops) {
				w.fails = append(w.fails, mcpecho.TypeInternal)
			}
			w.mayFail = w.mayFail || p.drops && w.missing
			w.fails = append(w.fails, p.types...)
		}})
	}
	return all
}
