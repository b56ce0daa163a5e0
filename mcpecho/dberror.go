package mcpecho

import (
	"reflect"
	"strconv"
	"strings"
)

// driverError is what a database said, taken from the error of its driver.
// Drivers are known by the form of their errors: to import one would put it
// into every program.
type driverError struct {
	text    string // the error as it is: it may repeat values
	state   string // SQLSTATE, of PostgreSQL, MySQL and MariaDB
	number  int    // of MySQL and MariaDB, or the extended code of SQLite
	sqlite  bool
	message string
	detail  string // of PostgreSQL
	raised  bool   // by code of the application in the database, in its own words

	table, constraint string
	columns           []string
}

// refusedBy is why a database refused a statement.
type refusedBy string

const (
	byUnique  refusedBy = "unique"
	byForeign refusedBy = "foreign_key"
	byCheck   refusedBy = "check"
	byNotNull refusedBy = "required"
	byLock    refusedBy = "lock"
	byTime    refusedBy = "time"      // a limit of the database
	byReading refusedBy = "read_only" // the transaction or the database
	byValue   refusedBy = "database"  // a value that does not fit its column
	byNothing refusedBy = ""          // by none of these
)

// mysqlReasons are the errors of MySQL and MariaDB whose SQLSTATE says too
// little.
var mysqlReasons = map[int]refusedBy{
	1022: byUnique, 1062: byUnique, 1169: byUnique, 1586: byUnique,
	1216: byForeign, 1217: byForeign, 1451: byForeign, 1452: byForeign,
	3819: byCheck, 4025: byCheck, 1048: byNotNull, 1364: byNotNull,
	1317: byTime, 1969: byTime, 3024: byTime, 1290: byReading, 1792: byReading, 1836: byReading,
	1020: byLock, 1205: byLock, 1213: byLock, 1614: byLock, 3572: byLock,
	1264: byValue, 1265: byValue, 1292: byValue, 1300: byValue, 1366: byValue, 1367: byValue, 1406: byValue,
	1411: byValue, 1426: byValue, 1441: byValue, 1525: byValue, 1690: byValue, 3140: byValue, 3156: byValue, 4079: byValue,
}

// stateReasons are those of PostgreSQL, by SQLSTATE.
var stateReasons = map[string]refusedBy{
	"23505": byUnique, "23P01": byUnique, "23503": byForeign, "23001": byForeign, "23514": byCheck, "23502": byNotNull,
	"57014": byTime, "25006": byReading,
	"40001": byLock, "40P01": byLock, "55P03": byLock,
}

// sqliteReasons are those of SQLite, by extended code. The codes of one lock
// differ in their upper bits alone.
var sqliteReasons = map[int]refusedBy{
	1555: byUnique, 2067: byUnique, 2579: byUnique, 787: byForeign, 275: byCheck, 1299: byNotNull,
	18: byValue, 20: byValue, 3091: byValue,
}

const sqliteBusy, sqliteLocked, sqliteReadOnly = 5, 6, 8

// reason says why the database refused.
func (d *driverError) reason() refusedBy {
	switch {
	case d.sqlite:
		switch d.number & 0xff {
		case sqliteBusy, sqliteLocked:
			return byLock
		case sqliteReadOnly:
			return byReading
		}
		return sqliteReasons[d.number]
	case d.number != 0:
		if why := mysqlReasons[d.number]; why != byNothing {
			return why
		}
	case d.state == "":
		return byValue // a driver refused to send it
	}
	if strings.HasPrefix(d.state, "22") {
		return byValue
	}
	return stateReasons[d.state]
}

// driverErrors finds the errors of drivers in err, outermost first.
func driverErrors(err error) (all []*driverError) {
	eachError(err, func(e error) bool {
		d := driverErrorOf(e)
		if d != nil {
			all = append(all, d)
		}
		return d == nil
	})
	return all
}

// eachError visits err and what it wraps, below those for which visit returns
// true.
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

// driverErrorOf takes one error apart, nil when no driver made it.
func driverErrorOf(err error) *driverError {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	d := &driverError{text: err.Error()}
	switch number, extended := member(v, "Number"), member(v, "ExtendedCode"); {
	case number.IsValid() && number.CanUint() && text(v, "Message") != "":
		d.number, d.message, d.state = int(number.Uint()), text(v, "Message"), text(v, "SQLState")
		d.raised = d.number == 1644 || d.state == "45000"
		d.readMySQL()
		return d
	case extended.IsValid() && extended.CanInt():
		d.sqlite, d.number, d.message = true, int(extended.Int()), d.text
		d.readSQLite()
		return d
	}
	if s, ok := err.(interface{ SQLState() string }); ok { //nolint:errorlint // this error alone is asked
		d.state, d.message, d.detail = s.SQLState(), text(v, "Message"), text(v, "Detail")
		d.table, d.constraint = text(v, "TableName", "Table"), text(v, "ConstraintName", "Constraint")
		d.raised = d.state == "P0001" || text(v, "Routine") == "exec_stmt_raise"
		d.columns = detailColumns(d.detail)
		if c := text(v, "ColumnName", "Column"); c != "" {
			d.columns = []string{c}
		}
		return d
	}
	if s, ok := err.(interface{ Code() int }); ok && strings.Contains(v.Type().PkgPath(), "sqlite") { //nolint:errorlint // as above
		d.sqlite, d.number, d.message = true, s.Code(), strings.TrimSuffix(d.text, " ("+strconv.Itoa(s.Code())+")")
		d.readSQLite()
		return d
	}
	if unsendable(d.text) {
		return d
	}
	return nil
}

