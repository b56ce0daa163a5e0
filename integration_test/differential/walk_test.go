package differential

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

// lasting is how long a database is tried.
func lasting(t *testing.T) time.Duration {
	if s := os.Getenv("DIFFERENTIAL_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("DIFFERENTIAL_TIME: %v", err)
		}
		return d
	}
	if testing.Short() {
		return 2 * time.Second
	}
	return 20 * time.Second
}

// worlds calls try with one seed after the other until the time is over, half of it for each of the
// two tests.
func worlds(t *testing.T, try func(t *testing.T, db *gorm.DB, seed uint64) (rows int)) {
	seed := rand.Uint64() >> 1
	if s := os.Getenv("DIFFERENTIAL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("DIFFERENTIAL_SEED: %v", err)
		}
	}
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		t.Logf("DIFFERENTIAL_SEED=%d", seed)
		end, tables, rows := time.Now().Add(lasting(t)/2), 0, 0
		for ; tables == 0 || time.Now().Before(end) && !t.Failed(); tables++ {
			rows += try(t, db, seed+uint64(tables))
		}
		t.Logf("%d tables, %d rows in pages", tables, rows)
	})
}

// scene is a query in a shape that selectors have, and the rows that it has.
type scene struct {
	name  string
	query func(*gorm.DB) *gorm.DB
	keeps func(row int) bool
}

func (w *world) scene() scene {
	few := func(row int) int64 { return w.few.values[row].(int64) }
	all := func(int) bool { return true }
	scenes := []scene{
		{"all", func(db *gorm.DB) *gorm.DB { return db }, all},
		{"where or", func(db *gorm.DB) *gorm.DB { return db.Where("few = ?", 1).Or("few > ?", 2) }, func(r int) bool { return few(r) == 1 || few(r) > 2 }},
		{"lazy or", func(db *gorm.DB) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Where("few = 0").Or("few = 3") })
		}, func(r int) bool { return few(r) == 0 || few(r) == 3 }},
		{"two conditions", func(db *gorm.DB) *gorm.DB {
			return db.Where(w.table+".few <> ?", 2).Where(w.table+".few IN ?", []int{0, 1, 2})
		},
			func(r int) bool { return few(r) < 2 }},
		{"select", func(db *gorm.DB) *gorm.DB { return db.Select("id") }, all},
		{"select with a value", func(db *gorm.DB) *gorm.DB { return db.Select(w.table+".id, ? AS few", "9") }, all},
		{"omit", func(db *gorm.DB) *gorm.DB { return db.Omit(w.columns[len(w.columns)-1].name, "few") }, all},
		{"distinct", func(db *gorm.DB) *gorm.DB { return db.Distinct() }, all},
		{"join", func(db *gorm.DB) *gorm.DB {
			return db.Joins("JOIN " + w.table + "_twin AS twin ON twin.id = " + w.table + ".id")
		}, w.hasTwin},
		{"distinct join of many", func(db *gorm.DB) *gorm.DB {
			return db.Distinct(w.table + ".*").Joins("JOIN " + w.table + "_twin AS twin ON twin.id >= " + w.table + ".id")
		}, func(r int) bool { return w.twinFrom(w.id.values[r].(int64)) }},
		{"alias", func(db *gorm.DB) *gorm.DB { return db.Table(w.table + " AS other").Where("other.few < 3") }, func(r int) bool { return few(r) < 3 }},
		{"subquery", func(db *gorm.DB) *gorm.DB {
			return db.Table("(?) AS sub", w.db.Table(w.table).Where("few > ?", 0))
		}, func(r int) bool { return few(r) > 0 }},
		{"group by the key", func(db *gorm.DB) *gorm.DB {
			for _, k := range w.key {
				db = db.Group(w.table + "." + k.name)
			}
			return db
		}, all},
	}
	return scenes[w.r.IntN(len(scenes))]
}

func (w *world) hasTwin(row int) bool { return w.id.values[row].(int64)%2 == 0 }

func (w *world) twinFrom(id int64) bool {
	for row := range w.n {
		if w.hasTwin(row) && w.id.values[row].(int64) >= id {
			return true
		}
	}
	return false
}

