package invoices

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// prompts are texts that a user picks and a model gets.
func prompts() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Prompt("summarise", summarise,
			mcpecho.Title("Summarise a period"),
			mcpecho.Describe("Ask for a summary of the invoices of a month or quarter."),
			mcpecho.Complete("period", completePeriod),
			mcpecho.Complete("tone", completeTone),
			mw.Scopes(ScopeRead)),
	}
}

// SummariseInput are the arguments of the prompt summarise.
type SummariseInput struct {
	Period string `json:"period" validate:"required,max=7" doc:"A month, as 2026-11, or a quarter, as 2026-Q4." example:"2026-11"`
	Tone   string `json:"tone" validate:"oneof=neutral friendly formal blunt" default:"neutral" doc:"How the summary should sound."`
}

var tones = []string{"neutral", "friendly", "formal", "blunt"}

// largest is how many invoices a prompt names.
const largest = 5

func summarise(c *mcpecho.Call, in SummariseInput) (string, error) {
	from, to, err := periodOf(in.Period)
	if err != nil {
		return "", binding.Errorf("period", "period", "must be a month, as 2026-11, or a quarter, as 2026-Q4")
	}
	within := func() *gorm.DB {
		return c.Narrowed(c.DB().Model(&Invoice{})).Where("created_at >= ? AND created_at < ?", from, to)
	}
	sum, err := statsOf(within())
	if err != nil {
		return "", err
	}
	var top []Invoice
	if err := within().Order("amount_cents DESC, id").Limit(largest).Find(&top).Error; err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Summarise the invoices of %s in a %s tone, in at most five sentences. Amounts are in cents.\n\n", in.Period, in.Tone)
	fmt.Fprintf(&b, "Invoices: %d, together %d, unsent: %d\n", sum.Count, sum.SumCents, sum.Unsent)
	for _, invoice := range top {
		fmt.Fprintf(&b, "- %q of %s: %d, sent: %t\n", invoice.Number, invoice.CreatedAt.Format(time.DateOnly), invoice.AmountCents, invoice.Sent)
	}
	return b.String(), nil
}

const month = "2006-01"

// periodOf reads a month or a quarter, in UTC.
func periodOf(s string) (from, to time.Time, err error) {
	if year, quarter, ok := strings.Cut(s, "-Q"); ok {
		n, err := strconv.Atoi(quarter)
		if err != nil || n < 1 || n > 4 || len(quarter) != 1 {
			return from, to, fmt.Errorf("invoices: no quarter %q", s)
		}
		from, err = time.Parse(month, fmt.Sprintf("%s-%02d", year, 3*n-2))
		return from, from.AddDate(0, 3, 0), err
	}
	from, err = time.Parse(month, s)
	return from, from.AddDate(0, 1, 0), err
}

// completePeriod suggests the months, and their quarters, that have invoices, the newest first.
func completePeriod(c *mcpecho.Call, value string, _ map[string]string) ([]string, error) {
	var months, periods []string
	err := c.Narrowed(c.DB().Model(&Invoice{})).Distinct().Order("1 DESC").Pluck("STRFTIME('%Y-%m', created_at)", &months).Error
	if err != nil {
		return nil, err
	}
	for _, m := range months {
		first, err := time.Parse(month, m)
		if err != nil {
			return nil, err
		}
		periods = append(periods, m, fmt.Sprintf("%d-Q%d", first.Year(), (first.Month()+2)/3))
	}
	slices.SortStableFunc(periods, byKind)
	return startingWith(slices.Compact(periods), value), nil
}

// byKind puts months before quarters.
func byKind(a, b string) int { return strings.Count(a, "Q") - strings.Count(b, "Q") }

func completeTone(_ *mcpecho.Call, value string, _ map[string]string) ([]string, error) {
	return startingWith(tones, value), nil
}

func startingWith(all []string, value string) []string {
	found := []string{}
	for _, s := range all {
		if strings.HasPrefix(s, value) {
			found = append(found, s)
		}
	}
	return found
}
