package paginate_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/ordering"
	"github.com/mcpecho/kit/paginate"
)

// walkRows reads all pages of a query for rows of any model, and stops after 200.
func walkRows[M any](t *testing.T, query func() *gorm.DB, limit int, names ...string) (rows []M, err error) {
	t.Helper()
	row, err := filters.SchemaOf(new(M), nil)
	if err != nil {
		t.Fatal(err)
	}
	var terms []clause.OrderByColumn
	if len(names) > 0 {
		fields := make([]string, len(names))
		for i, name := range names {
			fields[i] = strings.TrimPrefix(name, "-")
		}
		o, err := ordering.Compile(row, ordering.Config{Fields: fields})
		if err != nil {
			t.Fatal(err)
		}
		terms = o.Terms(&ordering.Input{Ordering: names})
	}
	p := compile(t, paginate.Config{Keyset: true, Row: row, MaxLimit: 1000})
	in := paginate.CursorInput{Limit: &limit}
	for range 200 {
		paged, page, err := p.Run(query(), &in, paginate.Walk{Terms: terms})
		if err != nil {
			return rows, err
		}
		var found []M
		if err := paged.Find(&found).Error; err != nil {
			return rows, err
		}
		wrapped, err := page.Wrap(found, found)
		if err != nil {
			return rows, err
		}
		rows = append(rows, found[:min(limit, len(found))]...)
		next := nextOf(t, wrapped)
		if next == "" {
			return rows, nil
		}
		in.Cursor = &next
	}
	return rows, fmt.Errorf("the walk does not end")
}

// expectOrder walks by each name in both directions and compares with the order of the database
// itself.
func expectOrder[M any](t *testing.T, query func() *gorm.DB, id func(M) int64, names ...string) {
	t.Helper()
	for _, name := range names {
		for _, desc := range []bool{false, true} {
			dash, direction := "", ""
			if desc {
				dash, direction = "-", " DESC"
			}
			var want []int64
			if err := query().Session(&gorm.Session{}).Select("id").Order(name + direction).Order("id" + direction).Find(&want).Error; err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int{1, 3, len(want)} {
				rows, err := walkRows[M](t, query, limit, dash+name)
				got := make([]int64, len(rows))
				for i, r := range rows {
					got[i] = id(r)
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s%s by %d:\ngot  %v, %v\nwant %v", dash, name, limit, got, err, want)
				}
			}
		}
	}
}

// grown is what became of a table after a migration: the rows of before have NULL where Go has no
// NULL.
type grown struct {
	ID    int64
	Name  string `gorm:"size:20"`
	Score int64
	Rate  float64
	Done  bool
	Bytes []byte `gorm:"size:20"`
	At    time.Time
	Sure  int64 `gorm:"not null;default:0"`
}

func TestKeysetWalksColumnsThatHoldNullInPlainFields(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		type before struct{ ID int64 }
		if err := db.Table("growns").AutoMigrate(&before{}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := db.Table("growns").Create(&before{}).Error; err != nil {
				t.Fatal(err)
			}
		}
		if err := db.AutoMigrate(&grown{}); err != nil {
			t.Fatal(err)
		}
		rows := []grown{{At: noon}, {Name: "b", Score: 3, Rate: 0.5, Done: true, Bytes: []byte("b"), At: noon.Add(time.Second)}, {Bytes: []byte{}, At: noon}, {Score: -1, At: noon}}
		if err := db.Create(&rows).Error; err != nil {
			t.Fatal(err)
		}
		expectOrder(t, func() *gorm.DB { return db.Model(&grown{}) }, func(r grown) int64 { return r.ID },
			"name", "score", "rate", "done", "bytes", "at", "sure")
	})
}

