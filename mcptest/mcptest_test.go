package mcptest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	"github.com/mcpecho/kit/store"
)

type sumInput struct {
	A int64 `json:"a" validate:"required"`
	B int64 `json:"b" validate:"gte=0"`
}

type sumOutput struct {
	Sum int64  `json:"sum"`
	By  string `json:"by"`
}

func sum(c *mcpecho.Call, in sumInput) (sumOutput, error) {
	by := "nobody"
	if p := c.Principal(); p != nil {
		by = p.Subject
	}
	return sumOutput{in.A + in.B, by}, nil
}

type word struct {
	Word string `json:"word"`
}

func fail(_ *mcpecho.Call, in word) (sumOutput, error) {
	switch in.Word {
	case "rule":
		return sumOutput{}, mcpecho.Errorf("the ledger is closed")
	case "later":
		return sumOutput{}, &mcpecho.ToolError{Type: mcpecho.TypeRate, Message: "slow down", RetryAfter: 1500 * time.Millisecond,
			Data: map[string]any{"limit": 3}}
	case "protocol":
		return sumOutput{}, &mcpecho.Error{Code: 403, Message: "not yours", Data: map[string]any{"why": "owner"}}
	}
	return sumOutput{}, errors.New("the secret of the database")
}

func words(_ *mcpecho.Call, _ struct{}) ([]string, error) { return []string{"a", "b"}, nil }

func newServer(change ...func(*mcpecho.Config)) *mcpecho.Server {
	cfg := mcpecho.Config{Name: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&cfg)
	}
	srv := mcpecho.New(cfg)
	srv.Add(
		mcpecho.Service("sum", sum, mcpecho.Describe("Add two numbers."), mcpecho.Annotate(mcpecho.ReadOnly(true))),
		mcpecho.Service("fail", fail, mcpecho.Describe("Fail.")),
		mcpecho.Service("words", words, mcpecho.Describe("List words.")),
	)
	return srv
}

var wires = map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()}

func TestCallDecodesTheResultOnEitherWire(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, newServer(), wire)
			if got := mcptest.Call[sumOutput](c, "sum", sumInput{2, 3}); got != (sumOutput{5, "nobody"}) {
				t.Errorf("got %+v", got)
			}
			if got := mcptest.Call[[]string](c, "words", nil); len(got) != 2 || got[1] != "b" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAsSetsTheCallerAndLeavesTheOtherClientAlone(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			anonymous := mcptest.New(t, newServer(), wire)
			ann := anonymous.As(&mcpecho.Principal{Subject: "ann"})
			args := jsontext.Value(`{"a":1}`)
			for _, tt := range []struct {
				client *mcptest.Client
				want   string
			}{{ann, "ann"}, {anonymous, "nobody"}, {ann.As(nil), "nobody"}, {ann, "ann"}} {
				if got := mcptest.Call[sumOutput](tt.client, "sum", args).By; got != tt.want {
					t.Errorf("the call was made by %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestDoReturnsEveryKindOfError(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, newServer(), wire)

			r := c.Do("sum", map[string]any{"b": -1, "c": true})
			if !r.IsError || r.Error.Type != mcpecho.TypeValidation || len(r.Error.Fields) != 3 || r.Structured != nil {
				t.Errorf("bad arguments: %+v", r.Error)
			}
			r = c.Do("fail", word{"rule"})
			if !r.IsError || r.Error.Type != mcpecho.TypeError || r.Error.Message != "the ledger is closed" || r.Status != http.StatusOK {
				t.Errorf("business rule: %d %+v", r.Status, r.Error)
			}
			r = c.Do("fail", word{"later"})
			if r.Error == nil || r.Error.RetryAfter != 1500*time.Millisecond || r.Header.Get("Retry-After") != "2" || string(r.Error.More) != `{"limit":3}` {
				t.Errorf("rate limit: %+v %v", r.Error, r.Header)
			}
			r = c.Do("fail", word{"bug"})
			if r.Error == nil || r.Error.Type != mcpecho.TypeInternal || r.Error.Reference == "" || strings.Contains(r.Text, "secret") {
				t.Errorf("internal error: %s", r.Text)
			}
			r = c.Do("fail", word{"protocol"})
			if r.IsError || r.RPCError == nil || r.RPCError.Code != 403 || r.Status != http.StatusForbidden || string(r.RPCError.Data) != `{"why":"owner"}` {
				t.Errorf("protocol error: %d %+v", r.Status, r.RPCError)
			}
			r = c.Do("sums", nil)
			if r.RPCError == nil || r.RPCError.Code != -32602 {
				t.Errorf("unknown tool: %+v", r.RPCError)
			}
		})
	}
}

