package binding_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/binding"
)

func TestEveryBrokenRuleOfAFieldIsReported(t *testing.T) {
	type in struct {
		Tags  []string          `json:"tags" validate:"max=2,unique,dive,min=2,alpha"`
		Name  string            `json:"name" validate:"min=3,lowercase,startswith=x"`
		Map   map[string]string `json:"map" validate:"dive,keys,max=1,alpha,endkeys,min=2,alpha"`
		From  int               `json:"from"`
		Until int               `json:"until" validate:"max=9,gtfield=From"`
	}
	a := compile[in](t)
	for data, want := range map[string]string{
		`{"tags":["a","a"]}`: "tags|unique|must not hold the same value twice\ntags[0]|min|must be at least 2 characters\ntags[1]|min|must be at least 2 characters",
		`{"tags":["1","ab","ab"]}`: "tags|max|must have at most 2 items\ntags|unique|must not hold the same value twice\n" +
			"tags[0]|min|must be at least 2 characters\ntags[0]|alpha|must hold letters a-z and A-Z only",
		`{"name":"A"}`: "name|min|must be at least 3 characters\nname|lowercase|must be in lower case\nname|startswith|must start with \"x\"",
		`{"map":{"11":"1"}}`: "map[11]|max|must be at most 1 character\nmap[11]|alpha|must hold letters a-z and A-Z only\n" +
			"map[11]|min|must be at least 2 characters\nmap[11]|alpha|must hold letters a-z and A-Z only",
		`{"from":20,"until":10}`:       "until|max|must be at most 9\nuntil|gtfield|must be more than from",
		`{"name":"xyz","tags":["ab"]}`: "",
	} {
		_, got := decode[in](t, a, data)
		equal(t, data, got, want)
	}
}

func TestU0000IsRefusedUnlessAllowed(t *testing.T) {
	type inner struct {
		Text string `json:"text"`
	}
	type in struct {
		Text  string              `json:"text"`
		Opt   binding.Opt[string] `json:"opt"`
		List  []string            `json:"list"`
		Map   map[string]string   `json:"map"`
		Any   any                 `json:"any"`
		Inner inner               `json:"inner"`
		Blob  []byte              `json:"blob"`
		Free  []inner             `json:"free" nul:"true"`
	}
	a := compile[in](t)
	const says = "|text|must not contain the character U+0000"
	for data, want := range map[string]string{
		`{"text":"a\u0000b"}`:                          "text" + says,
		`{"opt":"\u0000"}`:                             "opt" + says,
		`{"list":["a","\u0000"]}`:                      "list[1]" + says,
		`{"map":{"a":"\u0000"}}`:                       "map[a]" + says,
		`{"any":{"a":["\u0000"]}}`:                     "any" + says,
		`{"any":"\\u0000"}`:                            "",
		`{"inner":{"text":"\u0000"}}`:                  "inner.text" + says,
		`{"blob":"AA=="}`:                              "",
		`{"free":[{"text":"\u0000"}]}`:                 "",
		`{"free":[{"text":"\u0000"}],"text":"\u0000"}`: "text" + says,
	} {
		_, got := decode[in](t, a, data)
		equal(t, data, got, want)
	}
	if _, got := decode[in](t, a, `{"map":{"\u0000":"a"}}`); !strings.HasSuffix(got, says) {
		t.Error(got)
	}
	hand, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"a":{"type":"string"}}}`), binding.Part{Type: reflect.TypeFor[map[string]any]()})
	if err != nil {
		t.Fatal(err)
	}
	_, got := decode[map[string]any](t, hand, `{"a":"\u0000"}`)
	equal(t, "hand-written", got, "a"+says)
}

func TestRulesThatOrderFieldsOfOtherStructs(t *testing.T) {
	type span struct {
		Min int `json:"min"`
	}
	type in struct {
		From  time.Time `json:"from"`
		Until time.Time `json:"until" validate:"gtcsfield=From"`
		Span  *span     `json:"span"`
		Value int       `json:"value" validate:"gtecsfield=Span.Min"`
	}
	a := compile[in](t)
	for data, want := range map[string]string{
		`{"until":"2026-01-01T00:00:00Z"}`: "",
		`{"value":-5}`:                     "",
		`{"span":{"min":3},"value":2}`:     "value|gtecsfield|must be at least span.min",
		`{"span":{"min":3},"value":3}`:     "",
		`{"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`: "until|gtcsfield|must be more than from",
	} {
		_, got := decode[in](t, a, data)
		equal(t, data, got, want)
	}
}

