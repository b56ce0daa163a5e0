package binding_test

import (
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mcpecho/kit/binding"
)

type amount struct {
	SKU  string `json:"sku" validate:"required"`
	Qty  int64  `json:"qty" validate:"required"`
	Tax  int    `json:"tax" default:"19"`
	Note string `json:"note"`
}

type order struct {
	Number  string              `json:"number" validate:"required"`
	Lines   []amount            `json:"lines"`
	First   *amount             `json:"first"`
	ByID    map[int]amount      `json:"by_id"`
	Lists   map[string][]amount `json:"lists"`
	Need    []string            `json:"need" validate:"required"`
	Limit   int                 `json:"limit" default:"20"`
	Flag    bool                `json:"flag" default:"true"`
	Tags    []string            `json:"tags" default:"[\"x\"]"`
	Sent    *bool               `json:"sent" default:"true"`
	Opt     binding.Opt[int]    `json:"opt"`
	Line    binding.Opt[amount] `json:"line"`
	When    time.Time           `json:"when"`
	Day     time.Time           `json:"day,omitzero,format:DateOnly" validate:"required"`
	Big     int64               `json:"big,string"`
	Secret  string              `json:"secret" secret:"true"`
	Any     any                 `json:"any"`
	Status  string              `json:"status" validate:"oneof=draft paid"`
	Page    int                 `json:"page" validate:"min=1" default:"1"`
	Price   stdjson.Number      `json:"price"`
	_       int
	Skipped string `json:"-"`
}

func TestEncodeKeepsTheZerosThatAreArguments(t *testing.T) {
	a := compile[order](t)
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	const always = `"need":[],"limit":0,"flag":false,"day":"2026-01-02"`
	no := false
	for name, tt := range map[string]struct {
		in   any
		want string
	}{
		"required and defaulted": {order{Day: day}, `{"number":"",` + always + `}`},
		"nested": {order{Day: day, Lines: []amount{{SKU: "a"}, {}}, First: &amount{}, ByID: map[int]amount{7: {Tax: 1}}, Lists: map[string][]amount{"b": {{}}, "a": nil}},
			`{"number":"","lines":[{"sku":"a","qty":0,"tax":0},{"sku":"","qty":0,"tax":0}],"first":{"sku":"","qty":0,"tax":0},` +
				`"by_id":{"7":{"sku":"","qty":0,"tax":1}},"lists":{"a":[],"b":[{"sku":"","qty":0,"tax":0}]},` + always + `}`},
		"present": {&order{Number: "n", Day: day, Tags: []string{}, Sent: &no, Opt: binding.Null[int](), Line: binding.Some(amount{}), When: day, Big: 5, Secret: "s",
			Any: map[string]any{"b": nil, "a": amount{}}, Status: "paid", Price: "1.50"},
			`{"number":"n","need":[],"limit":0,"flag":false,"tags":[],"sent":false,"opt":null,"line":{"sku":"","qty":0,"tax":0},"when":"2026-01-02T00:00:00Z","day":"2026-01-02","big":"5","secret":"s","any":{"a":{"sku":"","qty":0,"tax":0,"note":""},"b":null},"status":"paid","price":1.50}`},
		"a map": {map[string]any{"number": "", "lines": []amount{{}}, "first": map[string]any{"qty": 0}}, `{"first":{"qty":0},"lines":[{"sku":"","qty":0,"tax":0}],"number":""}`},
		"another struct": {struct {
			Number string `json:"number"`
			Limit  int    `json:"limit"`
			Status string `json:"status"`
			Lines  []struct {
				Qty  int    `json:"qty"`
				Note string `json:"note"`
			} `json:"lines"`
		}{Lines: make([]struct {
			Qty  int    `json:"qty"`
			Note string `json:"note"`
		}, 1)}, `{"number":"","limit":0,"lines":[{"qty":0}]}`},
		"JSON":       {[]byte(`{"number":"x"}`), `{"number":"x"}`},
		"JSON value": {jsontext.Value(`{"number":"x"}`), `{"number":"x"}`},
		"raw JSON":   {stdjson.RawMessage(`{"number":"x"}`), `{"number":"x"}`},
		"nothing":    {nil, `{}`},
		"nil":        {(*order)(nil), `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := a.Encode(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, name, string(got), tt.want)
		})
	}
	if _, err := a.Encode(5); err == nil || !strings.Contains(err.Error(), "int") {
		t.Errorf("a number makes no arguments: %v", err)
	}
	type loop struct {
		Next *loop `json:"next"`
	}
	round := &loop{}
	round.Next = round
	if _, err := compile[loop](t).Encode(round); err == nil {
		t.Error("a value that contains itself must be refused")
	}
}

func TestEncodedArgumentsDecodeToTheSameValue(t *testing.T) {
	a := compile[order](t)
	yes := true
	in := order{Number: "n", Lines: []amount{{SKU: "a"}, {SKU: "b", Qty: 2, Tax: 7, Note: "c"}}, First: &amount{SKU: "d"}, ByID: map[int]amount{-1: {SKU: "e"}}, Need: []string{},
		Tags: []string{"x"}, Sent: &yes, Line: binding.Null[amount](), Day: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Big: -1 << 62, Page: 1, Price: "0.10"}
	data, err := a.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, errs := decode[order](t, a, string(data)); errs != "" || !reflect.DeepEqual(got, in) {
		t.Errorf("%s: %+v, want %+v %s", data, got, in, errs)
	}
}

func TestEncodeFollowsAHandWrittenSchema(t *testing.T) {
	type inner struct {
		City string `json:"city"`
		Zip  string `json:"zip"`
	}
	type in struct {
		Name  string  `json:"name"`
		Count int     `json:"count"`
		Home  []inner `json:"home"`
	}
	const schema = `{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer","default":3},"home":{"type":"array","items":{"$ref":"#/$defs/home"}}},
		"required":["name"],"$defs":{"home":{"type":"object","properties":{"city":{"type":"string"},"zip":{"type":"string"}},"required":["city"]}}}`
	for _, typ := range []reflect.Type{reflect.TypeFor[in](), reflect.TypeFor[map[string]any]()} {
		a, err := binding.CompileWithSchema([]byte(schema), binding.Part{Type: typ})
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Encode(in{Home: []inner{{}}})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, typ.String(), string(got), `{"name":"","count":0,"home":[{"city":""}]}`)
	}
}
