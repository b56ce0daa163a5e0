package middleware

import (
	"fmt"
	"reflect"

	"github.com/mcpecho/kit/internal/native"
	"github.com/mcpecho/kit/mcpecho"
)

// PermitRow is a step of [mcpecho.StageRows] that decides about single rows, after they were
// fetched and before any of them is sent: an error of permit refuses the whole call. It sees whole
// rows, also where As shows less. For a list use [Narrow], which leaves out what the caller may not
// see.
//
//	mw.PermitRow(func(c *mcpecho.Call, inv Invoice) error {
//		if inv.Owner != c.Principal().Subject { // behind Scopes nobody is anonymous
//			return mcpecho.Errorf("only the owner may see invoice %d", inv.ID)
//		}
//		return nil
//	})
//
// A refusal is a tool result of type forbidden; [mcpecho.Errorf] and
// [gorm.io/gorm.ErrRecordNotFound] are answered as they are from a handler.
//
// Listed on a spec that fetches, its rows must be of type Row, else Add fails. Listed on a service
// or another function, that must give each row which it looks up itself to c.CheckRow: a call that
// succeeds without a checked row fails. Inherited from a server or group, it checks the rows of its
// type that come by, in calls inside others too. It panics without a function.
func PermitRow[Row any](permit func(c *mcpecho.Call, row Row) error) mcpecho.Step {
	row := reflect.TypeFor[Row]()
	switch {
	case permit == nil:
		panic("middleware: permit_row requires a function that decides about a row")
	case row.Kind() != reflect.Struct:
		panic(fmt.Sprintf("middleware: permit_row is about rows, which are structs: %s is none", row))
	}
	check := func(c *mcpecho.Call, row any) error {
		r, ok := row.(Row)
		if !ok {
			return nil
		}
		if err := permit(c, r); err != nil {
			return notPermitted(err)
		}
		return nil
	}
	return mcpecho.Step{
		Name: "permit_row", Stage: mcpecho.StageRows, Native: native.Step(),
		Describe: func(d *mcpecho.Definition) error { return d.PermitRows(row, check) },
	}
}
