package mcpecho

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcpecho/kit/internal/narrow"
)

// fetch is the core's step that runs the query of a selector, as the steps before have left it.
func (e *entry) fetch(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := CallFrom(ec)
		if err := c.fetchQuery(); err != nil {
			return err
		}
		if c.answer.found {
			// Those of the chain itself have a step of their own.
			if err := c.checkRows(c.inherited.rows, c.answer.fetched); err != nil {
				return err
			}
		}
		return next(ec)
	}
}

func (c *Call) fetchQuery() (err error) {
	query := c.answer.query
	if query == nil {
		return errNilQuery
	}
	if columns := c.entry.columns; columns != nil && query.Statement.SQL.Len() == 0 && !c.permitsRows(c.entry.spec.row) {
		query = narrow.Last(query, func(stmt *gorm.Statement) { selectColumns(stmt, columns(c)) })
	}
	if c.permitsRows(c.entry.spec.row) {
		if query = wholeRows(query); query.Error != nil {
			return query.Error
		}
	}
	if c.entry.kind == KindSelector {
		c.answer.fetched, err = c.fetchRows(query)
		c.answer.found = err == nil
		return err
	}
	rows := c.entry.spec.newRows()
	if err := query.Limit(1).Find(rows).Error; err != nil {
		return err
	}
	list := reflect.ValueOf(rows).Elem()
	if c.answer.found = list.Len() > 0; c.answer.found {
		c.answer.fetched = list.Index(0).Interface()
		return nil
	}
	if c.entry.nullable {
		return nil
	}
	return &ToolError{Type: TypeNotFound, Message: c.entry.listedAs + ": no matching row found"}
}

// fetchRows runs the query of a list. Unless the query is bounded below Config.MaxRows, one row
// more than allowed is asked for, to notice that there are more.
func (c *Call) fetchRows(query *gorm.DB) (any, error) {
	max := c.server.cfg.MaxRows
	if c.answer.wrap == nil && query.Statement.SQL.Len() == 0 {
		query = narrow.Last(query, func(stmt *gorm.Statement) { boundRows(stmt, max) })
	}
	rows := c.entry.spec.newRows()
	if err := query.Find(rows).Error; err != nil {
		return nil, err
	}
	list := reflect.ValueOf(rows).Elem()
	if c.answer.wrap == nil && list.Len() > max {
		return nil, &ToolError{Type: TypeTooLarge, Message: fmt.Sprintf("more than %d rows match: narrow the arguments", max)}
	}
	return list.Interface(), nil
}

// boundRows limits a statement to one row more than max, if it has no smaller limit.
func boundRows(stmt *gorm.Statement, max int) {
	limit, _ := stmt.Clauses["LIMIT"].Expression.(clause.Limit)
	if limit.Limit != nil && *limit.Limit >= 0 && *limit.Limit <= max {
		return
	}
	most := max + 1
	stmt.AddClause(clause.Limit{Limit: &most, Offset: limit.Offset})
}

// selectColumns makes a statement fetch only some columns, unless it says itself what it fetches.
func selectColumns(stmt *gorm.Statement, names []string) {
	selects := stmt.Clauses["SELECT"].Expression != nil
	_, groups := stmt.Clauses["GROUP BY"]
	if selects || groups || stmt.Distinct || len(stmt.Selects) > 0 || len(stmt.Omits) > 0 {
		return
	}
	var columns []clause.Column
	for _, name := range names {
		column := clause.Column{Table: clause.CurrentTable, Name: name}
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	stmt.AddClause(clause.Select{Columns: columns})
}

var errPartRows = errors.New("mcpecho: the query selects some columns only, and a row permission needs whole rows: " +
	"leave Select and Omit out, or show less by As")

// everything is a select list, or SQL, that has all columns of a table.
var everything = regexp.MustCompile(`(?i)(?:^|[\s,.])\*`)

// wholeRows makes a query fail that leaves columns out.
func wholeRows(query *gorm.DB) *gorm.DB {
	if sql := query.Statement.SQL.String(); sql != "" {
		if !everything.MatchString(sql) {
			_ = query.AddError(errPartRows)
		}
		return query
	}
	return narrow.Last(query, func(stmt *gorm.Statement) {
		selected := strings.Join(stmt.Selects, ",")
		if s, ok := stmt.Clauses["SELECT"].Expression.(clause.Select); ok {
			selected = " "
			for _, c := range s.Columns {
				selected += c.Name + ","
			}
			if e, ok := s.Expression.(clause.Expr); ok {
				selected += e.SQL
			}
		}
		if len(stmt.Omits) > 0 || selected != "" && !everything.MatchString(selected) {
			_ = stmt.DB.AddError(errPartRows)
		}
	})
}
