package middleware

import (
	"reflect"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// Narrow limits the rows of one table that a call can see, whatever its query and its filters say:
// those of selectors and retrieves, their counts and pages, the suggestions of CompleteColumn, in
// the call and in every call inside it. A row outside does not exist for the caller. Row is the
// table's gorm model; rows of other tables are not touched.
//
//	mw.Narrow[Invoice](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
//		return db.Where("owner = ?", c.Principal().Subject) // behind Scopes nobody is anonymous
//	})
//
// narrow adds conditions with Where, Not and Or, also through db.Scopes; they are put into
// parentheses and required in addition to all others. Anything else (Joins, Table, Raw, a condition
// with nothing in it) fails the call. One that returns db as it came lets the call see every row.
//
// It is no permission: who may call is decided by Scopes or Permit. Services look up what they
// change through c.Narrowed, which has the same limits. Tables that a query joins or preloads are
// not limited. MariaDB and MySQL compare text without regard to case, accents and spaces at the
// end, unless the column or the condition says otherwise (COLLATE utf8mb4_nopad_bin).
//
// It panics without a function.
func Narrow[Row any](narrow func(c *mcpecho.Call, db *gorm.DB) *gorm.DB) mcpecho.Step {
	return narrowStep(reflect.TypeFor[Row](), narrow)
}

// NarrowAll is [Narrow] for every table, by a column that all of them have, as that of a tenant. A
// query of a table without the column fails. It panics without a function.
func NarrowAll(narrow func(c *mcpecho.Call, db *gorm.DB) *gorm.DB) mcpecho.Step {
	return narrowStep(nil, narrow)
}

func narrowStep(row reflect.Type, narrow func(*mcpecho.Call, *gorm.DB) *gorm.DB) mcpecho.Step {
	if narrow == nil {
		panic("middleware: narrow requires a function that adds conditions")
	}
	return mcpecho.Step{
		Name: "narrow", Stage: mcpecho.StageUser, Native: native.Step(),
		Describe: func(d *mcpecho.Definition) error { return d.Narrow(row, narrow) },
	}
}
