package middleware_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

func mine(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
	return db.Where("owner = ?", c.Principal().Subject)
}

type note struct {
	ID    int64  `json:"id"`
	Owner string `json:"owner"`
	Text  string `json:"text"`
}

type noteFilter struct {
	Owner *string `json:"owner"`
	ID    []int64 `json:"id" filter:"id,in"`
	Text  *string `json:"text" filter:"text,icontains"`
}

func notes(t *testing.T, steps ...mcpecho.Option) *mcpecho.Server {
	t.Helper()
	db := openDB(t)
	if err := db.AutoMigrate(&note{}); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"ann", "bob", "ann", "cid"} {
		if err := db.Create(&note{Owner: owner, Text: "of " + owner}).Error; err != nil {
			t.Fatal(err)
		}
	}
	srv := mcpecho.New(mcpecho.Config{Name: "notes", DB: db})
	query := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB().Model(&note{}), nil }
	srv.Add(
		mcpecho.Selector[note]("list", query, append(steps, mw.Filter[noteFilter](), mw.Order("id"), mw.Paginate(2))...),
		mcpecho.Retrieve[note]("last", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) {
			return c.DB().Model(&note{}).Order("id DESC"), nil
		}, steps...),
	)
	return srv
}

func TestNarrowCannotBeUndoneByAnyFilterOrPage(t *testing.T) {
	client := mcptest.New(t, notes(t, mw.Narrow[note](mine))).As(&mcpecho.Principal{Subject: "ann"})
	for _, args := range []map[string]any{
		{}, {"owner": "bob"}, {"id": []int{1, 2, 3, 4}}, {"text": "of"}, {"page": 2}, {"ordering": "-id", "limit": 50},
		{"owner": "ann' OR '1'='1"},
	} {
		page := mcptest.Call[struct {
			Items                   []note `json:"items"`
			Total                   int    `json:"total"`
			Page, Limit, TotalPages int
			HasNext                 bool
		}](client, "list", args)
		for _, n := range page.Items {
			if n.Owner != "ann" {
				t.Errorf("%v shows a note of %s", args, n.Owner)
			}
		}
		if page.Total > 2 {
			t.Errorf("%v counts %d notes", args, page.Total)
		}
	}
	if n := mcptest.Call[note](client, "last", nil); n.ID != 3 {
		t.Errorf("the last note of ann is %d", n.ID)
	}
}

func TestPermitRowRefusesAForeignRowAsForbidden(t *testing.T) {
	object := mw.PermitRow(func(c *mcpecho.Call, n note) error {
		if n.Owner != c.Principal().Subject {
			return errors.New("secret cause")
		}
		return nil
	})
	srv := notes(t, object)
	r := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann"}).Do("last", nil)
	if r.Status != 200 || !r.IsError || r.Error.Type != mcpecho.TypeForbidden || r.Error.Message != "not permitted" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if n := mcptest.Call[note](mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "cid"}), "last", nil); n.ID != 4 {
		t.Errorf("got note %d", n.ID)
	}
}

func TestPermitRowOfAnotherRowIsRefusedAtAdd(t *testing.T) {
	srv := notes(t)
	err := srv.AddSafely(mcpecho.Retrieve[note]("x", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil },
		mw.PermitRow(func(*mcpecho.Call, noteFilter) error { return nil })))
	if err == nil {
		t.Error("a check of another row type was added")
	}
}
