package integration_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/paginate"
)

// protocols are the versions that the official client is asked to speak, one for each wire.
var protocols = []string{"2026-07-28", "2025-11-25"}

// withToken adds the token and notes the status of each answer.
type withToken struct {
	token string

	mu       sync.Mutex
	statuses []int
	methods  []string
}

func (w *withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.statuses = append(w.statuses, response.StatusCode)
		w.methods = append(w.methods, r.Method)
	}
	return response, err
}

// dial connects the official client.
func (s *site) dial(protocol, token string, options *mcp.ClientOptions) (*mcp.ClientSession, *withToken, error) {
	via := &withToken{token: token}
	client := mcp.NewClient(&mcp.Implementation{Name: "integration", Version: "1"}, options)
	session, err := client.Connect(s.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.url + "/mcp", HTTPClient: &http.Client{Transport: via}, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	return session, via, err
}

// connect is dial that must succeed.
func (s *site) connect(protocol, token string) *mcp.ClientSession {
	s.t.Helper()
	return s.connectWith(protocol, token, nil)
}

func (s *site) connectWith(protocol, token string, options *mcp.ClientOptions) *mcp.ClientSession {
	s.t.Helper()
	session, _, err := s.dial(protocol, token, options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := session.Close(); err != nil {
			s.t.Error(err)
		}
	})
	if got := session.InitializeResult().ProtocolVersion; got != protocol {
		s.t.Fatalf("the client speaks %s, want %s", got, protocol)
	}
	return session
}

type arguments = map[string]any

// params leaves nil arguments out; the client would send a nil map as null.
func params(tool string, args arguments) *mcp.CallToolParams {
	p := &mcp.CallToolParams{Name: tool}
	if args != nil {
		p.Arguments = args
	}
	return p
}

// succeed calls a tool and decodes its structured content.
func succeed[Out any](t *testing.T, session *mcp.ClientSession, tool string, args arguments) (out Out) {
	t.Helper()
	result, err := session.CallTool(t.Context(), params(tool, args))
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	text := result.Content[0].(*mcp.TextContent).Text
	if result.IsError || result.StructuredContent == nil {
		t.Fatalf("%s: %s", tool, text)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v in %s", tool, err, text)
	}
	var structured Out
	b, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &structured); err != nil {
		t.Fatalf("%s: %v in %s", tool, err, b)
	}
	return out
}

// refuse calls a tool that must fail and returns its error object.
func refuse(t *testing.T, session *mcp.ClientSession, tool string, args arguments) toolError {
	t.Helper()
	result, err := session.CallTool(t.Context(), params(tool, args))
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if !result.IsError || result.StructuredContent != nil {
		t.Fatalf("%s succeeded: %+v", tool, result)
	}
	var text struct{ Error toolError }
	if err := json.Unmarshal([]byte(result.Content[0].(*mcp.TextContent).Text), &text, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return text.Error
}

func numbers(rows []invoices.Invoice) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.Number)
	}
	return strings.Join(all, " ")
}

type page = paginate.Envelope[invoices.Invoice]

