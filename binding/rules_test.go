package binding_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/mcpecho/kit/binding"
)

// inputs are tried on every type: each must pass the rules exactly when it passes the schema.
// Integers written with a fraction or exponent are left out: JSON Schema counts 1.0 as an integer,
// the decoder does not.
var inputs = []string{
	`{}`, `{"v":null}`, `{"v":""}`, `{"v":"a"}`, `{"v":"b"}`, `{"v":"ab"}`, `{"v":"aé"}`, `{"v":"abc"}`, `{"v":"abcd"}`, `{"v":"A"}`, `{"v":"Ab1"}`,
	`{"v":"12"}`, `{"v":"+1.5"}`, `{"v":"1."}`, `{"v":"a b"}`, `{"v":"pre-x"}`, `{"v":"x.suf"}`, `{"v":"x.sufx"}`, `{"v":"xxsuf"}`, `{"v":"0xff"}`, `{"v":"#abc"}`, `{"v":"+4912345678"}`,
	`{"v":-1}`, `{"v":0}`, `{"v":1}`, `{"v":2}`, `{"v":3}`, `{"v":4}`, `{"v":5}`, `{"v":200}`, `{"v":300}`, `{"v":-129}`, `{"v":0.5}`, `{"v":2.5}`, `{"v":70000}`,
	`{"v":9007199254740993}`, `{"v":true}`, `{"v":false}`,
	`{"v":[]}`, `{"v":["a"]}`, `{"v":["a","b"]}`, `{"v":["a","a"]}`, `{"v":["a",""]}`, `{"v":["a","b","c"]}`, `{"v":["a",null]}`, `{"v":[1]}`, `{"v":[1,2]}`, `{"v":[1,1]}`, `{"v":[1,2,3]}`, `{"v":[0,9]}`,
	`{"v":[["a"],[]]}`, `{"v":[["a","b"]]}`,
	`{"v":{}}`, `{"v":{"a":"x"}}`, `{"v":{"a":"x","b":""}}`, `{"v":{"abcd":"x"}}`, `{"v":{"a":1}}`, `{"v":{"a":1,"b":2,"c":3}}`, `{"v":{"v":"a"}}`, `{"v":{"v":""}}`, `{"v":{"x":1}}`,
	`{"w":1}`, `{"v":"a","w":1}`,
}

func typeWith(t reflect.Type, tag string) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "V", Type: t, Tag: reflect.StructTag(fmt.Sprintf(`json:"v" validate:%q`, tag))}})
}

