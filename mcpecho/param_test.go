package mcpecho_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/mcpecho"
)

type routed struct {
	Region string `json:"region" mcpheader:"Region"`
	Shard  *int64 `json:"shard" mcpheader:"Shard-ID"`
	Dry    *bool  `json:"dry" mcpheader:"Dry"`
	Text   string `json:"text"`
	Where  *struct {
		City string `json:"city" mcpheader:"City"`
	} `json:"where"`
}

func base64Of(s string) string {
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

func TestHeaderParametersAreCheckedAgainstTheBody(t *testing.T) {
	b := setup(t)
	ran := 0
	b.srv.Add(mcpecho.Service("route", func(_ *mcpecho.Call, in routed) (string, error) { ran++; return in.Region, nil }))
	const mismatch = -32020
	tests := map[string]struct {
		arguments string
		headers   []string
		code      int
	}{
		"none":                      {`{}`, nil, 0},
		"no arguments at all":       {`null`, nil, 0},
		"a string":                  {`{"region":"eu-1"}`, []string{"Mcp-Param-Region", "eu-1"}, 0},
		"name in lower case":        {`{"region":"eu-1"}`, []string{"mcp-param-region", "eu-1"}, 0},
		"an escape in the body":     {`{"region":"\u0065u"}`, []string{"Mcp-Param-Region", "eu"}, 0},
		"blanks around":             {`{"region":"eu"}`, []string{"Mcp-Param-Region", " eu\t"}, 0},
		"an empty string":           {`{"region":""}`, []string{"Mcp-Param-Region", ""}, mismatch}, // the harness sends none then
		"an empty string, encoded":  {`{"region":""}`, []string{"Mcp-Param-Region", base64Of("")}, 0},
		"base64":                    {`{"region":"Hello, 世界"}`, []string{"Mcp-Param-Region", base64Of("Hello, 世界")}, 0},
		"base64 of blanks":          {`{"region":" eu "}`, []string{"Mcp-Param-Region", base64Of(" eu ")}, 0},
		"base64 of a line break":    {`{"region":"a\nb"}`, []string{"Mcp-Param-Region", base64Of("a\nb")}, 0},
		"base64 of a marker":        {`{"region":"=?base64?literal?="}`, []string{"Mcp-Param-Region", base64Of("=?base64?literal?=")}, 0},
		"half a marker is plain":    {`{"region":"=?base64?x"}`, []string{"Mcp-Param-Region", "=?base64?x"}, 0},
		"a marker that is not":      {`{"region":"=?base64?literal?="}`, []string{"Mcp-Param-Region", "=?base64?literal?="}, mismatch},
		"base64 of another":         {`{"region":"eu"}`, []string{"Mcp-Param-Region", base64Of("us")}, mismatch},
		"base64 broken":             {`{"region":"eu"}`, []string{"Mcp-Param-Region", "=?base64?ZX!?="}, mismatch},
		"base64 without padding":    {`{"region":"eu"}`, []string{"Mcp-Param-Region", "=?base64?ZXU?="}, mismatch},
		"base64 of no UTF-8":        {`{"region":"eu"}`, []string{"Mcp-Param-Region", "=?base64?/w==?="}, mismatch},
		"a marker in capitals":      {`{"region":"eu"}`, []string{"Mcp-Param-Region", "=?BASE64?ZXU=?="}, mismatch},
		"another string":            {`{"region":"eu"}`, []string{"Mcp-Param-Region", "us"}, mismatch},
		"another case":              {`{"region":"eu"}`, []string{"Mcp-Param-Region", "EU"}, mismatch},
		"missing":                   {`{"region":"eu"}`, nil, mismatch},
		"twice":                     {`{"region":"eu"}`, []string{"Mcp-Param-Region", "eu", "Mcp-Param-Region", "eu"}, mismatch},
		"for no argument":           {`{}`, []string{"Mcp-Param-Region", "eu"}, mismatch},
		"for a null":                {`{"shard":null}`, []string{"Mcp-Param-Shard-ID", "7"}, mismatch},
		"for no arguments":          {`null`, []string{"Mcp-Param-Dry", "true"}, mismatch},
		"not ASCII":                 {`{"region":"é"}`, []string{"Mcp-Param-Region", "é"}, mismatch},
		"a control character":       {`{"region":"a\u0001"}`, []string{"Mcp-Param-Region", "a\x01"}, mismatch},
		"an integer":                {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "42"}, 0},
		"a negative integer":        {`{"shard":-7}`, []string{"Mcp-Param-Shard-ID", "-7"}, 0},
		"an integer by value":       {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "42.0"}, 0},
		"the largest integer":       {`{"shard":9223372036854775807}`, []string{"Mcp-Param-Shard-ID", "9223372036854775807"}, 0},
		"almost the largest":        {`{"shard":9223372036854775807}`, []string{"Mcp-Param-Shard-ID", "9223372036854775806"}, mismatch},
		"another integer":           {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "43"}, mismatch},
		"a fraction":                {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "42.5"}, mismatch},
		"a ratio":                   {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "84/2"}, mismatch},
		"hexadecimal":               {`{"shard":42}`, []string{"Mcp-Param-Shard-ID", "0x2A"}, mismatch},
		"exponent":                  {`{"shard":100}`, []string{"Mcp-Param-Shard-ID", "1e2"}, mismatch},
		"a huge exponent":           {`{"shard":1}`, []string{"Mcp-Param-Shard-ID", "1e999999999"}, mismatch},
		"many digits":               {`{"shard":1}`, []string{"Mcp-Param-Shard-ID", "1." + strings.Repeat("0", 5000)}, mismatch},
		"a boolean":                 {`{"dry":true}`, []string{"Mcp-Param-Dry", "true"}, 0},
		"false":                     {`{"dry":false}`, []string{"Mcp-Param-Dry", "false"}, 0},
		"another boolean":           {`{"dry":true}`, []string{"Mcp-Param-Dry", "false"}, mismatch},
		"a boolean in capitals":     {`{"dry":true}`, []string{"Mcp-Param-Dry", "True"}, mismatch},
		"a boolean as number":       {`{"dry":true}`, []string{"Mcp-Param-Dry", "1"}, mismatch},
		"nested":                    {`{"where":{"city":"Ulm"}}`, []string{"Mcp-Param-City", "Ulm"}, 0},
		"nested, missing":           {`{"where":{"city":"Ulm"}}`, nil, mismatch},
		"nested, differs":           {`{"where":{"city":"Ulm"}}`, []string{"Mcp-Param-City", "Bonn"}, mismatch},
		"nested, not there":         {`{"where":{}}`, []string{"Mcp-Param-City", "Ulm"}, mismatch},
		"the name elsewhere":        {`{"text":"x"}`, []string{"Mcp-Param-City", "x"}, mismatch},
		"unknown headers pass":      {`{"text":"x"}`, []string{"Mcp-Param-Other", "\xff", "Mcp-Param-", "x"}, 0},
		"not a header parameter":    {`{"text":"x"}`, []string{"Mcp-Param-Text", "y"}, 0},
		"all of them":               {`{"region":"eu","shard":1,"dry":true,"where":{"city":"Ulm"}}`, []string{"Mcp-Param-Region", "eu", "Mcp-Param-Shard-ID", "1", "Mcp-Param-Dry", "true", "Mcp-Param-City", "Ulm"}, 0},
		"one of them missing":       {`{"region":"eu","shard":1}`, []string{"Mcp-Param-Region", "eu"}, mismatch},
		"another tool's spelling":   {`{"region":"eu"}`, []string{"Mcp-Param-region-", "eu"}, mismatch},
		"where the object is none":  {`{"where":"Ulm"}`, []string{"Mcp-Param-City", "Ulm"}, mismatch},
		"the argument is an object": {`{"region":{"a":1}}`, []string{"Mcp-Param-Region", "a"}, mismatch},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ran = 0
			r := b.modern("tools/call", `"name":"route","arguments":`+tt.arguments, append([]string{"Mcp-Name", "route"}, tt.headers...)...)
			if tt.code == 0 {
				if r.Error != nil || r.Result["isError"] != nil || ran != 1 {
					t.Error(r.Body)
				}
				return
			}
			expect(t, r, http.StatusBadRequest, tt.code)
			if ran != 0 {
				t.Error("the tool ran")
			}
		})
	}
	// The wires before know nothing of it.
	if r := b.dated(b.initialize(), "tools/call", `"name":"route","arguments":{"region":"eu"}`); r.text() != "eu" {
		t.Error(r.Body)
	}
}

