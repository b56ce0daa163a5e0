package binding_test

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mcpecho/kit/binding"
)

type rawValue = jsontext.Value

func manyProperties(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"p%d":{},`, i)
	}
	return b.String()
}

// deleted writes itself, as gorm.DeletedAt does.
type deleted struct{ valid bool }

func (d deleted) MarshalJSON() ([]byte, error) {
	if d.valid {
		return []byte(`"2026-01-01"`), nil
	}
	return []byte("null"), nil
}

type model struct {
	ID      uint64    `json:"id"`
	Created time.Time `json:"created_at"`
	Deleted deleted   `json:"deleted_at"`
}

type row struct {
	model
	Number  string              `json:"number" doc:"Unique." validate:"required,oneof=a b"`
	Amount  *int64              `json:"amount"`
	Sent    *time.Time          `json:"sent,omitzero"`
	Tags    []string            `json:"tags"`
	Empty   []string            `json:"empty,omitempty"`
	Map     map[string]int      `json:"map"`
	ByID    map[int]bool        `json:"by_id"`
	Addr    netip.Addr          `json:"addr"`
	AddrP   *netip.Addr         `json:"addr_p"`
	Blob    []byte              `json:"blob"`
	Any     any                 `json:"any"`
	Err     error               `json:"err"`
	Raw     rawValue            `json:"raw"`
	Big     int64               `json:"big,string"`
	BigP    *int64              `json:"big_p,string"`
	Day     time.Time           `json:"day,format:DateOnly"`
	Unix    time.Time           `json:"unix,format:unix"`
	Wait    time.Duration       `json:"wait,format:units"`
	Short   time.Duration       `json:"secs,format:sec"`
	Inf     float64             `json:"inf,format:nonfinite"`
	Bytes   []byte              `json:"bytes,format:array"`
	NilList []int               `json:"nil_list,format:emitnull"`
	Opt     binding.Opt[string] `json:"opt"`
	OptZ    binding.Opt[int]    `json:"opt_z,omitzero"`
	Pair    [2]int8             `json:"pair"`
	Lines   []line              `json:"lines"`
	LineP   *line               `json:"line_p"`
	*Audit
	Skip func() `json:"-"`
}

func TestMarshalledValuesConformToTheOutputSchema(t *testing.T) {
	amount, now, addr := int64(5), time.Now(), netip.IPv6Loopback()
	values := []any{
		row{}, &row{},
		row{model: model{ID: math.MaxUint64, Created: now, Deleted: deleted{true}}, Number: "z", Amount: &amount, Sent: &now, Tags: []string{"x"}, Empty: []string{"y"},
			Map: map[string]int{"b": 1, "a": 2}, ByID: map[int]bool{1: true}, Addr: addr, AddrP: &addr, Blob: []byte("hi"), Any: []any{1, nil}, Raw: rawValue(`{"a":1}`),
			Big: -5, BigP: &amount, Inf: math.Inf(-1), Bytes: []byte{1, 255}, NilList: []int{1}, Opt: binding.Some("x"), OptZ: binding.Null[int](), Lines: []line{{}}, LineP: &line{}, Audit: &Audit{}},
		struct {
			A string         `json:"a"`
			M map[string]int `json:",embed"`
		}{M: map[string]int{"x": 1}},
		[]row{}, []row(nil), []*line{nil, {}}, map[string]row{"a": {}}, (*row)(nil), "text", 5, 2.5, true, struct{}{}, [][]string{nil, {"a"}},
		struct {
			Items []line `json:"items"`
			Total int64  `json:"total"`
		}{},
	}
	for _, v := range values {
		s, err := binding.OutputSchema(reflect.TypeOf(v))
		if err != nil {
			t.Errorf("%T: %v", v, err)
			continue
		}
		schema, err := s.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		data, err := binding.Marshal(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
			continue
		}
		if r := resolve(t, schema); !conforms(t, r, string(data)) {
			t.Errorf("%T: %s does not conform to %s", v, data, schema)
		}
	}
}

func TestOutputSchemaIsExact(t *testing.T) {
	type out struct {
		model
		Amount *int64   `json:"amount" doc:"In cents." validate:"min=5"`
		Tags   []string `json:"tags,omitempty" validate:"dive,oneof=a b"`
	}
	s, err := binding.OutputSchema(reflect.TypeFor[[]out]())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := binding.MarshalSchema(s)
	equal(t, "schema", string(raw), `{"type":"array","items":{"type":"object","properties":{`+
		`"id":{"type":"integer","minimum":0},"created_at":{"type":"string","format":"date-time"},"deleted_at":{},`+
		`"amount":{"type":["integer","null"],"description":"In cents."},"tags":{"type":"array","items":{"type":"string"}}},`+
		`"required":["id","created_at","deleted_at","amount"],"additionalProperties":false}}`)
	r := resolve(t, raw)
	for _, bad := range []string{`null`, `[{"id":1}]`, `[{"id":-1,"created_at":"x","deleted_at":null,"amount":null}]`,
		`[{"id":1,"created_at":"x","deleted_at":null,"amount":null,"more":1}]`, `[{"id":1,"created_at":"x","deleted_at":null,"amount":null,"tags":null}]`} {
		if conforms(t, r, bad) {
			t.Errorf("accepts %s", bad)
		}
	}
}

func TestOutputSchemaRefusesWhatJSONCannotHold(t *testing.T) {
	for _, tt := range []struct {
		typ  reflect.Type
		want []string
	}{
		{reflect.TypeFor[struct{ Wait time.Duration }](), []string{"field Wait", "time.Duration", "format:sec", "integer"}},
		{reflect.TypeFor[struct{ C chan int }](), []string{"field C", "chan int"}},
		{reflect.StructOf([]reflect.StructField{{Name: "T", Type: reflect.TypeFor[time.Time](), Tag: `json:"t,format:"`}}), []string{"field T", "json tag"}},
		{reflect.TypeFor[struct {
			S string `json:"s,format:hex"`
		}](), []string{"field S", "format:hex"}},
	} {
		_, err := binding.OutputSchema(tt.typ)
		for _, word := range append(tt.want, "binding: ") {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: error lacks %q: %v", tt.typ, word, err)
			}
		}
	}
}

func TestMarshalIsDeterministicAndWritesNoNull(t *testing.T) {
	v := struct {
		M map[string]int `json:"m"`
		N map[string]int `json:"n"`
		L []int          `json:"l"`
	}{M: map[string]int{"c": 3, "a": 1, "b": 2}}
	const want = `{"m":{"a":1,"b":2,"c":3},"n":{},"l":[]}`
	out, err := binding.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Marshal", string(out), want)
	if out, err := binding.Marshal(math.NaN()); err == nil {
		t.Errorf("got %q", out)
	}
}
