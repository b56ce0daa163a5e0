package invoices_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	"github.com/mcpecho/kit/paginate"
)

var (
	ann = &mcpecho.Principal{Subject: "ann", Scopes: []string{invoices.ScopeRead, invoices.ScopeWrite}}
	bob = &mcpecho.Principal{Subject: "bob", Scopes: []string{invoices.ScopeRead}}
)

// setup is a server of the application on a new database, and its file.
func setup(t *testing.T) (*mcpecho.Server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "invoices.db")
	db, err := invoices.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := invoices.Close(db); err != nil {
			t.Error(err)
		}
	})
	_, srv := invoices.New(db, make([]byte, invoices.MinKeyBytes), slog.New(slog.DiscardHandler))
	return srv, path
}

func TestEveryResultFitsItsOutputSchema(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(ann)
	args := map[string]any{
		"invoices_create":          invoices.CreateInput{Number: "B-1", AmountCents: 500},
		"invoices_mark_sent":       invoices.Key{PK: 1},
		"invoices_create_and_send": invoices.CreateInput{Number: "B-2", AmountCents: 500},
		"invoices_list":            map[string]any{"ordering": "-amount_cents", "limit": 2},
		"invoices_get":             invoices.Key{PK: 1},
		"invoices_total":           nil,
		"invoices_chart":           nil,
		"invoices_export":          nil,
	}
	tools := client.Tools()
	if len(tools) != len(args) {
		t.Errorf("%d tools are listed, %d are called", len(tools), len(args))
	}
	for _, tool := range tools {
		if tool.Name == "invoices_chart" {
			if tool.OutputSchema != nil {
				t.Error("the chart has an output schema, and answers with an image")
			}
			continue
		}
		mcptest.AssertConforms(t, client, tool.Name, client.Do(tool.Name, args[tool.Name]))
	}
}

func TestAReaderCannotWrite(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(bob)
	if got := mcptest.Call[invoices.Total](client, "invoices.total", nil); got != (invoices.Total{Count: 3, SumCents: 600}) {
		t.Errorf("total: %+v", got)
	}
	for tool, args := range map[string]any{
		"invoices.create":          invoices.CreateInput{Number: "B-1"},
		"invoices.mark_sent":       invoices.Key{PK: 1},
		"invoices.create_and_send": invoices.CreateInput{Number: "B-1"},
	} {
		if r := client.Do(tool, args); r.RPCError == nil || r.RPCError.Code != 403 {
			t.Errorf("%s: %s", tool, r.Body)
		}
	}
}

func TestMarkSentIsIdempotentAndSaysWhenThereIsNoInvoice(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(ann)
	first := mcptest.Call[invoices.Invoice](client, "invoices.mark_sent", invoices.Key{PK: 1})
	again := mcptest.Call[invoices.Invoice](client, "invoices.mark_sent", invoices.Key{PK: 1})
	if !first.Sent || first != again {
		t.Errorf("first %+v, again %+v", first, again)
	}
	for _, pk := range []int64{0, -1, 999} {
		if r := client.Do("invoices.mark_sent", invoices.Key{PK: pk}); !r.IsError || r.Error.Type != mcpecho.TypeNotFound {
			t.Errorf("pk %d: %s", pk, r.Body)
		}
	}
}

func TestANumberIsUsedOnce(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(ann)
	if r := client.Do("invoices.create", invoices.CreateInput{Number: "A-1"}); !r.IsError || r.Error.Type != mcpecho.TypeConflict {
		t.Error(r.Text)
	}
	if got := mcptest.Call[invoices.Total](client, "invoices.total", nil).Count; got != 3 {
		t.Errorf("%d invoices, want 3", got)
	}
}

func TestAnExistingDatabaseIsNotSeededAgain(t *testing.T) {
	srv, path := setup(t)
	client := mcptest.New(t, srv).As(ann)
	mcptest.Call[invoices.Invoice](client, "invoices.create", invoices.CreateInput{Number: "B-1"})

	again, err := invoices.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer invoices.Close(again)
	list := mcptest.Call[paginate.Envelope[invoices.Invoice]](client, "invoices.list", map[string]any{"ordering": "number"})
	if list.Total != 4 || list.Items[0].Number != "A-1" || list.Items[3].Number != "B-1" {
		t.Errorf("got %+v", list)
	}
}

func TestAKeyIsRequiredAndAShortOneIsAccepted(t *testing.T) {
	db, err := invoices.Open(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer invoices.Close(db)
	log := slog.New(slog.DiscardHandler)
	if e, _ := invoices.New(db, []byte("short"), log); e == nil {
		t.Error("no application")
	}
	defer func() {
		if recover() == nil {
			t.Error("New accepted an empty key")
		}
	}()
	invoices.New(db, nil, log)
}

func TestATokenOfASeriesSeesAndMakesOnlyItsOwnInvoices(t *testing.T) {
	srv, _ := setup(t)
	all := mcptest.New(t, srv).As(&mcpecho.Principal{Subject: "all", Scopes: []string{invoices.ScopeRead, invoices.ScopeWrite}})
	series := all.As(&mcpecho.Principal{
		Subject: "b", Scopes: []string{invoices.ScopeRead, invoices.ScopeWrite}, Claims: jwt.MapClaims{"series": "B-"},
	})
	if r := series.Do("invoices.create", map[string]any{"number": "A-9", "amount_cents": 1}); !r.IsError || r.Error.Type != mcpecho.TypeValidation {
		t.Errorf("an invoice of another series: %s", r.Body)
	}
	mine := mcptest.Call[invoices.Invoice](series, "invoices.create", map[string]any{"number": "B-1", "amount_cents": 7})
	for tool, args := range map[string]any{"invoices.get": map[string]any{"pk": 1}, "invoices.mark_sent": map[string]any{"pk": 1}} {
		if r := series.Do(tool, args); !r.IsError || r.Error.Type != mcpecho.TypeNotFound {
			t.Errorf("%s of a foreign invoice: %s", tool, r.Body)
		}
	}
	if total := mcptest.Call[invoices.Total](series, "invoices.total", nil); total.Count != 1 || total.SumCents != 7 {
		t.Errorf("total = %+v", total)
	}
	if total := mcptest.Call[invoices.Total](all, "invoices.total", nil); total.Count != 4 {
		t.Errorf("total of all = %+v", total)
	}
	if sent := mcptest.Call[invoices.Invoice](series, "invoices.mark_sent", map[string]any{"pk": mine.ID}); !sent.Sent {
		t.Errorf("own invoice: %+v", sent)
	}
}

func TestTheSetUpHasNothingThatIsRarelyMeant(t *testing.T) {
	srv, _ := setup(t)
	for _, p := range srv.Check() {
		t.Error(p)
	}
}
