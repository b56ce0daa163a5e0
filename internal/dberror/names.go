package dberror

import "strings"

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

// readMySQL finds names in the message, behind the last place where a value can stand.
func (d *Error) readMySQL() {
	m := d.message
	switch d.Reason() {
	case Unique:
		if i := strings.LastIndex(m, " for key "); i >= 0 {
			d.Constraint = strings.Trim(m[i+len(" for key "):], "'`")
			if table, key, ok := strings.Cut(d.Constraint, "."); ok {
				d.Table, d.Constraint = table, key
			}
		}
	case ForeignKey:
		if _, rest, ok := strings.Cut(m, "CONSTRAINT `"); ok {
			d.Constraint, rest, _ = strings.Cut(rest, "`")
			if _, names, ok := strings.Cut(rest, "FOREIGN KEY ("); ok {
				names, _, _ = strings.Cut(names, ")")
				d.Columns = splitColumns(names)
			}
		}
	case Check:
		if _, rest, ok := strings.Cut(m, "onstraint '"); ok { // MySQL
			d.Constraint, _, _ = strings.Cut(rest, "'")
		} else if _, rest, ok := strings.Cut(m, "CONSTRAINT `"); ok { // MariaDB
			d.Constraint, _, _ = strings.Cut(rest, "`")
		}
	case NotNull:
		if _, rest, ok := strings.Cut(m, "'"); ok {
			name, _, _ := strings.Cut(rest, "'")
			d.Columns = []string{name}
		}
	case Value:
		if i := strings.LastIndex(m, " for column "); i >= 0 {
			name, _, _ := strings.Cut(m[i+len(" for column "):], " at row ")
			name = name[strings.LastIndexByte(name, '.')+1:]
			d.Columns = []string{strings.Trim(name, "'`")}
		}
	}
}

// readSQLite finds the columns in a message as
//
//	UNIQUE constraint failed: invoices.tenant, invoices.number
func (d *Error) readSQLite() {
	_, names, ok := strings.Cut(d.message, " constraint failed: ")
	if !ok {
		return
	}
	switch d.Reason() {
	case Unique, NotNull:
		if index, ok := strings.CutPrefix(names, "index '"); ok {
			d.Constraint = strings.TrimSuffix(index, "'")
			return
		}
		for _, c := range splitColumns(names) {
			table, column, _ := strings.Cut(c, ".")
			d.Table, d.Columns = table, append(d.Columns, column)
		}
	case Check:
		d.Constraint = names
	}
}
