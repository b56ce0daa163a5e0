// Package dberror reads what a database has said out of the error of its driver: why it refused a
// statement, which columns it named, and what of its text a log may hold. It knows PostgreSQL,
// MySQL, MariaDB and SQLite. Drivers are known by the form of their errors: to import one would put
// it into every program.
package dberror

import (
	"reflect"
	"strconv"
	"strings"
)

// Error is what a database said.
type Error struct {
	Text       string   // of the error as it is: it may repeat values
	Number     int      // of MySQL and MariaDB, or the extended code of SQLite
	Table      string   // "" where none is named, as in the next two
	Constraint string   // its name, or that of an index
	Columns    []string // of the table

	state   string // SQLSTATE, of PostgreSQL, MySQL and MariaDB
	sqlite  bool
	message string
	detail  string // of PostgreSQL
	raised  bool   // by code of the application in the database, in its own words
}

// Reason is why a database refused a statement. Its text is the word by which clients get it.
type Reason string

// The reasons.
const (
	Unique     Reason = "unique"
	ForeignKey Reason = "foreign_key"
	Check      Reason = "check"
	NotNull    Reason = "required"
	Lock       Reason = "lock"      // of another transaction
	Time       Reason = "time"      // a limit of the database
	ReadOnly   Reason = "read_only" // the transaction or the database
	Value      Reason = "database"  // a value that does not fit its column
	None       Reason = ""          // none of these
)

// mysqlReasons are the errors of MySQL and MariaDB whose SQLSTATE says too little.
var mysqlReasons = map[int]Reason{
	1022: Unique, 1062: Unique, 1169: Unique, 1586: Unique,
	1216: ForeignKey, 1217: ForeignKey, 1451: ForeignKey, 1452: ForeignKey,
	3819: Check, 4025: Check, 1048: NotNull, 1364: NotNull,
	1317: Time, 1969: Time, 3024: Time, 1290: ReadOnly, 1792: ReadOnly, 1836: ReadOnly,
	1020: Lock, 1205: Lock, 1213: Lock, 1614: Lock, 3572: Lock,
	1264: Value, 1265: Value, 1292: Value, 1300: Value, 1366: Value, 1367: Value, 1406: Value,
	1411: Value, 1426: Value, 1441: Value, 1525: Value, 1690: Value, 3140: Value, 3156: Value, 4079: Value,
}

// stateReasons are those of PostgreSQL, by SQLSTATE.
var stateReasons = map[string]Reason{
	"23505": Unique, "23P01": Unique, "23503": ForeignKey, "23001": ForeignKey, "23514": Check, "23502": NotNull,
	"57014": Time, "25006": ReadOnly,
	"40001": Lock, "40P01": Lock, "55P03": Lock,
}

// sqliteReasons are those of SQLite, by extended code. The codes of one lock differ in their upper
// bits alone.
var sqliteReasons = map[int]Reason{
	1555: Unique, 2067: Unique, 2579: Unique, 787: ForeignKey, 275: Check, 1299: NotNull,
	18: Value, 20: Value, 3091: Value,
}

const sqliteBusy, sqliteLocked, sqliteReadOnly = 5, 6, 8

// Reason says why the database refused.
func (d *Error) Reason() Reason {
	switch {
	case d.sqlite:
		switch d.Number & 0xff {
		case sqliteBusy, sqliteLocked:
			return Lock
		case sqliteReadOnly:
			return ReadOnly
		}
		return sqliteReasons[d.Number]
	case d.Number != 0:
		if why := mysqlReasons[d.Number]; why != None {
			return why
		}
	case d.state == "":
		return Value // a driver refused to send it
	}
	if strings.HasPrefix(d.state, "22") {
		return Value
	}
	return stateReasons[d.state]
}

// All finds the errors of drivers in err, outermost first.
func All(err error) (all []*Error) {
	eachError(err, func(e error) bool {
		d := Of(e)
		if d != nil {
			all = append(all, d)
		}
		return d == nil
	})
	return all
}

// eachError visits err, and what it wraps as long as visit returns true.
func eachError(err error, visit func(error) bool) {
	if err == nil || !visit(err) {
		return
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree that errors.As would search
	case interface{ Unwrap() error }:
		eachError(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			eachError(inner, visit)
		}
	}
}

// Of takes one error apart, nil when no driver made it.
func Of(err error) *Error {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	d := &Error{Text: err.Error()}
	switch number, extended := member(v, "Number"), member(v, "ExtendedCode"); {
	case number.IsValid() && number.CanUint() && text(v, "Message") != "":
		d.Number, d.message, d.state = int(number.Uint()), text(v, "Message"), text(v, "SQLState")
		d.raised = d.Number == 1644 || d.state == "45000"
		d.readMySQL()
		return d
	case extended.IsValid() && extended.CanInt():
		d.sqlite, d.Number, d.message = true, int(extended.Int()), d.Text
		d.readSQLite()
		return d
	}
	if s, ok := err.(interface{ SQLState() string }); ok { //nolint:errorlint // this error alone is asked
		d.state, d.message, d.detail = s.SQLState(), text(v, "Message"), text(v, "Detail")
		d.Table, d.Constraint = text(v, "TableName", "Table"), text(v, "ConstraintName", "Constraint")
		d.raised = d.state == "P0001" || text(v, "Routine") == "exec_stmt_raise"
		d.Columns = detailColumns(d.detail)
		if c := text(v, "ColumnName", "Column"); c != "" {
			d.Columns = []string{c}
		}
		return d
	}
	if s, ok := err.(interface{ Code() int }); ok && strings.Contains(v.Type().PkgPath(), "sqlite") { //nolint:errorlint // as above
		d.sqlite, d.Number, d.message = true, s.Code(), strings.TrimSuffix(d.Text, " ("+strconv.Itoa(s.Code())+")")
		d.readSQLite()
		return d
	}
	if unsendable(d.Text) {
		return d
	}
	return nil
}

// unsendable says whether a driver could not make a value of the statement ready to be sent. These
// errors have no type.
func unsendable(text string) bool {
	return strings.HasPrefix(text, "failed to encode args[") || // pgx
		strings.HasPrefix(text, "year is not in the range [0, 9999]") || // go-sql-driver/mysql
		strings.HasPrefix(text, "sql: converting argument $") && strings.HasSuffix(text, "uint64 values with high bit set are not supported")
}

// member is a field of the struct itself, not of what it embeds.
func member(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	f, ok := v.Type().FieldByName(name)
	if !ok || len(f.Index) != 1 {
		return reflect.Value{}
	}
	return v.FieldByIndex(f.Index)
}

// text is the first of the fields that is there, as text.
func text(v reflect.Value, names ...string) string {
	for _, name := range names {
		switch f := member(v, name); {
		case !f.IsValid():
		case f.Kind() == reflect.String:
			return f.String()
		case f.Kind() == reflect.Array && f.Type().Elem().Kind() == reflect.Uint8:
			b := make([]byte, 0, f.Len())
			for i := range f.Len() {
				if c := byte(f.Index(i).Uint()); c != 0 {
					b = append(b, c)
				}
			}
			return string(b)
		}
	}
	return ""
}