func TestListsEqualANaiveReference(t *testing.T) {
	worlds(t, func(t *testing.T, db *gorm.DB, seed uint64) int {
		w := newWorld(t, db, seed)
		defer func() {
			db.Migrator().DropTable(w.table)
			db.Migrator().DropTable(w.table + "_twin")
		}()
		var fields []string
		for _, c := range w.columns {
			fields = append(fields, c.name)
		}
		o, err := ordering.Compile(w.row, ordering.Config{Fields: fields})
		w.must(err)
		numbered, err := paginate.Compile(paginate.Config{Row: w.row, MaxLimit: 1000})
		w.must(err)
		walked, err := paginate.Compile(paginate.Config{Row: w.row, MaxLimit: 1000, Keyset: true})
		w.must(err)
		for range 12 {
			if !t.Failed() {
				w.compare(o, numbered, walked)
			}
		}
		return w.paged
	})
}

// compare walks one random list by numbers and by cursors.
func (w *world) compare(o *ordering.Order, numbered, walked *paginate.Paginator) {
	s, conds := w.scene(), w.conditions()
	names, order := w.order()
	limit := 1 + w.r.IntN(9)
	want := []int64{}
	for _, row := range w.sorted(order) {
		if s.keeps(row) && !slices.ContainsFunc(conds, func(c condition) bool { return !c.matches(row) }) {
			want = append(want, w.id.values[row].(int64))
		}
	}
	in := &ordering.Input{Ordering: names}
	query := func() *gorm.DB {
		return o.Apply(w.filtered(s.query(w.db.Model(w.newModel()).Table(w.table)), conds), in)
	}
	for name, walk := range map[string]func() ([]int64, error){
		"numbers": func() ([]int64, error) { return w.byNumber(numbered, query, limit, len(want)) },
		"cursors": func() ([]int64, error) { return w.byCursor(walked, query, limit, o, in) },
	} {
		got, err := walk()
		w.paged += len(got)
		if err != nil || !slices.Equal(got, want) {
			w.t.Errorf("DIFFERENTIAL_SEED=%d: %s, ordered by %v, by %s of %d\nfilters %s\ngot  %v, %v\nwant %v", w.seed, s.name, names, name, limit, show(conds), got, err, want)
		}
	}
}

func show(conds []condition) (s string) {
	for _, c := range conds {
		s += fmt.Sprintf("%s(%s %s %v) %s %v; ", c.name, c.kind.name, c.goType, c.filter.one, c.op, c.args)
	}
	return s
}

func (w *world) sorted(order func(a, b int) int) []int {
	rows := make([]int, w.n)
	for i := range rows {
		rows[i] = i
	}
	slices.SortFunc(rows, order)
	return rows
}

func (w *world) byNumber(p *paginate.Paginator, query func() *gorm.DB, limit, total int) (ids []int64, err error) {
	ids = []int64{}
	for number := 1; ; number++ {
		paged, page, err := p.Run(query(), &paginate.Input{Page: &number, Limit: &limit}, paginate.Walk{})
		if err != nil {
			return ids, err
		}
		rows := reflect.New(reflect.SliceOf(w.model))
		if err := paged.Find(rows.Interface()).Error; err != nil {
			return ids, err
		}
		ids = append(ids, idsOf(rows.Elem(), limit)...)
		if page.Total != int64(total) {
			return ids, fmt.Errorf("total is %d, want %d", page.Total, total)
		}
		if !page.HasNext() {
			return ids, nil
		}
	}
}

func (w *world) byCursor(p *paginate.Paginator, query func() *gorm.DB, limit int, o *ordering.Order, in *ordering.Input) (ids []int64, err error) {
	ids = []int64{}
	page := &paginate.CursorInput{Limit: &limit}
	for range w.n + 2 {
		paged, state, err := p.Run(query(), page, paginate.Walk{Terms: o.Terms(in)})
		if err != nil {
			return ids, err
		}
		rows := reflect.New(reflect.SliceOf(w.model))
		if err := paged.Find(rows.Interface()).Error; err != nil {
			return ids, err
		}
		wrapped, err := state.Wrap(rows.Interface(), rows.Interface())
		if err != nil {
			return ids, err
		}
		ids = append(ids, idsOf(rows.Elem(), limit)...)
		next := reflect.ValueOf(wrapped).FieldByName("NextCursor").String()
		if next == "" {
			return ids, nil
		}
		page.Cursor = &next
	}
	return ids, fmt.Errorf("the walk does not end")
}

func idsOf(rows reflect.Value, limit int) (ids []int64) {
	for i := range min(rows.Len(), limit) {
		ids = append(ids, rows.Index(i).FieldByName("ID").Int())
	}
	return ids
}
