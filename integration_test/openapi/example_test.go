package openapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpecho/kit/example/invoicing/invoices"
)

// Every operation of the example is called as its document says, as the start-up text does.
func TestTheExampleIsAsItsDocumentSays(t *testing.T) {
	db, err := invoices.Open(filepath.Join(t.TempDir(), "invoices.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = invoices.Close(db) })
	e, _ := invoices.New(db, key, slog.New(slog.DiscardHandler))
	a := serve(t, e, "/openapi.json", bearer(t, "writer", invoices.ScopeRead+" "+invoices.ScopeWrite))

	var left []string
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(a.document, &document); err != nil {
		t.Fatal(err)
	}
	for path, methods := range document.Paths {
		for method := range methods {
			left = append(left, strings.ToUpper(method)+" "+path)
		}
	}
	for _, call := range []struct {
		operation, path, body string
		status                int
	}{
		{"GET /invoices", "/invoices", "", http.StatusOK},
		{"GET /invoices", "/invoices?sent=false&ordering=-amount_cents", "", http.StatusOK},
		{"GET /invoices", "/invoices?ordering=-amount_cents&ordering=number&page=2&limit=2", "", http.StatusOK},
		{"POST /invoices", "/invoices", `{"number":"B-2","amount_cents":500}`, http.StatusCreated},
		{"POST /invoices", "/invoices", `{"number":"B-2","amount_cents":500}`, http.StatusConflict},
		{"GET /invoices/{pk}", "/invoices/1", "", http.StatusOK},
		{"GET /invoices/{pk}", "/invoices/100000", "", http.StatusNotFound},
		{"PUT /invoices/{pk}/sent", "/invoices/1/sent", "", http.StatusOK},
		{"GET /invoices/total", "/invoices/total", "", http.StatusOK},
		{"GET /invoices/chart.png", "/invoices/chart.png", "", http.StatusOK},
		{"GET /invoices/export", "/invoices/export", "", http.StatusOK},
	} {
		method, _, _ := strings.Cut(call.operation, " ")
		a.call(method, call.path, call.body, call.status)
		left = slices.DeleteFunc(left, func(operation string) bool { return operation == call.operation })
	}
	if len(left) > 0 {
		t.Errorf("%q: no call of them is checked", left)
	}
	a.refused("GET", "/invoices/first", "", http.StatusUnprocessableEntity)
	a.refused("POST", "/invoices", `{"number":"B-3"}`, http.StatusUnprocessableEntity)
}
