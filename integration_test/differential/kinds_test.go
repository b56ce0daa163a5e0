package differential

import (
	"bytes"
	"cmp"
	"database/sql"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/mcpecho/kit/filters"
)

// kind is a kind of column: how it is stored, which Go fields read it, what it may hold and how
// values compare.
type kind struct {
	name string
	// stored is the gorm type on a database, "-" where there is none, "" for gorm's own.
	stored func(dialect string) string
	fields []reflect.Type
	value  func(r *rand.Rand, dialect string) any
	// compare is nil for a column whose collation only the database knows: its ranks are asked for.
	compare func(a, b any) int
	filter  filterTypes
	ops     []string
}

// filterTypes are the types of filter fields for one type of value.
type filterTypes struct{ one, list, span reflect.Type }

func filterOf[T any]() filterTypes {
	return filterTypes{reflect.TypeFor[*T](), reflect.TypeFor[[]T](), reflect.TypeFor[*filters.Range[T]]()}
}

func types(values ...any) (all []reflect.Type) {
	for _, v := range values {
		all = append(all, reflect.TypeOf(v))
	}
	return all
}

func oneOf[T any](values ...T) func(*rand.Rand, string) any {
	return func(r *rand.Rand, _ string) any { return values[r.IntN(len(values))] }
}

func plain(string) string { return "" }

func always(stored string) func(string) string { return func(string) string { return stored } }

func by[T cmp.Ordered](a, b any) int { return cmp.Compare(a.(T), b.(T)) }

func byTime(a, b any) int { return a.(time.Time).Compare(b.(time.Time)) }

func byBool(a, b any) int {
	n := map[bool]int{true: 1}
	return n[a.(bool)] - n[b.(bool)]
}

func byDecimal(a, b any) int {
	x, _ := new(big.Rat).SetString(a.(string))
	y, _ := new(big.Rat).SetString(b.(string))
	return x.Cmp(y)
}

func byLevel(a, b any) int {
	return strings.Index(levels, a.(string)) - strings.Index(levels, b.(string))
}

const levels = "low mid high zz" // as in the type of the column, not as in the alphabet

var (
	ordered = []string{"eq", "ne", "gt", "gte", "lt", "lte", "in", "notin", "between", "isnull"}
	equal   = []string{"eq", "ne", "in", "notin", "isnull"}
	textual = []string{"contains", "startswith", "endswith", "icontains", "istartswith", "iendswith", "isnull"}
	exact   = append([]string{"ieq"}, append(textual, ordered...)...)
)

// traps are texts that collations, LIKE and quoting treat in their own ways.
var traps = []string{"", "a", "A", "b", "B", "ä", "Ä", "a%", "a_", "%", "_", `\`, "!", "a b", "a ", " a", "ß", "ss", "é", "e\u0301", "ı", "🙂", "'", `"`, "a-b",
	"ab", "aB", "z", "Z", "10", "9", "日本", "?", "$1", "@x", "NULL"}

var noon = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// moment has the precision of the database, and now and then another zone where the database keeps
// none.
func moment(r *rand.Rand, dialect string) any {
	t := noon.Add(time.Duration(r.IntN(3)) * time.Hour).Add(time.Duration(r.IntN(3)) * 125 * time.Millisecond)
	switch {
	case dialect == "sqlite":
		return t.Add(time.Duration(r.IntN(2)) * 7) // in UTC: it keeps the text
	case dialect == "postgres":
		t = t.Add(time.Duration(r.IntN(2)) * 7 * time.Microsecond)
	}
	if r.IntN(3) == 0 {
		t = t.In(time.FixedZone("", 5*3600+1800))
	}
	return t
}

func binaryText(dialect string) string {
	return "varchar(40)" + map[string]string{"postgres": ` COLLATE "C"`, "mysql": " COLLATE utf8mb4_nopad_bin"}[dialect]
}

func collatedText(dialect string) string {
	return "varchar(40)" + map[string]string{"sqlite": " COLLATE NOCASE", "postgres": ` COLLATE "und-x-icu"`, "mysql": " COLLATE utf8mb4_general_ci"}[dialect]
}

func only(dialect, stored string) func(string) string {
	return func(d string) string {
		if d == dialect {
			return stored
		}
		return "-"
	}
}

