package binding_test

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpecho/kit/binding"
)

type payment struct {
	Card   string            `json:"card" secret:"true" validate:"required,max=4"`
	Amount int64             `json:"amount"`
	Parts  []part            `json:"parts"`
	Notes  map[string]string `json:"notes"`
	Next   *part             `json:"next"`
	Hidden string            `json:"-"`
}

type part struct {
	PIN  string `json:"pin" secret:"true"`
	Name string `json:"name"`
}

func TestRedactHidesSecretFieldsAtAnyDepth(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.Info("x", "in", binding.Redact(&payment{
		Card: "4242", Amount: 7, Parts: []part{{"1111", "a"}}, Notes: map[string]string{"k": "v"}, Next: &part{"2222", "b"}, Hidden: "3333",
	}))
	want := `{"level":"INFO","msg":"x","in":{"card":"[redacted]","amount":7,"parts":{"0":{"pin":"[redacted]","name":"a"}},"notes":{"k":"v"},"next":{"pin":"[redacted]","name":"b"}}}`
	if got := strings.TrimSpace(out.String()); got != want {
		t.Errorf("log = %s\nwant  %s", got, want)
	}
}

func TestASecretArgumentIsWriteOnlyAndItsValueIsInNoError(t *testing.T) {
	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[payment]()})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(args.Schema()), `"writeOnly":true`) {
		t.Errorf("schema = %s", args.Schema())
	}
	var in payment
	if err := args.Decode([]byte(`{"card":"canary-4242"}`), &in); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error = %v", err)
	}
}

func TestASecretResultOrHeaderIsRefused(t *testing.T) {
	if _, err := binding.OutputSchema(reflect.TypeFor[payment]()); err == nil || !strings.Contains(err.Error(), "field Card of binding_test.payment is secret") {
		t.Errorf("error = %v", err)
	}
	type in struct {
		Token string `json:"token" secret:"true" mcpheader:"Token"`
	}
	if _, err := binding.Compile(binding.Part{Type: reflect.TypeFor[in]()}); err == nil {
		t.Error("a secret argument was published as a header")
	}
}
