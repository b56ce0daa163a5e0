package binding_test

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mcpecho/kit/binding"
)

type line struct {
	SKU string `json:"sku" validate:"required"`
	Qty int32  `json:"qty" validate:"gte=1"`
}

type Audit struct {
	Reason string `json:"reason"`
}

type invoice struct {
	Audit
	Number string              `json:"number" validate:"required,max=8"`
	Amount int64               `json:"amount_cents" validate:"required,gte=0"`
	Status string              `json:"status" validate:"omitempty,oneof=draft paid"`
	Sent   *bool               `json:"sent"`
	Rate   float64             `json:"rate"`
	Small  int8                `json:"small"`
	Count  uint16              `json:"count"`
	Big    uint64              `json:"big"`
	Due    time.Time           `json:"due"`
	Addr   netip.Addr          `json:"addr"`
	Lines  []line              `json:"lines" validate:"max=2"`
	Labels map[string]string   `json:"labels" validate:"dive,keys,max=3,endkeys,min=1"`
	Tags   []string            `json:"tags" validate:"unique,dive,required,max=4"`
	Pair   [2]int              `json:"pair"`
	Blob   []byte              `json:"blob"`
	Any    any                 `json:"any"`
	Raw    jsontext.Value      `json:"raw"`
	Note   binding.Opt[string] `json:"note" validate:"max=3"`
	hidden int
	Skip   string `json:"-"`
}

const valid = `"number":"A-1","amount_cents":1`

