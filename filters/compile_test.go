package filters_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
)

type product struct {
	ID     uint
	Name   string
	Code   string `gorm:"type:uuid"`
	Count  int32
	Price  float64
	Active bool
	Image  []byte
	Tags   []string `gorm:"serializer:json"`
	Made   time.Time
	Hidden string `gorm:"-"`
	Rate   float32
	Token  string `secret:"true"`
	Sold   int64  `gorm:"->;-:migration"`
	From   place  `gorm:"embedded;embeddedPrefix:from_"`
	To     place  `gorm:"embedded;embeddedPrefix:to_"`
}

type place struct{ Street string }

func TestCompileNamesTheMistake(t *testing.T) {
	type inner struct {
		Nope *string `json:"nope"`
	}
	tests := map[string]struct {
		filter any
		want   string
	}{
		"bool":               {struct{ Active bool }{}, ".Active must be *bool so that absent and false differ"},
		"string":             {struct{ Name string }{}, ".Name must be *string so that absent and empty differ"},
		"int":                {struct{ Count int32 }{}, ".Count must be *int32 so that absent and 0 differ"},
		"time":               {struct{ Made time.Time }{}, ".Made must be *time.Time so that absent and zero differ"},
		"pointer to pointer": {struct{ Name **string }{}, "make it a pointer, a slice"},
		"map":                {struct{ Name map[string]string }{}, "make it a pointer, a slice"},
		"bytes":              {struct{ Image []byte }{}, "make it a pointer, a slice"},
		"unknown column": {struct {
			A *string `filter:"nmae"`
		}{}, `filters column "nmae", which product does not have; its columns are id, name, code`},
		"no such column": {struct{ Title *string }{}, "Title is like no column of product"},
		"not stored":     {struct{ Hidden *string }{}, "Hidden is like no column of product"},
		"SQL for a column": {struct {
			A *string `filter:"name OR 1=1"`
		}{}, `column "name OR 1=1"`},
		"unknown operator": {struct {
			A *string `filter:"name,like"`
		}{}, `unknown operator "like"; use one of between, contains, endswith, eq`},
		"contains on a number": {struct {
			A *string `filter:"count,contains"`
		}{}, "column count is int and not text"},
		"contains on uuid": {struct {
			A *string `filter:"code,contains"`
		}{}, "column code is uuid and not text"},
		"contains with a number": {struct {
			A *int `filter:"name,contains"`
		}{}, "is of type int, but column name is string"},
		"string for a number":  {struct{ Count *string }{}, "is of type string, but column count is int"},
		"number for a bool":    {struct{ Active *int }{}, "is of type int, but column active is bool"},
		"string for a time":    {struct{ Made *string }{}, "is of type string, but column made is time"},
		"struct":               {struct{ Name *inner }{}, "is no database value"},
		"more bits":            {struct{ Count *int64 }{}, "has 64 bits, but column count has 32"},
		"float for an int":     {struct{ Count *float64 }{}, "is of type float64, but column count is int, and databases round differently; use an integer type"},
		"more bits of a float": {struct{ Rate *float64 }{}, "0.1 of the one is not 0.1 of the other; use *float32"},
		"secret":               {struct{ Token *string }{}, "column token, which is tagged secret"},
		"null of a secret": {struct {
			A *bool `filter:"token,isnull"`
		}{}, "column token, which is tagged secret"},
		"computed":  {struct{ Sold *int64 }{}, "column sold, which is tagged -:migration, so it is computed"},
		"ambiguous": {struct{ Street *string }{}, "could be column from_street or to_street of product; add a tag"},
		"order of a bool": {struct {
			A *bool `filter:"active,gt"`
		}{}, "column active is bool and has no order"},
		"serializer": {struct {
			A *string `filter:"tags"`
		}{}, "stored form is made by a serializer"},
		"list for eq": {struct {
			A []string `filter:"name,eq"`
		}{}, "must be a *string for the operator eq"},
		"one for in": {struct {
			A *string `filter:"name,in"`
		}{}, "must be a []string for the operator in"},
		"one for between": {struct {
			A *float64 `filter:"price,between"`
		}{}, "must be a *filters.Range[float64] for the operator between"},
		"Range for gt": {struct {
			A *filters.Range[float64] `filter:"price,gt"`
		}{}, "must be a *float64 for the operator gt"},
		"string for isnull": {struct {
			A *string `filter:"name,isnull"`
		}{}, "must be a *bool for the operator isnull"},
		"Opt for gt": {struct {
			A binding.Opt[float64] `filter:"price,gt"`
		}{}, "must be a *float64 for the operator gt; only eq and ne have a meaning for the null"},
		"embedded":  {struct{ inner }{}, "inner.Nope is like no column of product"},
		"no struct": {"", "string is not a struct"},
	}
	row, err := filters.SchemaOf(&product{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := filters.CompileType(reflect.TypeOf(tt.filter), row)
			if err == nil || !strings.HasPrefix(err.Error(), "filters: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestColumnsAreFoundByTagThenJSONNameThenGoName(t *testing.T) {
	type common struct {
		CreatedAt *filters.Range[time.Time] `json:"created"`
	}
	type byName struct {
		common
		Number  *string `json:"amount_cents" filter:"number"`
		Any     *bool   `json:"sent"`
		Note    *string `json:"remark"`
		Ignored func()  `json:"-"`
	}
	db := openSQLite(t)
	seed(t, db)
	f := compile[byName](t)
	for name, tt := range map[string]struct {
		in   byName
		want string
	}{
		"tag":       {byName{Number: ptr("A-1")}, "A-1"},
		"JSON name": {byName{Any: ptr(true), Number: ptr("A-1")}, "A-1"},
		"Go name":   {byName{Note: ptr("note 2")}, "B-2"},
		"embedded":  {byName{common: common{&filters.Range[time.Time]{Max: ptr(noon)}}}, "A-1"},
	} {
		if got := find(t, f.Apply(db.Model(&invoice{}), tt.in)); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestSchemaOfRefusesWhatIsNoModel(t *testing.T) {
	if _, err := filters.SchemaOf(17, nil); err == nil || !strings.HasPrefix(err.Error(), "filters: int is not a gorm model") {
		t.Errorf("got %v", err)
	}
}

func TestArguments(t *testing.T) {
	f := compile[filter](t)
	args, err := binding.Compile(f.Part())
	if err != nil {
		t.Fatal(err)
	}
	long := `{"numbers":["x"` + strings.Repeat(`,"x"`, filters.MaxList) + `]}`
	tests := map[string]struct {
		data, path, rule string
	}{
		"nothing":             {``, "", ""},
		"all kinds":           {`{"sent":false,"numbers":[],"amount":{"min":1},"note":null,"created_after":"2026-03-01T12:00:00Z"}`, "", ""},
		"exact number":        {`{"min_amount":9007199254740993}`, "", ""},
		"null is absence":     {`{"sent":null,"numbers":null,"amount":{"min":null},"created_after":null}`, "", ""},
		"null in a list":      {`{"numbers":[null]}`, "numbers[0]", "type"},
		"wrong type":          {`{"sent":"yes"}`, "sent", "type"},
		"misspelt":            {`{"snet":true}`, "snet", "unknown"},
		"bound misspelt":      {`{"amount":{"mni":1}}`, "amount.mni", "unknown"},
		"list of numbers":     {`{"numbers":[1]}`, "numbers[0]", "type"},
		"U+0000":              {`{"number":"a\u0000b"}`, "number", "text"},
		"U+0000 in a list":    {`{"numbers":["a","\u0000"]}`, "numbers[1]", "text"},
		"U+0000 in an Opt":    {`{"note":"\u0000"}`, "note", "text"},
		"too long a list":     {long, "numbers", "max"},
		"operator in a value": {`{"number":{"gt":""}}`, "number", "type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var in filter
			err := args.Decode([]byte(tt.data), &in)
			if tt.rule == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var bad *binding.Error
			if !errors.As(err, &bad) || len(bad.Fields) != 1 || bad.Fields[0].Path != tt.path || bad.Fields[0].Rule != tt.rule {
				t.Errorf("got %v, want %s at %s", err, tt.rule, tt.path)
			}
		})
	}
}

func TestApplyLeavesTheQueryAlone(t *testing.T) {
	db := openSQLite(t)
	seed(t, db)
	query := db.Model(&invoice{}).Where("amount_cents < 300")
	compile[filter](t).Apply(query, &filter{Sent: ptr(true)})
	if got := find(t, query.Session(&gorm.Session{})); len(got) != 3 {
		t.Errorf("got %q", got)
	}
}
