package middleware_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/paginate"
)

type view struct {
	Label string   `json:"label"`
	Tags  []string `json:"tags"`
}

func show(i Invoice) view { return view{Label: fmt.Sprintf("%s: %d", i.Number, i.AmountCents)} }

func TestSerializeMapsEachKindOfResult(t *testing.T) {
	srv := newServer(openDB(t))
	one := func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB().Where("number = ?", "A-2"), nil }
	none := func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB().Where("number = ?", "Z"), nil }
	srv.Add(
		mcpecho.Selector[Invoice]("list", invoices, mw.Serialize(show)),
		mcpecho.Selector[Invoice]("empty", none, mw.Serialize(show)),
		mcpecho.Selector[Invoice]("paged", invoices, mw.Serialize(show), mw.Paginate(1)),
		mcpecho.Retrieve[Invoice]("get", one, mw.Serialize(show)),
		mcpecho.Retrieve[Invoice]("maybe", none, mw.Serialize(show), mcpecho.Nullable()),
		mcpecho.Service("value", func(*mcpecho.Call, nothing) (Invoice, error) { return Invoice{Number: "N"}, nil }, mw.Serialize(show)),
		mcpecho.Service("pointer", func(*mcpecho.Call, nothing) (*Invoice, error) { return &Invoice{Number: "P"}, nil }, mw.Serialize(show)))
	c := mcptest.New(t, srv)
	for tool, want := range map[string]string{
		"list":    `[{"label":"A-1: 100","tags":[]},{"label":"A-2: 300","tags":[]},{"label":"A-3: 200","tags":[]}]`,
		"empty":   `[]`,
		"paged":   `{"items":[{"label":"A-1: 100","tags":[]}],"page":1,"limit":1,"total":3,"totalPages":3,"hasNext":true}`,
		"get":     `{"label":"A-2: 300","tags":[]}`,
		"maybe":   `null`,
		"value":   `{"label":"N: 0","tags":[]}`,
		"pointer": `{"label":"P: 0","tags":[]}`,
	} {
		r := c.Do(tool, nil)
		equal(t, tool, r.Text, want)
		mcptest.AssertConforms(t, c, tool, r)
	}
}

type card struct {
	Title string    `json:"number"` // by its column
	Sent  bool      `json:"is_sent"`
	When  time.Time `json:"created_at"`
	_     int
	Note  string `json:"-"`
}

// statements records the SQL that gorm runs.
type statements struct {
	logger.Interface
	sql []string
}

func (s *statements) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	sql, _ := fc()
	s.sql = append(s.sql, sql)
}

func (s *statements) LogMode(logger.LogLevel) logger.Interface { return s }

func TestAsSelectsOnlyTheColumnsThatAreShown(t *testing.T) {
	db := openDB(t)
	log := &statements{Interface: logger.Discard}
	db.Logger = log
	one := func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB().Where("number = ?", "A-2"), nil }
	keyset := mw.PaginateWithConfig(mw.PaginateConfig{Limit: 1, Keyset: true})
	srv := newServer(db)
	srv.Add(
		mcpecho.Selector[Invoice]("list", invoices, mw.As[card]()),
		mcpecho.Retrieve[Invoice]("get", one, mw.As[card]()),
		mcpecho.Selector[Invoice]("keyset", invoices, mw.OrderWithConfig(mw.OrderConfig{
			Fields: []string{"number"}, Default: []string{"-amount_cents"},
		}), keyset, mw.As[row]()),
		mcpecho.Selector[Invoice]("joined", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
			return c.DB().Model(&Invoice{}).Joins("JOIN invoices AS twin ON twin.id = invoices.id"), nil
		}, mw.As[row]()),
		mcpecho.Selector[Invoice]("own", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
			return c.DB().Model(&Invoice{}).Select("number, sent"), nil
		}, mw.As[row]()),
		mcpecho.Selector[Invoice]("distinct", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
			return c.DB().Model(&Invoice{}).Scopes(func(db *gorm.DB) *gorm.DB { return db.Distinct("sent", "number") }), nil
		}, mw.As[row]()),
		mcpecho.Selector[Invoice]("raw", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
			return c.DB().Raw("SELECT number FROM invoices ORDER BY number"), nil
		}, mw.As[row]()))
	c := mcptest.New(t, srv)
	for tool, want := range map[string]struct{ columns, first string }{
		"list":     {"SELECT `invoices`.`number`,`invoices`.`sent`,`invoices`.`created_at` FROM", `"number":"A-1","is_sent":false,`},
		"get":      {"SELECT `invoices`.`number`,`invoices`.`sent`,`invoices`.`created_at` FROM", `{"number":"A-2","is_sent":true,`},
		"keyset":   {"SELECT `invoices`.`number` , +`invoices`.`amount_cents` AS `mcpecho_place_0`, +`invoices`.`id` AS `mcpecho_place_1` FROM", `{"items":[{"number":"A-2"}],"nextCursor":`},
		"joined":   {"SELECT `invoices`.`number` FROM", `[{"number":"A-1"}`},
		"own":      {"SELECT number, sent FROM", `[{"number":"A-1"}`},
		"distinct": {"SELECT DISTINCT `sent`,`number` FROM", `{"number":"A-1"}`},
		"raw":      {"SELECT number FROM", `[{"number":"A-1"}`},
	} {
		log.sql = nil
		r := c.Do(tool, nil)
		contains(t, tool, r.Text, want.first)
		contains(t, tool, strings.Join(log.sql, "\n"), want.columns)
		mcptest.AssertConforms(t, c, tool, r)
	}
}

