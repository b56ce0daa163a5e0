package middleware_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// tag is a table of its own, which no rule about notes is about.
type tag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// noteRow is another type for the rows of notes.
type noteRow struct {
	ID    int64  `json:"id"`
	Owner string `json:"owner"`
}

func (noteRow) TableName() string { return "notes" }

type byID struct {
	ID int64 `json:"id" validate:"required"`
}

var errNotMine = errors.New("secret cause")

func onlyMine(c *mcpecho.Call, n note) error {
	if n.Owner != c.Principal().Subject {
		return errNotMine
	}
	return nil
}

// library has four notes, of ann (1, 3), bob (2) and cid (4), and reads them in every way. ann's
// calls of get and the like with id 2 reach for the note of bob.
func library(t *testing.T, onServer []mcpecho.Step, onFinish ...mcpecho.Option) *mcptest.Client {
	t.Helper()
	db := openDB(t)
	if err := db.AutoMigrate(&note{}, &tag{}); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"ann", "bob", "ann", "cid"} {
		db.Create(&note{Owner: owner, Text: "of " + owner})
	}
	db.Create(&tag{Name: "blue"})
	srv := mcpecho.New(mcpecho.Config{Name: "notes", DB: db})
	srv.Use(onServer...)
	all := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB().Model(&note{}).Order("id"), nil }
	get := mcpecho.Retrieve[note]("get", func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil })
	list := mcpecho.Selector[note]("list", all, mw.Paginate(10))
	del := mcpecho.Service("del", func(c *mcpecho.Call, in byID) (map[string]int64, error) {
		r := c.Narrowed(c.DB()).Where("id = ?", in.ID).Delete(&note{})
		return map[string]int64{"deleted": r.RowsAffected}, r.Error
	})
	tags := mcpecho.Selector[tag]("tags", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil })
	srv.Add(get, list, del, tags,
		get.AsResource("notes://{id}", mcpecho.CompleteColumn("id", "id", func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&note{}) })),
		mcpecho.Selector[noteRow]("rows", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }),
		mcpecho.Retrieve[note]("short", func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil }, mw.As[struct {
			Text string `json:"text"`
		}]()),
		one[note]("seq_get", get, onFinish...), one[[]note]("seq_list", list, onFinish...),
		one[map[string]int64]("seq_del", del, onFinish...), one[[]tag]("seq_tags", tags, onFinish...),
		mcpecho.Service("seq_in_seq", func(*mcpecho.Call, struct{}) (struct{}, error) { return struct{}{}, nil }),
	)
	return mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"})
}

// one is a sequence of one spec.
func one[Out any](name string, spec *mcpecho.Spec, opts ...mcpecho.Option) *mcpecho.Spec {
	if strings.HasSuffix(name, "list") || strings.HasSuffix(name, "tags") {
		seq := mcpecho.NewSequence[struct{}](name)
		return mcpecho.Finish(seq, mcpecho.Then[Out](seq, spec, func(_ *mcpecho.Call, in struct{}) struct{} { return in }), opts...)
	}
	seq := mcpecho.NewSequence[byID](name)
	return mcpecho.Finish(seq, mcpecho.Then[Out](seq, spec, func(_ *mcpecho.Call, in byID) byID { return in }), opts...)
}

