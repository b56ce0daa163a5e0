package differential

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// item is a model as an application has it: most columns may hold NULL, few of the fields can.
type item struct {
	ID     int64      `json:"id"`
	Few    int64      `json:"few"`
	Amount *int64     `json:"amount"`
	Score  int64      `json:"score"`
	Small  int64      `json:"small" gorm:"type:smallint"`
	Name   string     `json:"name"`
	Note   *string    `json:"note"`
	At     time.Time  `json:"at"`
	Due    *time.Time `json:"due"`
	Rate   float64    `json:"rate"`
	Done   bool       `json:"done"`
	Price  string     `json:"price" gorm:"type:decimal(24,8)"`
	Data   []byte     `json:"data"`
}

// brief is what some of the tools show: not the ordered columns.
type brief struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type itemFilter struct {
	Amount    *int64                    `json:"amount"`
	MinAmount *int64                    `json:"min_amount" filter:"amount,gte"`
	Amounts   *filters.Range[int64]     `json:"amounts" filter:"amount"`
	NotScores []int64                   `json:"not_scores" filter:"score,notin"`
	Scores    []int64                   `json:"scores" filter:"score,in"`
	Below     *int64                    `json:"below" filter:"small,lt"`
	Name      *string                   `json:"name" filter:"name,icontains"`
	Named     *string                   `json:"named" filter:"name,eq"`
	NoNote    *bool                     `json:"no_note" filter:"note,isnull"`
	Note      *string                   `json:"note" filter:"note,endswith"`
	Before    *time.Time                `json:"before" filter:"at,lt"`
	Due       *filters.Range[time.Time] `json:"due"`
	Rate      *float64                  `json:"rate" filter:"rate,lte"`
	Done      *bool                     `json:"done"`
	Price     *filters.Range[string]    `json:"price"`
	NoData    *bool                     `json:"no_data" filter:"data,isnull"`
}

// itemsOf fills the table of item, whose columns have the types of the database at hand.
func itemsOf(t *testing.T, db *gorm.DB, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 9)), seed: seed, db: db, dialect: db.Name(), table: "items"}
	model := reflect.TypeFor[item]()
	for i, name := range []string{"int64", "int64", "int64", "int64", "smallint by more", "text", "text", "time", "time", "float64", "bool", "decimal", "bytes"} {
		k := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })]
		f := model.Field(i)
		c := &column{kind: k, name: strings.ToLower(f.Name), field: f.Name, nullable: i > 1, goType: f.Type}
		if c.name == "few" {
			c.value = func(r *rand.Rand, _ string) any { return int64(r.IntN(4)) }
			w.few = c
		}
		w.columns = append(w.columns, c)
	}
	w.id = w.columns[0]
	w.key = w.columns[:1]
	w.build()
	w.fill()
	return w
}

// serve adds the lists of items, each by numbers and by cursors, whole and in part. Callers see
// only some rows.
func (w *world) serve(query func(*gorm.DB) *gorm.DB) *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "differential", Version: "1", DB: w.db, Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelError}))})
	srv.Use(mw.Narrow[item](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		few := clause.Column{Table: clause.CurrentTable, Name: "few"}
		return db.Where(clause.Neq{Column: few, Value: w.hidden(c.Principal())}).Or(clause.Eq{Column: few, Value: 3})
	}))
	list := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return query(c.DB().Model(&item{})), nil }
	var terms []string
	for _, c := range w.columns {
		terms = append(terms, c.name)
	}
	for name, page := range map[string]mw.PaginateConfig{"numbers": {Limit: 5}, "cursors": {Limit: 5, Keyset: true}} {
		srv.Add(
			mcpecho.Selector[item](name, list, mw.Filter[itemFilter](), mw.Order(terms...), mw.PaginateWithConfig(page)),
			mcpecho.Selector[item](name+".brief", list, mw.Filter[itemFilter](), mw.Order(terms...), mw.PaginateWithConfig(page), mw.As[brief]()),
		)
	}
	return srv
}

// hidden is the few that a caller does not see, unless it is 3.
func (w *world) hidden(p *mcpecho.Principal) int64 { return int64(len(p.Subject)) }