func TestRulesAndSchemaAgree(t *testing.T) {
	type inner struct {
		V string `json:"v" validate:"required"`
	}
	str, strs, ints := reflect.TypeFor[string](), reflect.TypeFor[[]string](), reflect.TypeFor[[]int]()
	tests := []struct {
		typ  reflect.Type
		tags []string
	}{
		{str, []string{"", "required", "min=2", "max=2", "len=2", "gt=1", "gte=2", "lt=2", "lte=2", "required,lt=3", "eq=a", "ne=a", "ne=a,ne=b", "oneof=a ab", "oneof='a b' abc",
			"alpha", "alphanum", "alphaspace", "numeric", "number", "hexadecimal", "hexcolor", "e164", "lowercase", "uppercase", "startswith=pre-", "endswith=.suf", "contains=b",
			"startsnotwith=a", "endsnotwith=c", "excludes=b", "alpha,startswith=a,max=2", "alpha,lowercase,min=2", "excludes=b,startsnotwith=x", "omitempty,min=2"}},
		{reflect.TypeFor[*string](), []string{"", "required", "min=2", "oneof=a b", "required,max=1"}},
		{reflect.TypeFor[binding.Opt[string]](), []string{"", "required", "min=2", "oneof=a b", "eq=a", "startswith=a"}},
		{reflect.TypeFor[int](), []string{"", "required", "min=2", "max=2", "len=2", "gt=2", "gte=2", "lt=2", "lte=2", "eq=2", "ne=2", "oneof=1 3", "gte=1,lt=3", "gt=1,min=3", "min=-5,max=0", "required,gte=0"}},
		{reflect.TypeFor[*int64](), []string{"", "required,min=0", "lt=4"}},
		{reflect.TypeFor[binding.Opt[int]](), []string{"", "min=2", "oneof=1 2"}},
		{reflect.TypeFor[int8](), []string{"", "max=100"}},
		{reflect.TypeFor[uint8](), []string{"", "min=1", "oneof=1 200", "gt=2,lt=5"}},
		{reflect.TypeFor[uint16](), []string{"", "lte=300"}},
		{reflect.TypeFor[uint64](), []string{"", "lte=300", "ne=0"}},
		{reflect.TypeFor[float64](), []string{"", "min=0.5", "max=2.5", "gt=0.5", "lt=2.5", "gt=0,gte=1", "eq=2.5", "ne=0", "gte=0,lte=1"}},
		{reflect.TypeFor[float32](), []string{"", "min=1", "lt=2"}},
		{reflect.TypeFor[bool](), []string{"", "required", "eq=true", "ne=true"}},
		{strs, []string{"", "required", "min=1", "max=1", "len=2", "gt=1", "lt=2", "eq=1", "unique", "dive,required", "dive,oneof=a b", "required,min=1,unique,dive,min=1,max=2", "max=2,dive,alpha"}},
		{ints, []string{"", "unique", "dive,min=1", "dive,gt=0,lt=3", "min=2,dive,oneof=1 2"}},
		{reflect.TypeFor[[]*int](), []string{"unique", "dive,min=1"}},
		{reflect.TypeFor[[2]string](), []string{"", "unique", "dive,required"}},
		{reflect.TypeFor[[][]string](), []string{"dive,min=1", "dive,max=1,dive,required"}},
		{reflect.TypeFor[map[string]string](), []string{"", "min=1", "max=1", "len=2", "dive,required", "dive,keys,max=2,endkeys", "dive,keys,alpha,max=2,endkeys,required"}},
		{reflect.TypeFor[map[string]int](), []string{"", "dive,max=2", "lt=3"}},
		{reflect.TypeFor[inner](), []string{"", "required"}},
		{reflect.TypeFor[*inner](), []string{"", "required"}},
		{reflect.TypeFor[[]inner](), []string{"dive", "required,dive,required"}},
		{reflect.TypeFor[any](), []string{"", "required"}},
	}
	for _, tt := range tests {
		for _, tag := range tt.tags {
			t.Run(tt.typ.String()+"/"+tag, func(t *testing.T) {
				typ := typeWith(tt.typ, tag)
				a, err := binding.Compile(binding.Part{Type: typ})
				if err != nil {
					t.Fatal(err)
				}
				r := resolve(t, a.Schema())
				passed := 0
				for _, data := range inputs {
					got := a.Decode([]byte(data), reflect.New(typ).Interface()) == nil
					if got {
						passed++
					}
					if want := conforms(t, r, data); got != want && !nullIsAbsent(typ, tag, data) {
						t.Errorf("%s: the rules say %v, the schema %s says %v", data, got, a.Schema(), want)
					}
				}
				if passed == 0 || passed == len(inputs) {
					t.Errorf("%d of %d inputs passed; the inputs prove nothing", passed, len(inputs))
				}
			})
		}
	}
}

// nullIsAbsent reports whether the argument of data is an optional one given as null, which the
// schema does not offer and the decoder takes for absence. Checking that it is one is the work of
// the tests of absence.
func nullIsAbsent(typ reflect.Type, tag, data string) bool {
	if v := typ.Field(0).Type; data != `{"v":null}` || v == reflect.TypeFor[binding.Opt[string]]() || v == reflect.TypeFor[binding.Opt[int]]() {
		return false
	}
	return !strings.HasPrefix(tag, "required")
}

