package invoices

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
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

// Filter is how invoices may be narrowed down.
type Filter struct {
	Sent         *bool      `json:"sent" doc:"Only sent (true) or unsent (false) invoices."`
	Number       *string    `json:"number" doc:"Only the invoice with exactly this number."`
	MinAmount    *int64     `json:"min_amount" filter:"amount_cents,gte" doc:"At least this many cents."`
	MaxAmount    *int64     `json:"max_amount" filter:"amount_cents,lte" doc:"At most this many cents."`
	CreatedAfter *time.Time `json:"created_after" filter:"created_at,gt" doc:"Created after this moment (RFC 3339)."`
}

// How lists are ordered and paged.
var orderBy = []string{"number", "amount_cents", "created_at"}

const pageSize = 20

// Specs are the tools, resources and prompts; those with a route are served to REST clients too. A
// domain package hands them to whatever server wants them; it needs to know neither the server nor
// its authentication.
func Specs(log *slog.Logger) []*mcpecho.Spec {
	return slices.Concat(tools(log), resources(), prompts())
}

func tools(log *slog.Logger) []*mcpecho.Spec {
	create := mcpecho.Service("invoices.create", create, mcpecho.Route("POST /invoices", mcpecho.Status(http.StatusCreated)),
		mcpecho.Title("Create invoice"),
		mcpecho.Describe("Create an unsent invoice. The number must not be in use."),
		mcpecho.Annotate(mcpecho.Destructive(false)),
		mw.Scopes(ScopeWrite), mw.Transaction(),
		mcpecho.Before("validate", mcpecho.Named("audit", Audit(log))))

	markSent := mcpecho.Service("invoices.mark_sent", markSent, mcpecho.Route("PUT /invoices/:pk/sent"),
		mcpecho.Title("Mark invoice as sent"),
		mcpecho.Describe("Record that an invoice has been sent. Repeating it changes nothing."),
		mcpecho.Annotate(mcpecho.Destructive(false), mcpecho.Idempotent(true)),
		mw.Scopes(ScopeWrite), mw.Transaction())

	return []*mcpecho.Spec{
		create, markSent, createAndSend(create, markSent),

		mcpecho.Selector[Invoice]("invoices.list", all, mcpecho.Route("GET /invoices"),
			mcpecho.Title("List invoices"),
			mcpecho.Describe("List invoices, one page at a time."),
			mw.Scopes(ScopeRead),
			mw.Filter[Filter](), mw.Order(orderBy...), mw.Paginate(pageSize)),

		get(),

		mcpecho.Service("invoices.total", mcpecho.Plain(Sum), mcpecho.Route("GET /invoices/total"),
			mcpecho.Title("Total of invoices"),
			mcpecho.Describe("Count invoices and add up their amounts."),
			mcpecho.Annotate(mcpecho.ReadOnly(true)),
			mw.Scopes(ScopeRead)),

		mcpecho.Service("invoices.chart", chart, mcpecho.Route("GET /invoices/chart.png"),
			mcpecho.Title("Chart of invoices"),
			mcpecho.Describe("Draw a bar chart of the amounts of the newest invoices, as a PNG image."),
			mcpecho.Annotate(mcpecho.ReadOnly(true)),
			mw.Scopes(ScopeRead)),

		mcpecho.Service("invoices.export", export, mcpecho.Route("GET /invoices/export"),
			mcpecho.Title("Export invoices"),
			mcpecho.Describe("Write all invoices as CSV text. Reports progress."),
			mcpecho.Annotate(mcpecho.ReadOnly(true)),
			mw.Scopes(ScopeRead)),
	}
}

func get() *mcpecho.Spec {
	return mcpecho.Retrieve[Invoice]("invoices.get", one, mcpecho.Route("GET /invoices/:pk"),
		mcpecho.Title("Get invoice"),
		mcpecho.Describe("Get one invoice by its primary key."),
		mw.Scopes(ScopeRead))
}

// createAndSend is both tools as one, in one transaction. It is refused to whom either of them is.
func createAndSend(create, markSent *mcpecho.Spec) *mcpecho.Spec {
	seq := mcpecho.NewSequence[CreateInput]("invoices.create_and_send")
	created := mcpecho.Then[Invoice](seq, create, func(_ *mcpecho.Call, in CreateInput) CreateInput { return in })
	sent := mcpecho.Then[Invoice](seq, markSent, func(c *mcpecho.Call, _ CreateInput) Key { return Key{created.In(c).ID} })
	return mcpecho.Finish(seq, sent,
		mcpecho.Title("Create and send invoice"),
		mcpecho.Describe("Create an invoice and record that it has been sent: both, or neither."),
		mcpecho.Annotate(mcpecho.Destructive(false)),
		mw.Transaction())
}

// CreateInput is what a new invoice needs.
type CreateInput struct {
	Number      string `json:"number" validate:"required,max=32" doc:"Unique invoice number." example:"B-1"`
	AmountCents int64  `json:"amount_cents" validate:"required,gte=0" doc:"Amount in cents." example:"1250"`
}

func create(c *mcpecho.Call, in CreateInput) (Invoice, error) {
	if err := checkSeries(c.Principal(), in.Number); err != nil {
		return Invoice{}, err
	}
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
	if err := c.Narrowed(c.DB()).Where("id = ?", in.PK).Take(&invoice).Error; err != nil {
		return invoice, err
	}
	err := c.DB().Model(&invoice).Update("sent", true).Error
	return invoice, err
}

func all(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) {
	return c.DB(), nil
}

func one(c *mcpecho.Call, in Key) (*gorm.DB, error) {
	return c.DB().Where("id = ?", in.PK), nil
}

// Which chooses the invoices of [Sum] and of what else is no list.
type Which struct {
	Sent *bool `json:"sent" doc:"Only sent (true) or unsent (false) invoices."`
}

func (w Which) of(db *gorm.DB) *gorm.DB {
	query := db.Model(&Invoice{})
	if w.Sent != nil {
		query = query.Where("sent = ?", *w.Sent)
	}
	return query
}

// Total is the answer of [Sum].
type Total struct {
	Count    int64 `json:"count" doc:"Number of invoices."`
	SumCents int64 `json:"sum_cents" doc:"Their amounts in cents, added up."`
}

// Sum counts invoices. It is an ordinary function of the application, which knows nothing of MCP
// but where its database is.
func Sum(ctx context.Context, in Which) (Total, error) {
	s, err := statsOf(in.of(visible(mcpecho.CallFromContext(ctx).Principal(), mcpecho.DB(ctx))))
	return Total{s.Count, s.SumCents}, err
}
