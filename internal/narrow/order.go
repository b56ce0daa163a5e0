package narrow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Order puts chosen in front of the ORDER BY that stmt has, and behind it the columns that tell
// equal rows apart. These are key, the primary key, when each row of the result is a row of the
// table. The rows of a GROUP BY are told apart by the columns it groups by, and those of a DISTINCT
// over some columns by these columns.
//
// The last terms have the direction of the term before them, so that an index which holds the key
// behind an ordered column serves both directions.
func Order(stmt *gorm.Statement, chosen, key []clause.OrderByColumn) {
	list := selectList(stmt)
	group, grouped := groupOf(stmt)
	merged := grouped && !coversGroup(group, key) || distinct(stmt, list) && !Covers(list, key)
	switch {
	case merged && grouped:
		key = group
	case merged:
		key = ordinals(list)
	case !grouped && aggregates(list):
		key = nil // there is one row
	}
	if merged {
		// An unqualified name is an output column where there is one, such as sum(amount) AS
		// amount.
		chosen = slices.Clone(chosen)
		for i, t := range chosen {
			names := func(g clause.OrderByColumn) bool { return Mentions(g.Column.Name, t.Column.Name) }
			switch {
			case Mentions(list, t.Column.Name):
				chosen[i].Column.Table = ""
			case !grouped || !slices.ContainsFunc(group, names):
				_ = stmt.AddError(fmt.Errorf("ordering: the query merges rows by GROUP BY or DISTINCT, so that its rows have no "+
					"one %q to order by; select that column too, or leave it out of the order", t.Column.Name))
				return
			}
		}
	}
	own, _ := stmt.Clauses["ORDER BY"].Expression.(clause.OrderBy)
	delete(stmt.Clauses, "ORDER BY")
	if order := joinOrder(chosen, own, key); order.Expression != nil || len(order.Columns) > 0 {
		stmt.AddClause(order)
	}
}

func joinOrder(chosen []clause.OrderByColumn, own clause.OrderBy, key []clause.OrderByColumn) clause.OrderBy {
	if own.Expression == nil {
		return clause.OrderBy{Columns: WithKey(slices.Concat(chosen, own.Columns), key)}
	}
	// gorm writes an expression instead of the columns.
	var exprs []clause.Expression
	for _, part := range []clause.OrderBy{{Columns: chosen}, own, {Columns: WithKey(slices.Clip(chosen), key)[len(chosen):]}} {
		if part.Expression != nil || len(part.Columns) > 0 {
			exprs = append(exprs, part)
		}
	}
	return clause.OrderBy{Expression: clause.CommaExpression{Exprs: exprs}}
}

// WithKey returns terms with those columns of key that are not in it yet, in the direction of the
// last term.
func WithKey(terms, key []clause.OrderByColumn) []clause.OrderByColumn {
	desc := len(terms) > 0 && descends(terms[len(terms)-1])
	for _, k := range key {
		if !slices.ContainsFunc(terms, func(t clause.OrderByColumn) bool { return same(t.Column, k.Column) }) {
			k.Desc = desc
			terms = append(terms, k)
		}
	}
	return terms
}

func same(a, b clause.Column) bool {
	return a == b || a.Table == "" && a.Name == b.Name && a.Raw == b.Raw
}

// descends also reads the raw text of Order("created_at DESC").
func descends(t clause.OrderByColumn) bool {
	return t.Desc || t.Column.Raw && descending.MatchString(t.Column.Name)
}

var descending = regexp.MustCompile(`(?i)\sdesc(\s+nulls\s+(first|last))?\s*$`)

// groupOf returns the columns that a query groups by.
func groupOf(stmt *gorm.Statement) (terms []clause.OrderByColumn, grouped bool) {
	c, grouped := stmt.Clauses["GROUP BY"]
	if group, ok := c.Expression.(clause.GroupBy); ok {
		for _, column := range group.Columns {
			terms = append(terms, clause.OrderByColumn{Column: column})
		}
	}
	return terms, grouped
}

