package paginate_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/paginate"
)

func canonical(t testing.TB, data []byte) string {
	t.Helper()
	v := jsontext.Value(append([]byte(nil), data...))
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return string(v)
}

// seed stores n invoices N-1, N-2, ... each with two lines; amounts repeat after 0, 100, 200.
func seed(t testing.TB, db *gorm.DB, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		inv := invoice{Number: fmt.Sprintf("N-%d", i), AmountCents: int64(i%3) * 100, Lines: []line{{Text: "a"}, {Text: "b"}}}
		if err := db.Create(&inv).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func TestNumberedPages(t *testing.T) {
	tests := []struct {
		rows, page, limit int
		first             string
		items             int
		totalPages        int64
		hasNext           bool
	}{
		{0, 1, 2, "", 0, 1, false},
		{0, 2, 2, "", 0, 1, false},
		{1, 1, 2, "N-1", 1, 1, false},
		{2, 1, 2, "N-1", 2, 1, false},
		{3, 1, 2, "N-1", 2, 2, true},
		{3, 2, 2, "N-3", 1, 2, false},
		{3, 3, 2, "", 0, 2, false},
		{3, 1, 100, "N-1", 3, 1, false},
		{3, 2, 1, "N-2", 1, 3, true},
		{3, 1000000000, 100, "", 0, 1, false},
		{3, math.MaxInt, 1, "", 0, 3, false},
		{3, math.MaxInt, 100, "", 0, 1, false},
		{3, math.MaxInt/100 + 2, 100, "", 0, 1, false},
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		p := compile(t, paginate.Config{})
		stored := 0
		for _, tt := range tests {
			for ; stored < tt.rows; stored++ {
				if err := db.Create(&invoice{Number: fmt.Sprintf("N-%d", stored+1)}).Error; err != nil {
					t.Fatal(err)
				}
			}
			name := fmt.Sprintf("page %d of %d rows by %d", tt.page, tt.rows, tt.limit)
			in := paginate.Input{Page: &tt.page, Limit: &tt.limit}
			query, page, err := p.Run(db.Model(&invoice{}).Order("id"), &in, paginate.Walk{})
			if err != nil {
				t.Fatal(name, err)
			}
			var rows []invoice
			if err := query.Find(&rows).Error; err != nil {
				t.Fatal(name, err)
			}
			if page.Total != int64(tt.rows) || page.TotalPages() != tt.totalPages || page.HasNext() != tt.hasNext || page.Page != tt.page || page.Limit != tt.limit {
				t.Errorf("%s: got %+v", name, page)
			}
			if len(rows) != tt.items || tt.items > 0 && rows[0].Number != tt.first {
				t.Errorf("%s: got %d rows: %+v", name, len(rows), rows)
			}
		}
	})
}

func TestTotalPagesDoesNotOverflow(t *testing.T) {
	p := paginate.Page{Page: 1, Limit: 100, Total: math.MaxInt64}
	if got := p.TotalPages(); got != math.MaxInt64/100+1 {
		t.Errorf("got %d", got)
	}
}

