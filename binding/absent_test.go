package binding_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/binding"
)

type place struct {
	City string  `json:"city" validate:"required"`
	Zip  *string `json:"zip" validate:"min=2"`
}

type optionals struct {
	Name    string              `json:"name" validate:"required"`
	Text    string              `json:"text" validate:"min=2"`
	Count   *int                `json:"count" validate:"gte=1"`
	Limit   int                 `json:"limit" default:"20"`
	When    time.Time           `json:"when"`
	Wait    time.Duration       `json:"wait,format:sec"`
	Home    place               `json:"home"`
	Work    *place              `json:"work"`
	List    []place             `json:"list"`
	ByName  map[string]place    `json:"by_name"`
	Any     any                 `json:"any"`
	Note    binding.Opt[string] `json:"note"`
	NeedsIt string              `json:"needs_it" validate:"required_with=Text"`
}

func TestNullOfAnOptionalArgumentIsAbsence(t *testing.T) {
	a := compile[optionals](t)
	want, errs := decode[optionals](t, a, `{"name":"x","note":null}`)
	if errs != "" || !want.Note.IsNull() || want.Limit != 20 {
		t.Fatalf("%+v %s", want, errs)
	}
	got, errs := decode[optionals](t, a, `{"name":"x","text":null,"count":null,"limit":null,"when":null,"wait":null,"home":null,"work":null,
		"list":null,"by_name":null,"any":null,"note":null,"needs_it":null}`)
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %s", got, errs)
	}
	got, errs = decode[optionals](t, a, `{"name":"x","note":null,"home":{"city":"a","zip":null},"list":[{"city":"b","zip":null}],"by_name":{"c":{"city":"c","zip":null}}}`)
	want.Home, want.List, want.ByName = place{City: "a"}, []place{{City: "b"}}, map[string]place{"c": {City: "c"}}
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %s", got, errs)
	}
	_, errs = decode[optionals](t, a, `{"name":null,"text":"ab","needs_it":null,"home":{"city":null},"list":[null]}`)
	equal(t, "errors", errs, "name|type|must be a string, not null\nhome.city|type|must be a string, not null\n"+
		"list[0]|type|must be an object, not null; leave it out instead\nneeds_it|required_with|is required with text")
}

func TestNullIsAbsentWhereAHandWrittenSchemaDoesNotAllowIt(t *testing.T) {
	const schema = `{"type":"object","properties":{"name":{"type":"string"},"text":{"type":"string","minLength":2},"kind":{"enum":["a",null]},
		"either":{"anyOf":[{"type":"integer"},{"type":"null"}]},"home":{"$ref":"#/$defs/home"},"list":{"type":"array","items":{"$ref":"#/$defs/home"}},
		"free":true},"required":["name"],"additionalProperties":false,
		"$defs":{"home":{"type":"object","properties":{"city":{"type":"string"},"zip":{"type":"string"}},"required":["city"]}}}`
	a, err := binding.CompileWithSchema([]byte(schema), binding.Part{Type: reflect.TypeFor[map[string]any]()})
	if err != nil {
		t.Fatal(err)
	}
	got, errs := decode[map[string]any](t, a, `{"text":null, "name":"x", "kind":null,"either":null,"free":null,"home":{"zip":null,"city":"a"},"list":[{"city":"b","zip":null},{"city":"c"}]}`)
	want := map[string]any{"name": "x", "kind": nil, "either": nil, "free": nil,
		"home": map[string]any{"city": "a"}, "list": []any{map[string]any{"city": "b"}, map[string]any{"city": "c"}}}
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %s", got, errs)
	}
	for data, want := range map[string]string{
		`{"name":null}`:                         "name|type",
		`{"name":"x","home":{"city":null}}`:     "home.city|type",
		`{"name":"x","text":null,"text":"abc"}`: "text|duplicate",
		`{"name":"x","list":[null]}`:            "list[]|type",
		`{"name":"x","nmae":null}`:              "nmae|unknown",
	} {
		if _, errs := decode[map[string]any](t, a, data); !strings.HasPrefix(errs, want) {
			t.Errorf("%s: %s, want %s", data, errs, want)
		}
	}
	type in struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	typed, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"name":{"type":"string"},"text":{"type":"string"}},"required":["name"]}`), binding.Part{Type: reflect.TypeFor[in]()})
	if err != nil {
		t.Fatal(err)
	}
	if got, errs := decode[in](t, typed, `{"name":"x","text":null}`); errs != "" || got != (in{Name: "x"}) {
		t.Errorf("%v %s", got, errs)
	}
}