func TestRawSendsAnyMethod(t *testing.T) {
	dated := mcptest.New(t, newServer(), mcptest.Dated())
	if r := dated.Raw("ping", nil); string(r.Result) != "{}" {
		t.Errorf("dated ping: %s", r.Body)
	}
	modern := mcptest.New(t, newServer())
	if r := modern.Raw("ping", nil); r.RPCError == nil || r.RPCError.Code != -32601 || r.Status != http.StatusNotFound {
		t.Errorf("modern ping: %d %s", r.Status, r.Body)
	}
	if r := modern.Raw("tools/list", map[string]any{"cursor": "x"}); r.RPCError == nil || r.RPCError.Code != -32602 {
		t.Errorf("bad cursor: %s", r.Body)
	}
	own := map[string]any{"_meta": map[string]any{"io.modelcontextprotocol/protocolVersion": "2099-01-01"}}
	if r := modern.Raw("tools/list", own); r.RPCError == nil || r.RPCError.Code != -32020 {
		t.Errorf("a _meta of the test's own: %s", r.Body)
	}
}

func TestRawArgumentsAreSentAsTheyAre(t *testing.T) {
	c := mcptest.New(t, newServer())
	if r := c.Do("sum", jsontext.Value(`{"a":1,"a":2}`)); r.RPCError == nil && !r.IsError {
		t.Errorf("a duplicate argument was accepted: %s", r.Body)
	}
	if got := mcptest.Call[sumOutput](c, "sum", jsontext.Value(`{"a":9007199254740993}`)); got.Sum != 9007199254740993 {
		t.Errorf("got %d", got.Sum)
	}
}

func TestToolsListsAllPages(t *testing.T) {
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, newServer(func(cfg *mcpecho.Config) { cfg.ListPageSize = 2 }), wire)
			tools := c.Tools()
			if len(tools) != 3 || tools[0].Name != "sum" || tools[2].Name != "words" {
				t.Fatalf("got %+v", tools)
			}
			if !tools[0].Annotations["readOnlyHint"] || tools[0].Description != "Add two numbers." || tools[0].OutputSchema == nil {
				t.Errorf("got %+v", tools[0])
			}
			if structured := tools[2].OutputSchema != nil; structured != (name == "modern") {
				t.Errorf("an array is structured content: %v", structured)
			}
		})
	}
}

// sessions records what a server does with its sessions.
type sessions struct {
	store.Sessions
	mu            sync.Mutex
	opened, ended []string
}

func (s *sessions) Create(ctx context.Context, session store.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, session.Owner)
	return s.Sessions.Create(ctx, session)
}

func (s *sessions) Delete(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, id)
	return s.Sessions.Delete(ctx, id)
}

func TestDatedClientOpensOneSessionOnFirstUseAndEndsItWithTheTest(t *testing.T) {
	recorded := &sessions{Sessions: store.NewMemorySessions(store.MemorySessionsConfig{})}
	srv := newServer(func(cfg *mcpecho.Config) { cfg.Sessions = recorded })
	t.Run("a test", func(t *testing.T) {
		c := mcptest.New(t, srv, mcptest.Dated())
		ann := c.As(&mcpecho.Principal{ID: "ann"})
		if len(recorded.opened) != 0 {
			t.Error("a session was opened before the first call")
		}
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() { ann.Do("words", nil) })
		}
		calls.Wait()
		if len(recorded.opened) != 1 || recorded.opened[0] != "ann" || len(recorded.ended) != 0 {
			t.Errorf("opened %q, ended %q", recorded.opened, recorded.ended)
		}
	})
	if len(recorded.ended) != 1 {
		t.Errorf("ended %q, want the one session", recorded.ended)
	}
}

// verdict runs f with a testing.TB that only records, and returns what f reported.
func verdict(t *testing.T, f func(testing.TB)) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.text.String()
}

type recorder struct {
	testing.TB
	text strings.Builder
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, a ...any) {
	fmt.Fprintf(&r.text, format+"\n", a...)
}
func (r *recorder) Fatalf(format string, a ...any) {
	r.Errorf(format, a...)
	runtime.Goexit()
}

