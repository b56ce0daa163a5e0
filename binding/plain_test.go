package binding_test

import (
	"database/sql"
	stdjson "encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mcpecho/kit/binding"
)

func rootSchema(t *testing.T, s *jsonschema.Schema) string {
	t.Helper()
	raw, err := binding.MarshalSchema(binding.RootSchema(s))
	if err != nil {
		t.Fatal(err)
	}
	resolve(t, raw)
	return string(raw)
}

func TestDefinitionsMoveToTheRootOfWhatIsPutAroundThem(t *testing.T) {
	of := func(t *testing.T, typ reflect.Type) *jsonschema.Schema {
		t.Helper()
		s, err := binding.OutputSchema(typ)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	node := of(t, reflect.TypeFor[Node[int]]())
	list := rootSchema(t, &jsonschema.Schema{Type: "array", Items: node})
	if strings.Count(list, `"$defs"`) != 1 || !strings.HasPrefix(list, `{"type":"array","items":{"type":"object"`) {
		t.Error(list)
	}
	other := &jsonschema.Schema{Ref: "#/$defs/Node_int", Defs: map[string]*jsonschema.Schema{"Node_int": {Type: "string"}}}
	both := rootSchema(t, &jsonschema.Schema{AnyOf: []*jsonschema.Schema{of(t, reflect.TypeFor[Node[int]]()), other, {Type: "null"}}})
	for _, want := range []string{`{"$ref":"#/$defs/Node_int2"}`, `"Node_int2":{"type":"string"}`} {
		if !strings.Contains(both, want) {
			t.Errorf("%s lacks %s", both, want)
		}
	}
	equal(t, "list of types", rootSchema(t, of(t, reflect.TypeFor[*bool]())), `{"anyOf":[{"type":"boolean"},{"type":"null"}]}`)
}

func TestAHandWrittenSchemaIsListedWithoutBooleanSchemas(t *testing.T) {
	type extra struct {
		Page any `json:"page"`
	}
	a, err := binding.CompileWithSchema([]byte(`{"type":"object","properties":{"true":true,"no":false,"list":{"type":"array","items":true,"default":[true]}},
		"additionalProperties":false,"not":false,"allOf":[true],"patternProperties":{"^x":true}}`),
		binding.Part{Type: reflect.TypeFor[map[string]any]()}, binding.Part{Type: reflect.TypeFor[extra]()})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "schema", string(a.Schema()), `{"type":"object","properties":{"true":{},"no":{"not":{}},"list":{"type":"array","items":{},"default":[true]},"page":{}},`+
		`"additionalProperties":false,"not":{"not":{}},"allOf":[{}],"patternProperties":{"^x":{}}}`)
}

// UUID is what the packages of UUIDs have in common.
type UUID [16]byte

func (u UUID) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x", u[:]), nil }
func (u *UUID) UnmarshalText(b []byte) error {
	if len(b) != 32 {
		return fmt.Errorf("bad UUID")
	}
	return nil
}

// decimal is a number in a string, with methods for both forms, as decimal packages have them.
type decimal struct{ text string }

func (d decimal) MarshalText() ([]byte, error) { return []byte("0" + d.text), nil }
func (d decimal) MarshalJSON() ([]byte, error) { return []byte(`"0` + d.text + `"`), nil }
func (d *decimal) UnmarshalText([]byte) error  { return nil }
func (d *decimal) UnmarshalJSON(b []byte) error {
	if len(b) < 3 {
		return fmt.Errorf("bad decimal")
	}
	return nil
}

// softDelete is gorm.DeletedAt.
type softDelete sql.NullTime

func (d softDelete) MarshalJSON() ([]byte, error) {
	if d.Valid {
		return stdjson.Marshal(d.Time)
	}
	return []byte("null"), nil
}

func (d *softDelete) UnmarshalJSON(b []byte) error { return stdjson.Unmarshal(b, &d.Time) }

// money brings its own schema.
type money int64

func (money) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "integer", Description: "Cents.", Minimum: jsonschema.Ptr(0.0)}
}

