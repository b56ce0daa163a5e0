package narrow_test

import (
	"errors"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/internal/narrow"
)

type row struct {
	ID      int64
	A, B, C bool
	Deleted gorm.DeletedAt
}

// bare is row without soft delete.
type bare struct {
	ID      int64
	A, B, C bool
}

func (bare) TableName() string { return "rows" }

// setup stores one row for each combination of a, b and c.
func setup(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&row{}); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if err := db.Create(&row{A: i&1 > 0, B: i&2 > 0, C: i&4 > 0}).Error; err != nil {
			t.Fatal(err)
		}
	}
	return db.Model(&row{}).Session(&gorm.Session{})
}

func TestAndOnlyTakesRowsAway(t *testing.T) {
	base := setup(t)
	plain := base.Model(&bare{}).Session(&gorm.Session{})
	or := func(db *gorm.DB) *gorm.DB { return db.Where("a").Or("b") }
	tests := map[string]struct {
		query *gorm.DB
		holds func(row) bool
	}{
		"no condition":                   {base, func(r row) bool { return true }},
		"one condition":                  {base.Where("a"), func(r row) bool { return r.A }},
		"a or b":                         {base.Where("a").Or("b"), func(r row) bool { return r.A || r.B }},
		"or comes first":                 {base.Or("b").Where("a"), func(r row) bool { return r.A || r.B }},
		"only or":                        {base.Or("b"), func(r row) bool { return r.B }},
		"or in one string":               {base.Where("a OR b"), func(r row) bool { return r.A || r.B }},
		"or in a scope":                  {base.Scopes(or), func(r row) bool { return r.A || r.B }},
		"not":                            {base.Not("a").Or("b"), func(r row) bool { return !r.A || r.B }},
		"or comes first, no soft delete": {plain.Or("b").Where("a"), func(r row) bool { return r.A || r.B }},
		"no soft delete":                 {plain.Where("a").Or("b"), func(r row) bool { return r.A || r.B }},
		"no model":                       {base.Table("rows").Model(nil).Where("a").Or("b"), func(r row) bool { return r.A || r.B }},
		"unscoped":                       {base.Unscoped().Where("a").Or("b"), func(r row) bool { return r.A || r.B }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after []row
			if err := tt.query.Session(&gorm.Session{}).Find(&before).Error; err != nil {
				t.Fatal(err)
			}
			narrowed := narrow.Last(tt.query, func(stmt *gorm.Statement) {
				narrow.And(stmt, clause.Expr{SQL: "c"})
			})
			if err := narrowed.Find(&after).Error; err != nil {
				t.Fatal(err)
			}
			want := 0
			for _, r := range before {
				if !tt.holds(r) {
					t.Fatalf("the query itself returns %+v", r)
				}
				if r.C {
					want++
				}
			}
			for _, r := range after {
				if !tt.holds(r) || !r.C {
					t.Errorf("got row %+v", r)
				}
			}
			if len(after) != want || want == 0 {
				t.Errorf("got %d rows, want %d", len(after), want)
			}
		})
	}
}

func TestOrAfterLastCannotWiden(t *testing.T) {
	var rows []row
	narrowed := narrow.Last(setup(t), func(stmt *gorm.Statement) { narrow.And(stmt, clause.Expr{SQL: "c"}) })
	if err := narrowed.Where("a").Or("b").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Errorf("got %d rows, want 3", len(rows))
	}
	for _, r := range rows {
		if !r.C {
			t.Errorf("got row %+v", r)
		}
	}
}

func TestLastLeavesTheQueryAlone(t *testing.T) {
	query := setup(t).Where("a")
	narrow.Last(query, func(stmt *gorm.Statement) { narrow.And(stmt, clause.Expr{SQL: "c"}) })
	var rows []row
	if err := query.Find(&rows).Error; err != nil || len(rows) != 4 {
		t.Errorf("got %d rows, %v; want 4", len(rows), err)
	}
}

func TestLastRefusesRawSQL(t *testing.T) {
	var rows []row
	narrowed := narrow.Last(setup(t).Raw("SELECT * FROM rows"), func(stmt *gorm.Statement) {
		t.Error("changed a statement that is built already")
	})
	if err := narrowed.Scan(&rows).Error; err == nil || errors.Is(err, gorm.ErrRecordNotFound) {
		t.Errorf("got %d rows, %v; want an error", len(rows), err)
	}
}
