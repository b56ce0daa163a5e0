package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// untouched fails the test when f changes the database.
func (s *site) untouched(t *testing.T, f func()) {
	t.Helper()
	before := s.rows()
	f()
	if after := s.rows(); !slices.Equal(before, after) {
		t.Errorf("the database changed from %+v to %+v", before, after)
	}
}

// overBoth calls a tool on both wires.
func (s *site) overBoth(t *testing.T, token, tool, arguments string, check func(*testing.T, answer)) {
	t.Helper()
	t.Run("modern", func(t *testing.T) {
		s.untouched(t, func() { check(t, s.call(token, tool, arguments)) })
	})
	t.Run("dated", func(t *testing.T) {
		header := s.open(token)
		body := strings.Replace(rawhttp.Call(tool, arguments), ","+rawhttp.Meta, "", 1)
		s.untouched(t, func() { check(t, s.post(header, body)) })
	})
}

func TestBadArgumentsAreAllReportedAtOnce(t *testing.T) {
	s := start(t)
	token := s.token("ann", writer)
	tests := map[string]struct {
		tool, arguments string
		want            string // path:rule of each field, sorted
	}{
		"none":                          {"invoices_create", `{}`, "amount_cents:required number:required"},
		"missing":                       {"invoices_create", `{"number":"B-1"}`, "amount_cents:required"},
		"extra":                         {"invoices_create", `{"number":"B-1","amount_cents":1,"foo":1,"bar":2}`, "bar:unknown foo:unknown"},
		"misspelt":                      {"invoices_create", `{"numbr":"B-1","amount_cents":1}`, "number:required numbr:unknown"},
		"another case":                  {"invoices_create", `{"Number":"B-1","amount_cents":1}`, "Number:unknown number:required"},
		"wrong types":                   {"invoices_create", `{"number":7,"amount_cents":"1"}`, "amount_cents:type number:type"},
		"null":                          {"invoices_create", `{"number":null,"amount_cents":null}`, "amount_cents:type number:type"},
		"empty":                         {"invoices_create", `{"number":"","amount_cents":0}`, "number:required"},
		"too long":                      {"invoices_create", `{"number":"` + strings.Repeat("x", 33) + `","amount_cents":0}`, "number:max"},
		"out of range":                  {"invoices_create", `{"number":"B-1","amount_cents":-1}`, "amount_cents:gte"},
		"a fraction for an integer":     {"invoices_create", `{"number":"B-1","amount_cents":1.5}`, "amount_cents:type"},
		"a whole float for an integer":  {"invoices_create", `{"number":"B-1","amount_cents":1.0}`, "amount_cents:type"},
		"over 64 bits":                  {"invoices_create", `{"number":"B-1","amount_cents":9223372036854775808}`, "amount_cents:range"},
		"type, range and unknown":       {"invoices_create", `{"number":7,"amount_cents":-1,"foo":{"a":[1]}}`, "amount_cents:gte foo:unknown number:type"},
		"missing, misspelt, range":      {"invoices_create", `{"numbr":"B-1","amount_cents":-1,"foo":true}`, "amount_cents:gte foo:unknown number:required numbr:unknown"},
		"pk missing":                    {"invoices_mark_sent", `{"id":1}`, "id:unknown pk:required"},
		"pk of the wrong type":          {"invoices_mark_sent", `{"pk":"1"}`, "pk:type"},
		"get":                           {"invoices_get", `{"pk":1.5,"x":1}`, "pk:type x:unknown"},
		"total":                         {"invoices_total", `{"sent":1}`, "sent:type"},
		"unknown ordering":              {"invoices_list", `{"ordering":"secret"}`, "ordering:oneof"},
		"ordering by a hidden column":   {"invoices_list", `{"ordering":"id"}`, "ordering:oneof"},
		"ordering with SQL":             {"invoices_list", `{"ordering":"number; DROP TABLE invoices"}`, "ordering:oneof"},
		"ordering with a comma":         {"invoices_list", `{"ordering":"number,-amount_cents"}`, "ordering:oneof"},
		"page 0":                        {"invoices_list", `{"page":0}`, "page:min"},
		"page and limit below 1":        {"invoices_list", `{"page":-1,"limit":0}`, "limit:min page:min"},
		"every part of a list at once":  {"invoices_list", `{"sent":"yes","min_amount":"1","ordering":"x","page":0,"foo":1}`, "foo:unknown min_amount:type ordering:oneof page:min sent:type"},
		"a filter that is no timestamp": {"invoices_list", `{"created_after":"yesterday"}`, "created_after:type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s.overBoth(t, token, tt.tool, tt.arguments, func(t *testing.T, a answer) {
				e := a.failure(t)
				var got []string
				for _, f := range e.Fields {
					got = append(got, f.Path+":"+f.Rule)
					if f.Message == "" {
						t.Errorf("%s has no message", f.Path)
					}
				}
				slices.Sort(got)
				if a.Status != http.StatusOK || e.Type != "validation_error" || strings.Join(got, " ") != tt.want {
					t.Errorf("status %d, %s, fields %q, want %q\n%s", a.Status, e.Type, strings.Join(got, " "), tt.want, a.Body)
				}
			})
		})
	}
}