type priced struct {
	money2
	Price money `json:"price"`
}

type money2 struct {
	Of money `json:"of"`
}

func TestTypesWithMethodsOfTheirOwnSayWhatTheyCan(t *testing.T) {
	type in struct {
		ID      UUID               `json:"id"`
		Addr    netip.Addr         `json:"addr"`
		Net     *netip.Prefix      `json:"net"`
		Rate    decimal            `json:"rate"`
		Deleted softDelete         `json:"deleted"`
		Price   money              `json:"price" doc:"Net." validate:"max=9"`
		Raw     stdjson.RawMessage `json:"raw" doc:"Anything."`
	}
	a := compile[in](t)
	const same = `"id":{"type":"string","format":"uuid"},"addr":{"type":"string","description":"IP address"},`
	equal(t, "input", string(a.Schema()), `{"type":"object","properties":{`+same+`"net":{"type":"string","description":"IP network"},"rate":{"type":"string"},`+
		`"deleted":{"type":"string","format":"date-time"},"price":{"type":"integer","description":"Net. Cents.","minimum":0,"maximum":9},"raw":{"description":"Anything."}},"additionalProperties":false}`)
	_, errs := decode[in](t, a, `{"id":"x","addr":"x","net":"x","rate":1,"deleted":"x","price":10,"raw":null}`)
	equal(t, "errors", errs, `id|type|must be a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8`+"\n"+`addr|type|must be an IP address such as 192.0.2.1`+"\n"+
		`net|type|must be an IP network such as 192.0.2.0/24`+"\n"+`rate|type|must be a string such as "0"`+"\n"+
		`deleted|type|must be a date-time such as 2006-01-02T15:04:05Z`+"\n"+`price|max|must be at most 9`)
	s, err := binding.OutputSchema(reflect.TypeFor[in]())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := binding.MarshalSchema(s)
	equal(t, "output", string(raw), `{"type":"object","properties":{`+same+`"net":{"type":["string","null"],"description":"IP network"},"rate":{"type":"string"},`+
		`"deleted":{"type":["string","null"],"format":"date-time"},"price":{"type":"integer","description":"Net. Cents.","minimum":0},"raw":{"description":"Anything."}},`+
		`"required":["id","addr","net","rate","deleted","price","raw"],"additionalProperties":false}`)
	now := softDelete{Time: time.Now(), Valid: true}
	for _, v := range []in{{}, {Deleted: now}} {
		data, err := binding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if !conforms(t, resolve(t, raw), string(data)) {
			t.Errorf("%s does not conform to %s", data, raw)
		}
	}
}

type badSchema string

func (badSchema) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Items: &jsonschema.Schema{Ref: "#"}}
}

type noSchema string

func (noSchema) JSONSchema() *jsonschema.Schema { return nil }

type embeds struct {
	base
	More int `json:"more"`
}

type base struct {
	ID int `json:"id"`
}

func (base) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "object"} }

func TestASchemaThatATypeBringsIsCheckedAndNotInherited(t *testing.T) {
	for want, typ := range map[string]reflect.Type{"refers to itself by #": reflect.TypeFor[struct{ F badSchema }](), "returns nil": reflect.TypeFor[struct{ F noSchema }]()} {
		if _, err := binding.Compile(binding.Part{Type: typ}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "field F") {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	type in struct {
		Embeds embeds `json:"embeds"`
		Base   base   `json:"base"`
		Priced priced `json:"priced"`
	}
	equal(t, "schema", string(compile[in](t).Schema()), `{"type":"object","properties":{`+
		`"embeds":{"type":"object","properties":{"id":{"type":"integer"},"more":{"type":"integer"}},"additionalProperties":false},"base":{"type":"object"},`+
		`"priced":{"type":"object","properties":{"of":{"type":"integer","description":"Cents.","minimum":0},"price":{"type":"integer","description":"Cents.","minimum":0}},"additionalProperties":false}},"additionalProperties":false}`)
}