func TestToolsEqualANaiveReference(t *testing.T) {
	worlds(t, func(t *testing.T, db *gorm.DB, seed uint64) int {
		w := itemsOf(t, db, seed)
		defer func() {
			db.Migrator().DropTable(w.table)
			db.Migrator().DropTable(w.table + "_twin")
		}()
		var s scene
		srv := w.serve(func(db *gorm.DB) *gorm.DB { return s.query(db) })
		wires := []*mcptest.Client{mcptest.New(t, srv, mcptest.Modern()), mcptest.New(t, srv, mcptest.Dated())}
		for range 6 {
			for s = w.scene(); s.name == "subquery"; s = w.scene() { // which rows it is about, a narrowing cannot tell
			}
			p := &mcpecho.Principal{Issuer: "test", Subject: []string{"a", "bb"}[w.r.IntN(2)]}
			w.call(wires[w.r.IntN(2)].As(p), s, func(row int) bool {
				few := w.few.values[row].(int64)
				return few != w.hidden(p) || few == 3
			})
			if t.Failed() {
				break
			}
		}
		return w.paged
	})
}

// call walks one random list through each tool that can show it.
func (w *world) call(client *mcptest.Client, s scene, seen func(int) bool) {
	args, conds := w.arguments()
	names, order := w.order()
	args["limit"] = 1 + w.r.IntN(9)
	if len(names) > 0 || w.r.IntN(2) == 0 {
		args["ordering"] = names
	}
	if len(names) == 1 && w.r.IntN(2) == 0 {
		args["ordering"] = names[0]
	}
	want := []int64{}
	for _, row := range w.sorted(order) {
		if s.keeps(row) && seen(row) && !slices.ContainsFunc(conds, func(c condition) bool { return !c.matches(row) }) {
			want = append(want, w.id.values[row].(int64))
		}
	}
	for _, tool := range []string{"numbers", "numbers.brief", "cursors", "cursors.brief"} {
		got, err := w.walk(client, tool, args)
		w.paged += len(got)
		if err != nil || !slices.Equal(got, want) {
			w.t.Errorf("DIFFERENTIAL_SEED=%d: %s of %s with %v\ngot  %v, %v\nwant %v", w.seed, tool, s.name, args, got, err, want)
		}
	}
}

// walk turns the pages of a tool as a client does.
func (w *world) walk(client *mcptest.Client, tool string, args map[string]any) (ids []int64, err error) {
	ids = []int64{}
	sent := map[string]any{}
	for k, v := range args {
		sent[k] = v
	}
	for page := 1; page <= w.n+2; page++ {
		result := client.Do(tool, sent)
		switch {
		case result.RPCError != nil:
			return ids, fmt.Errorf("%v\n%s", result.RPCError, &w.log)
		case result.Error != nil:
			return ids, fmt.Errorf("%w\n%s", result.Error, &w.log)
		}
		var list struct {
			Items []struct {
				ID int64 `json:"id"`
			} `json:"items"`
			HasNext    bool   `json:"hasNext"`
			NextCursor string `json:"nextCursor"`
		}
		if err := json.Unmarshal(result.Structured, &list); err != nil {
			return ids, err
		}
		for _, i := range list.Items {
			ids = append(ids, i.ID)
		}
		switch {
		case list.HasNext:
			sent["page"] = page + 1
		case list.NextCursor != "":
			sent["cursor"] = list.NextCursor
		default:
			return ids, nil
		}
	}
	return ids, fmt.Errorf("the walk does not end")
}

// arguments are random filters as JSON, null among them, and their reference.
func (w *world) arguments() (args map[string]any, conds []condition) {
	args = map[string]any{}
	filter := reflect.TypeFor[itemFilter]()
	for i := range filter.NumField() {
		f := filter.Field(i)
		name := f.Tag.Get("json")
		switch w.r.IntN(10) {
		case 0:
			args[name] = nil
		case 1:
			spelt, op, _ := strings.Cut(f.Tag.Get("filter"), ",")
			if spelt == "" {
				spelt = name
			}
			if op == "" {
				op = map[reflect.Kind]string{reflect.Slice: "in", reflect.Struct: "between"}[f.Type.Kind()]
				if f.Type.Kind() == reflect.Pointer {
					op = "eq"
					if f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem().NumField() == 2 {
						op = "between"
					}
				}
			}
			c := w.condition(w.columns[slices.IndexFunc(w.columns, func(c *column) bool { return c.name == spelt })], op)
			conds = append(conds, c)
			args[name] = argument(c)
		}
	}
	return args, conds
}

func argument(c condition) any {
	switch c.op {
	case "in", "notin":
		return append([]any{}, c.args...)
	case "between":
		span := map[string]any{}
		for i, name := range []string{"min", "max"} {
			if c.args[i] != nil {
				span[name] = c.args[i]
			}
		}
		return span
	}
	return c.args[0]
}