func TestCountIsTheNumberOfRowsOfTheQuery(t *testing.T) {
	group := func(db *gorm.DB) *gorm.DB { return db.Select("amount_cents").Group("amount_cents") }
	queries := map[string]func(*gorm.DB) *gorm.DB{
		"plain":          func(db *gorm.DB) *gorm.DB { return db },
		"ordered":        func(db *gorm.DB) *gorm.DB { return db.Order("number DESC") },
		"ordered lazily": func(db *gorm.DB) *gorm.DB { return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Order("number") }) },
		"where or":       func(db *gorm.DB) *gorm.DB { return db.Where("amount_cents = 100").Or("number = 'N-3'") },
		"preload":        func(db *gorm.DB) *gorm.DB { return db.Preload("Lines") },
		"question mark":  func(db *gorm.DB) *gorm.DB { return db.Where("number <> ?", "?").Where("number <> '@x $1'") },
		"join": func(db *gorm.DB) *gorm.DB {
			return db.Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id")
		},
		"join of one": func(db *gorm.DB) *gorm.DB {
			return db.Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id AND invoice_lines.text = ?", "a")
		},
		"distinct":        func(db *gorm.DB) *gorm.DB { return db.Distinct("amount_cents") },
		"distinct of two": func(db *gorm.DB) *gorm.DB { return db.Distinct("amount_cents", "sent") },
		"distinct join": func(db *gorm.DB) *gorm.DB {
			return db.Distinct("invoices.*").Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id")
		},
		"select":       func(db *gorm.DB) *gorm.DB { return db.Select("id", "number") },
		"select note":  func(db *gorm.DB) *gorm.DB { return db.Select("note") },
		"select raw":   func(db *gorm.DB) *gorm.DB { return db.Select("number, amount_cents * ? AS doubled", 2) },
		"raw distinct": func(db *gorm.DB) *gorm.DB { return db.Select("DISTINCT amount_cents") },
		"equal names": func(db *gorm.DB) *gorm.DB {
			return db.Select("invoices.*, invoice_lines.*").Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id")
		},
		"renamed over": func(db *gorm.DB) *gorm.DB { return db.Select("invoices.*, ? AS number", "x") },
		"aggregate":    func(db *gorm.DB) *gorm.DB { return db.Select("count(*) AS amount_cents") },
		"omit":         func(db *gorm.DB) *gorm.DB { return db.Omit("Number") },
		"eager": func(db *gorm.DB) *gorm.DB {
			return db.Select("invoices.number").Joins("JOIN invoice_lines AS l ON l.invoice_id = invoices.id")
		},
		"group":         group,
		"lazy group":    func(db *gorm.DB) *gorm.DB { return db.Scopes(group) },
		"group of none": func(db *gorm.DB) *gorm.DB { return group(db).Where("number = ?", "none") },
		"having":        func(db *gorm.DB) *gorm.DB { return group(db).Having("count(*) > ?", 2) },
		"unscoped":      func(db *gorm.DB) *gorm.DB { return db.Unscoped() },
		"alias":         func(db *gorm.DB) *gorm.DB { return db.Table("invoices AS i").Where("i.amount_cents > ?", 0) },
		"subquery": func(db *gorm.DB) *gorm.DB {
			return db.Table("(?) AS invoices", db.Session(&gorm.Session{NewDB: true}).Model(&invoice{}).Where("sent = ?", false))
		},
		"locked": func(db *gorm.DB) *gorm.DB { return db.Clauses(clause.Locking{Strength: "UPDATE"}) },
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		seed(t, db, 7)
		if err := db.Delete(&invoice{}, "number = ?", "N-7").Error; err != nil {
			t.Fatal(err)
		}
		p := compile(t, paginate.Config{Row: rowSchema(t)})
		for name, build := range queries {
			t.Run(name, func(t *testing.T) {
				if name == "locked" && db.Name() == "sqlite" {
					t.Skip("SQLite has no row locks")
				}
				rows, err := build(db.Model(&invoice{})).Session(&gorm.Session{}).Rows()
				if err != nil {
					t.Fatal(err)
				}
				want := int64(0)
				for rows.Next() {
					want++
				}
				if err := rows.Close(); err != nil {
					t.Fatal(err)
				}
				query := build(db.Model(&invoice{}))
				paged, page, err := p.Run(query, &paginate.Input{}, paginate.Walk{})
				if err != nil || page.Total != want {
					t.Errorf("got %+v, %v; want %d rows", page, err, want)
				}
				var found []map[string]any
				if err := paged.Find(&found).Error; err != nil || int64(len(found)) != want {
					t.Errorf("the page has %d rows, %v; want %d", len(found), err, want)
				}
			})
		}
	})
}

// lines collects what gorm logs.
type lines struct {
	logger.Interface
	sql []string
}

func (l *lines) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	sql, _ := fc()
	l.sql = append(l.sql, sql)
}