func TestAHeaderOfAnArgumentOfTheWrongTypeIsNoWayAroundValidation(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("route", func(_ *mcpecho.Call, in routed) (string, error) { return "ran", nil }))
	for _, tt := range []struct{ arguments, header, value string }{
		{`{"region":7}`, "Mcp-Param-Region", "7"}, {`{"shard":"7"}`, "Mcp-Param-Shard-ID", "7"}, {`{"dry":"true"}`, "Mcp-Param-Dry", "true"}, {`{"shard":1.5}`, "Mcp-Param-Shard-ID", "1.5"},
	} {
		r := b.modern("tools/call", `"name":"route","arguments":`+tt.arguments, "Mcp-Name", "route", tt.header, tt.value)
		if f := r.failure(t); f["type"] != mcpecho.TypeValidation {
			t.Error(r.Body)
		}
	}
}

func TestHeaderParametersAreListed(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("route", func(*mcpecho.Call, routed) (string, error) { return "", nil }))
	r := b.modern("tools/list", "")
	for _, want := range []string{`"region":{"type":"string","x-mcp-header":"Region"}`, `"shard":{"type":"integer","x-mcp-header":"Shard-ID"}`, `"dry":{"type":"boolean","x-mcp-header":"Dry"}`, `"city":{"type":"string","x-mcp-header":"City"}`} {
		if !strings.Contains(r.Body, want) {
			t.Errorf("no %s in %s", want, r.Body)
		}
	}
}

