package binding_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcpecho/kit/binding"
)

// Whatever comes in, Decode does not panic; what it accepts decodes to the same value again after
// it was encoded, in whole or as arguments. As arguments, where a null that meant absence is no
// longer there and that of an Opt is, it passes the schema.
func FuzzDecode(f *testing.F) {
	type in struct {
		Number string              `json:"number" validate:"required,max=8"`
		Amount int64               `json:"amount" validate:"gte=0"`
		Rate   float64             `json:"rate"`
		Opt    binding.Opt[string] `json:"opt,omitzero" validate:"min=1"`
		Lines  []line              `json:"lines,omitzero" validate:"max=2"`
		Labels map[string]*int8    `json:"labels,omitzero" validate:"dive,keys,max=3,endkeys,gte=1"`
		Tree   *tree               `json:"tree,omitzero"`
		Status string              `json:"status,omitzero" validate:"oneof=a b"`
		Limit  int                 `json:"limit" default:"20"`
		Unset  *bool               `json:"unset,omitzero" default:"true"`
		Raw    jsontext.Value      `json:"raw,omitzero"`
	}
	for _, seed := range []string{
		`{"number":"A-1","amount":9007199254740993}`, `{"number":"","amont":-1}`, `{"number":null,"number":1}`, `{"number":"x","opt":null}`,
		`{"number":"x","lines":[{"sku":"a","qty":1},{"sku":"","qty":0,"x":[{}]}],"labels":{"a":1,"b":300,"c":null}}`, `[`, `nul`, `{}{}`, "{\"\\u0000\":\"\xff\"}",
		`{"number":"x","tree":{"name":"x","children":[{"name":"y","children":[],"any":{"a":{"b":[1,2]}}}]}}`, `{"number":"x","amount":1e3,"rate":1e400}`,
		`{"number":"x","amount":0,"rate":null,"opt":null,"lines":null,"labels":null,"tree":{"children":null},"status":null,"limit":0,"unset":false,"raw":null}`,
		`{"number":"x","amount":null,"amount":1,"lines":[null]}`,
	} {
		f.Add([]byte(seed))
	}
	a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[in]()})
	if err != nil {
		f.Fatal(err)
	}
	s := new(jsonschema.Schema)
	if err := s.UnmarshalJSON(a.Schema()); err != nil {
		f.Fatal(err)
	}
	schema, err := s.Resolve(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v in
		if err := a.Decode(data, &v); err != nil {
			e, ok := err.(*binding.Error)
			if !ok || len(e.Fields) == 0 {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		out, err := binding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var again in
		if err := a.Decode(out, &again); err != nil {
			t.Fatalf("%q encodes as %s, which is refused: %v", data, out, err)
		}
		if !reflect.DeepEqual(v, again) {
			t.Fatalf("%q: %+v and %+v differ", data, v, again)
		}
		if out, err = a.Encode(v); err != nil {
			t.Fatal(err)
		}
		if !conforms(t, schema, string(out)) {
			t.Fatalf("%q is accepted, but %s does not pass %s", data, out, a.Schema())
		}
		var encoded in
		if err := a.Decode(out, &encoded); err != nil || !reflect.DeepEqual(v, encoded) {
			t.Fatalf("%q is encoded as %s, which decodes to %+v, not %+v: %v", data, out, encoded, v, err)
		}
	})
}