func TestACountIsLoggedOnce(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 3)
	for name, build := range map[string]func(*gorm.DB) *gorm.DB{
		"plain":   func(db *gorm.DB) *gorm.DB { return db },
		"wrapped": func(db *gorm.DB) *gorm.DB { return db.Select("amount_cents").Group("amount_cents") },
	} {
		log := &lines{Interface: logger.Discard}
		query := build(db.Session(&gorm.Session{Logger: log}).Model(&invoice{}))
		if _, _, err := compile(t, paginate.Config{}).Run(query, &paginate.Input{}, paginate.Walk{}); err != nil || len(log.sql) != 1 {
			t.Errorf("%s: logged %q, %v", name, log.sql, err)
		}
	}
}

func TestNumberedPagesEndTheirOrderWithTheKey(t *testing.T) {
	p := compile(t, paginate.Config{Row: rowSchema(t)})
	db := openSQLite(t)
	for want, build := range map[string]func(*gorm.DB) *gorm.DB{
		"ORDER BY `invoices`.`id` LIMIT":                  func(db *gorm.DB) *gorm.DB { return db },
		"ORDER BY number,`invoices`.`id` LIMIT":           func(db *gorm.DB) *gorm.DB { return db.Order("number") },
		"ORDER BY number desc,`invoices`.`id` DESC LIMIT": func(db *gorm.DB) *gorm.DB { return db.Order("number desc") },
		"ORDER BY `amount_cents` LIMIT":                   func(db *gorm.DB) *gorm.DB { return db.Select("amount_cents").Group("amount_cents") },
		"ORDER BY 1 LIMIT":                                func(db *gorm.DB) *gorm.DB { return db.Distinct("amount_cents") },
	} {
		paged, _, err := p.Run(build(db.Model(&invoice{})), &paginate.Input{}, paginate.Walk{})
		if err != nil {
			t.Fatal(err)
		}
		if sql := paged.Session(&gorm.Session{DryRun: true}).Find(&[]invoice{}).Statement.SQL.String(); !strings.Contains(sql, want) {
			t.Errorf("got %s, want %s", sql, want)
		}
	}
}

func TestRunKeepsTheQuery(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 5)
	query := db.Model(&invoice{}).Preload("Lines").Where("amount_cents < ?", 200).Order("number DESC")
	paged, _, err := compile(t, paginate.Config{}).Run(query, &paginate.Input{Limit: ptr(2)}, paginate.Walk{})
	if err != nil {
		t.Fatal(err)
	}
	var rows, all []invoice
	if err := paged.Find(&rows).Error; err != nil || len(rows) != 2 || rows[0].Number != "N-4" || len(rows[0].Lines) != 2 {
		t.Errorf("page: %+v, %v", rows, err)
	}
	if err := query.Find(&all).Error; err != nil || len(all) != 3 {
		t.Errorf("query: %+v, %v", all, err)
	}
}

