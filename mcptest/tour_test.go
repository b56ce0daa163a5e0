package mcptest_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

type InvoicePage struct {
	Sent  bool     `json:"sent"`
	Items []string `json:"items"`
}

// What doc.go shows is shown there as it stands here.
func TestTheCallsOfTheTour(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(
		mcpecho.Service("invoices.list", func(_ *mcpecho.Call, in struct {
			Sent bool `json:"sent"`
		}) (InvoicePage, error) {
			return InvoicePage{Sent: in.Sent, Items: []string{"A-1"}}, nil
		}, mw.Scopes("invoices:read")),
		mcpecho.Service("invoices.create", func(*mcpecho.Call, struct {
			Number string `json:"number"`
		}) (string, error) {
			return "", gorm.ErrDuplicatedKey
		}),
	)
	client := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"invoices:read"}})
	page := mcptest.Call[InvoicePage](client, "invoices.list", map[string]any{"sent": true})
	if !page.Sent || len(page.Items) != 1 {
		t.Errorf("%+v", page)
	}
	r := client.Do("invoices.create", map[string]any{"number": "A-1"})
	if r.Error == nil || r.Error.Type != mcpecho.TypeConflict {
		t.Errorf("a number that is used already: %s", r.Text)
	}
}
