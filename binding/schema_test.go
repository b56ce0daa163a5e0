package binding_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcpecho/kit/binding"
)

func TestSchemaOfEveryKindOfField(t *testing.T) {
	type sub struct {
		Z string `json:"z" validate:"required"`
	}
	type good struct {
		Zeta   string             `json:"zeta" doc:"The name." validate:"required,max=8" example:"A-1"`
		Alpha  int64              `json:"alpha" validate:"gte=0"`
		Region string             `json:"region" mcpheader:"Region" validate:"oneof=eu us"`
		Limit  int                `json:"limit" default:"20" validate:"min=1,max=100"`
		When   time.Time          `json:"when"`
		Blob   []byte             `json:"blob"`
		Sub    sub                `json:"sub"`
		Subs   []sub              `json:"subs" validate:"max=5" doc:"All <of> them."`
		Map    map[string]float64 `json:"map"`
		Any    any                `json:"any"`
		Maybe  binding.Opt[bool]  `json:"maybe" doc:"Null clears it."`
		Small  uint8              `json:"small"`
		Wait   time.Duration      `json:"wait,format:sec"`
	}
	equal(t, "schema", string(compile[good](t).Schema()), `{"type":"object","properties":{`+
		`"zeta":{"type":"string","description":"The name.","examples":["A-1"],"minLength":1,"maxLength":8},`+
		`"alpha":{"type":"integer","minimum":0},`+
		`"region":{"type":"string","enum":["eu","us"],"x-mcp-header":"Region"},`+
		`"limit":{"type":"integer","default":20,"minimum":1,"maximum":100},`+
		`"when":{"type":"string","format":"date-time"},`+
		`"blob":{"type":"string","contentEncoding":"base64"},`+
		`"sub":{"type":"object","properties":{"z":{"type":"string","minLength":1}},"required":["z"],"additionalProperties":false},`+
		`"subs":{"type":"array","items":{"type":"object","properties":{"z":{"type":"string","minLength":1}},"required":["z"],"additionalProperties":false},"description":"All <of> them.","maxItems":5},`+
		`"map":{"type":"object","additionalProperties":{"type":"number"}},`+
		`"any":{},`+
		`"maybe":{"type":["boolean","null"],"description":"Null clears it."},`+
		`"small":{"type":"integer","minimum":0,"maximum":255},`+
		`"wait":{"type":"number"}`+
		`},"required":["zeta"],"additionalProperties":false}`)
}

func TestSchemaOfNoArguments(t *testing.T) {
	a, err := binding.Compile()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "schema", string(a.Schema()), `{"type":"object","properties":{},"additionalProperties":false}`)
	if errs := decodeInto(t, a, `{"a":1}`); errs != "a|unknown|is not an argument" {
		t.Error(errs)
	}
	if errs := decodeInto(t, compile[struct{}](t), ``, new(struct{})); errs != "" {
		t.Error(errs)
	}
}

type Node[T any] struct {
	Value T          `json:"value"`
	Left  *Node[T]   `json:"left,omitempty"`
	All   []*Node[T] `json:"all,omitempty"`
}

func TestRecursiveTypesUseDefinitions(t *testing.T) {
	a := compile[Node[int]](t)
	const node = `"properties":{"value":{"type":"integer"},"left":{"$ref":"#/$defs/Node_int"},"all":{"type":"array","items":{"$ref":"#/$defs/Node_int"}}}`
	equal(t, "schema", string(a.Schema()), `{"type":"object",`+node+`,"$defs":{"Node_int":{"type":"object",`+node+`,"additionalProperties":false}},"additionalProperties":false}`)
	r := resolve(t, a.Schema())
	for data, want := range map[string]bool{`{"left":{"all":[{"value":1}]}}`: true, `{"left":{"all":[{"value":"x"}]}}`: false, `{"left":{"x":1}}`: false} {
		if conforms(t, r, data) != want {
			t.Errorf("%s: the schema says %v", data, !want)
		}
		if _, errs := decode[Node[int]](t, a, data); (errs == "") != want {
			t.Errorf("%s: %s", data, errs)
		}
	}
	out, err := binding.OutputSchema(reflect.TypeFor[Node[int]]())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := out.MarshalJSON()
	outSchema := resolve(t, raw)
	data, err := binding.Marshal(Node[int]{Left: &Node[int]{Value: 2}, All: []*Node[int]{nil}})
	if err != nil {
		t.Fatal(err)
	}
	if !conforms(t, outSchema, string(data)) {
		t.Errorf("%s does not conform to %s", data, raw)
	}
}

