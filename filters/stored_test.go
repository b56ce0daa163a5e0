package filters_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
)

type reading struct {
	ID     int64
	Small  int64   `gorm:"type:smallint"`
	Medium int32   `gorm:"type:int"`
	Big    int64   `gorm:"type:bigint"`
	Rate   float32 // 0.1 is stored as another number than that of a float64
	Exact  string  `gorm:"type:decimal(38,18)"`
	Code   string  `gorm:"type:varchar(36)"`
	At     time.Time
}

type readingFilter struct {
	Small    *int64                 `json:"small" filter:"small,lt"`
	SmallIn  []int64                `json:"small_in" filter:"small,in"`
	SmallNot []int64                `json:"small_not" filter:"small,notin"`
	SmallR   *filters.Range[int64]  `json:"small_r" filter:"small"`
	Medium   *uint32                `json:"medium" filter:"medium,lte"`
	Big      *uint64                `json:"big" filter:"big,lt"`
	BigEq    *uint64                `json:"big_eq" filter:"big,eq"`
	BigIn    []uint64               `json:"big_in" filter:"big,in"`
	BigNot   []uint64               `json:"big_not" filter:"big,notin"`
	Rate     *float32               `json:"rate"`
	Exact    *filters.Range[string] `json:"exact"`
	Before   *time.Time             `json:"before" filter:"at,lt"`
}

func TestNumbersBeyondTheColumnCompareExactly(t *testing.T) {
	const max = 1<<63 - 1
	far := func(s string) *time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return &at
	}
	tests := map[string]struct {
		in   readingFilter
		want []int64
	}{
		"above a smallint":            {readingFilter{Small: ptr[int64](100000)}, []int64{1, 2}},
		"below a smallint":            {readingFilter{Small: ptr[int64](-100000)}, nil},
		"in, beyond a smallint":       {readingFilter{SmallIn: []int64{7, 100000}}, []int64{1}},
		"not in, beyond a smallint":   {readingFilter{SmallNot: []int64{7, 100000}}, []int64{2}},
		"range, beyond a smallint":    {readingFilter{SmallR: &filters.Range[int64]{Min: ptr[int64](-1 << 40), Max: ptr[int64](1 << 40)}}, []int64{1, 2}},
		"unsigned, beyond the signed": {readingFilter{Medium: ptr[uint32](4000000000)}, []int64{1, 2}},
		"above an int64":              {readingFilter{Big: ptr[uint64](max + 2)}, []int64{1, 2}},
		"the greatest int64":          {readingFilter{Big: ptr[uint64](max)}, []int64{1}},
		"just above the greatest":     {readingFilter{BigEq: ptr[uint64](max + 1)}, nil},
		"in, above an int64":          {readingFilter{BigIn: []uint64{max, max + 1}}, []int64{2}},
		"not in, above an int64":      {readingFilter{BigNot: []uint64{max, max + 1}}, []int64{1}},
		"a float32":                   {readingFilter{Rate: ptr[float32](0.1)}, []int64{1}},
		"a decimal, exactly": {readingFilter{Exact: &filters.Range[string]{Min: ptr("12345678901234567.000000000000000002"),
			Max: ptr("12345678901234567.000000000000000003")}}, []int64{2}},
		"the last second": {readingFilter{Before: far("9999-12-31T23:59:59Z")}, []int64{1, 2}},
		"the first":       {readingFilter{Before: far("0001-01-01T00:00:00Z")}, nil},
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		if err := db.AutoMigrate(&reading{}); err != nil {
			t.Fatal(err)
		}
		rows := []reading{
			{Small: 7, Medium: 7, Big: 7, Rate: 0.1, Exact: "12345678901234567.000000000000000001", Code: "a", At: noon},
			{Small: 8, Medium: 1<<31 - 1, Big: max, Rate: 0.2, Exact: "12345678901234567.000000000000000002", Code: "b", At: noon},
		}
		if err := db.Create(&rows).Error; err != nil {
			t.Fatal(err)
		}
		row, err := filters.SchemaOf(reading{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := filters.Compile[readingFilter](row)
		if err != nil {
			t.Fatal(err)
		}
		for name, tt := range tests {
			if name == "a decimal, exactly" && db.Name() == "sqlite" {
				continue // SQLite has no decimals
			}
			var got []int64
			if err := f.Apply(db.Model(&reading{}), &tt.in).Order("id").Pluck("id", &got).Error; err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: got %v, %v; want %v", name, got, err, tt.want)
			}
		}
	})
}

func TestValuesThatADatabaseWouldRefuseAreArgumentErrors(t *testing.T) {
	type model struct {
		ID    string `gorm:"type:uuid"`
		Price string `gorm:"type:numeric(20,4)"`
		At    time.Time
	}
	type filter struct {
		ID    *string                   `json:"id"`
		IDs   []string                  `json:"ids" filter:"id,in"`
		Price *string                   `json:"price"`
		At    *filters.Range[time.Time] `json:"at"`
	}
	row, err := filters.SchemaOf(model{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := filters.Compile[filter](row)
	if err != nil {
		t.Fatal(err)
	}
	args, err := binding.Compile(f.Part())
	if err != nil {
		t.Fatal(err)
	}
	const id = "123e4567-e89b-12d3-a456-426614174000"
	for data, want := range map[string]string{
		`{"id":"` + id + `"}`:                        "",
		`{"id":"123E4567E89B12D3A456426614174000"}`:  "",
		`{"id":"abc"}`:                               "id uuid",
		`{"id":""}`:                                  "id uuid",
		`{"ids":["` + id + `","x"]}`:                 "ids[1] uuid",
		`{"price":"-1.50"}`:                          "",
		`{"price":"1e5"}`:                            "",
		`{"price":"1,5"}`:                            "price number",
		`{"price":""}`:                               "price number",
		`{"at":{"min":"0001-01-01T00:00:00Z"}}`:      "",
		`{"at":{"max":"9999-12-31T23:59:59Z"}}`:      "",
		`{"at":{"min":"0000-12-31T23:59:59Z"}}`:      "at.min range",
		`{"at":{"max":"9999-12-31T23:59:59-23:00"}}`: "at.max range",
	} {
		var in filter
		got := ""
		var bad *binding.Error
		if err := args.Decode([]byte(data), &in); errors.As(err, &bad) {
			got = fmt.Sprint(bad.Fields[0].Path, " ", bad.Fields[0].Rule)
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", data, got, want)
		}
	}
}

func TestNullIsAbsence(t *testing.T) {
	args, err := binding.Compile(compile[filter](t).Part())
	if err != nil {
		t.Fatal(err)
	}
	var in filter
	if err := args.Decode([]byte(`{"sent":null,"numbers":null,"amount":null,"created_after":null,"contains":null}`), &in); err != nil {
		t.Fatal(err)
	}
	if in.Sent != nil || in.Numbers != nil || in.Amount != nil || in.CreatedAfter != nil || in.Contains != nil || in.Note.IsSet() {
		t.Errorf("got %+v", in)
	}
}
