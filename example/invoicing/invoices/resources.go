package invoices

import (
	"strings"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// resources are what clients read at a URI, for a model or for its user.
func resources() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		// The tool invoices.get with all of its steps, at a URI.
		get().AsResource("invoices://{pk}",
			mcpecho.Title("Invoice"),
			mcpecho.Describe("One invoice, by its primary key."),
			mcpecho.CompleteColumn("pk", "id", func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&Invoice{}) })),

		mcpecho.Resource("invoices://stats", stats,
			mcpecho.Title("Statistics"),
			mcpecho.Describe("How many invoices there are, what they add up to, and how many are unsent."),
			mw.Scopes(ScopeRead)),
	}
}

// Stats sum up a set of invoices.
type Stats struct {
	Count    int64 `json:"count" doc:"Number of invoices."`
	SumCents int64 `json:"sum_cents" doc:"Their amounts in cents, added up."`
	Unsent   int64 `json:"unsent" doc:"How many of them have not been sent."`
}

func stats(c *mcpecho.Call, _ struct{}) (Stats, error) {
	return statsOf(c.Narrowed(c.DB().Model(&Invoice{})))
}

func statsOf(invoices *gorm.DB) (s Stats, err error) {
	err = invoices.Select("COUNT(*) AS count, COALESCE(SUM(amount_cents), 0) AS sum_cents, COUNT(CASE WHEN NOT sent THEN 1 END) AS unsent").
		Scan(&s).Error
	if err != nil && strings.Contains(err.Error(), "integer overflow") {
		err = mcpecho.Errorf("the amounts add up to more cents than a 64-bit number holds")
	}
	return s, err
}