func TestPartSchemaReplacesProperties(t *testing.T) {
	type in struct {
		Order any    `json:"ordering"`
		Other string `json:"other"`
	}
	enum := &jsonschema.Schema{Enum: []any{"total", "-total"}}
	part := binding.Part{Type: reflect.TypeFor[in](), Schema: map[string]*jsonschema.Schema{"ordering": enum}}
	for range 2 { // a part can be used again
		a, err := binding.Compile(part)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "schema", string(a.Schema()), `{"type":"object","properties":{"ordering":{"enum":["total","-total"]},"other":{"type":"string"}},"additionalProperties":false}`)
	}
	part.Schema = map[string]*jsonschema.Schema{"order": enum}
	if _, err := binding.Compile(part); err == nil || !strings.Contains(err.Error(), `"order"`) || !strings.Contains(err.Error(), "ordering, other") {
		t.Errorf("an unknown name must be refused: %v", err)
	}
}

const address = `{
  "type": "object",
  "properties": {
    "name": { "type": "string", "minLength": 2 },
    "address": { "$ref": "#/$defs/address" },
    "method": { "type": "string", "enum": ["mail", "phone"] },
    "phone": { "type": "string" }
  },
  "required": [ "name" ],
  "$defs": { "address": { "type": "object", "properties": { "zip": { "type": "string", "pattern": "^[0-9]{5}$" } }, "required": ["zip"] } },
  "allOf": [ { "if": { "properties": { "method": { "const": "phone" } }, "required": ["method"] }, "then": { "required": ["phone"] } } ],
  "additionalProperties": false
}`

func TestHandWrittenSchemaIsKeptAndEnforced(t *testing.T) {
	a, err := binding.CompileWithSchema([]byte(address), binding.Part{Type: reflect.TypeFor[map[string]any]()})
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.NewReplacer(" ", "", "\n", "").Replace(address)
	equal(t, "schema", string(a.Schema()), compact)
	for _, tt := range []struct{ data, want string }{
		{`{"name":"ab"}`, ""},
		{`{"name":"ab","address":{"zip":"12345"},"method":"phone","phone":"1"}`, ""},
		{`{}`, "name|required|is required"},
		{`{"name":"SECRET","address":{"zip":"SECRET"}}`, "address.zip|pattern|breaks the rule \"pattern\": \"^[0-9]{5}$\" of the schema"},
		{`{"name":"a","method":"SECRET","nam":1}`, "name|minLength|breaks the rule \"minLength\": 2 of the schema\n" +
			"method|enum|breaks the rule \"enum\": [\"mail\",\"phone\"] of the schema\nnam|unknown|is not an argument; did you mean \"name\"?"},
		{`{"name":"ab","method":"phone"}`, "|required|breaks the rule \"required\": [\"phone\"] of the schema"},
		{`{"name":"ab","name":"cd"}`, "name|duplicate|is given more than once"},
		{`[]`, "|type|the arguments must be a JSON object"},
		{`{"name":`, "|json|the arguments are not valid JSON (byte 8)"},
	} {
		_, got := decode[map[string]any](t, a, tt.data)
		equal(t, tt.data, got, tt.want)
	}
}

func TestHandWrittenSchemaJoinsOtherParts(t *testing.T) {
	a, err := binding.CompileWithSchema([]byte(address), binding.Part{Type: reflect.TypeFor[map[string]any]()}, binding.Part{Type: reflect.TypeFor[line]()})
	if err != nil {
		t.Fatal(err)
	}
	s := string(a.Schema())
	for _, want := range []string{`"phone":{"type":"string"},"sku":{"type":"string","minLength":1},"qty":`, `"required":["name","sku"],"$defs"`} {
		if !strings.Contains(s, want) {
			t.Errorf("schema lacks %s: %s", want, s)
		}
	}
	var m map[string]any
	var l line
	equal(t, "good", decodeInto(t, a, `{"sku":"x","name":"ab","qty":2}`, &m, &l), "")
	if !reflect.DeepEqual(m, map[string]any{"name": "ab"}) || l != (line{"x", 2}) {
		t.Errorf("got %v %v", m, l)
	}
	equal(t, "bad", decodeInto(t, a, `{"qty":0,"name":"a"}`, new(map[string]any), new(line)),
		"qty|gte|must be at least 1\nname|minLength|breaks the rule \"minLength\": 2 of the schema\nsku|required|is required")
	equal(t, "bad in the other order", decodeInto(t, a, `{"name":"a", "qty":0}`, new(map[string]any), new(line)),
		"name|minLength|breaks the rule \"minLength\": 2 of the schema\nqty|gte|must be at least 1\nsku|required|is required")
}

