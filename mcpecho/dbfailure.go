package mcpecho

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/dberror"
	"github.com/mcpecho/kit/internal/transaction"
)

// busyRetry is when a call that met a lock may be repeated: most are held for less than that.
const busyRetry = 250 * time.Millisecond

const (
	sayDuplicate = "a row with the same unique value exists already"
	sayConflict  = "the change conflicts with other rows or a rule of the database"
	sayValue     = "the database refused a value: it is out of range, too long or of the wrong form"
)

// refusedByDatabase is the answer to what a database refused, false when the error is of another
// kind. db, which may be nil, translates errors of drivers that are not known here.
func refusedByDatabase(err error, db *gorm.DB) (failure, bool) {
	for _, d := range dberror.All(err) {
		f := failure{typ: TypeConflict, message: sayConflict, refused: d}
		switch d.Reason() {
		case dberror.None:
			continue
		case dberror.Unique:
			f.message = sayDuplicate
		case dberror.NotNull:
			f.message = "the database needs a value that the change leaves out"
		case dberror.Value:
			f.typ, f.message = TypeValidation, sayValue
		case dberror.Time:
			f = failure{typ: TypeTimeout, message: "the database stopped a statement that took longer than it allows; ask for less, or try again later", refused: d}
		case dberror.ReadOnly:
			f = failure{typ: TypeForbidden, message: "the database can only be read here: nothing was changed", refused: d}
		case dberror.Lock:
			f = failure{typ: TypeBusy, message: "the database is busy with another change; try again", retry: busyRetry}
		}
		return f, true
	}
	switch err := translate(err, db); { // gorm.Config.TranslateError may have dropped the driver's error
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return failure{typ: TypeConflict, message: sayDuplicate}, true
	case errors.Is(err, gorm.ErrForeignKeyViolated), errors.Is(err, gorm.ErrCheckConstraintViolated):
		return failure{typ: TypeConflict, message: sayConflict}, true
	}
	return failure{}, false
}

// fieldMessages say what is wrong with an argument that a database refused.
var fieldMessages = map[dberror.Reason]string{
	dberror.Unique:     "must be another value: a row with this one exists already",
	dberror.ForeignKey: "must be the key of a row that exists, and not change while other rows refer to it",
	dberror.Check:      "breaks a rule of the database",
	dberror.NotNull:    "is needed by the database",
	dberror.Value:      "is out of range, too long or of the wrong form for the database",
}

// nameArguments adds to a failure the arguments whose values a database refused.
func (c *Call) nameArguments(f failure) failure {
	if f.refused == nil {
		return f
	}
	why := f.refused.Reason()
	names := c.argumentsOf(f.refused)
	for _, name := range names {
		f.fields = append(f.fields, binding.FieldError{Path: name, Rule: string(why), Message: fieldMessages[why]})
	}
	if len(names) > 0 {
		list := strings.Join(names, " and ")
		switch why {
		case dberror.Unique:
			f.message = "a row with the same " + list + " exists already"
		default:
			f.message += ": " + list
		}
	}
	return f
}

// argumentsOf finds the arguments of the call that a database means. The names of columns that are
// no arguments are not told.
func (c *Call) argumentsOf(d *dberror.Error) (names []string) {
	models := c.entry.models
	columns := d.Columns
	if columns == nil && d.Constraint != "" {
		columns = c.columnsOf(d, models)
	}
	for _, column := range columns {
		if name := c.argumentOf(column, models); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// columnsOf are the columns of a key of which the database says only the name. An unnamed one has
// the name of its first column.
func (c *Call) columnsOf(d *dberror.Error, models []*schema.Schema) []string {
	for _, m := range models {
		if d.Table != "" && m.Table != d.Table {
			continue
		}
		for _, index := range m.ParseIndexes() {
			if index.Name != d.Constraint {
				continue
			}
			var columns []string
			for _, f := range index.Fields {
				columns = append(columns, f.DBName)
			}
			return columns
		}
		for name, unique := range m.ParseUniqueConstraints() {
			if name == d.Constraint {
				return []string{unique.Field.DBName}
			}
		}
		for _, check := range m.ParseCheckConstraints() {
			if check.Name == d.Constraint && check.Field != nil {
				return []string{check.Field.DBName}
			}
		}
	}
	return []string{d.Constraint}
}

// argumentOf is the argument of a column: the one of its name, or the one that a model gives the
// column, "" when there is none.
func (c *Call) argumentOf(column string, models []*schema.Schema) string {
	names := c.entry.args.Names()
	if slices.Contains(names, column) {
		return column
	}
	for _, m := range models {
		f := m.FieldsByDBName[column]
		if f == nil {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if slices.Contains(names, name) {
			return name
		}
	}
	return ""
}

// advised is an error whose cause is better explained than by its text. The advice is for the log.
type advised struct {
	error
	advice string
}

func (a *advised) Unwrap() error { return a.error }

// stalled explains, for the log, what an application meets whose stores write through a handle of
// their own while the call's transaction holds the lock or the only connection.
func (c *Call) stalled(ctx context.Context, conn *transaction.Conn, err error) error {
	const advice = "the call's own transaction is open meanwhile: a store that holds a *gorm.DB of its own waits for it. " +
		"Make the store of c.DB(), or db.Use(mcpecho.JoinTransactions()) and give it the call's context, or mcpecho.NoTransaction"
	if pool, ok := conn.Pool().(*sql.DB); ok && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if s := pool.Stats(); s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections {
			return &advised{err, "the connections of the database were all in use; " + advice}
		}
	}
	if text := err.Error(); strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked") {
		return &advised{err, advice}
	}
	return err
}

// adviceOn is what helps an operator with an error, "" when there is nothing to say.
func adviceOn(err error) string {
	var a *advised
	switch {
	case errors.As(err, &a):
		return a.advice
	case errors.Is(err, gorm.ErrInvalidTransaction):
		return "gorm says so of a Begin on a handle that is in a transaction already, and of a Commit or Rollback on one that is in none: " +
			"c.DB() knows Begin in both cases; on other handles use db.Transaction"
	}
	return ""
}