func TestCallFailsTheTest(t *testing.T) {
	tests := map[string]struct {
		f    func(*mcptest.Client)
		want string
	}{
		"bad arguments":  {func(c *mcptest.Client) { mcptest.Call[sumOutput](c, "sum", nil) }, "a is required"},
		"protocol error": {func(c *mcptest.Client) { mcptest.Call[sumOutput](c, "fail", word{"protocol"}) }, "403 not yours"},
		"wrong type":     {func(c *mcptest.Client) { mcptest.Call[sumOutput](c, "words", nil) }, "does not fit mcptest_test.sumOutput"},
		"no object":      {func(c *mcptest.Client) { c.Raw("ping", []int{1}) }, "params must encode as a JSON object"},
		"no such tool": {func(c *mcptest.Client) {
			mcptest.AssertConforms(t, c, "nothing", c.Do("words", nil))
		}, `no tool "nothing"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := verdict(t, func(tb testing.TB) { tt.f(mcptest.New(tb, newServer())) })
			if !strings.Contains(got, tt.want) {
				t.Errorf("reported %q, want it to say %q", got, tt.want)
			}
		})
	}
}

func TestAssertConforms(t *testing.T) {
	modern, dated := mcptest.New(t, newServer()), mcptest.New(t, newServer(), mcptest.Dated())
	good := func(c *mcptest.Client) *mcptest.Result { return c.Do("sum", sumInput{A: 1}) }
	changed := func(structured, text string) *mcptest.Result {
		r := good(modern)
		r.Structured, r.Text = jsontext.Value(structured), text
		return r
	}
	tests := map[string]struct {
		client *mcptest.Client
		tool   string
		result *mcptest.Result
		want   string // what is reported; "" means nothing
	}{
		"object":                       {modern, "sum", good(modern), ""},
		"object on the dated wire":     {dated, "sum", good(dated), ""},
		"array":                        {modern, "words", modern.Do("words", nil), ""},
		"array on the dated wire":      {dated, "words", dated.Do("words", nil), "no structured content"},
		"failed tool":                  {modern, "fail", modern.Do("fail", word{"rule"}), "the ledger is closed"},
		"JSON-RPC error":               {modern, "fail", modern.Do("fail", word{"protocol"}), "403"},
		"result of another tool":       {modern, "sum", modern.Do("words", nil), "does not fit the output schema"},
		"missing member":               {modern, "sum", changed(`{"sum":1}`, `{"sum":1}`), "does not fit the output schema"},
		"text says something else":     {modern, "sum", changed(`{"sum":1,"by":"x"}`, `{"sum":2,"by":"x"}`), "the text is not the JSON"},
		"text in another member order": {modern, "sum", changed(`{"sum":1,"by":"x"}`, `{"by":"x", "sum":1}`), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := verdict(t, func(tb testing.TB) { mcptest.AssertConforms(tb, tt.client, tt.tool, tt.result) })
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("reported %q, want %q", got, tt.want)
			}
		})
	}
}

func TestToolsAndPromptsAreCalledByTheNamesOfTheProgram(t *testing.T) {
	srv := mcpecho.New(mcpecho.Config{Name: "test", Logger: slog.New(slog.DiscardHandler)})
	hello := func(c *mcpecho.Call, in struct {
		To string `json:"to"`
	}) (string, error) {
		return c.Name(), nil
	}
	srv.Add(mcpecho.Service("books.find", hello), mcpecho.Prompt("books.review", hello,
		mcpecho.Complete("to", func(*mcpecho.Call, string, map[string]string) ([]string, error) { return []string{"ann"}, nil })))
	for name, wire := range wires {
		t.Run(name, func(t *testing.T) {
			c := mcptest.New(t, srv, wire)
			if got := mcptest.Call[string](c, "books.find", nil); got != "books.find" {
				t.Error(got)
			}
			if name := c.Tools()[0].Name; name != "books_find" || c.Do(name, nil).Text != "books.find" {
				t.Errorf("the listed name %s does not work", name)
			}
			if r := c.Prompt("books.review", nil); r.RPCError != nil || r.Messages[0].Content.Text != "books.review" {
				t.Errorf("%s", r.Body)
			}
			if r := c.Complete("books.review", "to", "", nil); fmt.Sprint(r.Values) != "[ann]" {
				t.Errorf("%s", r.Body)
			}
		})
	}
	c := mcptest.New(t, srv)
	mcptest.AssertConforms(t, c, "books.find", c.Do("books.find", nil))
}
