package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpecho/kit/example/invoicing/invoices"
)

func TestOfficialClientReadsResources(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", reader))
			var uris []string
			for r, err := range session.Resources(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				uris = append(uris, r.URI+" "+r.MIMEType+" "+r.Title)
			}
			for r, err := range session.ResourceTemplates(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				uris = append(uris, r.URITemplate+" "+r.MIMEType+" "+r.Title)
			}
			if got := strings.Join(uris, ", "); got != "invoices://stats application/json Statistics, invoices://{pk} application/json Invoice" {
				t.Errorf("listed %s", got)
			}

			read := func(uri string) (*mcp.ResourceContents, error) {
				result, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
				if err != nil {
					return nil, err
				}
				if len(result.Contents) != 1 || result.Contents[0].URI != uri || result.Contents[0].MIMEType != "application/json" {
					t.Fatalf("%s: %+v", uri, result.Contents)
				}
				return result.Contents[0], nil
			}
			var invoice invoices.Invoice
			if c, err := read("invoices://2"); err != nil || json.Unmarshal([]byte(c.Text), &invoice) != nil || invoice != s.rows()[1] {
				t.Errorf("an invoice: %+v (%v)", invoice, err)
			}
			var stats invoices.Stats
			if c, err := read("invoices://stats"); err != nil || json.Unmarshal([]byte(c.Text), &stats) != nil || stats != (invoices.Stats{Count: 3, SumCents: 600, Unsent: 2}) {
				t.Errorf("statistics: %+v (%v)", stats, err)
			}
			missing := int64(-32602)
			if protocol != "2026-07-28" {
				missing = -32002
			}
			var rpc *jsonrpc.Error
			if _, err := read("invoices://999"); !errors.As(err, &rpc) || rpc.Code != missing || !strings.Contains(string(rpc.Data), `"invoices://999"`) {
				t.Errorf("a missing one: %v", err)
			}
		})
	}
}

func TestOfficialClientGetsAPromptWithCompletion(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", reader))
			prompts, err := session.ListPrompts(t.Context(), nil)
			if err != nil || len(prompts.Prompts) != 1 {
				t.Fatalf("%+v (%v)", prompts, err)
			}
			p := prompts.Prompts[0]
			if p.Name != "summarise" || len(p.Arguments) != 2 || p.Arguments[0].Name != "period" || !p.Arguments[0].Required ||
				p.Arguments[1].Name != "tone" || p.Arguments[1].Required || p.Arguments[1].Description == "" {
				t.Errorf("listed as %+v", p)
			}

			complete := func(ref *mcp.CompleteReference, argument, value string) []string {
				t.Helper()
				r, err := session.Complete(t.Context(), &mcp.CompleteParams{Ref: ref, Argument: mcp.CompleteParamsArgument{Name: argument, Value: value}})
				if err != nil {
					t.Fatal(err)
				}
				return r.Completion.Values
			}
			prompt := &mcp.CompleteReference{Type: "ref/prompt", Name: "summarise"}
			month := time.Now().UTC().Format("2006-01")
			if got := complete(prompt, "period", month[:4]); !slices.Contains(got, month) {
				t.Errorf("periods: %q", got)
			}
			if got := complete(prompt, "tone", "f"); fmt.Sprint(got) != "[friendly formal]" {
				t.Errorf("tones: %q", got)
			}
			if got := complete(&mcp.CompleteReference{Type: "ref/resource", URI: "invoices://{pk}"}, "pk", "3"); fmt.Sprint(got) != "[3]" {
				t.Errorf("keys: %q", got)
			}

			got, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "summarise", Arguments: map[string]string{"period": month, "tone": "blunt"}})
			if err != nil || len(got.Messages) != 1 || got.Messages[0].Role != "user" {
				t.Fatalf("%+v (%v)", got, err)
			}
			text := got.Messages[0].Content.(*mcp.TextContent).Text
			if !strings.Contains(text, "blunt tone") || !strings.Contains(text, "Invoices: 3, together 600, unsent: 2") {
				t.Errorf("the prompt is %s", text)
			}
		})
	}
}

func TestOfficialClientGetsAnImage(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", reader))
			result, err := session.CallTool(t.Context(), params("invoices_chart", nil))
			if err != nil || result.IsError || result.StructuredContent != nil || len(result.Content) != 1 {
				t.Fatalf("%+v (%v)", result, err)
			}
			image, ok := result.Content[0].(*mcp.ImageContent)
			if !ok || image.MIMEType != "image/png" {
				t.Fatalf("%+v", result.Content[0])
			}
			if _, err := png.Decode(bytes.NewReader(image.Data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOfficialClientCallsASequence(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", writer))
			got := succeed[invoices.Invoice](t, session, "invoices_create_and_send", arguments{"number": "B-1", "amount_cents": 7})
			if rows := s.rows(); !got.Sent || len(rows) != 4 || rows[3] != got {
				t.Errorf("got %+v, stored %+v", got, rows)
			}
			if log := s.log.String(); !strings.Contains(log, "audit tool=invoices.create principal=ann outcome=ok") {
				t.Errorf("the audit step of the first spec did not run:\n%s", log)
			}
			s.untouched(t, func() {
				if e := refuse(t, session, "invoices_create_and_send", arguments{"number": "B-1", "amount_cents": 7}); e.Type != "conflict" {
					t.Errorf("number in use: %+v", e)
				}
			})
		})
	}
}

func TestASequenceThatFailsHalfWayLeavesNothing(t *testing.T) {
	s := start(t)
	// The second step of the sequence cannot update.
	if err := s.db.Exec("CREATE TRIGGER stop BEFORE UPDATE ON invoices BEGIN SELECT RAISE(ABORT, 'no'); END").Error; err != nil {
		t.Fatal(err)
	}
	s.overBoth(t, s.token("ann", writer), "invoices_create_and_send", `{"number":"B-1","amount_cents":7}`, func(t *testing.T, a answer) {
		if e := a.failure(t); e.Type == "" || !strings.Contains(a.Body, `\"failedStep\":\"invoices.mark_sent\"`) {
			t.Errorf("%s", a.Body)
		}
	})
	if a := s.call(s.token("bob", reader), "invoices_create_and_send", `{"number":"B-1","amount_cents":7}`); a.Status != http.StatusForbidden {
		t.Errorf("without the scope of its steps: %d %s", a.Status, a.Body)
	}
}
