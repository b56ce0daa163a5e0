package differential

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/filters"
)

// world is one random table with its rows.
type world struct {
	t       *testing.T
	r       *rand.Rand
	seed    uint64
	db      *gorm.DB
	dialect string
	table   string
	model   reflect.Type
	row     *schema.Schema
	columns []*column
	key     []*column // of the primary key
	id      *column
	few     *column      // a small number, for conditions and groups
	n       int          // rows
	paged   int          // rows on all pages so far
	log     bytes.Buffer // errors of a server
}

var names = []string{"amount", "order", "group", "name", "value", "user", "key", "to", "index", "total", "_x", "Upper", "select", "limit", "by", "rank", "of", "a1", "b2", "from"}

// newWorld makes a table out of random kinds of columns and fills it.
func newWorld(t *testing.T, db *gorm.DB, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 7)), seed: seed, db: db, dialect: db.Name(), table: fmt.Sprintf("t%d", seed%1_000_000_007)}
	number := kinds[0]
	number.value = func(r *rand.Rand, _ string) any { return int64(r.IntN(4)) }
	w.few = &column{kind: number, name: "few", field: "Few", goType: reflect.TypeFor[int64]()}
	w.id = &column{kind: number, name: "id", field: "ID", goType: reflect.TypeFor[int64]()}
	w.columns = []*column{w.id, w.few}
	w.key = []*column{w.id}
	if w.r.IntN(4) == 0 {
		w.columns = []*column{w.few, w.id}
		w.key = w.columns
	}
	spelt := slices.Clone(names)
	w.r.Shuffle(len(spelt), func(i, j int) { spelt[i], spelt[j] = spelt[j], spelt[i] })
	for i := range 5 + w.r.IntN(len(kinds)-5) {
		k := kinds[w.r.IntN(len(kinds))]
		if k.stored(w.dialect) == "-" {
			continue
		}
		w.columns = append(w.columns, &column{kind: k, name: spelt[i], field: fmt.Sprint("C", i),
			nullable: w.r.IntN(4) > 0, goType: k.fields[w.r.IntN(len(k.fields))]})
	}
	w.build()
	w.fill()
	return w
}

// build makes the type of the model and its table.
func (w *world) build() {
	var fields []reflect.StructField
	for _, c := range w.columns {
		tag := "column:" + c.name
		if stored := c.stored(w.dialect); stored != "" {
			tag += ";type:" + stored
		} else if c.goType == reflect.TypeFor[[]byte]() {
			tag += ";size:40"
		}
		if slices.Contains(w.key, c) {
			tag += ";primaryKey;autoIncrement:false"
		} else if !c.nullable {
			tag += ";not null"
		}
		fields = append(fields, reflect.StructField{Name: c.field, Type: c.goType, Tag: reflect.StructTag("gorm:" + strconv.Quote(tag))})
	}
	w.model = reflect.StructOf(fields)
	w.must(w.db.Table(w.table).AutoMigrate(w.newModel()))
	var err error
	w.row, err = filters.SchemaOf(w.newModel(), nil)
	w.must(err)
	w.must(w.db.Exec("CREATE TABLE " + w.table + "_twin (id bigint, few bigint)").Error)
}

func (w *world) newModel() any { return reflect.New(w.model).Interface() }

// fill stores up to 60 rows, most of which tie in most columns, and a twin for those whose id is
// even.
func (w *world) fill() {
	w.n = w.r.IntN(60)
	ids := w.r.Perm(1000)
	var rows, twins []map[string]any
	for i := range w.n {
		row := map[string]any{}
		for _, c := range w.columns {
			v := c.value(w.r, w.dialect)
			if c == w.id {
				v = int64(ids[i] - 500)
			} else if c.nullable && w.r.IntN(4) == 0 {
				v = nil
			}
			c.values = append(c.values, v)
			row[c.name] = v
		}
		rows = append(rows, row)
		if ids[i]%2 == 0 {
			twins = append(twins, map[string]any{"id": ids[i] - 500, "few": i})
		}
	}
	if w.n > 0 {
		w.must(w.db.Table(w.table).Create(rows).Error)
	}
	if len(twins) > 0 {
		w.must(w.db.Table(w.table + "_twin").Create(twins).Error)
	}
	for _, c := range w.columns {
		if c.compare == nil {
			w.rank(c)
		}
	}
}

// rank asks the database how it orders a column whose collation is its own.
func (w *world) rank(c *column) {
	quoted := w.db.Statement.Quote(c.name)
	var ranks []struct {
		ID    int64
		Place int
	}
	w.must(w.db.Raw("SELECT id, DENSE_RANK() OVER (ORDER BY " + quoted + ") AS place FROM " + w.table).Scan(&ranks).Error)
	c.ranks = make([]int, w.n)
	for _, r := range ranks {
		c.ranks[slices.Index(w.id.values, any(r.ID))] = r.Place
	}
}

