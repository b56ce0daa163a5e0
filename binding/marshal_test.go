package binding_test

import (
	stdjson "encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/binding"
)

// What a model looks like must not depend on the door it leaves by.
func TestOmitemptyMeansWhatItMeansInEncodingJSON(t *testing.T) {
	type inner struct {
		A int `json:"a,omitempty"`
	}
	type row struct {
		Zero    int               `json:"zero,omitempty"`
		Float   float64           `json:"float,omitempty"`
		False   bool              `json:"false,omitempty"`
		Text    string            `json:"text,omitempty"`
		List    []int             `json:"list,omitempty"`
		Map     map[string]int    `json:"map,omitempty"`
		Pointer *int              `json:"pointer,omitempty"`
		Array   [0]int            `json:"array,omitempty"`
		Any     any               `json:"any,omitempty"`
		Struct  inner             `json:"struct,omitempty"`
		Empty   *inner            `json:"empty,omitempty"`
		Time    time.Time         `json:"time,omitempty"`
		Deleted deleted           `json:"deleted,omitempty"`
		ZeroT   time.Time         `json:"zero_t,omitzero"`
		Number  stdjson.Number    `json:"number,omitempty"`
		Labels  map[string]string `json:"labels"`
	}
	for _, v := range []any{row{Labels: map[string]string{}}, row{Zero: 1, False: true, Any: map[string]any{"n": stdjson.Number("1.50")}, Empty: &inner{}, Number: "-2e3", Labels: map[string]string{"a": ""}}} {
		want, err := stdjson.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := binding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "Marshal", string(got), string(want))
	}
}

func TestAJSONNumberStaysANumber(t *testing.T) {
	type in struct {
		N stdjson.Number `json:"n"`
	}
	a := compile[in](t)
	equal(t, "schema", string(a.Schema()), `{"type":"object","properties":{"n":{"type":"number"}},"additionalProperties":false}`)
	got, errs := decode[in](t, a, `{"n":12345678901234567890.50}`)
	if errs != "" || got.N != "12345678901234567890.50" {
		t.Errorf("%v %s", got, errs)
	}
	_, errs = decode[in](t, a, `{"n":"1"}`)
	equal(t, "a string", errs, "n|type|must be a number")
	for _, v := range []any{got, map[string]any{"n": got.N}, []any{got.N}, &got} {
		if b, err := binding.Marshal(v); err != nil || !strings.Contains(string(b), "12345678901234567890.50") || strings.Contains(string(b), `"1`) {
			t.Errorf("%T: %s %v", v, b, err)
		}
	}
	if _, err := binding.Marshal(stdjson.Number("x")); err == nil {
		t.Error("what is no number must be refused")
	}
}

func TestASecretBehindAnInterfaceDoesNotLeaveTheServer(t *testing.T) {
	type account struct {
		Name string `json:"name"`
		Hash string `json:"hash" secret:"true"`
	}
	type holder struct {
		Any any `json:"any"`
	}
	type deep struct {
		Holders map[string][]*holder `json:"holders"`
	}
	a := account{"ann", "$2a$hash"}
	for name, v := range map[string]any{
		"itself": a, "pointer": &a, "list": []any{1, a}, "map": map[string]any{"a": &a}, "field": holder{a}, "list of them": holder{[]account{a}},
		"deep": deep{map[string][]*holder{"x": {{Any: holder{&a}}}}}, "Opt": binding.Some[any](a), "empty list": holder{[]account{}},
	} {
		b, err := binding.Marshal(v)
		if err == nil || !strings.Contains(err.Error(), "Hash") || strings.Contains(err.Error(), "$2a$") {
			t.Errorf("%s: %s %v", name, b, err)
		}
		if b, err := binding.MarshalResult(v); err == nil {
			t.Errorf("%s: a result %s", name, b)
		}
	}
	if b, err := binding.Marshal(deep{map[string][]*holder{"x": {{Any: holder{1}}}}}); err != nil {
		t.Errorf("%s %v", b, err)
	}
}

func TestMarshalResultMendsTextThatIsNotUTF8(t *testing.T) {
	rows := []struct {
		Name string `json:"name"`
	}{{"good"}, {"b\xffd"}}
	got, err := binding.MarshalResult(rows)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", string(got), `[{"name":"good"},{"name":"b�d"}]`)
	if _, err := binding.Marshal(rows); err == nil {
		t.Error("Marshal must stay strict")
	}
}