func TestRunInsideATransactionSeesIt(t *testing.T) {
	db := openSQLite(t)
	err := db.Transaction(func(tx *gorm.DB) error {
		seed(t, tx, 3)
		_, page, err := compile(t, paginate.Config{}).Run(tx.Model(&invoice{}), &paginate.Input{}, paginate.Walk{})
		if err == nil && page.Total != 3 {
			t.Errorf("total is %d", page.Total)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunRefusesWhatItCannotPage(t *testing.T) {
	db := openSQLite(t)
	seed(t, db, 3)
	numbered, walked := compile(t, paginate.Config{}), compile(t, paginate.Config{Keyset: true, Row: rowSchema(t)})
	model := func() *gorm.DB { return db.Model(&invoice{}) }
	tests := map[string]struct {
		p     *paginate.Paginator
		query *gorm.DB
		in    any
		want  string
	}{
		"no model":          {numbered, db.Table("invoices"), &paginate.Input{}, "begin it with db.Model"},
		"limit":             {numbered, model().Limit(2), &paginate.Input{}, "already has LIMIT"},
		"offset":            {numbered, model().Offset(2), &paginate.Input{}, "already has LIMIT"},
		"limit in a scope":  {numbered, model().Scopes(func(db *gorm.DB) *gorm.DB { return db.Limit(1) }), &paginate.Input{}, "already has LIMIT"},
		"limit with keyset": {walked, model().Limit(2), &paginate.CursorInput{}, "already has LIMIT"},
		"raw":               {numbered, model().Raw("SELECT * FROM invoices"), &paginate.Input{}, "raw SQL"},
		"raw with keyset":   {walked, model().Raw("SELECT * FROM invoices"), &paginate.CursorInput{}, "raw SQL"},
		"wrong input":       {numbered, model(), &paginate.CursorInput{}, "give it the decoded *paginate.Input"},
		"wrong for keyset":  {walked, model(), &paginate.Input{}, "give it the decoded *paginate.CursorInput"},
		"broken query":      {numbered, model().Where("nope = 1"), &paginate.Input{}, "nope"},
		"page 0":            {numbered, model(), &paginate.Input{Page: ptr(0)}, "page must be at least 1"},
		"limit 0":           {walked, model(), &paginate.CursorInput{Limit: ptr(0)}, "limit must be at least 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			query, _, err := tt.p.Run(tt.query, tt.in, paginate.Walk{})
			if err == nil {
				var rows []invoice
				err = query.Find(&rows).Error
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestEnvelopesFitTheirSchema(t *testing.T) {
	type item struct {
		Number string `json:"number"`
	}
	items, err := jsonschema.For[item](nil)
	if err != nil {
		t.Fatal(err)
	}
	recursive := &jsonschema.Schema{
		Ref: "#/$defs/node",
		Defs: map[string]*jsonschema.Schema{"node": {Type: "object", Required: []string{"number"},
			Properties: map[string]*jsonschema.Schema{"number": {Type: "string"}, "children": {Type: "array", Items: &jsonschema.Schema{Ref: "#/$defs/node"}}}}},
	}
	db := openSQLite(t)
	seed(t, db, 3)
	for name, cfg := range map[string]paginate.Config{
		"numbered": {Limit: 2},
		"keyset":   {Limit: 2, Keyset: true, Row: rowSchema(t)},
	} {
		p := compile(t, cfg)
		for _, items := range []*jsonschema.Schema{items, recursive} {
			schema, err := p.EnvelopeSchema(items).Resolve(nil)
			if err != nil {
				t.Fatal(name, err)
			}
			for _, where := range []string{"1 = 1", "number = 'N-1'", "1 = 0"} {
				var in any = &paginate.Input{}
				if cfg.Keyset {
					in = &paginate.CursorInput{}
				}
				query, page, err := p.Run(db.Model(&invoice{}).Where(where), in, paginate.Walk{})
				if err != nil {
					t.Fatal(err)
				}
				var rows []invoice
				if err := query.Find(&rows).Error; err != nil {
					t.Fatal(err)
				}
				var shown []item // nil without rows
				for _, r := range rows {
					shown = append(shown, item{r.Number})
				}
				envelope, err := page.Wrap(rows, shown)
				if err != nil {
					t.Fatal(err)
				}
				data, err := binding.Marshal(envelope)
				if err != nil {
					t.Fatal(err)
				}
				var value any
				if err := json.Unmarshal(data, &value); err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(value); err != nil {
					t.Errorf("%s: %s: %v", name, data, err)
				}
				if err := schema.Validate(map[string]any{"items": []any{}, "more": true}); err == nil {
					t.Errorf("%s: the schema takes anything", name)
				}
				if n := len(value.(map[string]any)["items"].([]any)); n > 2 {
					t.Errorf("%s: %d items", name, n)
				}
			}
		}
	}
}

func TestWrapRefusesItemsThatAreNotTheRows(t *testing.T) {
	page := &paginate.Page{Page: 1, Limit: 2}
	for name, tt := range map[string][2]any{
		"fewer items": {make([]invoice, 2), make([]string, 1)},
		"no slice":    {invoice{}, invoice{}},
		"nil":         {nil, nil},
	} {
		if got, err := page.Wrap(tt[0], tt[1]); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