func TestDecodeReportsEachKindOfBadInput(t *testing.T) {
	a := compile[invoice](t)
	tests := []struct{ name, data, want string }{
		{"good", `{` + valid + `}`, ""},
		{"zero is present", `{"number":"A","amount_cents":0}`, ""},
		{"empty", ``, "number|required|is required\namount_cents|required|is required"},
		{"required string must not be empty", `{"number":"","amount_cents":1}`, "number|required|must not be empty"},
		{"null instead of required", `{"number":null,"amount_cents":1}`, "number|type|must be a string, not null"},
		{"too long", `{"number":"123456789","amount_cents":1}`, "number|max|must be at most 8 characters"},
		{"length counts characters", `{"number":"ÄÖÜäöüßé","amount_cents":1}`, ""},
		{"negative", `{"number":"A","amount_cents":-1}`, "amount_cents|gte|must be at least 0"},
		{"oneof", `{` + valid + `,"status":"x"}`, "status|oneof|must be one of: draft, paid"},
		{"a present empty value is checked", `{` + valid + `,"status":""}`, "status|oneof|must be one of: draft, paid"},
		{"unknown with hint", `{"numbr":"A","amount_cents":1}`, "numbr|unknown|is not an argument; did you mean \"number\"?\nnumber|required|is required"},
		{"case variant", `{"Number":"A","amount_cents":1}`, "Number|unknown|is not an argument; did you mean \"number\"?\nnumber|required|is required"},
		{"unknown without hint", `{` + valid + `,"zzz":{"a":[1]}}`, "zzz|unknown|is not an argument"},
		{"unexported and ignored fields are unknown", `{` + valid + `,"hidden":1,"Skip":""}`, "hidden|unknown|is not an argument\nSkip|unknown|is not an argument"},
		{"long unknown name is cut", `{` + valid + `,"` + strings.Repeat("é", 90) + `":1}`, strings.Repeat("é", 64) + "|unknown|is not an argument"},
		{"duplicate", `{` + valid + `,"number":"B"}`, "number|duplicate|is given more than once"},
		{"duplicate through an escape", `{` + valid + `,"n\u0075mber":"B"}`, "number|duplicate|is given more than once"},
		{"duplicate in a map", `{` + valid + `,"labels":{"a":"x","a":"y"}}`, "labels[a]|duplicate|is given more than once"},
		{"duplicate in any", `{` + valid + `,"any":{"a":{"b":1,"b":2}}}`, "any|duplicate|has a name that is given more than once"},
		{"duplicate in raw", `{` + valid + `,"raw":[{"b":1,"b":2}]}`, "raw|duplicate|has a name that is given more than once"},
		{"malformed", `{"number":`, "|json|the arguments are not valid JSON (byte 10)"},
		{"malformed hides other errors", `{"numbr":1,}`, "|json|the arguments are not valid JSON (byte 10)"},
		{"trailing bytes", `{` + valid + `} {}`, "|json|the arguments are not valid JSON (byte 34)"},
		{"invalid UTF-8", "{\"number\":\"\xff\",\"amount_cents\":1}", "|json|the arguments are not valid JSON (byte 11)"},
		{"lone surrogate", `{"number":"\ud800","amount_cents":1}`, "|json|the arguments are not valid JSON (byte 11)"},
		{"array", `[1]`, "|type|the arguments must be a JSON object"},
		{"null", `null`, "|type|the arguments must be a JSON object"},
		{"string for integer", `{"number":"A","amount_cents":"1"}`, "amount_cents|type|must be an integer"},
		{"fraction for integer", `{"number":"A","amount_cents":1.0}`, "amount_cents|type|must be an integer, written without a fraction or exponent"},
		{"exponent for integer", `{"number":"A","amount_cents":1e3}`, "amount_cents|type|must be an integer, written without a fraction or exponent"},
		{"int64 overflow", `{"number":"A","amount_cents":9223372036854775808}`, "amount_cents|range|must be between -9223372036854775808 and 9223372036854775807"},
		{"int8 overflow", `{` + valid + `,"small":128}`, "small|range|must be between -128 and 127"},
		{"uint16 overflow", `{` + valid + `,"count":65536}`, "count|range|must be between 0 and 65535"},
		{"negative unsigned", `{` + valid + `,"count":-1}`, "count|range|must be between 0 and 65535"},
		{"float overflow", `{` + valid + `,"rate":1e999}`, "rate|range|must be a number that fits in 64 bits"},
		{"null of optional arguments", `{` + valid + `,"sent":null,"status":null,"lines":null,"due":null,"addr":null,"labels":null,"pair":null,"blob":null}`, ""},
		{"null twice", `{` + valid + `,"sent":null,"sent":true}`, "sent|duplicate|is given more than once"},
		{"null after a value", `{` + valid + `,"sent":true,"sent":null}`, "sent|duplicate|is given more than once"},
		{"null in a list", `{` + valid + `,"tags":["a",null]}`, "tags[1]|type|must be a string, not null; leave it out instead"},
		{"null in a map", `{` + valid + `,"labels":{"a":null}}`, "labels[a]|type|must be a string, not null; leave it out instead"},
		{"null of a required argument inside", `{` + valid + `,"lines":[{"sku":null,"qty":1}]}`, "lines[0].sku|type|must be a string, not null"},
		{"bad bool", `{` + valid + `,"sent":1}`, "sent|type|must be true or false"},
		{"bad time", `{` + valid + `,"due":"tomorrow"}`, "due|type|must be a date-time such as 2006-01-02T15:04:05Z"},
		{"bad text", `{` + valid + `,"addr":"x"}`, "addr|type|must be an IP address such as 192.0.2.1"},
		{"bad base64", `{` + valid + `,"blob":"?"}`, "blob|type|must be a base64 string"},
		{"array length", `{` + valid + `,"pair":[1,2,3]}`, "pair|len|must have 2 items"},
		{"elements", `{` + valid + `,"lines":[{"sku":"","qty":0},{"qty":"x","foo":1}]}`,
			"lines[0].sku|required|must not be empty\nlines[0].qty|gte|must be at least 1\nlines[1].qty|type|must be an integer\nlines[1].foo|unknown|is not an argument\nlines[1].sku|required|is required"},
		{"too many elements", `{` + valid + `,"lines":[{"sku":"a","qty":1},{"sku":"a","qty":1},{"sku":"a","qty":1}]}`, "lines|max|must have at most 2 items"},
		{"list rules", `{` + valid + `,"tags":["a","a"]}`, "tags|unique|must not hold the same value twice"},
		{"rules behind dive", `{` + valid + `,"tags":["","abcde"]}`, "tags[0]|required|must not be empty\ntags[1]|max|must be at most 4 characters"},
		{"rules of map keys and values", `{` + valid + `,"labels":{"long":"x","b":""}}`, "labels[b]|min|must be at least 1 character\nlabels[long]|max|must be at most 3 characters"},
		{"Opt", `{` + valid + `,"note":"abcd"}`, "note|max|must be at most 3 characters"},
		{"Opt of wrong type", `{` + valid + `,"note":1}`, "note|type|must be a string"},
		{"Opt null", `{` + valid + `,"note":null}`, ""},
		{"any null", `{` + valid + `,"any":null,"raw":null}`, ""},
		{"all at once, in order", `{"small":"x","numbr":"A","status":"y","amount_cents":-5}`,
			"small|type|must be an integer\nnumbr|unknown|is not an argument; did you mean \"number\"?\nstatus|oneof|must be one of: draft, paid\namount_cents|gte|must be at least 0\nnumber|required|is required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := decode[invoice](t, a, tt.data)
			equal(t, tt.data, got, tt.want)
		})
	}
}