func TestOfficialClientDoesTheWholeJobOnEitherWire(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", writer))

			var names []string
			for tool, err := range session.Tools(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, tool.Name)
				if tool.Description == "" || tool.InputSchema == nil || tool.Annotations == nil {
					t.Errorf("%s is not fully described: %+v", tool.Name, tool)
				}
				// An image has no schema, and before 2026-07-28 neither has a text.
				unstructured := tool.Name == "invoices_chart" || tool.Name == "invoices_export" && protocol != "2026-07-28"
				if (tool.OutputSchema == nil) != unstructured {
					t.Errorf("%s: output schema %v", tool.Name, tool.OutputSchema)
				}
				writes := []string{"invoices_create", "invoices_mark_sent", "invoices_create_and_send"}
				if readOnly := !slices.Contains(writes, tool.Name); tool.Annotations.ReadOnlyHint != readOnly {
					t.Errorf("%s: readOnlyHint is %v", tool.Name, tool.Annotations.ReadOnlyHint)
				}
			}
			if got := strings.Join(names, " "); got != "invoices_create invoices_mark_sent invoices_create_and_send invoices_list invoices_get invoices_total invoices_chart invoices_export" {
				t.Fatalf("tools: %s", got)
			}

			lists := []struct {
				args arguments
				want string
			}{
				{nil, "A-1 A-2 A-3"},
				{arguments{"ordering": "amount_cents"}, "A-1 A-3 A-2"},
				{arguments{"ordering": "-amount_cents"}, "A-2 A-3 A-1"},
				{arguments{"ordering": []string{"-number"}}, "A-3 A-2 A-1"},
				{arguments{"ordering": []string{"created_at", "-amount_cents"}}, "A-2 A-3 A-1"},
				{arguments{"sent": true}, "A-2"},
				{arguments{"sent": false, "ordering": "-number"}, "A-3 A-1"},
				{arguments{"number": "A-1"}, "A-1"},
				{arguments{"min_amount": 200}, "A-2 A-3"},
				{arguments{"min_amount": 101, "max_amount": 200}, "A-3"},
				{arguments{"max_amount": 0}, ""},
				{arguments{"created_after": time.Now().Add(time.Hour).Format(time.RFC3339)}, ""},
				{arguments{"created_after": time.Now().Add(-time.Hour).In(time.FixedZone("", -7*3600)).Format(time.RFC3339)}, "A-1 A-2 A-3"},
				{arguments{"limit": 2}, "A-1 A-2"},
				{arguments{"limit": 2, "page": 2}, "A-3"},
				{arguments{"page": 9}, ""},
			}
			for _, l := range lists {
				if got := numbers(succeed[page](t, session, "invoices_list", l.args).Items); got != l.want {
					t.Errorf("list %v: %q, want %q", l.args, got, l.want)
				}
			}
			second := succeed[page](t, session, "invoices_list", arguments{"limit": 2, "page": 2})
			if second.Page != 2 || second.Limit != 2 || second.Total != 3 || second.TotalPages != 2 || second.HasNext {
				t.Errorf("second page: %+v", second)
			}

			created := succeed[invoices.Invoice](t, session, "invoices_create", arguments{"number": "B-1", "amount_cents": 0})
			if created.ID == 0 || created.Number != "B-1" || created.AmountCents != 0 || created.Sent || time.Since(created.CreatedAt) > time.Minute {
				t.Errorf("created: %+v", created)
			}
			for range 2 {
				sent := succeed[invoices.Invoice](t, session, "invoices_mark_sent", arguments{"pk": created.ID})
				if !sent.Sent || sent.Number != "B-1" || !sent.CreatedAt.Equal(created.CreatedAt) {
					t.Errorf("sent: %+v", sent)
				}
			}
			if got := succeed[invoices.Invoice](t, session, "invoices_get", arguments{"pk": created.ID}); !got.Sent || got.Number != "B-1" {
				t.Errorf("got: %+v", got)
			}
			for _, total := range []struct {
				args arguments
				want invoices.Total
			}{
				{nil, invoices.Total{Count: 4, SumCents: 600}},
				{arguments{"sent": true}, invoices.Total{Count: 2, SumCents: 300}},
				{arguments{"sent": false}, invoices.Total{Count: 2, SumCents: 300}},
			} {
				if got := succeed[invoices.Total](t, session, "invoices_total", total.args); got != total.want {
					t.Errorf("total %v: %+v, want %+v", total.args, got, total.want)
				}
			}
			if got := numbers(s.rows()); got != "A-1 A-2 A-3 B-1" {
				t.Errorf("the database has %s", got)
			}
			if log := s.log.String(); !strings.Contains(log, "audit tool=invoices.create principal=ann outcome=ok") || strings.Contains(log, "B-1") {
				t.Errorf("the log lacks the audit line, or has arguments:\n%s", log)
			}
		})
	}
}

func TestOfficialClientSeesErrorsThatAModelCanMend(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session := s.connect(protocol, s.token("ann", writer))
			before := s.rows()

			e := refuse(t, session, "invoices_create", arguments{"numbr": "B-1", "amount_cents": -1})
			if e.Type != "validation_error" || len(e.Fields) != 3 {
				t.Errorf("bad arguments: %+v", e)
			}
			if e := refuse(t, session, "invoices_create", arguments{"number": "A-1", "amount_cents": 1}); e.Type != "conflict" {
				t.Errorf("number in use: %+v", e)
			}
			for _, tool := range []string{"invoices_get", "invoices_mark_sent"} {
				if e := refuse(t, session, tool, arguments{"pk": 999}); e.Type != "not_found" {
					t.Errorf("%s: %+v", tool, e)
				}
			}
			var rpc *jsonrpc.Error
			if _, err := session.CallTool(t.Context(), params("invoices_crate", nil)); !errors.As(err, &rpc) || rpc.Code != -32602 || !strings.Contains(rpc.Message, "invoices_create") {
				t.Errorf("unknown tool: %v", err)
			}
			if after := s.rows(); !slices.Equal(before, after) {
				t.Errorf("the database changed: %+v", after)
			}
			if log := s.log.String(); !strings.Contains(log, "audit tool=invoices.create principal=ann outcome=failed") {
				t.Errorf("no audit line of the failed calls:\n%s", log)
			}
		})
	}
}