func TestKeysOfNumbersAreDescribedAsTheTextsTheyAre(t *testing.T) {
	type in struct {
		M map[int]string  `json:"m" validate:"dive,keys,oneof=1 2 3,endkeys"`
		N map[uint]string `json:"n" validate:"dive,keys,gt=2,endkeys"`
	}
	a := compile[in](t)
	equal(t, "schema", string(a.Schema()), `{"type":"object","properties":{`+
		`"m":{"type":"object","additionalProperties":{"type":"string"},"propertyNames":{"enum":["1","2","3"],"pattern":"^-?(0|[1-9][0-9]*)$"}},`+
		`"n":{"type":"object","additionalProperties":{"type":"string"},"propertyNames":{"description":"(rule: gt=2)","pattern":"^-?(0|[1-9][0-9]*)$"}}},"additionalProperties":false}`)
	r := resolve(t, a.Schema())
	for data, want := range map[string]bool{`{"m":{"1":"a"}}`: true, `{"m":{"4":"a"}}`: false, `{"m":{"x":"a"}}`: false} {
		_, errs := decode[in](t, a, data)
		if got := conforms(t, r, data); got != want || (errs == "") != want {
			t.Errorf("%s: the schema says %v, the decoder %q", data, got, errs)
		}
	}
}

func TestTheSchemaOfAnOptTakesNullWhateverItsRules(t *testing.T) {
	for _, rule := range []string{"excludes=x", "startsnotwith=x", "endsnotwith=x", "excludes=x,startsnotwith=y", "ne=x"} {
		typ := typeWith(reflect.TypeFor[binding.Opt[string]](), rule)
		a, err := binding.Compile(binding.Part{Type: typ})
		if err != nil {
			t.Fatal(err)
		}
		for data, want := range map[string]bool{`{"v":null}`: true, `{"v":"x"}`: false, `{"v":"a"}`: true} {
			if got := conforms(t, resolve(t, a.Schema()), data); got != want {
				t.Errorf("%s: the schema %s says %v of %s", rule, a.Schema(), got, data)
			}
			if got := a.Decode([]byte(data), reflect.New(typ).Interface()) == nil; got != want {
				t.Errorf("%s: the decoder says %v of %s", rule, got, data)
			}
		}
	}
}

func TestCompileRefusesRulesThatNothingCanSatisfy(t *testing.T) {
	for name, tt := range map[string]struct {
		typ  reflect.Type
		want string
	}{
		"condition on an Opt": {reflect.TypeFor[struct {
			K binding.Opt[string]
			G string `validate:"required_if=K x"`
		}](), "may be null"},
		"exclusion on an Opt": {reflect.TypeFor[struct {
			K binding.Opt[string]
			G string `validate:"excluded_unless=K x"`
		}](), "may be null"},
		"words for a number": {reflect.TypeFor[struct {
			N int `validate:"oneof=1 two"`
		}](), "lists two, which no int is"},
		"a number that does not fit": {reflect.TypeFor[struct {
			N []uint16 `validate:"dive,oneof=1 70000"`
		}](), "lists 70000, which no uint16 is"},
		"misspelt": {reflect.TypeFor[struct {
			N string `validate:"requird"`
		}](), `"requird", which go-playground/validator does not know; did you mean "required"?`},
		"unknown": {reflect.TypeFor[struct {
			N string `validate:"min=1,qqqqqq=5"`
		}](), `"qqqqqq", which go-playground/validator does not know`},
		"string for a list": {reflect.TypeFor[struct {
			//lint:ignore SA5008 the mistake is what is tested
			N []int64 `json:"n,string"`
		}](), "which are for single values"},
		"string for a map": {reflect.TypeFor[struct {
			//lint:ignore SA5008 the mistake is what is tested
			N map[string]int64 `json:"n,string"`
		}](), "which are for single values"},
	} {
		_, err := binding.Compile(binding.Part{Type: tt.typ})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error lacks %q: %v", name, tt.want, err)
		}
	}
	if _, err := binding.OutputSchema(reflect.TypeFor[struct {
		//lint:ignore SA5008 the mistake is what is tested
		N []int64 `json:"n,string"`
	}]()); err == nil {
		t.Error("a result that can never be encoded must be refused")
	}
}
