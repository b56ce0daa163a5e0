package mcpecho_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
)

type author struct {
	ID   int64
	Name string `gorm:"size:40"`
}

type book struct {
	ID       int64
	Title    string `gorm:"size:40"`
	Year     int64
	AuthorID int64
	Author   author
}

// The query of a list is often ordered, joined and limited; the suggestions for one of its columns
// must not mind.
func TestCompleteColumnTakesTheQueryOfAList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		if err := db.AutoMigrate(&author{}, &book{}); err != nil {
			t.Fatal(err)
		}
		ann, bob := author{ID: 1, Name: "ann"}, author{ID: 2, Name: "bob"}
		books := []book{{Title: "delta", Year: 2001, Author: ann}, {Title: "beta", Year: 2003, Author: bob}, {Title: "beta", Year: 2004, Author: ann},
			{Title: "alpha", Year: 2002, Author: bob}, {Title: "alp", Year: 1999, Author: bob}}
		if err := db.Create(&books).Error; err != nil {
			t.Fatal(err)
		}
		joined := func(db *gorm.DB) *gorm.DB { return db.Joins("JOIN authors ON authors.id = books.author_id") }
		tests := map[string]struct {
			query  func(*gorm.DB) *gorm.DB
			column string
			value  string
			want   string
		}{
			"plain":          {func(db *gorm.DB) *gorm.DB { return db }, "title", "", "[alp alpha beta delta]false"},
			"ordered":        {func(db *gorm.DB) *gorm.DB { return db.Order("year DESC") }, "title", "al", "[alp alpha]false"},
			"ordered lazily": {func(db *gorm.DB) *gorm.DB { return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Order("year") }) }, "title", "", "[alp alpha beta delta]false"},
			"joined":         {joined, "id", "", "[1 2 3 4 5]false"},
			"eager": {func(db *gorm.DB) *gorm.DB {
				return db.Joins("Author").Where(clause.Eq{Column: clause.Column{Table: "Author", Name: "name"}, Value: "bob"})
			}, "title", "", "[alp alpha beta]false"},
			"joined, ordered":  {func(db *gorm.DB) *gorm.DB { return joined(db).Order("authors.name").Where("authors.name = 'ann'") }, "title", "", "[beta delta]false"},
			"limited":          {func(db *gorm.DB) *gorm.DB { return db.Order("year DESC").Limit(3) }, "title", "", "[alpha beta]false"},
			"limited, typed":   {func(db *gorm.DB) *gorm.DB { return db.Order("year DESC").Limit(3) }, "title", "al", "[alpha]false"},
			"offset":           {func(db *gorm.DB) *gorm.DB { return db.Order("year DESC").Limit(9).Offset(3) }, "title", "", "[alp delta]false"},
			"selected":         {func(db *gorm.DB) *gorm.DB { return db.Select("books.id", "year") }, "title", "be", "[beta]false"},
			"distinct":         {func(db *gorm.DB) *gorm.DB { return db.Distinct("title").Order("title") }, "title", "", "[alp alpha beta delta]false"},
			"omitted":          {func(db *gorm.DB) *gorm.DB { return db.Omit("title") }, "title", "d", "[delta]false"},
			"preloaded":        {func(db *gorm.DB) *gorm.DB { return db.Preload("Author") }, "title", "d", "[delta]false"},
			"or":               {func(db *gorm.DB) *gorm.DB { return db.Where("year = 2001").Or("year = 1999") }, "title", "a", "[alp]false"},
			"a number, typed":  {joined, "year", "200", "[2001 2002 2003 2004]false"},
			"with an argument": {func(db *gorm.DB) *gorm.DB { return db.Where("year > ?", 2001).Where("title <> ?", "?") }, "title", "a", "[alpha]false"},
		}
		if db.Name() != "sqlite" { // which has no row locks
			tests["locked"] = tests["plain"]
			locked := tests["locked"]
			locked.query = func(db *gorm.DB) *gorm.DB { return db.Clauses(clause.Locking{Strength: "UPDATE"}) }
			tests["locked"] = locked
		}
		for name, tt := range tests {
			b := setup(t)
			b.srv.Add(mcpecho.Resource("w://{name}", func(*mcpecho.Call, struct {
				Name string `json:"name"`
			}) (string, error) {
				return "", nil
			}, mcpecho.CompleteColumn("name", tt.column, func(c *mcpecho.Call) *gorm.DB { return tt.query(db.WithContext(c.Ctx()).Model(&book{})) })))
			if got := b.completion(refTemplate, "name", tt.value, ""); got.completed() != tt.want {
				t.Errorf("%s: %s, want %s\n%s", name, got.Body, tt.want, b.log.String())
			}
		}
	})
}

func TestCompleteColumnFailsWithTheErrorOfItsQuery(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Resource("w://{name}", func(*mcpecho.Call, struct {
		Name string `json:"name"`
	}) (string, error) {
		return "", nil
	}, mcpecho.CompleteColumn("name", "name", func(c *mcpecho.Call) *gorm.DB { return c.DB().Raw("SELECT name FROM widgets") })))
	expect(t, b.completion(refTemplate, "name", "", ""), 200, -32603)
}