// Merges says whether rows of the result stand for several rows of the table, which key tells
// apart: they are grouped by other columns, or DISTINCT over a list without these columns or those
// of the order.
func Merges(stmt *gorm.Statement, key, order []clause.OrderByColumn) bool {
	if group, grouped := groupOf(stmt); grouped {
		return !coversGroup(group, key)
	}
	list := selectList(stmt)
	return distinct(stmt, list) && !(Covers(list, key) && Covers(list, order))
}

// aggregates says whether a select list makes one row of all, as count(*) does. Functions in a
// subquery do not, nor those over a window.
func aggregates(list string) bool {
	return aggregate.MatchString(list) && !window.MatchString(list)
}

var (
	aggregate = regexp.MustCompile(`(?i)\b(count|sum|avg|min|max|total|group_concat|(string|array|jsonb?)_agg|json_arrayagg|bool_and|bool_or|every|std|stddev|variance)\s*\(`)
	window    = regexp.MustCompile(`(?i)\bover\b|\bselect\b`)
)

// coversGroup says whether every group is one row of the table.
func coversGroup(group, key []clause.OrderByColumn) bool {
	var names []string
	for _, g := range group {
		names = append(names, g.Column.Name)
	}
	return len(key) > 0 && Covers(strings.Join(names, ", "), key)
}

// OneForOne says whether a query has one row for each row that its tables and conditions make, so
// that its select list can be replaced by count(*). A list with a function does not count as such,
// since it may be an aggregate, or one that returns several rows.
func OneForOne(stmt *gorm.Statement) bool {
	_, grouped := stmt.Clauses["GROUP BY"]
	list := selectList(stmt)
	return !grouped && !distinct(stmt, list) && !strings.Contains(list, "(")
}

// selectList is the text of what a query selects, empty when it says nothing about it.
func selectList(stmt *gorm.Statement) string {
	switch e := stmt.Clauses["SELECT"].Expression.(type) {
	case clause.Select:
		var names []string
		for _, c := range e.Columns {
			names = append(names, c.Name)
		}
		return strings.Join(names, ", ")
	case clause.Expr:
		return e.SQL
	case clause.NamedExpr:
		return e.SQL
	}
	return strings.Join(stmt.Selects, ", ")
}

func distinct(stmt *gorm.Statement, list string) bool {
	s, _ := stmt.Clauses["SELECT"].Expression.(clause.Select)
	return stmt.Distinct || s.Distinct || len(list) > 8 && strings.EqualFold(list[:8], "distinct")
}

// Covers says whether a list of columns holds all of key. An empty list and one with a star hold
// every column.
func Covers(list string, key []clause.OrderByColumn) bool {
	if list == "" || star.MatchString(list) {
		return true
	}
	return !slices.ContainsFunc(key, func(k clause.OrderByColumn) bool { return !Mentions(list, k.Column.Name) })
}

var star = regexp.MustCompile(`(^|[\s,.])\*`)

// Mentions says whether a piece of SQL names a column.
func Mentions(sql, column string) bool {
	for at := 0; ; {
		i := strings.Index(sql[at:], column)
		if i < 0 || column == "" {
			return false
		}
		before, after := at+i-1, at+i+len(column)
		if (before < 0 || !inName(sql[before])) && (after >= len(sql) || !inName(sql[after])) {
			return true
		}
		at = after
	}
}

func inName(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// ordinals are the places 1, 2, ... in a list of columns.
func ordinals(list string) (terms []clause.OrderByColumn) {
	depth, n := 0, 1
	for _, r := range list {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				n++
			}
		}
	}
	for i := range n {
		terms = append(terms, clause.OrderByColumn{Column: clause.Column{Name: fmt.Sprint(i + 1), Raw: true}})
	}
	return terms
}