// order is a random order: its names and the reference of it.
func (w *world) order() (names []string, compare func(a, b int) int) {
	type term struct {
		*column
		desc bool
	}
	var terms []term
	for _, i := range w.r.Perm(len(w.columns))[:w.r.IntN(4)] {
		terms = append(terms, term{w.columns[i], w.r.IntN(2) == 0})
	}
	for _, t := range terms {
		names = append(names, map[bool]string{true: "-"}[t.desc]+t.name)
	}
	desc := len(terms) > 0 && terms[len(terms)-1].desc
	for _, k := range w.key {
		terms = append(terms, term{k, desc})
	}
	return names, func(a, b int) int {
		for _, t := range terms {
			if n := t.order(a, b, w.dialect == "postgres"); n != 0 {
				if t.desc {
					return -n
				}
				return n
			}
		}
		return 0
	}
}

// condition is a random filter: its field, a value for it, and the reference.
type condition struct {
	*column
	op   string
	args []any
}

func (c condition) matches(row int) bool { return c.column.matches(row, c.op, c.args) }

// conditions are up to three random filters.
func (w *world) conditions() (all []condition) {
	for range w.r.IntN(4) {
		c := w.columns[w.r.IntN(len(w.columns))]
		all = append(all, w.condition(c, c.ops[w.r.IntN(len(c.ops))]))
	}
	return all
}

func (w *world) condition(c *column, op string) condition {
	value := func() any {
		for {
			v := c.value(w.r, w.dialect)
			if w.n > 0 && w.r.IntN(2) == 0 {
				v = c.values[w.r.IntN(w.n)]
			}
			if v == nil || c.filter.one != nil && !fits(v, c.filter.one.Elem()) {
				continue
			}
			if s, ok := v.(string); ok && strings.HasPrefix(op, "i") && op != "in" && !isASCII(s) {
				continue
			}
			return v
		}
	}
	cond := condition{column: c, op: op}
	switch op {
	case "isnull":
		cond.args = []any{w.r.IntN(2) == 0}
	case "in", "notin":
		for range w.r.IntN(4) {
			cond.args = append(cond.args, value())
		}
	case "between":
		cond.args = []any{nil, nil}
		for i := range cond.args {
			if w.r.IntN(3) > 0 {
				cond.args[i] = value()
			}
		}
		if cond.args[0] == nil && cond.args[1] == nil {
			cond.args[0] = value()
		}
		if c.nullable && cond.args[0] == nil && cond.args[1] == nil {
			return w.condition(c, "isnull")
		}
	default:
		cond.args = []any{value()}
	}
	return cond
}

// fits says whether a filter of a type can hold a value.
func fits(v any, t reflect.Type) bool {
	n, ok := v.(int64)
	switch {
	case !ok:
		return true
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return n >= 0 && !reflect.Zero(t).OverflowUint(uint64(n))
	}
	return !reflect.Zero(t).OverflowInt(n)
}

// filtered is a query with the filters of conds, given as a filter struct.
func (w *world) filtered(query *gorm.DB, conds []condition) *gorm.DB {
	var fields []reflect.StructField
	for i, c := range conds {
		t := c.filter.one
		switch c.op {
		case "isnull":
			t = reflect.TypeFor[*bool]()
		case "in", "notin":
			t = c.filter.list
		case "between":
			t = c.filter.span
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: t, Tag: reflect.StructTag(`filter:"` + c.name + "," + c.op + `"`)})
	}
	f, err := filters.CompileType(reflect.StructOf(fields), w.row)
	w.must(err)
	v := reflect.New(reflect.StructOf(fields))
	for i, c := range conds {
		set(v.Elem().Field(i), c)
	}
	return f.Apply(query, v.Interface())
}

func set(field reflect.Value, c condition) {
	pointer := func(v any, t reflect.Type) reflect.Value {
		p := reflect.New(t.Elem())
		p.Elem().Set(reflect.ValueOf(v).Convert(t.Elem()))
		return p
	}
	switch c.op {
	case "in", "notin":
		list := reflect.MakeSlice(field.Type(), 0, len(c.args))
		for _, v := range c.args {
			list = reflect.Append(list, reflect.ValueOf(v).Convert(field.Type().Elem()))
		}
		field.Set(list)
	case "between":
		span := reflect.New(field.Type().Elem())
		for i, v := range c.args {
			if v != nil {
				span.Elem().Field(i).Set(pointer(v, span.Elem().Field(i).Type()))
			}
		}
		field.Set(span)
	default:
		field.Set(pointer(c.args[0], field.Type()))
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("DIFFERENTIAL_SEED=%d: %v", w.seed, err)
	}
}