func TestDecodeFillsEveryKindOfField(t *testing.T) {
	a := compile[invoice](t)
	got, errs := decode[invoice](t, a, `{"reason":"r","number":"A-1","amount_cents":9007199254740993,"status":"paid","sent":true,"rate":1e3,
		"small":-128,"count":65535,"big":18446744073709551615,"due":"2026-01-02T03:04:05Z","addr":"::1","lines":[{"sku":"x","qty":2}],
		"labels":{"a":"b"},"tags":[],"pair":[1,2],"blob":"aGk=","any":{"k":[1]},"raw": {"n": 1.0},"note":"hey"}`)
	yes := true
	want := invoice{
		Audit: Audit{"r"}, Number: "A-1", Amount: 9007199254740993, Status: "paid", Sent: &yes, Rate: 1000, Small: -128, Count: 65535,
		Big: math.MaxUint64, Due: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Addr: netip.IPv6Loopback(), Lines: []line{{"x", 2}},
		Labels: map[string]string{"a": "b"}, Tags: []string{}, Pair: [2]int{1, 2}, Blob: []byte("hi"),
		Any: map[string]any{"k": []any{1.0}}, Raw: jsontext.Value(`{"n": 1.0}`), Note: binding.Some("hey"), hidden: 0,
	}
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v\nerrors %s", got, want, errs)
	}
}

type tree struct {
	Name     string  `json:"name" validate:"required"`
	Children []*tree `json:"children"`
	Any      any     `json:"any"`
}