// bounds decide without the validator; they must say what it says.
func TestNumbersAtTheEdgeOfABound(t *testing.T) {
	type in struct {
		I int64   `json:"i" validate:"gt=-3,lte=9007199254740992"`
		F float64 `json:"f" validate:"gt=0,gte=0.5,lt=1"`
		L int64   `json:"l" validate:"max=9223372036854775806"`
	}
	a := compile[in](t)
	for data, want := range map[string]string{
		`{"i":-2}`: "", `{"i":-3}`: "i|gt|must be more than -3",
		`{"i":9007199254740992}`: "", `{"i":9007199254740993}`: "i|lte|must be at most 9007199254740992",
		`{"f":0.5}`: "", `{"f":0.25}`: "f|gte|must be at least 0.5", `{"f":1}`: "f|lt|must be less than 1", `{"f":0}`: "f|gt|must be more than 0\nf|gte|must be at least 0.5",
		`{"l":9223372036854775806}`: "", `{"l":9223372036854775807}`: "l|max|must be at most 9223372036854775806",
	} {
		_, got := decode[in](t, a, data)
		equal(t, data, got, want)
	}
	if s := string(a.Schema()); !strings.Contains(s, `"description":"(rule: max=9223372036854775806)"`) {
		t.Errorf("a bound that no float holds must be named in the description: %s", s)
	}
}

func TestFormatsAreEnforcedAndDescribed(t *testing.T) {
	tests := []struct{ tag, format, good, bad, message string }{
		{"email", "email", "a@b.example", "a", "must be an email address"},
		{"url", "uri", "https://a.example/x", "a", "must be a URL with a scheme such as https"},
		{"uri", "uri-reference", "https://a.example", "a b", "must be a URI"},
		{"uuid", "uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x", "must be a UUID"},
		{"hostname", "hostname", "a.example", "-a", "must be a host name"},
		{"ipv4", "ipv4", "10.0.0.1", "::1", "must be an IPv4 address"},
		{"ipv6", "ipv6", "::1", "10.0.0.1", "must be an IPv6 address"},
		{"datetime=2006-01-02", "date", "2026-01-31", "31.1.2026", "must be a time in the form 2006-01-02"},
		{"datetime=2006-01-02T15:04:05Z07:00", "date-time", "2026-01-31T01:02:03Z", "2026-01-31", "must be a time in the form 2006-01-02T15:04:05Z07:00"},
	}
	for _, tt := range tests {
		typ := typeWith(reflect.TypeFor[string](), tt.tag)
		a, err := binding.Compile(binding.Part{Type: typ})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, tt.tag, string(a.Schema()), `{"type":"object","properties":{"v":{"type":"string","format":"`+tt.format+`"}},"additionalProperties":false}`)
		equal(t, tt.good, decodeInto(t, a, `{"v":"`+tt.good+`"}`, reflect.New(typ).Interface()), "")
		rule, _, _ := strings.Cut(tt.tag, "=")
		equal(t, tt.bad, decodeInto(t, a, `{"v":"`+tt.bad+`"}`, reflect.New(typ).Interface()), "v|"+rule+"|"+tt.message)
	}
}

func TestPresenceRules(t *testing.T) {
	type in struct {
		A *int   `json:"a"`
		B *int   `json:"b"`
		C *int   `json:"c" validate:"required_with_all=A B"`
		D *int   `json:"d" validate:"required_without_all=A B"`
		E *int   `json:"e" validate:"excluded_without=A"`
		F *int   `json:"f" validate:"excluded_if=G x"`
		G string `json:"g"`
		H *int   `json:"h" validate:"required_unless=G ''"`
	}
	a := compile[in](t)
	for _, tt := range []struct{ data, want string }{
		{`{"a":0}`, ""},
		{`{"a":0,"b":0}`, "c|required_with_all|is required with a and b"},
		{`{}`, "d|required_without_all|is required without a and b"},
		{`{"b":1,"e":0}`, "e|excluded_without|must be left out without a"},
		{`{"a":1,"f":0,"g":"x","h":1}`, "f|excluded_if|must be left out when g is x"},
		{`{"a":1,"f":0,"g":"y","h":1}`, ""},
	} {
		_, got := decode[in](t, a, tt.data)
		equal(t, tt.data, got, tt.want)
	}
}

type booking struct {
	Start  time.Time `json:"start"`
	End    time.Time `json:"end" validate:"gtfield=Start"`
	Kind   string    `json:"kind"`
	Reason string    `json:"reason" validate:"required_if=Kind other"`
	Phone  string    `json:"phone" validate:"required_without=Mail"`
	Mail   string    `json:"mail"`
	Street string    `json:"street" validate:"required_with=City"`
	City   string    `json:"city"`
	Cash   int       `json:"cash" validate:"excluded_with=Card"`
	Card   string    `json:"card"`
	Pass   string    `json:"pass"`
	Again  string    `json:"again" validate:"eqfield=Pass"`
	Low    int       `json:"low" validate:"ltefield=High"`
	High   int       `json:"high"`
}