func TestNarrowHoldsWhereverRowsAreRead(t *testing.T) {
	mineToo := func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		return db.Scopes(func(db *gorm.DB) *gorm.DB { return mine(c, db) })
	}
	for name, client := range map[string]*mcptest.Client{
		"on the server":  library(t, []mcpecho.Step{mw.Narrow[note](mine)}),
		"by gorm scopes": library(t, []mcpecho.Step{mw.Narrow[note](mineToo)}),
	} {
		for _, tool := range []string{"get", "seq_get", "short"} {
			if r := client.Do(tool, byID{2}); !r.IsError || r.Error.Type != mcpecho.TypeNotFound {
				t.Errorf("%s, %s: %s", name, tool, string(r.Body))
			}
			if r := client.Do(tool, byID{3}); r.IsError {
				t.Errorf("%s, %s: %s", name, tool, string(r.Body))
			}
		}
		for _, tool := range []string{"list", "seq_list", "rows"} {
			if r := client.Do(tool, nil); r.IsError || strings.Contains(string(r.Body), "bob") || strings.Count(string(r.Body), `\"ann\"`) == 0 {
				t.Errorf("%s, %s: %s", name, tool, string(r.Body))
			}
		}
		if r := client.Do("list", nil); !strings.Contains(string(r.Body), `\"total\":2`) {
			t.Errorf("%s: the total counts rows of others: %s", name, string(r.Body))
		}
		for _, tool := range []string{"del", "seq_del"} {
			if n := mcptest.Call[map[string]int64](client, tool, byID{2}); n["deleted"] != 0 {
				t.Errorf("%s, %s: deleted a note of bob", name, tool)
			}
		}
		for _, tool := range []string{"tags", "seq_tags"} {
			if r := client.Do(tool, nil); r.IsError || !strings.Contains(string(r.Body), "blue") {
				t.Errorf("%s, %s: rows of another table are touched: %s", name, tool, string(r.Body))
			}
		}
	}
}

func TestNarrowOnASequenceHoldsInItsSpecs(t *testing.T) {
	client := library(t, nil, mw.Narrow[note](mine))
	if r := client.Do("seq_get", byID{2}); !r.IsError || r.Error.Type != mcpecho.TypeNotFound {
		t.Error(string(r.Body))
	}
	if n := mcptest.Call[map[string]int64](client, "seq_del", byID{2}); n["deleted"] != 0 {
		t.Error("deleted a note of bob")
	}
	if r := client.Do("seq_tags", nil); r.IsError {
		t.Error(string(r.Body))
	}
}

func TestNarrowAllIsForEveryTable(t *testing.T) {
	client := library(t, []mcpecho.Step{mw.NarrowAll(func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("id > 2") })})
	if r := client.Do("tags", nil); r.IsError || strings.Contains(string(r.Body), "blue") {
		t.Error(string(r.Body))
	}
	if r := client.Do("list", nil); r.IsError || strings.Count(string(r.Body), `\"owner\"`) != 2 {
		t.Error(string(r.Body))
	}
}

func TestNarrowingThatCannotBeReadFailsTheCall(t *testing.T) {
	for name, narrow := range map[string]func(*mcpecho.Call, *gorm.DB) *gorm.DB{
		"raw SQL":           func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Raw("SELECT * FROM notes WHERE owner = 'ann'") },
		"another table":     func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Table("(SELECT * FROM notes) AS notes") },
		"a struct of zeros": func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where(&note{Owner: ""}) },
		"scopes with joins": func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Joins("JOIN tags") })
		},
		"scopes with nothing": func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return db })
		},
		"nil":      func(*mcpecho.Call, *gorm.DB) *gorm.DB { return nil },
		"an error": func(_ *mcpecho.Call, db *gorm.DB) *gorm.DB { _ = db.AddError(errors.New("no tenant")); return db },
	} {
		client := library(t, []mcpecho.Step{mw.Narrow[note](narrow)})
		for _, tool := range []string{"list", "seq_list"} {
			if r := client.Do(tool, nil); !r.IsError || r.Error.Type != mcpecho.TypeInternal {
				t.Errorf("%s, %s: %s", name, tool, string(r.Body))
			}
		}
	}
}