func TestBadArgumentsAreAnsweredWithAdvice(t *testing.T) {
	s := start(t)
	token := s.token("ann", writer)
	tests := map[string]struct{ tool, arguments, want string }{
		"misspelt":         {"invoices_create", `{"numbr":"B-1","amount_cents":1}`, `did you mean "number"?`},
		"another case":     {"invoices_create", `{"AMOUNT_CENTS":1,"number":"B-1"}`, `did you mean "amount_cents"?`},
		"unknown ordering": {"invoices_list", `{"ordering":"x"}`, "number, -number, amount_cents, -amount_cents, created_at, -created_at"},
		"too long":         {"invoices_create", `{"number":"` + strings.Repeat("x", 33) + `","amount_cents":1}`, "at most 32"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := s.call(token, tt.tool, tt.arguments).failure(t)
			if text := fmt.Sprint(e.Fields); !strings.Contains(text, tt.want) {
				t.Errorf("fields %s, want them to say %q", text, tt.want)
			}
		})
	}
}

func TestRefusedArgumentsAreNotRepeated(t *testing.T) {
	s := start(t)
	const secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
	a := s.call(s.token("ann", writer), "invoices_create", `{"number":"`+secret+`","amount_cents":"`+secret+`","foo":"`+secret+`"}`)
	if len(a.failure(t).Fields) != 3 || strings.Contains(a.Body, "hunter2") || strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("reply %s\nlog %s", a.Body, s.log)
	}
}

func TestALimitAboveTheMaximumIsLoweredAndSaid(t *testing.T) {
	s := start(t)
	s.overBoth(t, s.token("ann", reader), "invoices_list", `{"limit":100000}`, func(t *testing.T, a answer) {
		var got page
		if a.Result == nil || json.Unmarshal(a.Result.Structured, &got) != nil {
			t.Fatal(a.Body)
		}
		if got.Limit != 100 || got.Total != 3 || got.TotalPages != 1 || len(got.Items) != 3 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestANumberAbove2To53IsKeptExact(t *testing.T) {
	s := start(t)
	token := s.token("ann", writer)
	for _, n := range []int64{1<<53 + 1, 1<<63 - 1} {
		a := s.call(token, "invoices_create", fmt.Sprintf(`{"number":"N-%d","amount_cents":%[1]d}`, n))
		if a.Result == nil || a.Result.IsError || !strings.Contains(string(a.Result.Structured), fmt.Sprintf(`"amount_cents":%d,`, n)) {
			t.Errorf("create: %s", a.Body)
		}
		var stored invoices.Invoice
		if err := s.db.Where("number = ?", fmt.Sprintf("N-%d", n)).Take(&stored).Error; err != nil || stored.AmountCents != n {
			t.Errorf("stored %d, want %d (%v)", stored.AmountCents, n, err)
		}
		a = s.call(token, "invoices_list", fmt.Sprintf(`{"min_amount":%d,"max_amount":%[1]d}`, n))
		if a.Result == nil || !strings.Contains(string(a.Result.Structured), `"total":1,`) {
			t.Errorf("list: %s", a.Body)
		}
	}
}

func TestAFilterValueIsNeverSQL(t *testing.T) {
	s := start(t)
	for _, value := range []string{`' OR 1=1 --`, `A-1' OR 'a'='a`, `%`, `A_1`, `"; DROP TABLE invoices; --`} {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		s.overBoth(t, s.token("ann", reader), "invoices_list", `{"number":`+string(quoted)+`}`, func(t *testing.T, a answer) {
			if a.Result == nil || !strings.Contains(string(a.Result.Structured), `"items":[],`) {
				t.Errorf("%q: %s", value, a.Body)
			}
		})
	}
}

func TestRESTKnowsTheSameArguments(t *testing.T) {
	s := start(t)
	get := func(query, token string) answer {
		t.Helper()
		a, err := exchange(t, t.Context(), http.MethodGet, s.url+"/invoices?"+query, http.Header{"Authorization": {"Bearer " + token}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	token := s.token("ann", reader)
	tests := map[string]struct {
		query  string
		status int
		want   string
	}{
		"all":         {"", 200, "A-1 A-2 A-3"},
		"all of it":   {"sent=false&min_amount=1&ordering=-amount_cents&limit=1&page=2", 200, "A-1"},
		"unknown":     {"foo=1", 422, "foo"},
		"wrong type":  {"min_amount=many", 422, "min_amount"},
		"below one":   {"page=0&limit=0", 422, "at least 1"},
		"wrong order": {"ordering=id", 422, "must be one of"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := get(tt.query, token)
			if a.Status != tt.status {
				t.Fatalf("status %d, want %d: %s", a.Status, tt.status, a.Body)
			}
			if tt.status != 200 {
				if !strings.Contains(a.Body, tt.want) {
					t.Errorf("%s, want it to say %q", a.Body, tt.want)
				}
				return
			}
			var p page
			if err := json.Unmarshal([]byte(a.Body), &p); err != nil || numbers(p.Items) != tt.want {
				t.Errorf("got %q, want %q (%v)", numbers(p.Items), tt.want, err)
			}
		})
	}
	if a := get("", "garbage"); a.Status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", a.Status)
	}
	if a := get("", s.token("eve", []string{"other"})); a.Status != http.StatusForbidden {
		t.Errorf("a token without the scope: %d", a.Status)
	}
}
