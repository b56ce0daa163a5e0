package filters_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/integration_test/dbtest"
)

type invoice struct {
	ID          int64
	Number      string
	AmountCents int64
	Rate        float64
	Sent        bool
	Note        *string
	CreatedAt   time.Time
	DeletedAt   gorm.DeletedAt
}

type filter struct {
	Sent         *bool                 `json:"sent"`
	Number       *string               `json:"number"`
	NumberNot    *string               `json:"number_not" filter:"number,ne"`
	NumberFold   *string               `json:"number_fold" filter:"number,ieq"`
	Numbers      []string              `json:"numbers" filter:"number,in"`
	NotNumbers   []string              `json:"not_numbers" filter:"number,notin"`
	MinAmount    *int64                `json:"min_amount" filter:"amount_cents,gte"`
	MaxAmount    *int64                `json:"max_amount" filter:"amount_cents,lte"`
	Above        *int64                `json:"above" filter:"amount_cents,gt"`
	Below        *int64                `json:"below" filter:"amount_cents,lt"`
	Amount       *filters.Range[int64] `json:"amount" filter:"amount_cents"`
	Rate         *float64              `json:"rate"`
	CreatedAfter *time.Time            `json:"created_after" filter:"created_at,gt"`
	Note         binding.Opt[string]   `json:"note,omitzero"`
	NoteNot      binding.Opt[string]   `json:"note_not,omitzero" filter:"note,ne"`
	NoNote       *bool                 `json:"no_note" filter:"note,isnull"`
	NoteNotIn    []string              `json:"note_notin" filter:"note,notin"`
	Contains     *string               `json:"contains" filter:"number,contains"`
	Starts       *string               `json:"starts" filter:"number,startswith"`
	Ends         *string               `json:"ends" filter:"number,endswith"`
	ContainsFold *string               `json:"icontains" filter:"number,icontains"`
	StartsFold   *string               `json:"istarts" filter:"number,istartswith"`
	EndsFold     *string               `json:"iends" filter:"number,iendswith"`
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbers are hard for LIKE, GLOB, quoting and case.
var numbers = []string{
	"A-1", "a-1", "B-2", "100%", "100x", "a_b", "axb", "a!b", "a!!b", `a\b`, `a\\b`, "a*b", "a?b", "a[b]", "it's", "é-É", "", "x'; DROP TABLE invoices; --",
}

func openSQLite(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "test.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// databases runs test on each database.
func databases(t *testing.T, test func(*testing.T, *gorm.DB)) { dbtest.Each(t, test) }

// seed stores one invoice for each of numbers: amounts 0, 100, ..., every third sent, every second
// with a note.
func seed(t *testing.T, db *gorm.DB) {
	t.Helper()
	migrator := db
	if db.Name() == "mysql" { // else = takes A-1 for a-1
		migrator = db.Set("gorm:table_options", "COLLATE=utf8mb4_bin")
	}
	if err := migrator.AutoMigrate(&invoice{}); err != nil {
		t.Fatal(err)
	}
	for i, number := range numbers {
		inv := invoice{Number: number, AmountCents: int64(i) * 100, Rate: float64(i) / 4, Sent: i%3 == 0,
			CreatedAt: noon.Add(time.Duration(i) * time.Minute)}
		if i%2 == 0 {
			note := fmt.Sprint("note ", i)
			inv.Note = &note
		}
		if err := db.Create(&inv).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func compile[F any](t testing.TB) *filters.Filter {
	t.Helper()
	row, err := filters.SchemaOf(invoice{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := filters.Compile[F](row)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func find(t testing.TB, db *gorm.DB) []string {
	t.Helper()
	var rows []invoice
	if err := db.Order("invoices.id").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(rows))
	for i, r := range rows {
		got[i] = r.Number
	}
	return got
}

func ptr[T any](v T) *T { return &v }

func TestOperators(t *testing.T) {
	all := numbers
	rest := func(without ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(without, s) })
	}
	tests := map[string]struct {
		in   filter
		want []string
	}{
		"nothing given":                 {filter{}, all},
		"eq":                            {filter{Number: ptr("A-1")}, []string{"A-1"}},
		"eq empty":                      {filter{Number: ptr("")}, []string{""}},
		"eq false":                      {filter{Sent: ptr(false), Below: ptr[int64](400)}, []string{"a-1", "B-2"}},
		"eq zero":                       {filter{Rate: ptr(0.0)}, []string{"A-1"}},
		"eq quote":                      {filter{Number: ptr("it's")}, []string{"it's"}},
		"ne":                            {filter{NumberNot: ptr("A-1")}, rest("A-1")},
		"ieq":                           {filter{NumberFold: ptr("a-1")}, []string{"A-1", "a-1"}},
		"in":                            {filter{Numbers: []string{"A-1", "no such", "100%"}}, []string{"A-1", "100%"}},
		"in one":                        {filter{Numbers: []string{"B-2"}}, []string{"B-2"}},
		"in nothing":                    {filter{Numbers: []string{}}, []string{}},
		"notin":                         {filter{NotNumbers: []string{"A-1", "100%"}}, rest("A-1", "100%")},
		"notin nothing":                 {filter{NotNumbers: []string{}}, all},
		"gte":                           {filter{MinAmount: ptr[int64](1600)}, []string{"", numbers[17]}},
		"gt":                            {filter{Above: ptr[int64](1600)}, []string{numbers[17]}},
		"lte":                           {filter{MaxAmount: ptr[int64](100)}, []string{"A-1", "a-1"}},
		"lt":                            {filter{Below: ptr[int64](100)}, []string{"A-1"}},
		"lt zero":                       {filter{Below: ptr[int64](0)}, []string{}},
		"gte greatest":                  {filter{MinAmount: ptr[int64](1<<63 - 1)}, []string{}},
		"between":                       {filter{Amount: &filters.Range[int64]{Min: ptr[int64](100), Max: ptr[int64](200)}}, []string{"a-1", "B-2"}},
		"between from":                  {filter{Amount: &filters.Range[int64]{Min: ptr[int64](1700)}}, []string{numbers[17]}},
		"between to":                    {filter{Amount: &filters.Range[int64]{Max: ptr[int64](0)}}, []string{"A-1"}},
		"between without bounds":        {filter{Amount: &filters.Range[int64]{}}, all},
		"between turned round":          {filter{Amount: &filters.Range[int64]{Min: ptr[int64](2), Max: ptr[int64](1)}}, []string{}},
		"time":                          {filter{CreatedAfter: ptr(noon.Add(15 * time.Minute))}, []string{"", numbers[17]}},
		"time in another zone":          {filter{CreatedAfter: ptr(noon.Add(15 * time.Minute).In(time.FixedZone("", 9*3600)))}, []string{"", numbers[17]}},
		"time with nanoseconds":         {filter{CreatedAfter: ptr(noon.Add(16*time.Minute + 1000))}, []string{numbers[17]}},
		"null":                          {filter{Note: binding.Null[string](), Below: ptr[int64](400)}, []string{"a-1", "100%"}},
		"value of an Opt":               {filter{Note: binding.Some("note 2")}, []string{"B-2"}},
		"not null":                      {filter{NoteNot: binding.Null[string](), Below: ptr[int64](400)}, []string{"A-1", "B-2"}},
		"ne leaves NULL out":            {filter{NoteNot: binding.Some("note 0"), Below: ptr[int64](400)}, []string{"B-2"}},
		"notin leaves NULL out":         {filter{NoteNotIn: []string{"note 0"}, Below: ptr[int64](400)}, []string{"B-2"}},
		"notin nothing keeps NULL":      {filter{NoteNotIn: []string{}, Below: ptr[int64](200)}, []string{"A-1", "a-1"}},
		"isnull true":                   {filter{NoNote: ptr(true), Below: ptr[int64](200)}, []string{"a-1"}},
		"isnull false":                  {filter{NoNote: ptr(false), Below: ptr[int64](200)}, []string{"A-1"}},
		"contains":                      {filter{Contains: ptr("-")}, []string{"A-1", "a-1", "B-2", "é-É", numbers[17]}},
		"contains tells case":           {filter{Contains: ptr("b-")}, []string{}},
		"contains %":                    {filter{Contains: ptr("%")}, []string{"100%"}},
		"contains _":                    {filter{Contains: ptr("_")}, []string{"a_b"}},
		"contains !":                    {filter{Contains: ptr("!")}, []string{"a!b", "a!!b"}},
		"contains !!":                   {filter{Contains: ptr("!!")}, []string{"a!!b"}},
		"contains backslash":            {filter{Contains: ptr(`\`)}, []string{`a\b`, `a\\b`}},
		"contains two backslashes":      {filter{Contains: ptr(`\\`)}, []string{`a\\b`}},
		"contains * and ?":              {filter{Contains: ptr("*")}, []string{"a*b"}},
		"contains [":                    {filter{Contains: ptr("[b]")}, []string{"a[b]"}},
		"contains nothing":              {filter{Contains: ptr("")}, all},
		"startswith":                    {filter{Starts: ptr("a")}, []string{"a-1", "a_b", "axb", "a!b", "a!!b", `a\b`, `a\\b`, "a*b", "a?b", "a[b]"}},
		"startswith tells case":         {filter{Starts: ptr("A")}, []string{"A-1"}},
		"startswith not in the middle":  {filter{Starts: ptr("-")}, []string{}},
		"startswith nothing":            {filter{Starts: ptr("")}, all},
		"endswith":                      {filter{Ends: ptr("_b")}, []string{"a_b"}},
		"endswith whole":                {filter{Ends: ptr("A-1")}, []string{"A-1"}},
		"endswith longer":               {filter{Ends: ptr("xA-1")}, []string{}},
		"endswith far longer":           {filter{Ends: ptr("xxxxxxA-1")}, []string{}},
		"endswith beyond ASCII":         {filter{Ends: ptr("É")}, []string{"é-É"}},
		"endswith tells case":           {filter{Ends: ptr("B")}, []string{}},
		"endswith nothing":              {filter{Ends: ptr("")}, all},
		"icontains":                     {filter{ContainsFold: ptr("B-")}, []string{"B-2"}},
		"icontains folds the value":     {filter{ContainsFold: ptr("A!B")}, []string{"a!b"}},
		"icontains %":                   {filter{ContainsFold: ptr("0%")}, []string{"100%"}},
		"istartswith":                   {filter{StartsFold: ptr("A-")}, []string{"A-1", "a-1"}},
		"iendswith":                     {filter{EndsFold: ptr("_B")}, []string{"a_b"}},
		"iendswith folds the column":    {filter{EndsFold: ptr("a-1")}, []string{"A-1", "a-1"}},
		"all of several":                {filter{Sent: ptr(true), MaxAmount: ptr[int64](300), Contains: ptr("1")}, []string{"A-1", "100%"}},
		"zero-length range of a number": {filter{Amount: &filters.Range[int64]{Min: ptr[int64](100), Max: ptr[int64](100)}}, []string{"a-1"}},
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		seed(t, db)
		f := compile[filter](t)
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if got := find(t, f.Apply(db.Model(&invoice{}), &tt.in)); !slices.Equal(got, tt.want) {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			})
		}
	})
}

// The values come back as data from each operator and change nothing, whatever they try to be.
func TestValuesAreNeverSQL(t *testing.T) {
	attacks := []string{
		"'", `"`, "`", "''", "' OR '1'='1", "' OR 1=1 --", "1; DROP TABLE invoices", "') OR ('1'='1", `\' OR 1=1 --`,
		"?", "??", "$1", ":1", "@name", "%", "_", "%' ESCAPE 'x", "!%", "/* */", "; --", "\n", "\t", "\u2028", "😀", "x' AND sleep(5) --",
		"(SELECT number FROM invoices)", "NULL", "invoices.number", "`number`", "{{7*7}}", strings.Repeat("'", 500),
	}
	databases(t, func(t *testing.T, db *gorm.DB) {
		seed(t, db)
		for _, a := range attacks {
			if err := db.Create(&invoice{Number: "<" + a + ">"}).Error; err != nil {
				t.Fatal(err)
			}
		}
		f := compile[filter](t)
		for _, a := range attacks {
			stored := "<" + a + ">"
			for name, in := range map[string]filter{
				"eq":          {Number: &stored},
				"ieq":         {NumberFold: &stored},
				"in":          {Numbers: []string{stored}},
				"contains":    {Contains: &stored},
				"startswith":  {Starts: &stored},
				"endswith":    {Ends: &stored},
				"icontains":   {ContainsFold: &stored},
				"istartswith": {StartsFold: &stored},
				"iendswith":   {EndsFold: &stored},
			} {
				if got := find(t, f.Apply(db.Model(&invoice{}), &in)); !slices.Equal(got, []string{stored}) {
					t.Errorf("%s of %q: got %q", name, a, got)
				}
			}
			opt := filter{Note: binding.Some(a)}
			if got := find(t, f.Apply(db.Model(&invoice{}), &opt)); len(got) != 0 {
				t.Errorf("note %q: got %q", a, got)
			}
		}
		var n int64
		if err := db.Model(&invoice{}).Count(&n).Error; err != nil || n != int64(len(numbers)+len(attacks)) {
			t.Errorf("%d rows left, %v", n, err)
		}
	})
}

// randomFilter sets each field with probability 1/4.
func randomFilter(r *rand.Rand) (f filter) {
	maybe := func() bool { return r.IntN(4) == 0 }
	text := func() *string {
		if !maybe() {
			return nil
		}
		return ptr(numbers[r.IntN(len(numbers))])
	}
	number := func() *int64 {
		if !maybe() {
			return nil
		}
		return ptr(r.Int64N(2000) - 100)
	}
	texts := func() []string {
		if !maybe() {
			return nil
		}
		return slices.Clone(numbers[:r.IntN(4)])
	}
	flag := func() *bool {
		if !maybe() {
			return nil
		}
		return ptr(r.IntN(2) == 0)
	}
	return filter{
		Sent: flag(), Number: text(), NumberNot: text(), NumberFold: text(), Numbers: texts(), NotNumbers: texts(),
		MinAmount: number(), MaxAmount: number(), Above: number(), Below: number(), NoNote: flag(), NoteNotIn: texts(),
		Contains: text(), Starts: text(), Ends: text(), ContainsFold: text(), StartsFold: text(), EndsFold: text(),
		Amount: &filters.Range[int64]{Min: number(), Max: number()},
	}
}

func TestFiltersReturnASubsetOfTheirScope(t *testing.T) {
	databases(t, func(t *testing.T, db *gorm.DB) {
		seed(t, db)
		if err := db.Delete(&invoice{}, "number = ?", "B-2").Error; err != nil {
			t.Fatal(err)
		}
		or := func(db *gorm.DB) *gorm.DB { return db.Where("amount_cents < 400").Or("number LIKE 'a%'") }
		scopes := map[string]func() *gorm.DB{
			"all":      func() *gorm.DB { return db.Model(&invoice{}) },
			"and":      func() *gorm.DB { return db.Model(&invoice{}).Where("sent").Where("amount_cents < 900") },
			"or":       func() *gorm.DB { return or(db.Model(&invoice{})) },
			"lazy or":  func() *gorm.DB { return db.Model(&invoice{}).Scopes(or) },
			"unscoped": func() *gorm.DB { return or(db.Unscoped().Model(&invoice{})) },
		}
		f := compile[filter](t)
		r := rand.New(rand.NewPCG(1, 2))
		for name, scope := range scopes {
			allowed := find(t, scope())
			for range 150 {
				in := randomFilter(r)
				for _, got := range find(t, f.Apply(scope(), &in)) {
					if !slices.Contains(allowed, got) {
						t.Fatalf("%s: %q is outside of the scope of the query", name, got)
					}
				}
			}
		}
	})
}

type customer struct {
	ID     int64
	Number string
}

func TestColumnsStayUnambiguousInAJoin(t *testing.T) {
	databases(t, func(t *testing.T, db *gorm.DB) {
		seed(t, db)
		if err := db.AutoMigrate(&customer{}); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(&customer{ID: 2, Number: "C"}).Error; err != nil {
			t.Fatal(err)
		}
		f := compile[filter](t)
		in := filter{Starts: ptr("a"), NumberNot: ptr("x"), Numbers: []string{"a-1"}, Amount: &filters.Range[int64]{Min: ptr[int64](1)}}
		joined := db.Model(&invoice{}).Joins("JOIN customers ON customers.id = invoices.id")
		if got := find(t, f.Apply(joined, &in)); !slices.Equal(got, []string{"a-1"}) {
			t.Errorf("got %q", got)
		}
		aliased := db.Table("invoices AS i").Joins("JOIN customers ON customers.id = i.id")
		var rows []map[string]any
		if err := f.Apply(aliased, &in).Select("i.number").Find(&rows).Error; err != nil || len(rows) != 1 {
			t.Errorf("with an alias: got %v, %v", rows, err)
		}
	})
}

func TestApplyRefusesAnotherTypeAndRawSQL(t *testing.T) {
	db := openSQLite(t)
	seed(t, db)
	f := compile[filter](t)
	var rows []invoice
	for name, query := range map[string]*gorm.DB{
		"another type": f.Apply(db.Model(&invoice{}), &customer{}),
		"nil":          f.Apply(db.Model(&invoice{}), nil),
		"nil pointer":  f.Apply(db.Model(&invoice{}), (*filter)(nil)),
		"raw":          f.Apply(db.Raw("SELECT * FROM invoices"), &filter{Sent: ptr(true)}),
	} {
		if err := query.Find(&rows).Error; err == nil {
			t.Errorf("%s: got %d rows and no error", name, len(rows))
		}
	}
}