// unsendable says whether a driver could not make a value of the statement
// ready to be sent. These errors have no type.
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

// detailColumns are the columns in a detail of PostgreSQL, as
//
//	Key (tenant, lower(number))=(7, a-1) already exists.
//
// in whatever language the server speaks.
func detailColumns(detail string) []string {
	names, _, found := strings.Cut(detail, ")=(")
	_, names, opened := strings.Cut(names, "(")
	if !found || !opened {
		return nil
	}
	return splitColumns(names)
}

func splitColumns(list string) (columns []string) {
	for c := range strings.SplitSeq(list, ",") {
		columns = append(columns, strings.Trim(strings.TrimSpace(c), "`\""))
	}
	return columns
}

// readMySQL finds names in the message, behind the last place where a value
// can stand.
func (d *driverError) readMySQL() {
	m := d.message
	switch d.reason() {
	case byUnique:
		if i := strings.LastIndex(m, " for key "); i >= 0 {
			d.constraint = strings.Trim(m[i+len(" for key "):], "'`")
			if table, key, ok := strings.Cut(d.constraint, "."); ok {
				d.table, d.constraint = table, key
			}
		}
	case byForeign:
		if _, rest, ok := strings.Cut(m, "CONSTRAINT `"); ok {
			d.constraint, rest, _ = strings.Cut(rest, "`")
			if _, names, ok := strings.Cut(rest, "FOREIGN KEY ("); ok {
				names, _, _ = strings.Cut(names, ")")
				d.columns = splitColumns(names)
			}
		}
	case byCheck:
		if _, rest, ok := strings.Cut(m, "onstraint '"); ok { // MySQL
			d.constraint, _, _ = strings.Cut(rest, "'")
		} else if _, rest, ok := strings.Cut(m, "CONSTRAINT `"); ok { // MariaDB
			d.constraint, _, _ = strings.Cut(rest, "`")
		}
	case byNotNull:
		if _, rest, ok := strings.Cut(m, "'"); ok {
			name, _, _ := strings.Cut(rest, "'")
			d.columns = []string{name}
		}
	case byValue:
		if i := strings.LastIndex(m, " for column "); i >= 0 {
			name, _, _ := strings.Cut(m[i+len(" for column "):], " at row ")
			name = name[strings.LastIndexByte(name, '.')+1:]
			d.columns = []string{strings.Trim(name, "'`")}
		}
	}
}

// readSQLite finds the columns in a message as
//
//	UNIQUE constraint failed: invoices.tenant, invoices.number
func (d *driverError) readSQLite() {
	_, names, ok := strings.Cut(d.message, " constraint failed: ")
	if !ok {
		return
	}
	switch d.reason() {
	case byUnique, byNotNull:
		if index, ok := strings.CutPrefix(names, "index '"); ok {
			d.constraint = strings.TrimSuffix(index, "'")
			return
		}
		for _, c := range splitColumns(names) {
			table, column, _ := strings.Cut(c, ".")
			d.table, d.columns = table, append(d.columns, column)
		}
	case byCheck:
		d.constraint = names
	}
}

// safe is what a log may hold of the error: numbers and names, and the message
// up to where it quotes something. What code of the application has raised in
// the database has no form by which values could be told from words.
func (d *driverError) safe(hide func(string) string) string {
	var b strings.Builder
	switch {
	case d.sqlite:
		b.WriteString("SQLite code " + strconv.Itoa(d.number))
	case d.number != 0:
		b.WriteString("error " + strconv.Itoa(d.number) + " (" + d.state + ")")
	case d.state != "":
		b.WriteString("SQLSTATE " + d.state)
	default:
		b.WriteString("the driver refused a value")
	}
	if d.raised {
		b.WriteString(": raised by the application")
		return b.String()
	}
	for _, named := range [...][2]string{{"table", d.table}, {"constraint", d.constraint}, {"columns", strings.Join(d.columns, ",")}} {
		if named[1] != "" {
			b.WriteString(" " + named[0] + "=" + named[1])
		}
	}
	if m := unquoted(hide(d.message), d.quotesNames()); m != "" {
		b.WriteString(": " + m)
	}
	return b.String()
}

// quotesNames says whether what the message quotes are names of the statement. 42704 is, of
// PostgreSQL, also about parameters whose name came as a value, and 42000, of MySQL, about anything.
func (d *driverError) quotesNames() bool {
	return strings.HasPrefix(d.state, "42") && d.state != "42704" && d.state != "42000"
}

// unquoted is a message up to its first quote, behind which a value may
// stand. names says that what it quotes are names of the statement; those are
// kept when they look like one.
func unquoted(message string, names bool) string {
	for from := 0; ; {
		i := strings.IndexAny(message[from:], `'"`)
		if i < 0 {
			return message
		}
		i += from
		end := strings.IndexByte(message[i+1:], message[i])
		if !names || end < 0 || !isName(message[i+1:i+1+end]) {
			return strings.TrimRight(message[:i], " ") + " …"
		}
		from = i + end + 2
	}
}

// isName says whether s can be the name of a column, table or function.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.$", r))
	})
}