// taking makes a tool of an argument struct.
func taking[In any]() *mcpecho.Spec {
	return mcpecho.Service("t", func(*mcpecho.Call, In) (string, error) { return "", nil })
}

func TestAHeaderParameterThatClientsWouldRefuseIsRefusedAtAdd(t *testing.T) {
	written := func(schema string) *mcpecho.Spec {
		return mcpecho.Service("t", func(*mcpecho.Call, struct {
			A any `json:"a"`
		}) (string, error) {
			return "", nil
		}, mcpecho.InputSchema(schema))
	}
	const place = "must be on an argument or a property of an object argument"
	tests := map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"a number": {taking[struct {
			A float64 `json:"a" mcpheader:"A"`
		}](), "must be on a string, integer or boolean"},
		"a list": {taking[struct {
			A []string `json:"a" mcpheader:"A"`
		}](), "must be on a string, integer or boolean"},
		"an object": {taking[struct {
			A struct{} `json:"a" mcpheader:"A"`
		}](), "must be on a string, integer or boolean"},
		"or null": {taking[struct {
			A binding.Opt[string] `json:"a" mcpheader:"A"`
		}](), "must be on a string, integer or boolean"},
		"anything": {taking[struct {
			A any `json:"a" mcpheader:"A"`
		}](), "must be on a string, integer or boolean"},
		"a blank": {taking[struct {
			A string `json:"a" mcpheader:"A B"`
		}](), "must be a header name"},
		"a line break": {taking[struct {
			A string `json:"a" mcpheader:"A\r\nX"`
		}](), "must be a header name"},
		"not ASCII": {taking[struct {
			A string `json:"a" mcpheader:"Ä"`
		}](), "must be a header name"},
		"a colon": {taking[struct {
			A string `json:"a" mcpheader:"A:"`
		}](), "must be a header name"},
		"twice": {taking[struct {
			A string `json:"a" mcpheader:"Same"`
			B string `json:"b" mcpheader:"sAME"`
		}](), "two arguments have the x-mcp-header Same"},
		"twice, nested": {taking[struct {
			A string `json:"a" mcpheader:"Same"`
			B struct {
				C string `json:"c" mcpheader:"Same"`
			} `json:"b"`
		}](), "two arguments have the x-mcp-header Same"},
		"in a list": {taking[struct {
			A []struct {
				B string `json:"b" mcpheader:"B"`
			} `json:"a"`
		}](), place},
		"in a map": {taking[struct {
			A map[string]struct {
				B string `json:"b" mcpheader:"B"`
			} `json:"a"`
		}](), place},
		"empty, written":        {written(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":""}}}`), "must be a header name"},
		"a number, written":     {written(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":7}}}`), "must be a header name"},
		"no type, written":      {written(`{"type":"object","properties":{"a":{"x-mcp-header":"A"}}}`), "must be on a string, integer or boolean"},
		"behind a ref, written": {written(`{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}`), place},
		"in anyOf, written":     {written(`{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`), place},
		"in then, written":      {written(`{"type":"object","properties":{"a":{"type":"string"}},"if":{},"then":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`), place},
		"at the root, written":  {written(`{"type":"object","x-mcp-header":"A","properties":{"a":{"type":"string"}}}`), place},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := setup(t).srv.AddSafely(tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAWrittenSchemaMayHaveHeaderParameters(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("t", func(_ *mcpecho.Call, in struct {
		A string `json:"a"`
	}) (string, error) {
		return in.A, nil
	}, mcpecho.InputSchema(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}}`)))
	for value, code := range map[string]int{"x": 0, "y": -32020} {
		r := b.modern("tools/call", `"name":"t","arguments":{"a":"x"}`, "Mcp-Name", "t", "Mcp-Param-A", value)
		expect(t, r, map[bool]int{true: 200, false: 400}[code == 0], code)
	}
	if got := fmt.Sprint(names(b.modern("tools/list", ""), "tools")); got != "[t]" {
		t.Error(got)
	}
}