func TestAsLeavesTheRowsOfADistinctQuery(t *testing.T) {
	type sent struct {
		Sent bool `json:"sent"`
	}
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Selector[Invoice]("list", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
		return c.DB().Model(&Invoice{}).Joins("JOIN invoices AS twin").Distinct(), nil
	}, mw.As[sent]()))
	equal(t, "rows", len(mcptest.Call[[]sent](mcptest.New(t, srv), "list", nil)), 3)
}

func TestAsPagesAndCounts(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Selector[Invoice]("list", invoices, mw.Order("amount_cents"), mw.Paginate(2), mw.As[row]()))
	page := mcptest.Call[paginate.Envelope[row]](mcptest.New(t, srv), "list", args{"ordering": "-amount_cents"})
	equal(t, "items", fmt.Sprint(page.Items, page.Total), "[{A-2} {A-3}] 3")
}

type Line struct {
	ID        uint
	InvoiceID uint
}

type Document struct {
	gorm.Model
	Number string `json:"no"`
	Lines  []Line `gorm:"foreignKey:InvoiceID"`
	Token  string `gorm:"->:false;<-"`
}

func documents(c *mcpecho.Call, _ nothing) (*gorm.DB, error) { return c.DB().Model(&Document{}), nil }

func TestAsReadsEmbeddedFieldsOfTheModel(t *testing.T) {
	db := openDB(t)
	if err := db.AutoMigrate(&Document{}, &Line{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&Document{Number: "D-1"}).Error; err != nil {
		t.Fatal(err)
	}
	type shown struct {
		ID    uint   `json:"id"`
		Label string `json:"no"` // by the JSON name of the model's field
	}
	srv := newServer(db)
	srv.Add(mcpecho.Selector[Document]("list", documents, mw.As[shown]()))
	equal(t, "text", mcptest.New(t, srv).Do("list", nil).Text, `[{"id":1,"no":"D-1"}]`)
}

func TestOutputStepsThatDoNotFitMakeAddFail(t *testing.T) {
	type unknown struct {
		Nope string `json:"nope"`
	}
	type mistyped struct {
		ID string `json:"id"`
	}
	type relation struct {
		Lines []Line `json:"lines"`
	}
	type embedding struct {
		row
	}
	type unreadable struct {
		Token string `json:"token"`
	}
	for name, tc := range map[string]struct {
		step mcpecho.Step
		want string
	}{
		"unknown":      {mw.As[unknown](), "unknown.Nope is like no column of Document"},
		"type":         {mw.As[mistyped](), "mistyped.ID is string, but Document.ID is uint"},
		"relation":     {mw.As[relation](), "relation.Lines is nested"},
		"embedded":     {mw.As[embedding](), "embedding.row is embedded"},
		"unreadable":   {mw.As[unreadable](), "unreadable.Token is like no column"},
		"not a struct": {mw.As[string](), "requires a struct, not string"},
		"empty":        {mw.As[nothing](), "has no fields"},
		"other row":    {mw.Serialize(show), "serialize maps middleware_test.Invoice, but the selector gives middleware_test.Document"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newServer(openDB(t)).AddSafely(mcpecho.Selector[Document]("list", documents, tc.step))
			if err == nil {
				t.Fatal("accepted")
			}
			contains(t, "error", err.Error(), tc.want)
		})
	}
}
