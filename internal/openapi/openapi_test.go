package openapi_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/internal/openapi"
)

func whole(t *testing.T, d *openapi.Document, name, schema string) string {
	t.Helper()
	s, err := d.Schema(name, []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Whole()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// schemas are those that stand in the document.
func schemas(t *testing.T, d *openapi.Document) map[string]string {
	t.Helper()
	b, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas map[string]rawJSON `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, schema := range doc.Components.Schemas {
		all[name] = string(schema)
	}
	return all
}

type rawJSON []byte

func (r *rawJSON) UnmarshalJSON(b []byte) error { *r = append([]byte{}, b...); return nil }

func TestReferencesPointIntoTheDocument(t *testing.T) {
	for name, test := range map[string]struct {
		schema, want string
		schemas      map[string]string
	}{
		"definitions become schemas of the document": {
			`{"type":"object","properties":{"t":{"$ref":"#/$defs/Tree"}},"$defs":{"Tree":{"type":"object","properties":{"of":{"items":{"$ref":"#/$defs/Tree"}}}}}}`,
			`{"type":"object","properties":{"t":{"$ref":"#/components/schemas/Tree"}}}`,
			map[string]string{"Tree": `{"type":"object","properties":{"of":{"items":{"$ref":"#/components/schemas/Tree"}}}}`},
		},
		"below a definition": {
			`{"$ref":"#/$defs/a~1b%20c/properties/x","$defs":{"a/b c":{"properties":{"x":{"type":"string"}}}}}`,
			`{"$ref":"#/components/schemas/a_b_c/properties/x"}`,
			map[string]string{"a_b_c": `{"properties":{"x":{"type":"string"}}}`},
		},
		"the root": {
			`{"properties":{"next":{"$ref":"#"}}}`, `{"$ref":"#/components/schemas/s"}`,
			map[string]string{"s": `{"properties":{"next":{"$ref":"#/components/schemas/s"}}}`},
		},
		"elsewhere in the schema": {
			`{"properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}}}`, `{"$ref":"#/components/schemas/s"}`,
			map[string]string{"s": `{"properties":{"a":{"type":"integer"},"b":{"$ref":"#/components/schemas/s/properties/a"}}}`},
		},
		"values and names that look like references": {
			`{"properties":{"$ref":{"const":{"$ref":"#/$defs/X"}}},"default":{"$ref":"#"},"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"X":true}}`,
			`{"properties":{"$ref":{"const":{"$ref":"#/$defs/X"}}},"default":{"$ref":"#"}}`,
			map[string]string{"X": `true`},
		},
		"a document in the document": {
			`{"items":{"$id":"urn:x","$ref":"#/$defs/X","$defs":{"X":{}}}}`,
			`{"items":{"$id":"urn:x","$ref":"#/$defs/X","$defs":{"X":{}}}}`, map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := openapi.New(openapi.Info{})
			if got := whole(t, d, "s", test.schema); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			got := schemas(t, d)
			for name, want := range test.schemas {
				if got[name] != want {
					t.Errorf("%s is %s\nwant %s", name, got[name], want)
				}
			}
			if len(got) != len(test.schemas) {
				t.Errorf("%d schemas: %v", len(got), got)
			}
		})
	}
}

func TestSchemasOfOneNameAreKeptApart(t *testing.T) {
	d := openapi.New(openapi.Info{})
	for range 2 { // the same one is shared
		whole(t, d, "a", `{"$ref":"#/$defs/X","$defs":{"X":{"type":"string"}}}`)
	}
	if got := whole(t, d, "b", `{"$ref":"#/$defs/X","$defs":{"X":{"type":"integer"}}}`); got != `{"$ref":"#/components/schemas/X2"}` {
		t.Error(got)
	}
	if got := schemas(t, d); len(got) != 2 {
		t.Error(got)
	}
}

func TestASharedSchemaStandsOnce(t *testing.T) {
	d := openapi.New(openapi.Info{})
	d.Share("Row", []byte(`{"type":"object","properties":{"id":{"type":"integer"}}}`))
	got := whole(t, d, "list", `{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"}}}}`)
	if got != `{"type":"array","items":{"$ref":"#/components/schemas/Row"}}` {
		t.Error(got)
	}
}

func TestPathsThatDifferInNamesAreOne(t *testing.T) {
	d := openapi.New(openapi.Info{})
	for method, name := range map[string]string{"GET": "pk"} {
		if err := d.Add(method, "/a/{"+name+"}", &openapi.Operation{Parameters: []openapi.Parameter{{Name: name, In: "path", Schema: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
	}
	second := &openapi.Operation{Parameters: []openapi.Parameter{{Name: "id", In: "path", Schema: []byte("{}")}, {Name: "id", In: "query", Schema: []byte("{}")}}}
	if err := d.Add("PATCH", "/a/{id}", second); err != nil {
		t.Fatal(err)
	}
	if second.Parameters[0].Name != "pk" || second.Parameters[1].Name != "id" {
		t.Errorf("%+v", second.Parameters)
	}
	if err := d.Add("PATCH", "/a/{x}", &openapi.Operation{}); err == nil {
		t.Error("one method twice")
	}
}