func TestAQueryThatCannotBeNarrowedFails(t *testing.T) {
	for name, query := range map[string]func(*gorm.DB) *gorm.DB{
		"raw SQL":      func(db *gorm.DB) *gorm.DB { return db.Raw("SELECT * FROM notes") },
		"a sub-select": func(db *gorm.DB) *gorm.DB { return db.Table("(SELECT * FROM notes) AS x") },
		"no table":     func(db *gorm.DB) *gorm.DB { return db.Select("1") },
	} {
		srv := notes(t)
		srv.Add(mcpecho.Service("count", func(c *mcpecho.Call, _ struct{}) (map[string]any, error) {
			var rows []map[string]any
			err := query(c.Narrowed(c.DB())).Find(&rows).Error
			return map[string]any{"rows": len(rows)}, err
		}, mw.Narrow[note](mine)))
		if r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("count", nil); !r.IsError {
			t.Errorf("%s: %s", name, string(r.Body))
		}
	}
	for name, query := range map[string]func(*gorm.DB) *gorm.DB{
		"by its name": func(db *gorm.DB) *gorm.DB { return db.Table("notes") },
		"an alias":    func(db *gorm.DB) *gorm.DB { return db.Table("notes AS n") },
		"quoted":      func(db *gorm.DB) *gorm.DB { return db.Table(`"notes" n`) },
	} {
		srv := notes(t)
		srv.Add(mcpecho.Service("count", func(c *mcpecho.Call, _ struct{}) (map[string]any, error) {
			var rows []map[string]any
			err := query(c.Narrowed(c.DB())).Find(&rows).Error
			return map[string]any{"rows": len(rows)}, err
		}, mw.Narrow[note](mine)))
		if r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("count", nil); r.IsError || !strings.Contains(string(r.Body), `\"rows\":2`) {
			t.Errorf("%s: %s", name, string(r.Body))
		}
	}
}

func TestPermitRowSeesWholeRowsWherever(t *testing.T) {
	client := library(t, []mcpecho.Step{mw.PermitRow(onlyMine)})
	for _, tool := range []string{"get", "seq_get", "short"} {
		r := client.Do(tool, byID{2})
		if !r.IsError || r.Error.Type != mcpecho.TypeForbidden || strings.Contains(string(r.Body), "secret cause") {
			t.Errorf("%s: %s", tool, string(r.Body))
		}
		if r := client.Do(tool, byID{3}); r.IsError {
			t.Errorf("%s: %s", tool, string(r.Body))
		}
	}
	for _, tool := range []string{"list", "seq_list"} {
		if r := client.Do(tool, nil); !r.IsError || r.Error.Type != mcpecho.TypeForbidden {
			t.Errorf("%s: %s", tool, string(r.Body))
		}
	}
	for _, tool := range []string{"tags", "seq_tags"} {
		if r := client.Do(tool, nil); r.IsError {
			t.Errorf("%s: %s", tool, string(r.Body))
		}
	}
}

// A permission may depend on what is called, so neither question stands for the other.
func TestPermitRowOfTheServerIsAskedForASequenceAndForTheSpecInIt(t *testing.T) {
	for _, refused := range []string{"", "seq_get", "get"} {
		var asked []string
		client := library(t, []mcpecho.Step{mw.PermitRow(func(c *mcpecho.Call, _ note) error {
			asked = append(asked, c.Name())
			if c.Name() == refused {
				return errNotMine
			}
			return nil
		})})
		if r := client.Do("seq_get", byID{1}); r.IsError != (refused != "") {
			t.Errorf("refused for %q: %s", refused, string(r.Body))
		}
		if got := fmt.Sprint(asked); refused == "" && got != "[seq_get get]" {
			t.Errorf("asked for %s", got)
		}
	}
}

func TestPermitRowOnASequenceChecksWhatItsSpecsFetch(t *testing.T) {
	client := library(t, nil, mw.PermitRow(onlyMine))
	if r := client.Do("seq_get", byID{2}); !r.IsError || r.Error.Type != mcpecho.TypeForbidden {
		t.Error(string(r.Body))
	}
	if r := client.Do("seq_get", byID{1}); r.IsError {
		t.Error(string(r.Body))
	}
	if r := client.Do("seq_tags", nil); !r.IsError || r.Error.Type != mcpecho.TypeInternal {
		t.Errorf("a sequence that lists a row permission succeeded without a checked row: %s", string(r.Body))
	}
}

