package transactions_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// A call that Go code makes inside of another can fail alone: what it wrote, and what waits for its
// commit, is undone, and the call around goes on in its transaction.
func TestWhatIsInvokedInsideATransactionIsUndoneAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		db = migrate(t, db)
		var mails []string
		srv := newServer(db)
		srv.Use(mw.Transaction())
		insert := func(c *mcpecho.Call, in named) (string, error) {
			c.AfterCommit(func(context.Context) { mails = append(mails, in.Name) })
			if err := c.DB().Create(&entry{Name: in.Name}).Error; err != nil {
				return "", err
			}
			if in.Name == "bad" {
				return "", mcpecho.Errorf("not this one")
			}
			return in.Name, nil
		}
		failed := errors.New("the whole")
		srv.Add(
			mcpecho.Service("insert", insert),
			mcpecho.Service("all", func(c *mcpecho.Call, in named) (string, error) {
				for _, name := range []string{"a", "bad", "b"} {
					if _, err := mcpecho.Invoke[string](c.Ctx(), srv, "insert", named{name}); (err != nil) != (name == "bad") {
						return "", err
					}
				}
				if in.Name == "fail" {
					return "", failed
				}
				return "ok", nil
			}),
		)
		_, err := mcpecho.Invoke[string](t.Context(), srv, "all", named{"fail"})
		equal(t, "the error", err, failed)
		equal(t, "rows", rows(t, db), 0)
		equal(t, "mails", len(mails), 0)
		_, err = mcpecho.Invoke[string](t.Context(), srv, "all", named{"do"})
		equal(t, "the error", err, nil)
		equal(t, "rows", rows(t, db), 2)
		equal(t, "mails", len(mails), 2)
	})
}
