package ordering_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/ordering"
)

type sale struct {
	ID     int64
	Owner  string `gorm:"size:20"`
	Amount int64
	At     *int64
}

// A GROUP BY and a DISTINCT merge rows, so the primary key cannot tell theirs apart; their own
// columns do.
func TestMergedRowsAreOrderedByWhatTheyHave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.AutoMigrate(&sale{}); err != nil {
			t.Fatal(err)
		}
		rows := []sale{{Owner: "ann", Amount: 5}, {Owner: "bob", Amount: 1}, {Owner: "cid", Amount: 3}, {Owner: "bob", Amount: 2}, {Owner: "ann", Amount: 5}}
		if err := db.Create(&rows).Error; err != nil {
			t.Fatal(err)
		}
		sum := func(db *gorm.DB) *gorm.DB { return db.Select("owner, sum(amount) AS amount").Group("owner") }
		tests := map[string]struct {
			query func(*gorm.DB) *gorm.DB
			order string
			want  string
		}{
			"groups, by a sum, ties by group":    {sum, "amount", "bob3 cid3 ann10"},
			"groups, by a sum, descending":       {sum, "-amount", "ann10 cid3 bob3"},
			"groups, by their column":            {sum, "-owner", "cid3 bob3 ann10"},
			"groups, by nothing":                 {sum, "", "ann10 bob3 cid3"},
			"groups in a scope":                  {func(db *gorm.DB) *gorm.DB { return db.Scopes(sum) }, "-amount", "ann10 cid3 bob3"},
			"groups, by what they lack":          {sum, "at", `no one "at" to order by`},
			"distinct":                           {func(db *gorm.DB) *gorm.DB { return db.Distinct("owner") }, "-owner", "cid0 bob0 ann0"},
			"distinct, by nothing":               {func(db *gorm.DB) *gorm.DB { return db.Distinct("owner") }, "", "ann0 bob0 cid0"},
			"distinct of two, ties by the other": {func(db *gorm.DB) *gorm.DB { return db.Distinct("amount", "owner") }, "owner", "ann5 bob1 bob2 cid3"},
			"distinct in the text":               {func(db *gorm.DB) *gorm.DB { return db.Select("DISTINCT owner") }, "-owner", "cid0 bob0 ann0"},
			"distinct, by what it lacks":         {func(db *gorm.DB) *gorm.DB { return db.Distinct("owner") }, "amount", `no one "amount" to order by`},
			"distinct whole rows":                {func(db *gorm.DB) *gorm.DB { return db.Distinct() }, "owner", "ann5 ann5 bob1 bob2 cid3"},
			"distinct whole rows of a join of others": {func(db *gorm.DB) *gorm.DB {
				return db.Distinct("sales.*").Joins("JOIN sales s ON s.owner = sales.owner")
			}, "-owner", "cid3 bob2 bob1 ann5 ann5"},
		}
		o := compile(t, sale{}, ordering.Config{Fields: []string{"owner", "amount", "at"}})
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				in := &ordering.Input{}
				if tt.order != "" {
					in.Ordering = ordering.Names{tt.order}
				}
				var found []sale
				err := o.Apply(tt.query(db.Model(&sale{})), in).Find(&found).Error
				if strings.HasPrefix(tt.want, "no one") {
					if err == nil || !strings.HasPrefix(err.Error(), "ordering: ") || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("got %v, %v", found, err)
					}
					return
				}
				var got []string
				for _, r := range found {
					got = append(got, fmt.Sprint(r.Owner, r.Amount))
				}
				if err != nil || strings.Join(got, " ") != tt.want {
					t.Errorf("got %v, %v; want %s", got, err, tt.want)
				}
			})
		}
	})
}

// An index on (owner, id), read backwards, has the rows of "owner DESC, id DESC" in order but not
// those of "owner DESC, id".
func TestADescendingOrderIsServedByAnIndex(t *testing.T) {
	db := dbtest.SQLite(t, filepath.Join(t.TempDir(), "plan.db"))
	if err := db.AutoMigrate(&sale{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("CREATE INDEX sales_owner ON sales (owner, id)").Error; err != nil {
		t.Fatal(err)
	}
	o := compile(t, sale{}, ordering.Config{Fields: []string{"owner"}})
	for _, name := range []string{"owner", "-owner"} {
		stmt := o.Apply(db.Session(&gorm.Session{DryRun: true}).Model(&sale{}).Where("owner > ?", ""), &ordering.Input{Ordering: ordering.Names{name}}).Find(&[]sale{}).Statement
		var plan []map[string]any
		if err := db.Raw("EXPLAIN QUERY PLAN "+stmt.SQL.String(), stmt.Vars...).Scan(&plan).Error; err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprint(plan), "TEMP B-TREE") {
			t.Errorf("%s is sorted: %v", name, plan)
		}
	}
}