func TestCompletionShowsNoRowThatAReadWouldRefuse(t *testing.T) {
	for name, step := range map[string]mcpecho.Step{"narrow": mw.Narrow[note](mine), "permit_row": mw.PermitRow(onlyMine)} {
		client := library(t, []mcpecho.Step{step})
		if got := fmt.Sprint(client.Complete("notes://{id}", "id", "", nil).Values); got != "[1 3]" {
			t.Errorf("%s: %s", name, got)
		}
		if got := fmt.Sprint(client.Complete("notes://{id}", "id", "3", nil).Values); got != "[3]" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAServiceThatForgetsToCheckItsRowFails(t *testing.T) {
	load := func(c *mcpecho.Call, id int64) (n note, err error) { return n, c.DB().First(&n, id).Error }
	service := func(check func(c *mcpecho.Call, n note) error, opts ...mcpecho.Option) *mcpecho.Spec {
		return mcpecho.Service("rename", func(c *mcpecho.Call, in byID) (note, error) {
			n, err := load(c, in.ID)
			if err != nil {
				return n, err
			}
			if err := check(c, n); err != nil {
				return n, err
			}
			n.Text = "renamed"
			return n, c.DB().Save(&n).Error
		}, append(opts, mw.Transaction())...)
	}
	forgotten := func(*mcpecho.Call, note) error { return nil }
	checks := func(c *mcpecho.Call, n note) error { return c.CheckRow(n) }
	tests := map[string]struct {
		spec *mcpecho.Spec
		id   int64
		typ  string
	}{
		"forgotten":        {service(forgotten, mw.PermitRow(onlyMine)), 1, mcpecho.TypeInternal},
		"checked":          {service(checks, mw.PermitRow(onlyMine)), 1, ""},
		"refused":          {service(checks, mw.PermitRow(onlyMine)), 2, mcpecho.TypeForbidden},
		"by a pointer":     {service(func(c *mcpecho.Call, n note) error { return c.CheckRow(&n) }, mw.PermitRow(onlyMine)), 2, mcpecho.TypeForbidden},
		"in a list":        {service(func(c *mcpecho.Call, n note) error { return c.CheckRow([]*note{&n}) }, mw.PermitRow(onlyMine)), 2, mcpecho.TypeForbidden},
		"another type":     {service(func(c *mcpecho.Call, _ note) error { return c.CheckRow(tag{}) }, mw.PermitRow(onlyMine)), 1, mcpecho.TypeInternal},
		"who may see all":  {service(checks, mw.PermitRow(func(*mcpecho.Call, note) error { return nil })), 2, ""},
		"in words":         {service(checks, mw.PermitRow(func(*mcpecho.Call, note) error { return mcpecho.Errorf("only the owner may") })), 1, mcpecho.TypeError},
		"as if not there":  {service(checks, mw.PermitRow(func(*mcpecho.Call, note) error { return gorm.ErrRecordNotFound })), 1, mcpecho.TypeNotFound},
		"handler answered": {service(func(c *mcpecho.Call, _ note) error { return c.JSON(200, note{}) }, mw.PermitRow(onlyMine)), 1, mcpecho.TypeInternal},
	}
	for name, tt := range tests {
		srv := notes(t)
		srv.Add(tt.spec)
		r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("rename", byID{tt.id})
		if tt.typ == "" && r.IsError || tt.typ != "" && (!r.IsError || r.Error.Type != tt.typ) {
			t.Errorf("%s: %s", name, string(r.Body))
		}
		var n note
		srv.Config().DB.First(&n, tt.id)
		if renamed := n.Text == "renamed"; renamed != (tt.typ == "") {
			t.Errorf("%s: renamed is %v after %s", name, renamed, string(r.Body))
		}
	}
}

func TestPermitRowOnTheServerLetsServicesWithoutRowsPass(t *testing.T) {
	srv := notes(t)
	srv.Use(mw.PermitRow(onlyMine))
	srv.Add(mcpecho.Service("do", ok))
	if r := mcptest.New(t, srv).Do("do", nil); r.IsError {
		t.Error(string(r.Body))
	}
}

func TestAsFillsAFieldFromTheColumnThatItsJSONNameSays(t *testing.T) {
	type address struct {
		Street string
	}
	type order struct {
		ID       int64
		Billing  address `gorm:"embedded;embeddedPrefix:billing_"`
		Shipping address `gorm:"embedded;embeddedPrefix:shipping_"`
	}
	db := openDB(t)
	if err := db.AutoMigrate(&order{}); err != nil {
		t.Fatal(err)
	}
	db.Create(&order{Billing: address{"Bill St"}, Shipping: address{"Ship St"}})
	srv := mcpecho.New(mcpecho.Config{Name: "orders", DB: db})
	last := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }
	srv.Add(mcpecho.Retrieve[order]("ship", last, mw.As[struct {
		Street string `json:"shipping_street"`
	}]()))
	if r := mcptest.New(t, srv).Do("ship", nil); !strings.Contains(string(r.Body), "Ship St") || strings.Contains(string(r.Body), "Bill St") {
		t.Error(string(r.Body))
	}
	err := srv.AddSafely(mcpecho.Retrieve[order]("either", last, mw.As[struct{ Street string }]()))
	if err == nil || !strings.Contains(err.Error(), "billing_street") || !strings.Contains(err.Error(), "shipping_street") {
		t.Errorf("a field like two columns was added: %v", err)
	}
}

// narrowedTo runs a service that is narrowed to the notes of ann and returns what it says.
func narrowedTo(t *testing.T, f func(c *mcpecho.Call) (any, error)) (*mcptest.Result, *gorm.DB) {
	t.Helper()
	srv := notes(t)
	srv.Config().DB.AutoMigrate(&tag{})
	srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ struct{}) (any, error) { return f(c) }, mw.Narrow[note](mine)))
	return mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("do", nil), srv.Config().DB
}

