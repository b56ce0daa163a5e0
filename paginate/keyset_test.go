package paginate_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

type envelope = paginate.CursorEnvelope[invoice]

// fetch reads one page the way a caller would: run, find, wrap, encode, decode.
func fetch(t testing.TB, p *paginate.Paginator, query *gorm.DB, in paginate.CursorInput, walk paginate.Walk) (envelope, error) {
	t.Helper()
	paged, page, err := p.Run(query, &in, walk)
	if err != nil {
		return envelope{}, err
	}
	var rows []invoice
	if err := paged.Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	wrapped, err := page.Wrap(rows, rows)
	if err != nil {
		return envelope{}, err
	}
	data, err := binding.Marshal(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e, nil
}

// walk reads all pages, calling between after each.
func walkAll(t testing.TB, p *paginate.Paginator, query func() *gorm.DB, limit int, walk paginate.Walk, between func(page int)) (ids []int64) {
	t.Helper()
	in := paginate.CursorInput{Limit: &limit}
	for page := 1; ; page++ {
		e, err := fetch(t, p, query(), in, walk)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range e.Items {
			ids = append(ids, r.ID)
		}
		if e.NextCursor == "" {
			return ids
		}
		if len(e.Items) != limit || page > 1000 {
			t.Fatalf("page %d has %d rows and a next one", page, len(e.Items))
		}
		in.Cursor = &e.NextCursor
		if between != nil {
			between(page)
		}
	}
}

// scatter stores n invoices whose columns have few values, so that most rows tie, in hard forms.
func scatter(t testing.TB, db *gorm.DB, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	notes := []*string{nil, ptr(""), ptr("é"), ptr("it's")}
	times := []time.Time{noon, noon.Add(time.Microsecond), noon.Add(time.Second), noon.Add(-time.Hour)}
	rates := []float64{0, 0.1, 1.0 / 3, -1e300, 1e-300}
	var rows []invoice
	for range n {
		rows = append(rows, invoice{
			Number: []string{"", "a", "A", "b"}[r.IntN(4)], AmountCents: []int64{-1 << 63, 0, 9007199254740993, 1<<63 - 1}[r.IntN(4)],
			Rate: rates[r.IntN(len(rates))], Sent: r.IntN(2) == 0, Note: notes[r.IntN(len(notes))], CreatedAt: times[r.IntN(len(times))],
		})
	}
	if err := db.Create(&rows).Error; err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func order(t testing.TB, names ...string) []clause.OrderByColumn {
	t.Helper()
	o, err := ordering.Compile(rowSchema(t), ordering.Config{Fields: []string{"number", "amount_cents", "rate", "sent", "note", "created_at", "id"}})
	if err != nil {
		t.Fatal(err)
	}
	return o.Terms(&ordering.Input{Ordering: names})
}

func TestKeysetWalksEveryRowOnceInOrder(t *testing.T) {
	orders := [][]string{
		nil, {"id"}, {"-id"}, {"number"}, {"-number"}, {"amount_cents"}, {"-amount_cents"}, {"rate"}, {"-rate"}, {"sent"}, {"-sent"},
		{"note"}, {"-note"}, {"created_at"}, {"-created_at"}, {"note", "-number"}, {"-note", "number", "-id"},
		{"sent", "-amount_cents", "rate"}, {"-sent", "note", "-created_at", "number"}, {"created_at", "-note", "sent", "-rate", "amount_cents", "-number"},
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		scatter(t, db, 60)
		p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t)})
		for _, names := range orders {
			terms := order(t, names...)
			var want []int64
			if err := db.Model(&invoice{}).Clauses(clause.OrderBy{Columns: terms}).Pluck("id", &want).Error; err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int{1, 7, 60, 100} {
				got := walkAll(t, p, func() *gorm.DB { return db.Model(&invoice{}) }, limit, paginate.Walk{Terms: terms}, nil)
				if !slices.Equal(got, want) {
					t.Errorf("%v by %d:\ngot  %v\nwant %v", names, limit, got, want)
				}
			}
		}
	})
}

func TestKeysetIsStableWhileRowsComeAndGo(t *testing.T) {
	databases(t, func(t *testing.T, db *gorm.DB) {
		scatter(t, db, 40)
		p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t)})
		terms := order(t, "-sent", "number")
		var before []int64
		if err := db.Model(&invoice{}).Clauses(clause.OrderBy{Columns: terms}).Pluck("id", &before).Error; err != nil {
			t.Fatal(err)
		}
		var gone []int64
		got := walkAll(t, p, func() *gorm.DB { return db.Model(&invoice{}) }, 5, paginate.Walk{Terms: terms}, func(page int) {
			scatter(t, db, 1)
			last := before[page*2] // a row that may or may not have been read
			if err := db.Delete(&invoice{}, last).Error; err != nil {
				t.Fatal(err)
			}
			gone = append(gone, last)
			if page > 30 {
				t.Fatal("the walk does not end")
			}
		})
		seen := map[int64]int{}
		for _, id := range got {
			seen[id]++
			if seen[id] > 1 {
				t.Errorf("row %d came twice", id)
			}
		}
		for _, id := range before {
			if seen[id] == 0 && !slices.Contains(gone, id) {
				t.Errorf("row %d was there all the time and did not come", id)
			}
		}
	})
}

