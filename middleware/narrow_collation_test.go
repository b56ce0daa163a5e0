package middleware_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// owned says in its type that subjects are exact, which MariaDB does not assume of a text.
type owned struct {
	ID    int64  `json:"id"`
	Owner string `json:"owner" gorm:"type:varchar(100) COLLATE utf8mb4_nopad_bin"`
}

func TestABinaryCollationTellsSubjectsApartOnMariaDB(t *testing.T) {
	db := dbtest.MariaDB(t, "")
	if err := db.AutoMigrate(&owned{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&[]owned{{Owner: "alice"}, {Owner: "bob"}}).Error; err != nil {
		t.Fatal(err)
	}
	srv := mcpecho.New(mcpecho.Config{Name: "test", Version: "1", DB: db})
	srv.Add(mcpecho.Selector[owned]("list", func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil },
		mw.Public("a test"), mw.Narrow[owned](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("owner = ?", c.Principal().Subject) }), mw.Paginate(5)))
	for subject, want := range map[string]int64{"alice": 1, "ALICE": 0, "álice": 0, "alice ": 0} {
		client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: subject})
		if got := mcptest.Call[struct {
			Total int64 `json:"total"`
		}](client, "list", nil); got.Total != want {
			t.Errorf("%q sees %d rows, want %d", subject, got.Total, want)
		}
	}
}