func TestHandWrittenSchemaWithAStruct(t *testing.T) {
	type in struct {
		N int64 `json:"n"`
	}
	a, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"n":{"type":"integer","maximum":9007199254740992}}}`), binding.Part{Type: reflect.TypeFor[in]()})
	if err != nil {
		t.Fatal(err)
	}
	_, errs := decode[in](t, a, `{"n":9007199254740993}`)
	equal(t, "exact comparison", errs, "n|maximum|breaks the rule \"maximum\": 9007199254740992 of the schema")
	_, errs = decode[in](t, a, `{"n":"1","m":1}`)
	equal(t, "one error per field", errs, "n|type|must be an integer\nm|unknown|is not an argument")
	if v, errs := decode[in](t, a, `{"n":5}`); errs != "" || v.N != 5 {
		t.Errorf("got %v %s", v, errs)
	}
}

func TestHandWrittenSchemaIntoRawValue(t *testing.T) {
	a, err := binding.CompileWithSchema([]byte(`{"type":"object"}`), binding.Part{Type: reflect.TypeFor[rawValue]()})
	if err != nil {
		t.Fatal(err)
	}
	v, errs := decode[rawValue](t, a, `{"b":1.0,"a":[9007199254740993]}`)
	if errs != "" || string(v) != `{"b":1.0,"a":[9007199254740993]}` {
		t.Errorf("got %s %s", v, errs)
	}
}

func TestHandWrittenSchemaIsRefusedWhen(t *testing.T) {
	many := `{"type":"object","properties":{` + strings.TrimSuffix(manyProperties(1001), ",") + `}}`
	for name, tt := range map[string]struct{ schema, want string }{
		"not JSON":           {`{`, "valid JSON"},
		"boolean":            {`true`, `"type": "object"`},
		"root is an array":   {`{"type":"array"}`, `"type": "object"`},
		"remote reference":   {`{"type":"object","properties":{"a":{"$ref":"https://x.example/s.json"}}}`, "leaves the document"},
		"relative reference": {`{"type":"object","properties":{"a":{"$ref":"other.json"}}}`, "leaves the document"},
		"dangling reference": {`{"type":"object","properties":{"a":{"$ref":"#/$defs/nope"}}}`, "nope"},
		"bad pattern":        {`{"type":"object","properties":{"a":{"pattern":"("}}}`, "pattern"},
		"bad keyword":        {`{"type":"object","properties":{"a":{"minimum":"x"}}}`, "minimum"},
		"bad type name":      {`{"type":"object","properties":{"a":{"type":"strin"}}}`, "strin"},
		"other draft":        {`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}`, "2020-12"},
		"too deep":           {`{"type":"object","not":` + strings.Repeat(`{"not":`, 70) + `{}` + strings.Repeat(`}`, 71), "64"},
		"too large":          {many, "1000"},
		"claimed name":       {`{"type":"object","properties":{"sku":{}}}`, `"sku" is claimed`},
	} {
		_, err := binding.CompileWithSchema([]byte(tt.schema), binding.Part{Type: reflect.TypeFor[map[string]any]()}, binding.Part{Type: reflect.TypeFor[line]()})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "binding: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"x":{}}}`), binding.Part{Type: reflect.TypeFor[line]()})
	if err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("a property without a field: %v", err)
	}
}

func TestRequiredIsWhatTheSchemaRequires(t *testing.T) {
	type in struct {
		B string `json:"b" validate:"required"`
		A string `json:"a" validate:"required"`
		C string `json:"c"`
		D int    `json:"d" default:"1"`
	}
	type step struct {
		Page int `json:"page" validate:"required"`
		Of   int `json:"of"`
	}
	parts := []binding.Part{{Type: reflect.TypeFor[in]()}, {Type: reflect.TypeFor[step]()}}
	generated, err := binding.Compile(parts...)
	if err != nil {
		t.Fatal(err)
	}
	written, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"a":{},"b":{},"c":{},"d":{}},"required":["c","a"]}`), parts...)
	if err != nil {
		t.Fatal(err)
	}
	optional, err := binding.Compile(binding.Part{Type: reflect.TypeFor[struct {
		A string `json:"a"`
	}]()})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args *binding.Args
		want []string
	}{
		"generated": {generated, []string{"b", "a", "page"}}, "written": {written, []string{"c", "a", "page"}}, "none": {optional, nil},
	} {
		var schema struct {
			Required []string `json:"required"`
		}
		if err := json.Unmarshal(tt.args.Schema(), &schema); err != nil {
			t.Fatal(err)
		}
		if got := tt.args.Required(); !slices.Equal(got, tt.want) || !slices.Equal(got, schema.Required) {
			t.Errorf("%s: %v, want %v, and the schema says %v", name, got, tt.want, schema.Required)
		}
	}
}
