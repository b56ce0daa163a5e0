package filters

import (
	"reflect"
	"strings"

	"gorm.io/gorm/clause"
)

// comparisons are the operators that are the same on every database.
var comparisons = map[string]string{
	"eq": "? = ?", "ne": "? <> ?", "gt": "? > ?", "gte": "? >= ?", "lt": "? < ?", "lte": "? <= ?",
	"in": "? IN ?", "notin": "? NOT IN ?",
	"ieq": "LOWER(?) = LOWER(?)",
}

// texts are the operators that look inside a text, and where the value may lie in it.
var texts = map[string]struct {
	prefix, suffix string // of a LIKE pattern
	sqlite         string
	fold           bool
}{
	"contains":    {"%", "%", "instr(C, V) > 0", false},
	"startswith":  {"", "%", "instr(C, V) = 1", false},
	"endswith":    {"%", "", "substr(C, length(C) - length(V) + 1) = V", false},
	"icontains":   {"%", "%", "instr(C, V) > 0", true},
	"istartswith": {"", "%", "instr(C, V) = 1", true},
	"iendswith":   {"%", "", "substr(C, length(C) - length(V) + 1) = V", true},
}

// escape makes a value literal inside LIKE ... ESCAPE '!'. A backslash, the usual escape, is itself
// an escape inside the literals of MySQL but not of the others.
var escape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// expression may change p.values.
func (p present) expression(dialect string) clause.Expression {
	for i, v := range p.values {
		if v != nil {
			p.values[i] = p.stored.parameter(v, dialect)
		}
	}
	switch p.op {
	case "isnull":
		if reflect.ValueOf(p.values[0]).Bool() {
			return clause.Expr{SQL: "? IS NULL", Vars: []any{p.column}}
		}
		return clause.Expr{SQL: "? IS NOT NULL", Vars: []any{p.column}}
	case "between":
		return p.between()
	case "in", "notin":
		if len(p.values) == 0 {
			return clause.Expr{SQL: map[string]string{"in": "1 = 0", "notin": "1 = 1"}[p.op]}
		}
		return clause.Expr{SQL: comparisons[p.op], Vars: []any{p.column, p.values}}
	}
	if p.null {
		return clause.Expr{SQL: map[string]string{"eq": "? IS NULL", "ne": "? IS NOT NULL"}[p.op], Vars: []any{p.column}}
	}
	if sql, ok := comparisons[p.op]; ok {
		return clause.Expr{SQL: sql, Vars: []any{p.column, p.values[0]}}
	}
	return p.text(dialect)
}

func (p present) between() clause.Expression {
	lower, upper := p.values[0], p.values[1]
	switch {
	case upper == nil:
		return clause.Expr{SQL: "? >= ?", Vars: []any{p.column, lower}}
	case lower == nil:
		return clause.Expr{SQL: "? <= ?", Vars: []any{p.column, upper}}
	}
	// BETWEEN is not used, because MariaDB turns a decimal into a double for it.
	return clause.Expr{SQL: "(? >= ? AND ? <= ?)", Vars: []any{p.column, lower, p.column, upper}}
}

// text compares with regard to case unless the operator ignores it. LIKE alone is not enough: on
// SQLite it always ignores case, and on MySQL it follows the collation.
func (p present) text(dialect string) clause.Expression {
	op, value := texts[p.op], reflect.ValueOf(p.values[0]).String()
	column := "?"
	if op.fold {
		column = "LOWER(?)"
	}
	if dialect == "sqlite" {
		var vars []any
		for _, r := range op.sqlite {
			switch r {
			case 'C':
				vars = append(vars, p.column)
			case 'V':
				vars = append(vars, value)
			}
		}
		return clause.Expr{SQL: strings.NewReplacer("C", column, "V", column).Replace(op.sqlite), Vars: vars}
	}
	sql := column + " LIKE " + column
	if dialect == "mysql" {
		sql += " COLLATE utf8mb4_bin"
	}
	return clause.Expr{SQL: sql + " ESCAPE '!'", Vars: []any{p.column, op.prefix + escape.Replace(value) + op.suffix}}
}