func TestCrossFieldRules(t *testing.T) {
	a := compile[booking](t)
	for _, tt := range []struct{ data, want string }{
		{`{"mail":"x"}`, ""},
		{`{}`, "phone|required_without|is required without mail"},
		{`{"mail":"x","start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}`, "end|gtfield|must be more than start"},
		{`{"mail":"x","start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z"}`, ""},
		{`{"mail":"x","kind":"other"}`, "reason|required_if|is required when kind is other"},
		{`{"mail":"x","kind":"other","reason":"r"}`, ""},
		{`{"mail":"x","city":""}`, "street|required_with|is required with city"},
		{`{"mail":"x","cash":0,"card":"c"}`, "cash|excluded_with|must be left out with card"},
		{`{"mail":"x","pass":"a","again":"b"}`, "again|eqfield|must be the same as pass"},
		{`{"mail":"x","again":"b"}`, "again|eqfield|must be the same as pass"},
		{`{"mail":"x","low":2}`, ""}, // no upper end to compare with
		{`{"mail":"x","low":2,"high":1}`, "low|ltefield|must be at most high"},
		{`{"mail":"x","low":2,"high":"1"}`, "high|type|must be an integer"},
	} {
		_, got := decode[booking](t, a, tt.data)
		equal(t, tt.data, got, tt.want)
	}
	if s := string(a.Schema()); !strings.Contains(s, `"end":{"type":"string","description":"(rule: gtfield=Start)","format":"date-time"}`) {
		t.Errorf("the schema must name a rule it cannot say: %s", s)
	}
}

type selfish []*selfish