func TestNarrowedHoldsForEveryStatementOfAHandle(t *testing.T) {
	r, _ := narrowedTo(t, func(c *mcpecho.Call) (any, error) {
		q := c.Narrowed(c.DB())
		var tags, rows int64
		if err := q.Model(&tag{}).Count(&tags).Error; err != nil {
			return nil, err
		}
		for range 3 {
			if err := q.Model(&note{}).Count(&rows).Error; err != nil || rows != 2 {
				return nil, fmt.Errorf("%d rows, %w", rows, err)
			}
		}
		changed := q.Model(&note{}).Where("id > 0").Update("text", "mine")
		return map[string]int64{"rows": rows, "changed": changed.RowsAffected}, changed.Error
	})
	if r.IsError || !strings.Contains(string(r.Body), `\"changed\":2`) {
		t.Error(string(r.Body))
	}
}

func TestAHandleThatLostItsNarrowingFails(t *testing.T) {
	for name, lose := range map[string]func(c *mcpecho.Call) error{
		"generics": func(c *mcpecho.Call) error { _, err := gorm.G[note](c.Narrowed(c.DB())).Find(c.Ctx()); return err },
		"generics change": func(c *mcpecho.Call) error {
			_, err := gorm.G[note](c.Narrowed(c.DB())).Where("id = 2").Delete(c.Ctx())
			return err
		},
		"a new session": func(c *mcpecho.Call) error {
			return c.Narrowed(c.DB()).Session(&gorm.Session{NewDB: true}).Find(&[]note{}).Error
		},
		"an upsert": func(c *mcpecho.Call) error {
			return c.Narrowed(c.DB()).Save(&note{ID: 2, Owner: "ann", Text: "taken"}).Error
		},
		"many upserts": func(c *mcpecho.Call) error {
			return c.Narrowed(c.DB()).Save(&[]note{{ID: 2, Owner: "ann", Text: "taken"}}).Error
		},
		"raw SQL": func(c *mcpecho.Call) error { return c.Narrowed(c.DB()).Exec("UPDATE notes SET text = 'taken'").Error },
	} {
		r, db := narrowedTo(t, func(c *mcpecho.Call) (any, error) { return nil, lose(c) })
		var n note
		db.First(&n, 2)
		if !r.IsError || n.Text != "of bob" {
			t.Errorf("%s: %+v, %s", name, n, r.Body)
		}
	}
}