func TestOfficialClientWithoutTheScopeIsRefused(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			session, via, err := s.dial(protocol, s.token("bob", reader), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if got := succeed[invoices.Total](t, session, "invoices_total", nil); got.Count != 3 {
				t.Errorf("a read: %+v", got)
			}
			_, err = session.CallTool(t.Context(), params("invoices_create", arguments{"number": "B-1", "amount_cents": 1}))
			if err == nil || via.statuses[len(via.statuses)-1] != http.StatusForbidden {
				t.Errorf("a write: %v, statuses %v", err, via.statuses)
			}
			if got := numbers(s.rows()); got != "A-1 A-2 A-3" {
				t.Errorf("the database has %s", got)
			}
		})
	}
}

func TestOfficialClientWithAWrongTokenCannotConnect(t *testing.T) {
	s := start(t)
	hour := time.Now().Add(time.Hour).Unix()
	tokens := map[string]string{
		"no token":    "",
		"garbage":     "garbage",
		"another key": s.sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), jwt.MapClaims{"sub": "ann", "exp": hour}),
		"expired":     s.sign(jwt.SigningMethodHS256, s.key, jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(-time.Hour).Unix()}),
	}
	for name, token := range tokens {
		for _, protocol := range protocols {
			t.Run(name+" "+protocol, func(t *testing.T) {
				session, via, err := s.dial(protocol, token, nil)
				if err == nil {
					session.Close()
					t.Fatal("connected")
				}
				for i, status := range via.statuses {
					if status != http.StatusUnauthorized {
						t.Errorf("%s was answered with %d", via.methods[i], status)
					}
				}
				if len(via.statuses) == 0 {
					t.Errorf("no request reached the server: %v", err)
				}
			})
		}
	}
}

func TestOfficialClientEndsItsDatedSession(t *testing.T) {
	s := start(t)
	session, via, err := s.dial("2025-11-25", s.token("ann", reader), nil)
	if err != nil {
		t.Fatal(err)
	}
	id := session.ID()
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if i := slices.Index(via.methods, http.MethodDelete); i < 0 || via.statuses[i] != http.StatusNoContent {
		t.Errorf("methods %v, statuses %v", via.methods, via.statuses)
	}
	header := s.open(s.token("ann", reader))
	header.Set("Mcp-Session-Id", id)
	if a := s.post(header, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.Status != http.StatusNotFound || a.code() != -32600 {
		t.Errorf("the ended session answers: %d %s", a.Status, a.Body)
	}
}

// A refusal by a rule is something that the official client hands to its model, and no broken
// connection.
func TestTheOfficialClientReadsWhyARuleRefuses(t *testing.T) {
	s := start(t, func(srv *mcpecho.Server) {
		refuses := func(name string, err error) *mcpecho.Spec {
			return mcpecho.Service(name, func(*mcpecho.Call, empty) (empty, error) { return empty{}, nil },
				mcpecho.Describe("Refuses."), mcpecho.NoTransaction("it does nothing"), mw.Permit(func(*mcpecho.Call) error { return err }))
		}
		srv.Add(
			refuses("rule", errors.New("secret")),
			refuses("told", mcpecho.Errorf("only the author may change it")),
			refuses("hidden", gorm.ErrRecordNotFound),
			mcpecho.Service("taken", func(c *mcpecho.Call, _ empty) (empty, error) {
				return empty{}, c.JSON(http.StatusUnprocessableEntity, echo.Map{"errors": echo.Map{"title": "taken"}})
			}, mcpecho.Describe("Is taken."), mcpecho.NoTransaction("it does nothing"), mw.Public("a test")),
		)
	})
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			session := s.connect(protocol, s.token("ann", writer))
			for tool, want := range map[string]toolError{
				"rule":   {Type: mcpecho.TypeForbidden, Message: "not permitted"},
				"told":   {Type: mcpecho.TypeError, Message: "only the author may change it"},
				"hidden": {Type: mcpecho.TypeNotFound, Message: "no matching row found"},
				"taken":  {Type: mcpecho.TypeError, Message: "Unprocessable Entity"},
			} {
				if got := refuse(t, session, tool, arguments{}); got.Type != want.Type || got.Message != want.Message {
					t.Errorf("%s: %+v", tool, got)
				}
			}
			result, err := session.CallTool(t.Context(), params("taken", arguments{}))
			if err != nil {
				t.Fatal(err)
			}
			if text := result.Content[0].(*mcp.TextContent).Text; !strings.Contains(text, `"details":{"errors":{"title":"taken"}}`) {
				t.Error(text)
			}
		})
	}
}