func TestCompileRefusesWhatCannotWork(t *testing.T) {
	type recursive struct {
		Next *recursive `json:"next"`
	}
	tests := []struct {
		name string
		typ  reflect.Type
		want []string // words the error must have
	}{
		{"not a struct", reflect.TypeFor[int](), []string{"the input", "int", "struct"}},
		{"func", reflect.TypeFor[struct{ F func() }](), []string{"field F", "func()", `json:"-"`}},
		{"chan", reflect.TypeFor[struct{ F chan int }](), []string{"field F", "chan int"}},
		{"complex in a list", reflect.TypeFor[struct{ F []complex128 }](), []string{"field F", "complex128"}},
		{"interface", reflect.TypeFor[struct{ F fmt.Stringer }](), []string{"field F", "fmt.Stringer", "any"}},
		{"duration", reflect.TypeFor[struct{ F time.Duration }](), []string{"field F", "integer", "format:sec"}},
		{"unknown rule", typeWith(reflect.TypeFor[string](), "emial"), []string{"field V", "emial"}},
		{"unknown rule behind dive", typeWith(reflect.TypeFor[[]string](), "dive,emial"), []string{"field V", "emial"}},
		{"unknown alternative", typeWith(reflect.TypeFor[string](), "rgb|emial"), []string{"field V", "emial"}},
		{"rule on the wrong type", typeWith(reflect.TypeFor[int](), "lowercase"), []string{"field V", "lowercase"}},
		{"rule that an earlier one hides", typeWith(reflect.TypeFor[int](), "min=5,lowercase"), []string{"field V", "lowercase"}},
		{"bad parameter", typeWith(reflect.TypeFor[int](), "min=x"), []string{"field V", "min=x"}},
		{"rule on any", typeWith(reflect.TypeFor[any](), "min=1"), []string{"field V", "min=1", "concrete"}},
		{"rule on a struct", typeWith(reflect.TypeFor[recursive](), "min=1"), []string{"field V", "min=1", "Part.Check"}},
		{"dive on a string", typeWith(reflect.TypeFor[string](), "dive,min=1"), []string{"field V", "dive"}},
		{"unique on any", typeWith(reflect.TypeFor[[]any](), "unique"), []string{"field V", "unique", "compared"}},
		{"cross rule without field", typeWith(reflect.TypeFor[string](), "eqfield=Nope"), []string{"field V", "Nope", "Go name"}},
		{"comparison of kinds that never match", reflect.TypeFor[struct {
			A int
			B string `validate:"eqfield=A"`
		}](), []string{"field B", "eqfield=A", "same type"}},
		{"comparison with Opt", reflect.TypeFor[struct {
			A binding.Opt[int]
			B int `validate:"gtfield=A"`
		}](), []string{"field B", "null"}},
		{"rule behind dive on Opt", typeWith(reflect.TypeFor[[]binding.Opt[string]](), "dive,min=1"), []string{"field V", "dive", "Opt"}},
		{"odd parameters", reflect.TypeFor[struct {
			A string
			B string `validate:"required_if=A"`
		}](), []string{"field B", "required_if"}},
		{"keys on a list", typeWith(reflect.TypeFor[[]string](), "dive,keys,min=1,endkeys"), []string{"field V", "keys"}},
		{"keys without end", typeWith(reflect.TypeFor[map[string]int](), "dive,keys,min=1"), []string{"field V", "endkeys"}},
		{"map embedded in arguments", reflect.TypeFor[struct {
			M map[string]int `json:",embed"`
		}](), []string{"embeds", "declared"}},
		{"empty rule", typeWith(reflect.TypeFor[string](), "min=1,"), []string{"field V", "comma"}},
		{"required and default", reflect.TypeFor[struct {
			V int `validate:"required" default:"1"`
		}](), []string{"field V", "required", "default"}},
		{"default of wrong type", reflect.TypeFor[struct {
			V int `default:"x"`
		}](), []string{"field V", "default", "integer"}},
		{"default that breaks a rule", reflect.TypeFor[struct {
			V int `default:"0" validate:"min=1"`
		}](), []string{"field V", "default", "at least 1"}},
		{"example of wrong type", reflect.TypeFor[struct {
			V int `example:"x"`
		}](), []string{"field V", "example"}},
		{"bad json tag", reflect.StructOf([]reflect.StructField{{Name: "V", Type: reflect.TypeFor[string](), Tag: `json:"v,omitEmpty"`}}), []string{"json tag", "omitempty"}},
		{"type of nothing but itself", reflect.TypeFor[struct{ V selfish }](), []string{"field V", "selfish", "struct in between"}},
		{"embedded type with methods", reflect.TypeFor[struct {
			time.Time
			V int
		}](), []string{"decodes itself"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := binding.Compile(binding.Part{Type: tt.typ})
			if err == nil {
				t.Fatal("compiled")
			}
			for _, word := range append(tt.want, "binding: ") {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error lacks %q: %v", word, err)
				}
			}
		})
	}
	_, err := binding.Compile(binding.Part{Type: reflect.TypeFor[line]()}, binding.Part{Type: reflect.TypeFor[line]()})
	if err == nil || !strings.Contains(err.Error(), `"sku" is claimed by binding_test.line`) {
		t.Errorf("a name claimed twice: %v", err)
	}
}

func TestOptTellsAbsentNullAndValueApart(t *testing.T) {
	type patch struct {
		A binding.Opt[string] `json:"a,omitzero"`
		B binding.Opt[[]int]  `json:"b,omitzero"`
		C binding.Opt[line]   `json:"c,omitzero"`
	}
	a := compile[patch](t)
	got, errs := decode[patch](t, a, `{"a":null,"b":[1]}`)
	if errs != "" || !got.A.IsSet() || !got.A.IsNull() || got.C.IsSet() || got.C.IsNull() || !got.C.IsZero() || got.A.Ptr() != nil {
		t.Errorf("got %+v %s", got, errs)
	}
	if v, ok := got.B.Get(); !ok || len(v) != 1 || len(*got.B.Ptr()) != 1 {
		t.Errorf("got %+v", got.B)
	}
	_, errs = decode[patch](t, a, `{"c":{"sku":"","qty":1}}`)
	equal(t, "errors within an Opt", errs, "c.sku|required|must not be empty")
	for _, data := range []string{`{}`, `{"a":null}`, `{"a":"x","b":[],"c":{"sku":"s","qty":1}}`} {
		var p patch
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			t.Fatal(err)
		}
		out, err := binding.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "round trip", string(out), data)
	}
	if v := binding.Some(1); !v.IsSet() || v.IsNull() {
		t.Error("Some(1) must be a value")
	}
}