func TestKeysetKeepsTheConditionsOfTheQuery(t *testing.T) {
	databases(t, func(t *testing.T, db *gorm.DB) {
		scatter(t, db, 60)
		p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t)})
		terms := order(t, "-number")
		for name, build := range map[string]func() *gorm.DB{
			"or":        func() *gorm.DB { return db.Model(&invoice{}).Where("number = 'a'").Or("amount_cents = 0") },
			"own order": func() *gorm.DB { return db.Model(&invoice{}).Where("number <> 'a'").Order("rate DESC") },
			"join": func() *gorm.DB {
				return db.Model(&invoice{}).Joins("LEFT JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id")
			},
		} {
			var want []int64
			query := build()
			delete(query.Statement.Clauses, "ORDER BY")
			if err := query.Clauses(clause.OrderBy{Columns: terms}).Pluck("invoices.id", &want).Error; err != nil {
				t.Fatal(err)
			}
			if got := walkAll(t, p, build, 4, paginate.Walk{Terms: terms}, nil); !slices.Equal(got, want) || len(want) < 5 {
				t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
			}
		}
	})
}

func TestKeysetNeitherCountsNorSkips(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 5)
	p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t), Limit: 2})
	e, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{}, paginate.Walk{})
	if err != nil {
		t.Fatal(err)
	}
	paged, _, err := p.Run(db.Session(&gorm.Session{DryRun: true}).Model(&invoice{}), &paginate.CursorInput{Cursor: &e.NextCursor}, paginate.Walk{})
	if err != nil {
		t.Fatal(err)
	}
	got := paged.Find(&[]invoice{}).Statement
	const want = "SELECT * , +`invoices`.`id` AS `mcpecho_place_0` FROM `invoices` WHERE (`invoices`.`deleted_at` IS NULL) AND (`invoices`.`id` > ?) ORDER BY `invoices`.`id` LIMIT 3"
	if sql := got.SQL.String(); sql != want {
		t.Errorf("got  %s\nwant %s", sql, want)
	}
	if !slices.Equal(got.Vars, []any{int64(2)}) {
		t.Errorf("got %v", got.Vars)
	}
}

func TestCursorOpensOnlyForItsOwnWalk(t *testing.T) {
	type filter struct {
		Numbers []string            `json:"numbers"`
		Note    binding.Opt[string] `json:"note"`
		Sent    *bool               `json:"sent"`
	}
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	keys := func(b ...byte) paginate.Sealer {
		var all [][]byte
		for _, b := range b {
			all = append(all, key(b))
		}
		k, err := paginate.NewKeys(all...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	db := openSQLite(t)
	seed(t, db, 5)
	row := rowSchema(t)
	p := compile(t, paginate.Config{Keyset: true, Row: row, Limit: 2, Keys: keys(1)})
	walk := func(change func(*paginate.Walk)) paginate.Walk {
		w := paginate.Walk{Terms: order(t, "number"), Owner: []byte("ann invoices.list"), Args: []any{&filter{Sent: ptr(false)}}}
		if change != nil {
			change(&w)
		}
		return w
	}
	first, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{}, walk(nil))
	if err != nil || first.NextCursor == "" {
		t.Fatal(first, err)
	}
	for name, tt := range map[string]struct {
		keys   paginate.Sealer
		cursor string
		change func(*paginate.Walk)
		ok     bool
	}{
		"same":              {nil, first.NextCursor, nil, true},
		"equal arguments":   {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = []any{&filter{Sent: ptr(false)}} }, true},
		"rotated keys":      {keys(2, 1), first.NextCursor, nil, true},
		"other keys":        {keys(2), first.NextCursor, nil, false},
		"other owner":       {nil, first.NextCursor, func(w *paginate.Walk) { w.Owner = []byte("bob invoices.list") }, false},
		"no owner":          {nil, first.NextCursor, func(w *paginate.Walk) { w.Owner = nil }, false},
		"other value":       {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = []any{&filter{Sent: ptr(true)}} }, false},
		"one filter more":   {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = []any{&filter{Sent: ptr(false), Note: binding.Null[string]()}} }, false},
		"empty list more":   {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = []any{&filter{Sent: ptr(false), Numbers: []string{}}} }, false},
		"filter dropped":    {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = []any{&filter{}} }, false},
		"no arguments":      {nil, first.NextCursor, func(w *paginate.Walk) { w.Args = nil }, false},
		"other order":       {nil, first.NextCursor, func(w *paginate.Walk) { w.Terms = order(t, "amount_cents") }, false},
		"other direction":   {nil, first.NextCursor, func(w *paginate.Walk) { w.Terms = order(t, "-number") }, false},
		"longer order":      {nil, first.NextCursor, func(w *paginate.Walk) { w.Terms = order(t, "number", "rate") }, false},
		"empty":             {nil, "", nil, false},
		"made up":           {nil, "bmV4dA", nil, false},
		"cut":               {nil, first.NextCursor[:len(first.NextCursor)-1], nil, false},
		"longer":            {nil, first.NextCursor + "A", nil, false},
		"huge":              {nil, strings.Repeat("A", 1<<20), nil, false},
		"sealed for others": {nil, keys(1).Seal("state", []byte("x"), nil), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := p
			if tt.keys != nil {
				p = compile(t, paginate.Config{Keyset: true, Row: row, Limit: 2, Keys: tt.keys})
			}
			e, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{Cursor: &tt.cursor}, walk(tt.change))
			if tt.ok {
				if err != nil || len(e.Items) != 2 || e.Items[0].Number != "N-3" {
					t.Errorf("got %+v, %v", e, err)
				}
				return
			}
			var bad *binding.Error
			if !errors.As(err, &bad) || bad.Fields[0] != (binding.FieldError{Path: "cursor", Rule: "cursor",
				Message: "is not a cursor of this list with these arguments; start again without it"}) {
				t.Errorf("got %v", err)
			}
		})
	}
	for i := range first.NextCursor {
		b := []byte(first.NextCursor)
		b[i] ^= 1
		if _, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{Cursor: ptr(string(b))}, walk(nil)); fieldsOf(err) != "cursor cursor" {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
}