var uuids = []string{"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "123e4567-e89b-12d3-a456-426614174001"}

var kinds = []kind{
	{"int64", plain, types(int64(0), new(int64), sql.NullInt64{}), oneOf[int64](math.MinInt64, math.MaxInt64, math.MaxInt64-1, 0, 1<<53, 1<<53+1, -1), by[int64], filterOf[int64](), ordered},
	{"smallint", always("smallint"), types(int64(0), new(int16)), oneOf[int64](-32768, 32767, 0, 7), by[int64], filterOf[int16](), ordered},
	{"smallint by more", always("smallint"), types(int64(0)), oneOf[int64](-32768, 32767, 0, 7), by[int64], filterOf[int64](), ordered},
	{"int32", plain, types(int32(0), new(int32), sql.NullInt32{}), oneOf[int64](math.MinInt32, math.MaxInt32, 0, 3), by[int64], filterOf[int32](), ordered},
	{"int32 by unsigned", plain, types(int32(0), new(int32)), oneOf[int64](math.MinInt32, math.MaxInt32, 0, 3), by[int64], filterOf[uint32](), ordered},
	{"uint32", plain, types(uint32(0), new(uint32)), oneOf[int64](0, math.MaxUint32, 7), by[int64], filterOf[uint32](), ordered},
	{"uint64", only("mysql", "bigint unsigned"), types(uint64(0), new(uint64)), oneOf[uint64](0, math.MaxUint64, 1<<63, 1<<63-1), by[uint64], filterOf[uint64](), ordered},
	{"float64", plain, types(0.0, new(float64), sql.NullFloat64{}), oneOf(0.1, 0.2, 0.1+0.2, 0.3, -1e300, 1e300, 1e-300, 0, 1.0/3), by[float64], filterOf[float64](), ordered},
	{"float32", plain, types(float32(0), new(float32)), oneOf(float64(float32(0.1)), 16777216, float64(float32(1.2345679)), float64(float32(-3.4e38)), float64(float32(1.0)/3), 0), by[float64], filterOf[float32](), ordered},
	{"bool", plain, types(false, new(bool), sql.NullBool{}), oneOf(true, false), byBool, filterOf[bool](), equal},
	{"text", binaryText, types("", new(string), sql.NullString{}), oneOf(traps...), by[string], filterOf[string](), exact},
	{"collated text", collatedText, types("", new(string)), oneOf(traps...), nil, filterOf[string](), textual},
	{"time", plain, types(time.Time{}, new(time.Time), sql.NullTime{}), moment, byTime, filterOf[time.Time](), ordered},
	{"date", always("date"), types(time.Time{}, new(time.Time)), oneOf(noon.Truncate(24*time.Hour), noon.Truncate(24*time.Hour).AddDate(0, 0, 1), noon.Truncate(24*time.Hour).AddDate(-9, 0, 0)), byTime, filterOf[time.Time](), ordered},
	{"decimal", always("decimal(24,8)"), types("", new(string)), oneOf("0", "-0.5", "1", "10", "9", "9.9999999", "-1", "0.1", "0.3", "123456.75"), byDecimal, filterOf[string](), ordered},
	{"decimal in a float", always("decimal(24,8)"), types(0.0, new(float64)), oneOf("0", "0.1", "0.30000001", "-1.5"), byDecimal, filterTypes{}, []string{"isnull"}},
	{"bytes", plain, types([]byte(nil)), oneOf([]byte{}, []byte{0}, []byte{1, 2}, []byte{0xff}, []byte("a"), []byte("A")), func(a, b any) int { return bytes.Compare(a.([]byte), b.([]byte)) }, filterTypes{}, []string{"isnull"}},
	{"uuid", func(d string) string {
		return map[string]string{"postgres": "uuid"}[d] + map[string]string{"sqlite": "char(36)", "mysql": "char(36)"}[d]
	}, types("", new(string)), oneOf(uuids...), by[string], filterOf[string](), equal},
	{"enum", only("mysql", "enum('low','mid','high','zz')"), types("", new(string)), oneOf(strings.Fields(levels)...), byLevel, filterOf[string](), equal},
	{"set", only("mysql", "set('low','mid','high','zz')"), types("", new(string)), oneOf(strings.Fields(levels)...), byLevel, filterOf[string](), equal},
	{"duration", plain, types(time.Duration(0)), oneOf[int64](0, 1, int64(time.Hour)), by[int64], filterOf[time.Duration](), ordered},
}

// column is a column of one table, with what it holds in each row.
type column struct {
	kind
	name     string
	field    string
	nullable bool
	goType   reflect.Type
	values   []any // by row; nil is NULL
	ranks    []int // by row, for a collation
}

// order compares two rows by the column.
func (c *column) order(a, b int, nullIsGreatest bool) int {
	x, y := c.values[a], c.values[b]
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil || y == nil:
		if (x == nil) == nullIsGreatest {
			return 1
		}
		return -1
	case c.compare == nil:
		return cmp.Compare(c.ranks[a], c.ranks[b])
	}
	return c.compare(x, y)
}

// matches says whether a value of the column satisfies an operator.
func (c *column) matches(row int, op string, args []any) bool {
	v := c.values[row]
	if op == "isnull" {
		return (v == nil) == args[0].(bool)
	}
	if op == "in" || op == "notin" {
		if len(args) == 0 {
			return op == "notin"
		}
	}
	if v == nil {
		return false
	}
	compare := func(i int) int { return c.compare(v, args[i]) }
	switch op {
	case "eq":
		return compare(0) == 0
	case "ne":
		return compare(0) != 0
	case "gt":
		return compare(0) > 0
	case "gte":
		return compare(0) >= 0
	case "lt":
		return compare(0) < 0
	case "lte":
		return compare(0) <= 0
	case "between":
		return (args[0] == nil || compare(0) >= 0) && (args[1] == nil || compare(1) <= 0)
	case "in", "notin":
		found := false
		for i := range args {
			found = found || compare(i) == 0
		}
		return found == (op == "in")
	}
	have, want := v.(string), args[0].(string)
	if op, folds := strings.CutPrefix(op, "i"); folds {
		return textMatches(op, lower(have), lower(want))
	}
	return textMatches(op, have, want)
}

func textMatches(op, have, want string) bool {
	switch op {
	case "eq":
		return have == want
	case "contains":
		return strings.Contains(have, want)
	case "startswith":
		return strings.HasPrefix(have, want)
	case "endswith":
		return strings.HasSuffix(have, want)
	}
	panic(fmt.Sprint("no reference for the operator ", op))
}

// lower folds ASCII, which is all that the databases agree on.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	for _, b := range []byte(s) {
		if b >= 0x80 {
			return false
		}
	}
	return true
}