func TestKeysetContinuesAfterColumnsThatTheQueryDoesNotSelect(t *testing.T) {
	type hidden struct {
		ID      int64
		Name    string `gorm:"size:20"`
		Amount  int64
		Written string `gorm:"->:false;<-;size:20"`
	}
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.AutoMigrate(&hidden{}); err != nil {
			t.Fatal(err)
		}
		for i := range 7 {
			if err := db.Create(&hidden{Name: fmt.Sprint("n", i), Amount: int64(i % 3), Written: fmt.Sprint("w", i%2)}).Error; err != nil {
				t.Fatal(err)
			}
		}
		for name, change := range map[string]func(*gorm.DB) *gorm.DB{
			"select":            func(db *gorm.DB) *gorm.DB { return db.Select("id", "name") },
			"select without id": func(db *gorm.DB) *gorm.DB { return db.Select("name") },
			"select with value": func(db *gorm.DB) *gorm.DB { return db.Select("name, ? AS amount", "9") },
			"omit":              func(db *gorm.DB) *gorm.DB { return db.Omit("Amount") },
			"distinct":          func(db *gorm.DB) *gorm.DB { return db.Distinct() },
			"alias":             func(db *gorm.DB) *gorm.DB { return db.Table("hiddens AS h") },
			"group by the key":  func(db *gorm.DB) *gorm.DB { return db.Select("hiddens.*").Group("hiddens.id") },
		} {
			for _, order := range []string{"amount", "-amount", "written", "-written"} {
				want := []string{}
				if err := db.Model(&hidden{}).Order(clause.OrderByColumn{Column: clause.Column{Name: strings.TrimPrefix(order, "-")}, Desc: order[0] == '-'}).
					Order(clause.OrderByColumn{Column: clause.Column{Name: "id"}, Desc: order[0] == '-'}).Pluck("name", &want).Error; err != nil {
					t.Fatal(err)
				}
				rows, err := walkRows[hidden](t, func() *gorm.DB { return change(db.Model(&hidden{})) }, 2, order)
				got := make([]string, len(rows))
				for i, r := range rows {
					got[i] = r.Name
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s by %s: got %v, %v; want %v", name, order, got, err, want)
				}
			}
		}
	})
}

func TestKeysetRefusesRowsWithoutAPlaceOfTheirOwn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		migrate(t, db)
		seed(t, db, 4) // two lines each
		for name, tt := range map[string]struct {
			change func(*gorm.DB) *gorm.DB
			want   string
		}{
			"a join of many": {func(db *gorm.DB) *gorm.DB {
				return db.Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id")
			}, "a row came twice"},
			"groups":               {func(db *gorm.DB) *gorm.DB { return db.Select("amount_cents").Group("amount_cents") }, "merges rows"},
			"distinct of a column": {func(db *gorm.DB) *gorm.DB { return db.Distinct("amount_cents") }, "merges rows"},
		} {
			rows, err := walkRows[invoice](t, func() *gorm.DB { return tt.change(db.Model(&invoice{})) }, 2, "number")
			if err == nil || !strings.HasPrefix(err.Error(), "paginate: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %d rows, %v", name, len(rows), err)
			}
		}
		eager := func() *gorm.DB { return db.Model(&line{}).Joins("Invoice").Where("invoice_lines.text = ?", "a") }
		lines, err := walkRows[line](t, eager, 3, "-invoice_id")
		if err != nil || len(lines) != 4 || lines[0].Invoice == nil || lines[0].Invoice.Number != "N-4" {
			t.Errorf("a relation that is joined: %+v, %v", lines, err)
		}
		joined := func() *gorm.DB {
			return db.Model(&invoice{}).Distinct("invoices.*").Joins("JOIN invoice_lines ON invoice_lines.invoice_id = invoices.id").Preload("Lines")
		}
		rows, err := walkRows[invoice](t, joined, 3, "-number")
		if err != nil || len(rows) != 4 || rows[0].Number != "N-4" || len(rows[3].Lines) != 2 {
			t.Errorf("distinct rows of a join: %d rows, %v", len(rows), err)
		}
	})
}

// A selector may give rows of a type of its own for the model of another.
func TestKeysetReadsRowsOfATypeOfTheirOwn(t *testing.T) {
	type shown struct {
		ID          int64
		AmountCents int64
		Doubled     int64 `gorm:"->;-:migration"`
	}
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		migrate(t, db)
		seed(t, db, 5)
		rows, err := walkRows[shown](t, func() *gorm.DB {
			return db.Model(&invoice{}).Select("invoices.id, amount_cents, amount_cents * 2 AS doubled")
		}, 2, "-amount_cents")
		got := ""
		for _, r := range rows {
			got += fmt.Sprint(r.ID, ":", r.Doubled, " ")
		}
		if err != nil || got != "5:400 2:400 4:200 1:200 3:0 " {
			t.Errorf("got %s, %v", got, err)
		}
	})
}

