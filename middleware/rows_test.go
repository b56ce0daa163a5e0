package middleware_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

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
		"with a skipper":   {service(forgotten, mw.PermitRowWithConfig(mw.PermitRowConfig[note]{Permit: onlyMine, Skipper: func(echo.Context) bool { return true }})), 2, ""},
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