func TestNarrowingFollowsTheRowsWhateverTheirTypeAndTableAreCalled(t *testing.T) {
	type line struct {
		Text  string `json:"text"`
		Owner string `json:"owner"`
	}
	queries := map[string]func(c *mcpecho.Call) *gorm.DB{
		"a subquery": func(c *mcpecho.Call) *gorm.DB {
			return c.DB().Table("(?) AS x", c.DB().Model(&note{}).Select("text, owner"))
		},
		"in capitals":   func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("NOTES") },
		"with an alias": func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("notes n") },
		"by FROM": func(c *mcpecho.Call) *gorm.DB {
			return c.DB().Clauses(clause.From{Tables: []clause.Table{{Name: "notes"}}})
		},
		"nested scopes":    func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("notes").Scopes(nest(3, or)) },
		"a joined string":  func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("notes n LEFT JOIN tags ON 1 = 1") },
		"a list":           func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("notes, (SELECT 1) z") },
		"SQL in the table": func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("(SELECT * FROM notes) AS x") },
		"only":             func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("ONLY notes") },
	}
	for name, query := range queries {
		srv := notes(t)
		srv.Config().DB.AutoMigrate(&tag{})
		srv.Use(mw.Narrow[note](mine))
		srv.Add(mcpecho.Selector[line]("lines", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return query(c), nil }),
			mcpecho.Selector[line]("paged", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return query(c), nil }, mw.Paginate(10)))
		for _, tool := range []string{"lines", "paged"} {
			r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do(tool, nil)
			if strings.Contains(string(r.Body), "of bob") || !r.IsError && !strings.Contains(string(r.Body), "of ann") {
				t.Errorf("%s, %s: %s", name, tool, r.Body)
			}
		}
	}
}

func or(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }

// nest is a scope that adds a scope that adds one.
func nest(depth int, scope func(*gorm.DB) *gorm.DB) func(*gorm.DB) *gorm.DB {
	for range depth {
		inner := scope
		scope = func(db *gorm.DB) *gorm.DB { return db.Scopes(inner) }
	}
	return scope
}

func TestAReportThatNeedsNoNarrowingSaysSo(t *testing.T) {
	type sum struct {
		Notes int `json:"notes"`
	}
	srv := notes(t)
	srv.Use(mw.Narrow[note](mine))
	report := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) {
		return c.DB().Table("(SELECT COUNT(*) AS notes FROM notes) AS sums"), nil
	}
	srv.Add(mcpecho.Retrieve[sum]("sum", report), mcpecho.Retrieve[sum]("all", report, mcpecho.Unnarrowed("a number for everybody")))
	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"})
	if r := client.Do("sum", nil); !r.IsError || r.Error.Type != mcpecho.TypeInternal {
		t.Error(string(r.Body))
	}
	if r := client.Do("all", nil); r.IsError || !strings.Contains(string(r.Body), `\"notes\":4`) {
		t.Error(string(r.Body))
	}
}

func TestNarrowingIsTheLastWord(t *testing.T) {
	widen := func(change func(*gorm.DB) *gorm.DB) mcpecho.Step {
		return mcpecho.Step{Name: "widen", Stage: mcpecho.StageFilter, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			c.SetQuery(change(c.Query()))
			return next(ec)
		})}
	}
	for name, step := range map[string]mcpecho.Step{
		"scopes": widen(func(db *gorm.DB) *gorm.DB { return db.Scopes(or) }),
		"or":     widen(or),
		"nested": widen(func(db *gorm.DB) *gorm.DB { return db.Scopes(nest(4, or)) }),
		"a new query": {Name: "widen", Stage: mcpecho.StageFilter, Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			c.SetQuery(c.DB().Model(&note{}))
			return next(ec)
		})},
		"text with OR": widen(func(db *gorm.DB) *gorm.DB { return db.Where("1=1\nOR\n1=1") }),
	} {
		for _, page := range []mcpecho.Step{mw.Paginate(10), mw.PaginateWithConfig(mw.PaginateConfig{Keyset: true})} {
			srv := notes(t)
			srv.Add(mcpecho.Selector[note]("all", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB().Scopes(nest(2, or)), nil },
				mw.Narrow[note](mine), step, page))
			r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("all", nil)
			if r.IsError || strings.Count(string(r.Body), `\"owner\":\"ann\"`) != 2 || strings.Contains(string(r.Body), "bob") || strings.Contains(string(r.Body), `\"total\":4`) {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
	}
}