func TestKeysetFollowsTheOrderOfTypesThatOnlyMariaDBHas(t *testing.T) {
	type listed struct {
		ID    int64
		Level string `gorm:"type:enum('low','mid','high','zz')"`
		Flags string `gorm:"type:set('a','b','c')"`
		Rate  float32
		Great uint64 `gorm:"type:bigint unsigned"`
		At    time.Time
		Name  string `gorm:"size:20"`
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, options := range []string{"", "&interpolateParams=true", "&loc=Europe%2FBerlin"} {
		t.Run("options "+options, func(t *testing.T) {
			db := dbtest.MariaDB(t, options)
			if err := db.AutoMigrate(&listed{}); err != nil {
				t.Fatal(err)
			}
			for i := range 14 {
				at := time.Date(2024, 10, 26, 22, 0, 0, i%3*123000000, time.UTC).Add(time.Duration(i/2) * 20 * time.Minute).In(berlin)
				row := listed{Level: []string{"low", "mid", "high", "zz"}[i%4], Flags: []string{"a", "b", "a,b", "c"}[i%4], Rate: float32(i%5) + 1.0/3,
					Great: 1<<63 + uint64(i%3), At: at, Name: []string{"a", "A", "ä", "b", "a "}[i%5]}
				if err := db.Create(&row).Error; err != nil {
					t.Fatal(err)
				}
			}
			expectOrder(t, func() *gorm.DB { return db.Model(&listed{}) }, func(r listed) int64 { return r.ID },
				"level", "flags", "rate", "great", "at", "name")
		})
	}
}

func TestKeysetKnowsTheTypesOfATableThatItsModelDoesNot(t *testing.T) {
	type bare struct {
		ID    int64
		Level string
		Rate  string
		Price float64
		Data  string
	}
	db := dbtest.MariaDB(t, "&interpolateParams=true")
	if err := db.Exec("CREATE TABLE bares (id bigint PRIMARY KEY, level enum('low','mid','high','zz'), rate float, price decimal(30,20), data varbinary(9))").Error; err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := db.Exec("INSERT INTO bares VALUES (?, ?, 1 / ?, ?, ?)", i, []any{"low", "mid", "high", "zz", nil}[i%5], i%4+3,
			fmt.Sprint("0.1000000000000000000", i%4), []any{nil, "a", "A", "\xff"}[i%4]).Error; err != nil {
			t.Fatal(err)
		}
	}
	query := func() *gorm.DB { return db.Model(&bare{}).Select("id") }
	expectOrder(t, query, func(r bare) int64 { return r.ID }, "level", "rate", "price", "data")
}

// SQLite keeps a time as the text it was given, so the same moment may have many forms.
func TestKeysetWalksTimesThatSQLiteKeepsInManyForms(t *testing.T) {
	type moment struct {
		ID int64
		At *time.Time
	}
	path := t.TempDir() + "/times.db"
	for _, options := range []string{"", "?_loc=Europe%2FBerlin"} {
		db := dbtest.SQLite(t, "file:"+path+options)
		if err := db.AutoMigrate(&moment{}); err != nil {
			t.Fatal(err)
		}
		zone := time.FixedZone("", 7200)
		for i := range 12 {
			at := noon.Add(time.Duration(i/3) * time.Minute)
			if err := db.Create(&moment{At: ptr(at)}).Error; err != nil {
				t.Fatal(err)
			}
			if err := db.Create(&moment{At: ptr(at.In(zone))}).Error; err != nil {
				t.Fatal(err)
			}
			if err := db.Exec("INSERT INTO moments (at) VALUES (?), (NULL), ('2026-03-01 12:00:00')", at.Format(time.RFC3339)).Error; err != nil {
				t.Fatal(err)
			}
		}
		expectOrder(t, func() *gorm.DB { return db.Model(&moment{}) }, func(r moment) int64 { return r.ID }, "at")
	}
}

// A FLOAT in a field for text, in a table that is not that of the model: MariaDB writes it with six
// digits, which it does not equal.
func TestAWalkThatWouldRepeatRowsFails(t *testing.T) {
	type rounded struct {
		ID   int64
		Rate string `gorm:"type:float"`
	}
	type lying struct {
		ID   int64
		Rate string
	}
	db := dbtest.MariaDB(t, "&interpolateParams=true")
	if err := db.AutoMigrate(&rounded{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("INSERT INTO roundeds (rate) VALUES (1/3), (1/3), (2/3), (4/3)").Error; err != nil {
		t.Fatal(err)
	}
	rows, err := walkRows[lying](t, func() *gorm.DB { return db.Table("roundeds").Model(&lying{}) }, 1, "rate")
	if err == nil || !strings.Contains(err.Error(), "a row came again") {
		t.Errorf("got %v, %v", rows, err)
	}
}

func nextOf(t *testing.T, wrapped any) string {
	t.Helper()
	next := fmt.Sprintf("%+v", wrapped)
	_, next, found := strings.Cut(next, "NextCursor:")
	if !found {
		t.Fatalf("%T has no cursor", wrapped)
	}
	return cmp.Or(strings.TrimSuffix(next, "}"), "")
}