func TestDecodeRefusesDepthOver64(t *testing.T) {
	a := compile[tree](t)
	nest := func(levels int) string { // each level is an object in a list
		return strings.Repeat(`{"name":"x","children":[`, levels) + strings.Repeat(`]}`, levels)
	}
	if _, errs := decode[tree](t, a, nest(32)); errs != "" {
		t.Errorf("64 levels: %s", errs)
	}
	_, errs := decode[tree](t, a, nest(33))
	if !strings.HasSuffix(errs, "|depth|is nested too deep; 64 levels are allowed") {
		t.Errorf("66 levels: got %q", errs)
	}
	deep := func(n int) string {
		return `{"name":"x","any":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	if _, errs := decode[tree](t, a, deep(63)); errs != "" {
		t.Errorf("any with 64 levels: %s", errs)
	}
	_, errs = decode[tree](t, a, deep(64))
	equal(t, "any with 65 levels", errs, "any|depth|is nested too deep; 64 levels are allowed")
	if _, errs = decode[tree](t, a, deep(100_000)); errs == "" {
		t.Error("accepted 100000 levels")
	}
}

func TestErrorsNeverEchoValues(t *testing.T) {
	a := compile[invoice](t)
	data := `{"number":"SECRETSECRET","amount_cents":"SECRET","status":"SECRET","small":31337,"due":"SECRET","addr":"SECRET","tags":["SECRET"],"blob":"SECRET?","lines":"SECRET"}`
	_, errs := decode[invoice](t, a, data)
	if strings.Contains(errs, "SECRET") || strings.Contains(errs, "31337") || strings.Count(errs, "\n") != 8 {
		t.Errorf("got %s", errs)
	}
}

func TestErrorListsAllFieldsInOneLine(t *testing.T) {
	err := compile[invoice](t).Decode([]byte(`{}`), new(invoice))
	equal(t, "Error()", err.Error(), "binding: invalid arguments: number is required; amount_cents is required")
	equal(t, "Errorf", binding.Errorf("number", "taken", "is taken by invoice %d", 7).Error(), "binding: invalid arguments: number is taken by invoice 7")
}

type page struct {
	Page  int64      `json:"page" default:"1" validate:"min=1"`
	Limit int        `json:"limit" default:"20" validate:"min=1"`
	Sort  string     `json:"sort" default:"-total"`
	On    bool       `json:"on" default:"true"`
	Tags  []string   `json:"tags" default:"[\"a\"]"`
	Since *time.Time `json:"since" default:"2026-01-02T03:04:05Z"`
}

func TestDefaultFillsAnAbsentField(t *testing.T) {
	a := compile[page](t)
	got, errs := decode[page](t, a, `{"limit":5}`)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := page{Page: 1, Limit: 5, Sort: "-total", On: true, Tags: []string{"a"}, Since: &since}
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %s", got, errs)
	}
	got.Tags[0] = "changed"
	again, _ := decode[page](t, a, ``)
	if again.Tags[0] != "a" {
		t.Error("calls share the memory of a default")
	}
	if _, errs := decode[page](t, a, `{"page":0}`); errs != "page|min|must be at least 1" {
		t.Errorf("a default must not replace a bad value: %s", errs)
	}
}

func TestSeveralPartsShareOneObject(t *testing.T) {
	clamp := func(v any) []binding.FieldError {
		p := v.(*page)
		p.Limit = min(p.Limit, 100)
		if p.Sort == "bad" {
			return []binding.FieldError{{Path: "sort", Rule: "order", Message: "must be a known order"}}
		}
		return nil
	}
	a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[line]()}, binding.Part{Type: reflect.TypeFor[page](), Check: clamp})
	if err != nil {
		t.Fatal(err)
	}
	var l line
	var p page
	if errs := decodeInto(t, a, `{"limit":100000,"sku":"x","qty":1}`, &l, &p); errs != "" || l.SKU != "x" || p.Limit != 100 {
		t.Errorf("got %+v %+v %s", l, p, errs)
	}
	equal(t, "errors of both parts", decodeInto(t, a, `{"sort":"bad","qty":0}`, new(line), new(page)),
		"sort|order|must be a known order\nqty|gte|must be at least 1\nsku|required|is required")
	equal(t, "no check after a field error", decodeInto(t, a, `{"sku":"x","sort":"bad","page":"1"}`, new(line), new(page)),
		"page|type|must be an integer")
	if err := a.Decode(nil, new(page), new(line)); err == nil || !strings.Contains(err.Error(), "it needs a *binding_test.line") {
		t.Errorf("wrong destinations: %v", err)
	}
	if err := a.Decode(nil, new(line)); err == nil || !strings.Contains(err.Error(), "2 parts") {
		t.Errorf("missing destination: %v", err)
	}
}

func TestDecodeIsSafeForConcurrentUse(t *testing.T) {
	a := compile[invoice](t)
	t.Run("group", func(t *testing.T) {
		for range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for range 200 {
					if _, errs := decode[invoice](t, a, `{"number":"","lines":[{"qty":0}]}`); strings.Count(errs, "\n") != 3 {
						t.Fatal(errs)
					}
				}
			})
		}
	})
}

func TestDecodeJSONCompilesOncePerType(t *testing.T) {
	v, err := binding.DecodeJSON[line]([]byte(`{"sku":"x","qty":3}`))
	if err != nil || v != (line{"x", 3}) {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := binding.DecodeJSON[func()](nil); err == nil || !strings.Contains(err.Error(), "struct type") {
		t.Errorf("got %v", err)
	}
}

func TestDecodeReachesThroughEmbeddedPointers(t *testing.T) {
	type in struct {
		*Audit
		Name string `json:"name"`
	}
	a := compile[in](t)
	got, errs := decode[in](t, a, `{"name":"x"}`)
	if errs != "" || got.Audit != nil {
		t.Errorf("got %+v %s", got, errs)
	}
	got, errs = decode[in](t, a, `{"reason":"r"}`)
	if errs != "" || got.Audit == nil || got.Reason != "r" {
		t.Errorf("got %+v %s", got, errs)
	}
}

func TestDecodeHonoursStringAndFormatOptions(t *testing.T) {
	type in struct {
		ID   int64         `json:"id,string"`
		Day  time.Time     `json:"day,format:DateOnly"`
		Wait time.Duration `json:"wait,format:sec"`
		Code []byte        `json:"code,format:hex"`
	}
	a := compile[in](t)
	got, errs := decode[in](t, a, `{"id":"9007199254740993","day":"2026-01-02","wait":1.5,"code":"ff"}`)
	want := in{9007199254740993, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), 1500 * time.Millisecond, []byte{255}}
	if errs != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %s", got, errs)
	}
	_, errs = decode[in](t, a, `{"id":1,"day":"x","wait":"1s","code":1}`)
	equal(t, "errors", errs, "id|type|must be a number in a string\nday|type|must be a string in the form date\nwait|type|must be a number\ncode|type|must be a value in the form hex")
}

func TestMapsTakeOtherKeys(t *testing.T) {
	type in struct {
		ByID   map[int]string          `json:"by_id"`
		ByAddr map[netip.Addr][]string `json:"by_addr"`
	}
	a := compile[in](t)
	got, errs := decode[in](t, a, `{"by_id":{"1":"a"},"by_addr":{"::1":["x"]}}`)
	if errs != "" || got.ByID[1] != "a" || got.ByAddr[netip.IPv6Loopback()][0] != "x" {
		t.Errorf("got %+v %s", got, errs)
	}
	_, errs = decode[in](t, a, `{"by_id":{"x":"a"}}`)
	equal(t, "bad key", errs, "by_id[x]|keys|must be a name that is an integer")
}

func TestErrorsAreBounded(t *testing.T) {
	a := compile[invoice](t)
	var b strings.Builder
	b.WriteString(`{"number":"A"`)
	for range 50_000 {
		b.WriteString(`,"numbr":1`)
	}
	b.WriteString(`}`)
	_, errs := decode[invoice](t, a, b.String())
	if strings.Count(errs, "\n") != 100 || !strings.HasSuffix(errs, "\n|more|there are more errors; correct these first") {
		t.Errorf("got %d lines: %.200s", strings.Count(errs, "\n"), errs)
	}
}

func TestNamesAreThoseOfTheJSONPackage(t *testing.T) {
	type Deep struct {
		A string `json:"a"`
		B string
		C string
	}
	type Other struct {
		C string
		D string `json:"b-d"`
	}
	type simple struct {
		A string `json:"a"`
		Deep
		Q string `json:"a.b"`
		Other
	}
	a := compile[simple](t)
	got, errs := decode[simple](t, a, `{"a":"1","B":"2","a.b":"3","b-d":"4"}`)
	if errs != "" || got.A != "1" || got.Deep.A != "" || got.B != "2" || got.Q != "3" || got.D != "4" {
		t.Errorf("got %+v %s", got, errs)
	}
	_, errs = decode[simple](t, a, `{"C":"x"}`) // two fields of one depth hide each other
	equal(t, "ambiguous name", errs, "C|unknown|is not an argument")
}
