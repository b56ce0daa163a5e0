package mcpecho_test

import (
	"context"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

// addWidget knows neither MCP nor where its database comes from.
func addWidget(ctx context.Context, in struct {
	Name string `json:"name"`
}) (widget, error) {
	w := widget{Name: in.Name}
	return w, mcpecho.DB(ctx).Create(&w).Error
}

func TestWithDBMakesAPlainFunctionCallableOutsideOfACall(t *testing.T) {
	b := setup(t)
	if _, err := addWidget(mcpecho.WithDB(t.Context(), b.db), struct {
		Name string `json:"name"`
	}{"job"}); err != nil {
		t.Fatal(err)
	}
	errUndo := gorm.ErrInvalidData
	if err := b.db.Transaction(func(tx *gorm.DB) error {
		if _, err := addWidget(mcpecho.WithDB(t.Context(), tx), struct {
			Name string `json:"name"`
		}{"undone"}); err != nil {
			t.Error(err)
		}
		return errUndo
	}); err != errUndo {
		t.Fatal(err)
	}
	if names := b.names(); len(names) != 1 || names[0] != "job" {
		t.Errorf("rows %v, want the one that was not rolled back", names)
	}
	if err := mcpecho.DB(mcpecho.WithDB(t.Context(), nil)).Find(&[]widget{}).Error; err == nil {
		t.Error("a nil database works")
	}
}

// What a request brings in its context is not the database of the call; what a handler gives to a
// function that it calls is.
func TestWithDBIsTheNearestDatabaseOfAContext(t *testing.T) {
	b, other := setup(t), setup(t)
	b.srv.Add(mcpecho.Service("near", func(c *mcpecho.Call, _ none) (bool, error) {
		w := widget{Name: "call"}
		if err := mcpecho.DB(c.Ctx()).Create(&w).Error; err != nil {
			return false, err
		}
		_, err := addWidget(mcpecho.WithDB(c.Ctx(), other.db), struct {
			Name string `json:"name"`
		}{"given"})
		return true, err
	}))
	if r := b.call("near", `{}`); r.text() != "true" {
		t.Fatal(r.Body)
	}
	if mine, given := b.names(), other.names(); len(mine) != 1 || mine[0] != "call" || len(given) != 1 || given[0] != "given" {
		t.Errorf("the call's database has %v, the given one %v", mine, given)
	}
}

// names are those of the widgets in the database, in order.
func (b *bundle) names() (names []string) {
	b.t.Helper()
	if err := b.db.Model(&widget{}).Order("id").Pluck("name", &names).Error; err != nil {
		b.t.Fatal(err)
	}
	return names
}
