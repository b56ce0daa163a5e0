package invoices_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
)

var wires = map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()}

func TestResourcesAreTheInvoicesAndTheirStatistics(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			srv, _ := setup(t)
			client := mcptest.New(t, srv, wire).As(bob)
			var stats invoices.Stats
			r := client.Read("invoices://stats")
			if len(r.Contents) != 1 || r.Contents[0].MIMEType != "application/json" ||
				json.Unmarshal([]byte(r.Contents[0].Text), &stats) != nil || stats != (invoices.Stats{Count: 3, SumCents: 600, Unsent: 2}) {
				t.Errorf("statistics: %s", r.Body)
			}
			var invoice invoices.Invoice
			r = client.Read("invoices://2")
			if len(r.Contents) != 1 || r.Contents[0].URI != "invoices://2" ||
				json.Unmarshal([]byte(r.Contents[0].Text), &invoice) != nil || invoice.Number != "A-2" {
				t.Errorf("an invoice: %s", r.Body)
			}
			if got := client.Complete("invoices://{pk}", "pk", "", nil).Values; fmt.Sprint(got) != "[1 2 3]" {
				t.Errorf("completion: %q", got)
			}
			stranger := client.As(&mcpecho.Principal{Subject: "eve"})
			for _, uri := range []string{"invoices://stats", "invoices://2", "invoices://999"} {
				if r := stranger.Read(uri); r.RPCError == nil || r.RPCError.Code != 403 {
					t.Errorf("%s without the scope: %s", uri, r.Body)
				}
			}
			if r := stranger.Complete("invoices://{pk}", "pk", "", nil); r.RPCError == nil || r.RPCError.Code != 403 {
				t.Errorf("completion without the scope: %s", r.Body)
			}
		})
	}
}

func TestASumThatOverflowsIsSaid(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(ann)
	mcptest.Call[invoices.Invoice](client, "invoices.create", invoices.CreateInput{Number: "B-1", AmountCents: 1<<63 - 1})
	const want = "64-bit"
	if r := client.Do("invoices.total", nil); !r.IsError || r.Error.Type != mcpecho.TypeError || !strings.Contains(r.Error.Message, want) {
		t.Errorf("total: %s", r.Body)
	}
	if r := client.Read("invoices://stats"); r.RPCError == nil || r.RPCError.Code != 400 || !strings.Contains(r.RPCError.Message, want) {
		t.Errorf("statistics: %s", r.Body)
	}
	r := client.Prompt("summarise", map[string]string{"period": time.Now().UTC().Format("2006-01")})
	if r.RPCError == nil || !strings.Contains(r.RPCError.Message, want) {
		t.Errorf("prompt: %s", r.Body)
	}
}

func TestThePromptSummarisesAPeriod(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(bob)
	now := time.Now().UTC()
	month, quarter := now.Format("2006-01"), fmt.Sprintf("%d-Q%d", now.Year(), (now.Month()+2)/3)
	for period, want := range map[string]string{
		month: "Invoices: 3, together 600, unsent: 2\n- \"A-2\"", quarter: "Invoices: 3, together 600", "1999-12": "Invoices: 0, together 0, unsent: 0\n",
	} {
		r := client.Prompt("summarise", map[string]string{"period": period})
		if len(r.Messages) != 1 || r.Messages[0].Role != "user" || !strings.Contains(r.Messages[0].Content.Text, want) ||
			!strings.Contains(r.Messages[0].Content.Text, "neutral tone") {
			t.Errorf("%s: %s", period, r.Body)
		}
	}
	for _, period := range []string{"2026", "2026-13", "2026-Q0", "2026-Q5", "2026-Q+1", "26-Q1", "November", "2026-11-01"} {
		r := client.Prompt("summarise", map[string]string{"period": period})
		if r.RPCError == nil || r.RPCError.Code != -32602 || !strings.Contains(string(r.RPCError.Data), `"path":"period"`) {
			t.Errorf("%s: %s", period, r.Body)
		}
	}
}

func TestThePromptCompletesOnlyWhatItAccepts(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(bob)
	periods := client.Complete("summarise", "period", "", nil).Values
	now := time.Now().UTC()
	if len(periods) < 2 || !slices.Contains(periods, now.Format("2006-01")) || !slices.IsSortedFunc(periods, func(a, b string) int {
		return strings.Count(a, "Q") - strings.Count(b, "Q")
	}) {
		t.Errorf("periods: %q", periods)
	}
	tones := client.Complete("summarise", "tone", "", map[string]string{"period": periods[0]}).Values
	if len(tones) != 4 {
		t.Errorf("tones: %q", tones)
	}
	for _, period := range periods {
		for _, tone := range tones {
			if r := client.Prompt("summarise", map[string]string{"period": period, "tone": tone}); r.RPCError != nil {
				t.Errorf("%s, %s: %v", period, tone, r.RPCError)
			}
		}
	}
	if got := client.Complete("summarise", "tone", "f", nil).Values; fmt.Sprint(got) != "[friendly formal]" {
		t.Errorf("tones that begin with f: %q", got)
	}
}