func TestCursorDoesNotShowTheRow(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 3)
	p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t), Limit: 1})
	e, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{}, paginate.Walk{Terms: order(t, "number")})
	if err != nil || strings.Contains(e.NextCursor, "N-1") || strings.Contains(e.NextCursor, "Ti0x") {
		t.Errorf("got %q, %v", e.NextCursor, err)
	}
}

func TestLimitMayChangeBetweenPages(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 5)
	p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t)})
	e, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{Limit: ptr(1)}, paginate.Walk{})
	if err != nil {
		t.Fatal(err)
	}
	e, err = fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{Limit: ptr(4), Cursor: &e.NextCursor}, paginate.Walk{})
	if err != nil || len(e.Items) != 4 || e.NextCursor != "" {
		t.Errorf("got %d items, %q, %v", len(e.Items), e.NextCursor, err)
	}
}

func TestKeysetErrorsOfTheProgrammer(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 3)
	p := compile(t, paginate.Config{Keyset: true, Row: rowSchema(t), Limit: 1})
	run := func(w paginate.Walk) error {
		_, _, err := p.Run(db.Model(&invoice{}), &paginate.CursorInput{}, w)
		return err
	}
	if err := run(paginate.Walk{Terms: []clause.OrderByColumn{{Column: clause.Column{Name: "nope"}}}}); err == nil || !strings.Contains(err.Error(), `no column "nope"`) {
		t.Errorf("unknown column: %v", err)
	}
	if err := run(paginate.Walk{Terms: []clause.OrderByColumn{{Column: clause.Column{Name: "id", Raw: true}}}}); err == nil {
		t.Error("raw SQL was taken for a column")
	}
	if err := run(paginate.Walk{Args: []any{func() {}}}); err == nil || !strings.Contains(err.Error(), "Walk.Args") {
		t.Errorf("argument that is no JSON: %v", err)
	}
	_, page, err := p.Run(db.Model(&invoice{}), &paginate.CursorInput{}, paginate.Walk{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := page.Wrap([]line{{}, {}}, []line{{}, {}}); err == nil || !strings.Contains(err.Error(), "give it the rows that were read") {
		t.Errorf("rows of another type: %v", err)
	}
	long := []invoice{{Number: strings.Repeat("x", 8000)}, {Number: strings.Repeat("x", 8000)}}
	if err := db.Create(&long).Error; err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{}, paginate.Walk{Terms: order(t, "-number")}); err == nil || !strings.Contains(err.Error(), "too long for a cursor") {
		t.Errorf("long value: %v", err)
	}
}

func FuzzCursor(f *testing.F) {
	db := openSQLite(f)
	seed(f, db, 3)
	p := compile(f, paginate.Config{Keyset: true, Row: rowSchema(f), Limit: 1})
	e, err := fetch(f, p, db.Model(&invoice{}), paginate.CursorInput{}, paginate.Walk{})
	if err != nil {
		f.Fatal(err)
	}
	good := e.NextCursor
	for _, seed := range []string{"", good, good[1:], good + "A", "AAAA", strings.Repeat("A", 9000), fmt.Sprint(good, "\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := fetch(t, p, db.Model(&invoice{}), paginate.CursorInput{Cursor: &cursor}, paginate.Walk{})
		if cursor == good && err != nil || cursor != good && fieldsOf(err) != "cursor cursor" {
			t.Errorf("%q: %v", cursor, err)
		}
	})
}
