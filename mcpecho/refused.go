package mcpecho

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
)

// busyRetry is when a call that met a lock may be repeated: most are held for
// less than that.
const busyRetry = 250 * time.Millisecond

const (
	sayDuplicate = "a row with the same unique value exists already"
	sayConflict  = "the change conflicts with other rows or a rule of the database"
	sayValue     = "the database refused a value: it is out of range, too long or of the wrong form"
)

// refusedByDatabase is the answer to what a database refused, false when the
// error is of another kind. db, which may be nil, translates errors of drivers
// that are not known here.
func refusedByDatabase(err error, db *gorm.DB) (failure, bool) {
	for _, d := range driverErrors(err) {
		f := failure{typ: TypeConflict, message: sayConflict, refused: d}
		switch d.reason() {
		case byNothing:
			continue
		case byUnique:
			f.message = sayDuplicate
		case byNotNull:
			f.message = "the database needs a value that the change leaves out"
		case byValue:
			f.typ, f.message = TypeValidation, sayValue
		case byLock:
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
var fieldMessages = map[refusedBy]string{
	byUnique:  "must be another value: a row with this one exists already",
	byForeign: "must be the key of a row that exists, and not change while other rows refer to it",
	byCheck:   "breaks a rule of the database",
	byNotNull: "is needed by the database",
	byValue:   "is out of range, too long or of the wrong form for the database",
}

// named names the arguments whose values a database refused.
func (c *Call) named(f failure) failure {
	if f.refused == nil {
		return f
	}
	why := f.refused.reason()
	names := c.argumentsOf(f.refused)
	for _, name := range names {
		f.fields = append(f.fields, binding.FieldError{Path: name, Rule: string(why), Message: fieldMessages[why]})
	}
	if len(names) > 0 {
		list := strings.Join(names, " and ")
		switch why {
		case byUnique:
			f.message = "a row with the same " + list + " exists already"
		default:
			f.message += ": " + list
		}
	}
	return f
}

// argumentsOf finds the arguments of the call that a database means. The
// names of columns that are no arguments are not told.
func (c *Call) argumentsOf(d *driverError) (names []string) {
	models := c.entry.models()
	columns := d.columns
	if columns == nil && d.constraint != "" {
		columns = c.columnsOf(d, models)
	}
	for _, column := range columns {
		if name := c.argumentOf(column, models); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// models are the models that the entry reads or returns, and those of the
// specs of a sequence.
func (t *entry) models() (all []*schema.Schema) {
	var namer schema.Namer = schema.NamingStrategy{}
	if db := t.group.server.cfg.DB; db != nil {
		namer = db.NamingStrategy
	}
	types := []reflect.Type{t.spec.row, t.spec.out}
	for _, l := range t.spec.links {
		types = append(types, l.spec.row, l.spec.out)
	}
	types = append(types, t.parts...)
	for _, model := range types {
		for model != nil && (model.Kind() == reflect.Pointer || model.Kind() == reflect.Slice) {
			model = model.Elem()
		}
		if model == nil || model.Kind() != reflect.Struct {
			continue
		}
		if parsed, err := schema.Parse(reflect.New(model).Interface(), &sync.Map{}, namer); err == nil {
			all = append(all, parsed)
		}
	}
	return all
}

// columnsOf are the columns of a key of which the database says only the name.
// An unnamed one has the name of its first column.
func (c *Call) columnsOf(d *driverError, models []*schema.Schema) []string {
	for _, m := range models {
		if d.table != "" && m.Table != d.table {
			continue
		}
		for _, index := range m.ParseIndexes() {
			if index.Name != d.constraint {
				continue
			}
			var columns []string
			for _, f := range index.Fields {
				columns = append(columns, f.DBName)
			}
			return columns
		}
		for name, unique := range m.ParseUniqueConstraints() {
			if name == d.constraint {
				return []string{unique.Field.DBName}
			}
		}
		for _, check := range m.ParseCheckConstraints() {
			if check.Name == d.constraint && check.Field != nil {
				return []string{check.Field.DBName}
			}
		}
	}
	return []string{d.constraint}
}

// argumentOf is the argument of a column: the one of its name, or the one
// that a model gives the column, "" when there is none.
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