func TestTheChartIsAnImageOfTheNewestInvoices(t *testing.T) {
	srv, _ := setup(t)
	client := mcptest.New(t, srv).As(bob)
	draw := func(args any) []byte {
		t.Helper()
		r := client.Do("invoices.chart", args)
		if r.IsError || len(r.Content) != 1 || r.Content[0].Type != "image" || r.Content[0].MIMEType != "image/png" || r.Structured != nil {
			t.Fatalf("%v: %.200s", args, r.Body)
		}
		image, err := png.Decode(bytes.NewReader(r.Content[0].Data))
		if err != nil || image.Bounds().Dx() != 800 {
			t.Fatalf("%v: %v", args, err)
		}
		return r.Content[0].Data
	}
	all := draw(nil)
	for _, args := range []any{map[string]any{"sent": false}, map[string]any{"limit": 1}} {
		if bytes.Equal(all, draw(args)) {
			t.Errorf("%v draws the same as everything", args)
		}
	}
	if !bytes.Equal(all, draw(map[string]any{"limit": 50})) {
		t.Error("a limit above the number of invoices changes the picture")
	}
	if r := client.Do("invoices.chart", map[string]any{"limit": 51, "sent": "yes"}); !r.IsError || len(r.Error.Fields) != 2 {
		t.Errorf("bad arguments: %s", r.Body)
	}
}

func TestTheExportWritesEveryInvoiceAndReportsProgress(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			srv, path := setup(t)
			fill(t, path, 250)
			client := mcptest.New(t, srv, wire, mcptest.WithProgress()).As(bob)
			r := client.Do("invoices.export", nil)
			rows, err := csv.NewReader(strings.NewReader(r.Text)).ReadAll()
			if err != nil || len(rows) != 254 || fmt.Sprint(rows[0]) != "[id number amount_cents sent created_at]" || rows[2][1] != "A-2" || rows[253][2] != "249" {
				t.Errorf("%d rows (%v): %.300s", len(rows), err, r.Text)
			}
			if got := fmt.Sprint(r.Progress()); got != "[{0 253 counted} {100 253 } {200 253 } {253 253 written}]" {
				t.Errorf("progress: %s", got)
			}
			r = client.Do("invoices.export", invoices.Which{Sent: new(true)})
			if rows, err := csv.NewReader(strings.NewReader(r.Text)).ReadAll(); err != nil || len(rows) != 2 {
				t.Errorf("sent ones: %q (%v)", rows, err)
			}
		})
	}
}

func TestAnExportThatCannotBeSentIsRefused(t *testing.T) {
	srv, path := setup(t)
	fill(t, path, 30_000)
	r := mcptest.New(t, srv).As(bob).Do("invoices.export", nil)
	if !r.IsError || r.Error.Type != mcpecho.TypeTooLarge || !strings.Contains(r.Error.Message, "unsent") {
		t.Errorf("%.300s", r.Body)
	}
}

func TestCreateAndSendIsBothOrNeither(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			srv, _ := setup(t)
			client := mcptest.New(t, srv, wire).As(ann)
			got := mcptest.Call[invoices.Invoice](client, "invoices.create_and_send", invoices.CreateInput{Number: "B-1", AmountCents: 5})
			if !got.Sent || got.Number != "B-1" || got.ID == 0 {
				t.Errorf("got %+v", got)
			}
			for args, want := range map[invoices.CreateInput]string{
				{Number: "B-1", AmountCents: 5}:  mcpecho.TypeConflict,
				{Number: "B-2", AmountCents: -1}: mcpecho.TypeValidation,
			} {
				if r := client.Do("invoices.create_and_send", args); !r.IsError || r.Error.Type != want {
					t.Errorf("%+v: %s", args, r.Body)
				}
			}
			if r := client.Do("invoices.create_and_send", invoices.CreateInput{Number: "B-1", AmountCents: 5}); string(r.Error.More) != `{"failedStep":"invoices.create"}` {
				t.Errorf("the step that failed is not named: %s", r.Text)
			}
			if got := mcptest.Call[invoices.Total](client, "invoices.total", nil); got != (invoices.Total{Count: 4, SumCents: 605}) {
				t.Errorf("total: %+v", got)
			}
		})
	}
}

// fill adds n unsent invoices of 0, 1, 2 and so on cents.
func fill(t *testing.T, path string, n int) {
	t.Helper()
	db, err := invoices.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer invoices.Close(db)
	rows := make([]invoices.Invoice, n)
	for i := range rows {
		rows[i] = invoices.Invoice{Number: fmt.Sprintf("F-%d", i), AmountCents: int64(i)}
	}
	if err := db.CreateInBatches(rows, 1000).Error; err != nil {
		t.Fatal(err)
	}
}