func TestNarrowingsThatAskForEachOtherEnd(t *testing.T) {
	srv := notes(t)
	srv.Use(mw.NarrowAll(func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		return db.Where("id IN (?)", c.Narrowed(c.DB().Model(&note{})).Select("id"))
	}))
	if r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("list", nil); !r.IsError {
		t.Error(string(r.Body))
	}
}

func TestRowPermissionsAreNotPassedByAnAnswerInTheirPlace(t *testing.T) {
	foreign := note{ID: 2, Owner: "bob", Text: "of bob"}
	sets := func(stage mcpecho.Stage, v any) mcpecho.Step {
		return mcpecho.Step{Name: "sets", Stage: stage, Func: mcpecho.Func(func(c *mcpecho.Call, _ echo.Context, _ echo.HandlerFunc) error { c.SetResult(v); return nil })}
	}
	writes := mcpecho.Named("writes", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return c.JSON(200, foreign) }
	})
	get := func(opts ...mcpecho.Option) *mcpecho.Spec {
		return mcpecho.Retrieve[note]("it", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB().Order("id"), nil }, opts...)
	}
	list := func(opts ...mcpecho.Option) *mcpecho.Spec {
		return mcpecho.Selector[note]("it", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB().Where("owner = 'ann'"), nil }, opts...)
	}
	service := func(opts ...mcpecho.Option) *mcpecho.Spec {
		return mcpecho.Service("it", func(c *mcpecho.Call, _ struct{}) (note, error) { return note{}, nil }, opts...)
	}
	permit := mw.PermitRow(onlyMine)
	for name, spec := range map[string]*mcpecho.Spec{
		"a row":              get(permit, sets(mcpecho.StageUser, foreign)),
		"a row at fetch":     get(permit, sets(mcpecho.StageFetch, foreign)),
		"rows":               list(permit, sets(mcpecho.StageUser, []note{foreign})),
		"another shape":      get(permit, sets(mcpecho.StageUser, map[string]any{"id": 2, "owner": "bob", "text": "of bob"})),
		"written":            get(permit, writes),
		"a service's result": service(permit, sets(mcpecho.StageUser, foreign)),
		"written for one":    service(permit, writes),
		"some columns": mcpecho.Retrieve[note]("it", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) {
			return c.DB().Select("id", "text").Where("id = 2"), nil
		}, mw.PermitRow(func(_ *mcpecho.Call, n note) error { return map[bool]error{true: errNotMine}[n.Owner == "bob"] })),
		"by a sequence": one[[]note]("it_list", list(sets(mcpecho.StageUser, []note{foreign})), permit),
		"an array": service(permit, mcpecho.Before("validate", mcpecho.Step{Name: "x", Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			return c.CheckRow([1]note{foreign})
		})})),
		"what is not a row": service(permit, mcpecho.Before("validate", mcpecho.Step{Name: "x", Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			return c.CheckRow(map[string]any{})
		})})),
	} {
		srv := notes(t)
		srv.Add(spec)
		name2 := "it"
		if strings.Contains(name, "sequence") {
			name2 = "it_list"
		}
		r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do(name2, nil)
		if !r.IsError || strings.Contains(string(r.Body), "of bob") {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	for _, place := range []string{"fetch", "handle"} {
		if err := notes(t).AddSafely(get(mcpecho.Before(place, permit))); err == nil || !strings.Contains(err.Error(), "after the step that fetches") {
			t.Errorf("before %s: %v", place, err)
		}
	}
}

func TestCompletionOfRowsThatNobodyCanLookAtIsRefused(t *testing.T) {
	for name, scope := range map[string]func(c *mcpecho.Call) *gorm.DB{
		"by the table": func(c *mcpecho.Call) *gorm.DB { return c.DB().Table("notes") },
		"another type": func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&noteRow{}) },
	} {
		srv := notes(t)
		srv.Add(mcpecho.Retrieve[note]("get", func(c *mcpecho.Call, in byID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil }, mw.PermitRow(onlyMine)).
			AsResource("notes://{id}", mcpecho.CompleteColumn("id", "owner", scope)))
		r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Complete("notes://{id}", "id", "", nil)
		if len(r.Values) > 0 {
			t.Errorf("%s: %v", name, r.Values)
		}
	}
}
