package filters

import (
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// stored is what the database type of a column demands of the values that it is compared with.
type stored struct {
	uuid    bool // text that must be a UUID
	decimal bool // text that must be a number
	wide    bool // integers that may lie outside of the column's own type
}

// storedOf looks at a column and at the type of the values of a filter.
func storedOf(value reflect.Type, column *schema.Field) stored {
	declared := strings.ToLower(strings.TrimSpace(column.TagSettings["TYPE"])) // gorm's own int is of any size
	begins := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(declared, p) {
				return true
			}
		}
		return false
	}
	var s stored
	switch have := dataType(value); have {
	case schema.String:
		s.uuid, s.decimal = begins("uuid"), begins("decimal", "numeric")
	case schema.Int, schema.Uint:
		bits := value.Bits()
		if have == schema.Uint {
			bits++ // a column without a sign exists on MySQL only, which compares any two integers
		}
		s.wide = bits > bitsOf(declared, column) && (column.GORMDataType == schema.Int || column.GORMDataType == schema.Uint)
	}
	return s
}

// bitsOf is the size of an integer column by the type that its model declares, or else by that of
// its Go field.
func bitsOf(declared string, column *schema.Field) int {
	name, _, _ := strings.Cut(declared, " ")
	name, _, _ = strings.Cut(name, "(")
	switch name {
	case "tinyint", "smallint", "int2", "smallserial", "serial2":
		return 16
	case "int", "integer", "int4", "serial", "serial4", "mediumint":
		return 32
	}
	return column.Size
}

var (
	uuidText    = regexp.MustCompile(`^[0-9A-Fa-f]{4}(-?[0-9A-Fa-f]{4}){7}$`)
	decimalText = regexp.MustCompile(`^[+-]?([0-9]{1,1000}(\.[0-9]{0,1000})?|\.[0-9]{1,1000})([eE][+-]?[0-9]{1,3})?$`)
)

// refuse returns the rule that a value breaks, which would fail in the database, and what to do.
func (s stored) refuse(value any) (rule, message string) {
	if t, ok := value.(time.Time); ok {
		if year := t.UTC().Year(); year < 1 || year > 9999 {
			return "range", "must be between the years 0001 and 9999 in UTC"
		}
		return "", ""
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.String {
		return "", ""
	}
	switch text := v.String(); {
	case strings.IndexByte(text, 0) >= 0:
		return "text", "must not contain the character U+0000"
	case s.uuid && !uuidText.MatchString(text):
		return "uuid", "must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000"
	case s.decimal && !decimalText.MatchString(text):
		return "number", "must be a decimal number"
	}
	return "", ""
}

// parameter is a value in the form in which a database compares it with a column whatever their
// sizes. PostgreSQL assumes that a parameter has the type of the column and fails when the value
// does not fit; and only the driver of MySQL accepts numbers above the greatest int64.
func (s stored) parameter(value any, dialect string) any {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Uint, reflect.Uint64:
		if v.Uint() > math.MaxInt64 && dialect != "mysql" {
			return clause.Expr{SQL: "CAST(? AS NUMERIC)", Vars: []any{strconv.FormatUint(v.Uint(), 10)}}
		}
	case reflect.Struct:
		if t, ok := value.(time.Time); ok && dialect == "sqlite" {
			return t.UTC()
		}
	}
	if s.wide && dialect == "postgres" {
		return clause.Expr{SQL: "CAST(? AS bigint)", Vars: []any{value}} // an index of the column serves it all the same
	}
	return value
}
