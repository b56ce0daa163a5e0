package invoices

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// The OAuth scopes of the application.
const (
	ScopeRead  = "invoices:read"
	ScopeWrite = "invoices:write"
)

// Filter is how invoices may be narrowed down, by tools and by REST alike.
type Filter struct {
	Sent         *bool      `json:"sent" doc:"Only sent (true) or unsent (false) invoices."`
	Number       *string    `json:"number" doc:"Only the invoice with exactly this number."`
	MinAmount    *int64     `json:"min_amount" filter:"amount_cents,gte" doc:"At least this many cents."`
	MaxAmount    *int64     `json:"max_amount" filter:"amount_cents,lte" doc:"At most this many cents."`
	CreatedAfter *time.Time `json:"created_after" filter:"created_at,gt" doc:"Created after this moment (RFC 3339)."`
}

// How lists are ordered and paged, by tools and by REST alike.
var orderBy = []string{"number", "amount_cents", "created_at"}

const pageSize = 20

// Specs are the tools. A domain package hands them to whatever server wants
// them; it needs to know neither the server nor its authentication.
func Specs(log *slog.Logger) []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Service("invoices.create", create,
			mcpecho.Title("Create invoice"),
			mcpecho.Describe("Create an unsent invoice. The number must not be in use."),
			mcpecho.Annotate(mcpecho.Destructive(false)),
			mw.Scopes(ScopeWrite), mw.Transaction(),
			mcpecho.Before("validate", mcpecho.Named("audit", Audit(log)))),

		mcpecho.Service("invoices.mark_sent", markSent,
			mcpecho.Title("Mark invoice as sent"),
			mcpecho.Describe("Record that an invoice has been sent. Repeating it changes nothing."),
			mcpecho.Annotate(mcpecho.Destructive(false), mcpecho.Idempotent(true)),
			mw.Scopes(ScopeWrite), mw.Transaction()),

		mcpecho.Selector[Invoice]("invoices.list", all,
			mcpecho.Title("List invoices"),
			mcpecho.Describe("List invoices, one page at a time."),
			mw.Scopes(ScopeRead),
			mw.Filter[Filter](), mw.Order(orderBy...), mw.Paginate(pageSize)),

		mcpecho.Retrieve[Invoice]("invoices.get", one,
			mcpecho.Title("Get invoice"),
			mcpecho.Describe("Get one invoice by its primary key."),
			mw.Scopes(ScopeRead)),

		mcpecho.Service("invoices.total", mcpecho.Plain(Sum),
			mcpecho.Title("Total of invoices"),
			mcpecho.Describe("Count invoices and add up their amounts."),
			mcpecho.Annotate(mcpecho.ReadOnly(true)),
			mw.Scopes(ScopeRead)),
	}
}

// CreateInput is what a new invoice needs.
type CreateInput struct {
	Number      string `json:"number" validate:"required,max=32" doc:"Unique invoice number." example:"B-1"`
	AmountCents int64  `json:"amount_cents" validate:"required,gte=0" doc:"Amount in cents." example:"1250"`
}

func create(c *mcpecho.Call, in CreateInput) (Invoice, error) {
	invoice := Invoice{Number: in.Number, AmountCents: in.AmountCents}
	err := c.DB().Create(&invoice).Error
	return invoice, err
}

// Key names one invoice.
type Key struct {
	PK int64 `json:"pk" validate:"required" doc:"Primary key of the invoice."`
}

func markSent(c *mcpecho.Call, in Key) (Invoice, error) {
	var invoice Invoice
	if err := c.DB().Where("id = ?", in.PK).Take(&invoice).Error; err != nil {
		return invoice, err
	}
	err := c.DB().Model(&invoice).Update("sent", true).Error
	return invoice, err
}

func all(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) {
	return c.DB().Model(&Invoice{}), nil
}

func one(c *mcpecho.Call, in Key) (*gorm.DB, error) {
	return c.DB().Where("id = ?", in.PK), nil
}

// SumInput chooses the invoices of [Sum].
type SumInput struct {
	Sent *bool `json:"sent" doc:"Only sent (true) or unsent (false) invoices."`
}

// Total is the answer of [Sum].
type Total struct {
	Count    int64 `json:"count" doc:"Number of invoices."`
	SumCents int64 `json:"sum_cents" doc:"Their amounts in cents, added up."`
}

// Sum counts invoices. It is an ordinary function of the application, which
// knows nothing of MCP but where its database is.
func Sum(ctx context.Context, in SumInput) (Total, error) {
	var total Total
	query := mcpecho.DB(ctx).Model(&Invoice{})
	if in.Sent != nil {
		query = query.Where("sent = ?", *in.Sent)
	}
	err := query.Select("COUNT(*) AS count, COALESCE(SUM(amount_cents), 0) AS sum_cents").Scan(&total).Error
	return total, err
}
