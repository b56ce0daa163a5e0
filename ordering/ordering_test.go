package ordering_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/ordering"
)

type invoice struct {
	ID          int64
	Number      string
	AmountCents int64
	Customer    string
	Tags        []string `gorm:"serializer:json"`
	Token       string   `secret:"true"`
	Lines       int64    `gorm:"->;-:migration"`
}

// line has a primary key of two columns.
type line struct {
	InvoiceID int64 `gorm:"primaryKey"`
	Position  int64 `gorm:"primaryKey"`
	Text      string
}

func open(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&invoice{}, &line{}); err != nil {
		t.Fatal(err)
	}
	rows := []invoice{
		{ID: 5, Number: "A-1", AmountCents: 100, Customer: "ann"},
		{ID: 4, Number: "A-2", AmountCents: 300, Customer: "bob"},
		{ID: 3, Number: "A-3", AmountCents: 200, Customer: "bob"},
		{ID: 2, Number: "A-4", AmountCents: 200, Customer: "ann"},
	}
	if err := db.Create(&rows).Error; err != nil {
		t.Fatal(err)
	}
	return db
}

func compile(t testing.TB, model any, cfg ordering.Config) *ordering.Order {
	t.Helper()
	row, err := filters.SchemaOf(model, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ordering.Compile(row, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestApplyOrdersByCallerThenQueryThenPrimaryKey(t *testing.T) {
	db := open(t)
	expression := clause.OrderBy{Expression: clause.Expr{SQL: "length(customer), customer DESC"}}
	lazy := func(db *gorm.DB) *gorm.DB { return db.Order("customer") }
	base := db.Model(&invoice{}).Session(&gorm.Session{})
	tests := map[string]struct {
		given    []string
		fallback []string
		query    *gorm.DB
		want     string // the digits of the numbers
	}{
		"nothing":                        {nil, nil, base, "4321"},
		"empty list":                     {[]string{}, nil, base, "4321"},
		"ascending, tie by primary key":  {[]string{"amount_cents"}, nil, base, "1432"},
		"descending, tie descending too": {[]string{"-amount_cents"}, nil, base, "2341"},
		"two terms":                      {[]string{"-amount_cents", "number"}, nil, base, "2341"},
		"public name":                    {[]string{"client", "-number"}, nil, base, "4132"},
		"primary key by the caller":      {[]string{"-id"}, nil, base, "1234"},
		"default":                        {nil, []string{"-number"}, base, "4321"},
		"default of a hidden column":     {nil, []string{"-customer", "number"}, base, "2314"},
		"caller replaces the default":    {[]string{"number"}, []string{"-number"}, base, "1234"},
		"query's own":                    {nil, nil, base.Order("number"), "1234"},
		"caller, then query's own":       {[]string{"amount_cents"}, nil, base.Order("number"), "1342"},
		"default, then query's own":      {nil, []string{"client"}, base.Order("number DESC"), "4132"},
		"own expression":                 {nil, nil, base.Clauses(expression), "3241"},
		"caller, then own expression":    {[]string{"-amount_cents"}, nil, base.Clauses(expression), "2341"},
		"own in a scope":                 {nil, nil, base.Scopes(lazy), "4132"},
		"caller, then own in a scope":    {[]string{"amount_cents"}, nil, base.Scopes(lazy), "1432"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := compile(t, invoice{}, ordering.Config{Fields: []string{"number", "-amount_cents", "client=customer", "id"}, Default: tt.fallback})
			var rows []invoice
			if err := o.Apply(tt.query, &ordering.Input{Ordering: tt.given}).Find(&rows).Error; err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, r := range rows {
				got += strings.TrimPrefix(r.Number, "A-")
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestApplyEndsWithEveryColumnOfThePrimaryKeyOnce(t *testing.T) {
	db := open(t)
	o := compile(t, line{}, ordering.Config{Fields: []string{"text", "position"}})
	tests := []struct {
		given []string
		want  string
	}{
		{nil, "ORDER BY `lines`.`invoice_id`,`lines`.`position`"},
		{[]string{"text"}, "ORDER BY `lines`.`text`,`lines`.`invoice_id`,`lines`.`position`"},
		{[]string{"-position"}, "ORDER BY `lines`.`position` DESC,`lines`.`invoice_id` DESC"},
	}
	for _, tt := range tests {
		in := ordering.Input{Ordering: tt.given}
		sql := o.Apply(db.Session(&gorm.Session{DryRun: true}).Model(&line{}), &in).Find(&[]line{}).Statement.SQL.String()
		if _, got, _ := strings.Cut(sql, "lines` "); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.given, got, tt.want)
		}
	}
}

func TestTerms(t *testing.T) {
	o := compile(t, line{}, ordering.Config{Fields: []string{"text", "where=position"}, Default: []string{"-text"}})
	show := func(terms []clause.OrderByColumn) (s string) {
		for _, t := range terms {
			if t.Desc {
				s += "-"
			}
			s += t.Column.Name + " "
		}
		return s
	}
	for want, in := range map[string]*ordering.Input{
		"-text -invoice_id -position ":  nil,
		"text invoice_id position ":     {Ordering: ordering.Names{"text"}},
		"-position -invoice_id ":        {Ordering: ordering.Names{"-where"}},
		"position -text -invoice_id ":   {Ordering: ordering.Names{"where", "-text"}},
		"-text position invoice_id ":    {Ordering: ordering.Names{"-text", "no such", "where", "text"}},
		" -text -invoice_id -position ": {},
	} {
		if got := show(o.Terms(in)); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%v: got %q, want %q", in, got, want)
		}
	}
}

func TestTermsShareNothing(t *testing.T) {
	o := compile(t, line{}, ordering.Config{Fields: []string{"text"}, Default: []string{"text"}})
	terms := o.Terms(nil)
	want := slices.Clone(terms)
	clear(terms)
	if !slices.Equal(o.Terms(nil), want) {
		t.Error("changing the terms of one call changed those of the next")
	}
}

func TestArgument(t *testing.T) {
	o := compile(t, invoice{}, ordering.Config{Fields: []string{"number", "amount_cents", "sum=amount_cents"}})
	args, err := binding.Compile(o.Part())
	if err != nil {
		t.Fatal(err)
	}
	const allowed = "must be one of: number, -number, amount_cents, -amount_cents, sum, -sum"
	tests := map[string]struct {
		data    string
		want    []string
		rule    string
		message string
	}{
		"absent":             {`{}`, nil, "", ""},
		"string":             {`{"ordering":"number"}`, []string{"number"}, "", ""},
		"descending":         {`{"ordering":"-number"}`, []string{"-number"}, "", ""},
		"list":               {`{"ordering":["-amount_cents","number"]}`, []string{"-amount_cents", "number"}, "", ""},
		"empty list":         {`{"ordering":[]}`, []string{}, "", ""},
		"unknown":            {`{"ordering":"nmuber"}`, nil, "oneof", allowed},
		"unknown in a list":  {`{"ordering":["number","id"]}`, nil, "oneof", allowed},
		"comma-separated":    {`{"ordering":"number,-amount_cents"}`, nil, "oneof", allowed},
		"empty":              {`{"ordering":""}`, nil, "oneof", allowed},
		"plus":               {`{"ordering":"+number"}`, nil, "oneof", allowed},
		"two dashes":         {`{"ordering":"--number"}`, nil, "oneof", allowed},
		"case":               {`{"ordering":"Number"}`, nil, "oneof", allowed},
		"SQL":                {`{"ordering":"number; DROP TABLE invoices"}`, nil, "oneof", allowed},
		"hidden column":      {`{"ordering":"customer"}`, nil, "oneof", allowed},
		"column in a table":  {`{"ordering":"invoices.number"}`, nil, "oneof", allowed},
		"same twice":         {`{"ordering":["number","number"]}`, nil, "unique", "must name each field only once"},
		"both directions":    {`{"ordering":["number","-number"]}`, []string{"number", "-number"}, "", ""},
		"two names of one":   {`{"ordering":["sum","amount_cents"]}`, []string{"sum", "amount_cents"}, "", ""},
		"number":             {`{"ordering":1}`, nil, "type", strings.Replace(allowed, "must be", "must be a string or an array of strings;", 1)},
		"object":             {`{"ordering":{"number":"asc"}}`, nil, "type", ""},
		"null":               {`{"ordering":null}`, nil, "", ""},
		"list of lists":      {`{"ordering":[["number"]]}`, nil, "type", ""},
		"null in a list":     {`{"ordering":[null]}`, nil, "type", ""},
		"thousand unknown":   {`{"ordering":["x"` + strings.Repeat(`,"x"`, 999) + `]}`, nil, "oneof", allowed},
		"thousand same":      {`{"ordering":["number"` + strings.Repeat(`,"number"`, 999) + `]}`, nil, "unique", "must name each field only once"},
		"unknown and others": {`{"ordering":["number","x","y"]}`, nil, "oneof", allowed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var in ordering.Input
			err := args.Decode([]byte(tt.data), &in)
			if tt.rule == "" {
				if err != nil || !slices.Equal(in.Ordering, tt.want) {
					t.Errorf("got %q, %v", in.Ordering, err)
				}
				return
			}
			var bad *binding.Error
			if !errors.As(err, &bad) || len(bad.Fields) != 1 {
				t.Fatalf("got %v, want one bad field", err)
			}
			f := bad.Fields[0]
			if f.Path != "ordering" || f.Rule != tt.rule || tt.message != "" && f.Message != tt.message {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestSchemaIsAPlainArray(t *testing.T) {
	o := compile(t, invoice{}, ordering.Config{Fields: []string{"number", "-sum=amount_cents"}, Default: []string{"-number"}})
	args, err := binding.Compile(o.Part())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"object","properties":{"ordering":{"type":"array","description":"Sort order: names in order of precedence. ` +
		`A leading - sorts descending. Default: -number.","items":{"type":"string","enum":["number","-number","sum","-sum"]},"uniqueItems":true}},"additionalProperties":false}`
	canonical := func(s string) string {
		v := jsontext.Value(s)
		if err := v.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	if got := canonical(string(args.Schema())); got != canonical(want) {
		t.Errorf("got  %s\nwant %s", got, canonical(want))
	}
}

func TestCompileNamesTheMistake(t *testing.T) {
	row, err := filters.SchemaOf(invoice{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		cfg  ordering.Config
		want string
	}{
		"no fields":         {ordering.Config{}, "Config.Fields is empty"},
		"unknown column":    {ordering.Config{Fields: []string{"nmuber"}}, `invoice has no column "nmuber"; its columns are id, number`},
		"Go name":           {ordering.Config{Fields: []string{"Number"}}, `no column "Number"`},
		"expression":        {ordering.Config{Fields: []string{"x=random()"}}, `no column "random()"`},
		"twice":             {ordering.Config{Fields: []string{"number", "-number"}}, `"number" is declared twice`},
		"empty":             {ordering.Config{Fields: []string{""}}, `"" is no name`},
		"comma":             {ordering.Config{Fields: []string{"number,id"}}, `"number,id" is no name`},
		"two dashes":        {ordering.Config{Fields: []string{"--number"}}, `"--number" is no name`},
		"serializer":        {ordering.Config{Fields: []string{"tags"}}, `column "tags" is stored through a serializer`},
		"secret":            {ordering.Config{Fields: []string{"token"}}, `column "token" is tagged secret`},
		"secret by default": {ordering.Config{Fields: []string{"number"}, Default: []string{"-token"}}, `column "token" is tagged secret`},
		"computed":          {ordering.Config{Fields: []string{"lines"}}, `column "lines" is tagged -:migration, so it is computed`},
		"default unknown":   {ordering.Config{Fields: []string{"number"}, Default: []string{"-nope"}}, `no column "nope"`},
		"default twice":     {ordering.Config{Fields: []string{"number"}, Default: []string{"number", "-number"}}, `Config.Default has "number" twice`},
		"default by public": {ordering.Config{Fields: []string{"n=number"}, Default: []string{"n", "number"}}, `Config.Default has "number" twice`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ordering.Compile(row, tt.cfg)
			if err == nil || !strings.HasPrefix(err.Error(), "ordering: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Whatever the argument is, either it is refused or the query runs and returns every row.
func FuzzArgument(f *testing.F) {
	db := open(f)
	o := compile(f, invoice{}, ordering.Config{Fields: []string{"number", "sum=amount_cents"}})
	args, err := binding.Compile(o.Part())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"ordering":"number"}`, `{"ordering":["-sum","number"]}`, `{"ordering":"-"}`, `{"ordering":[null]}`, `{"ordering":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in ordering.Input
		if err := args.Decode(data, &in); err != nil {
			var bad *binding.Error
			if !errors.As(err, &bad) {
				t.Fatalf("%v is no *binding.Error", err)
			}
			return
		}
		var rows []invoice
		if err := o.Apply(db.Model(&invoice{}), &in).Find(&rows).Error; err != nil || len(rows) != 4 {
			t.Errorf("%s: %d rows, %v", data, len(rows), err)
		}
	})
}
