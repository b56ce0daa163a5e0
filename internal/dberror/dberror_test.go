package dberror_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcpecho/kit/internal/dberror"
)

// postgres has the fields of an error of pgx.
type postgres struct {
	Code, Message, Detail, TableName, ConstraintName, ColumnName, Routine string
}

func (e *postgres) Error() string    { return "ERROR: " + e.Message + " (SQLSTATE " + e.Code + ")" }
func (e *postgres) SQLState() string { return e.Code }

// mysql has the fields of an error of go-sql-driver/mysql.
type mysql struct {
	Number   uint16
	SQLState [5]byte
	Message  string
}

func (e *mysql) Error() string {
	return fmt.Sprintf("Error %d (%s): %s", e.Number, e.SQLState, e.Message)
}

// sqlite has the fields of an error of mattn/go-sqlite3.
type sqlite struct {
	Code, ExtendedCode int
	err                string
}

func (e sqlite) Error() string { return e.err }

func state(s string) (b [5]byte) {
	copy(b[:], s)
	return b
}

func TestEachDatabaseSaysWhyItRefusedAndWhichColumns(t *testing.T) {
	for name, tt := range map[string]struct {
		err        error
		reason     dberror.Reason
		table      string
		constraint string
		columns    string
	}{
		"postgres, unique": {&postgres{Code: "23505", TableName: "invoices", ConstraintName: "by_number",
			Detail: "Key (tenant, number)=(7, (a)=(b)) already exists."}, dberror.Unique, "invoices", "by_number", "tenant number"},
		"postgres, not null": {&postgres{Code: "23502", TableName: "invoices", ColumnName: "number"}, dberror.NotNull, "invoices", "", "number"},
		"postgres, check":    {&postgres{Code: "23514", ConstraintName: "positive"}, dberror.Check, "", "positive", ""},
		"postgres, a value":  {&postgres{Code: "22003"}, dberror.Value, "", "", ""},
		"postgres, deadlock": {&postgres{Code: "40P01"}, dberror.Lock, "", "", ""},
		"postgres, syntax":   {&postgres{Code: "42601"}, dberror.None, "", "", ""},
		"mysql, unique": {&mysql{1062, state("23000"), "Duplicate entry 'x' for key 'y' for key 'invoices.by_number'"},
			dberror.Unique, "invoices", "by_number", ""},
		"mysql, foreign key": {&mysql{1452, state("23000"), "a foreign key constraint fails (`db`.`t`, CONSTRAINT `to_shelf` FOREIGN KEY (`shelf_id`) REFERENCES `s` (`id`))"},
			dberror.ForeignKey, "", "to_shelf", "shelf_id"},
		"mysql, check":   {&mysql{3819, state("HY000"), "Check constraint 'positive' is violated."}, dberror.Check, "", "positive", ""},
		"mariadb, check": {&mysql{4025, state("23000"), "CONSTRAINT `positive` failed for `db`.`t`"}, dberror.Check, "", "positive", ""},
		"mysql, a value": {&mysql{1264, state("22003"), "Out of range value for column 'pages' at row 1"}, dberror.Value, "", "", "pages"},
		"sqlite, unique": {sqlite{19, 2067, "UNIQUE constraint failed: invoices.tenant, invoices.number"},
			dberror.Unique, "invoices", "", "tenant number"},
		"sqlite, an index":  {sqlite{19, 2067, "UNIQUE constraint failed: index 'by_lower'"}, dberror.Unique, "", "by_lower", ""},
		"sqlite, check":     {sqlite{19, 275, "CHECK constraint failed: positive"}, dberror.Check, "", "positive", ""},
		"sqlite, locked":    {sqlite{6, 262, "database table is locked"}, dberror.Lock, "", "", ""},
		"sqlite, read-only": {sqlite{8, 776, "attempt to write a readonly database"}, dberror.ReadOnly, "", "", ""},
		"not sent":          {errors.New("failed to encode args[0]: x"), dberror.Value, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := dberror.Of(tt.err)
			if d == nil {
				t.Fatal("not known")
			}
			if got := strings.Join(d.Columns, " "); d.Reason() != tt.reason || d.Table != tt.table || d.Constraint != tt.constraint || got != tt.columns {
				t.Errorf("reason %q table %q constraint %q columns %q", d.Reason(), d.Table, d.Constraint, got)
			}
		})
	}
}

func TestErrorsOfDriversAreFoundInWhateverWrapsThem(t *testing.T) {
	first, second := &postgres{Code: "23505"}, &mysql{1062, state("23000"), "Duplicate entry"}
	err := fmt.Errorf("insert: %w", errors.Join(errors.New("x"), first, fmt.Errorf("and: %w", second)))
	var texts []string
	for _, d := range dberror.All(err) {
		texts = append(texts, d.Text)
	}
	if want := []string{first.Error(), second.Error()}; !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
	if found := dberror.All(errors.New("x")); found != nil {
		t.Error(found)
	}
}

func TestALogHoldsNoValueOfWhatADatabaseSaid(t *testing.T) {
	hide := func(s string) string { return strings.ReplaceAll(s, "hunter2", "[value]") }
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a quoted value": {&mysql{1062, state("23000"), "Duplicate entry 'x' for key 'invoices.by_number'"},
			"error 1062 (23000) table=invoices constraint=by_number: Duplicate entry …"},
		"a value in words":     {&postgres{Code: "22P02", Message: "hunter2 is no number"}, "SQLSTATE 22P02: [value] is no number"},
		"a name":               {&postgres{Code: "42703", Message: `column "pages" does not exist`}, `SQLSTATE 42703: column "pages" does not exist`},
		"what cannot be one":   {&postgres{Code: "42703", Message: `column "a b" does not exist`}, "SQLSTATE 42703: column …"},
		"raised, by PL/pgSQL":  {&postgres{Code: "P0001", Message: "secret"}, "SQLSTATE P0001: raised by the application"},
		"raised, of any state": {&postgres{Code: "23505", Message: "secret", Routine: "exec_stmt_raise"}, "SQLSTATE 23505: raised by the application"},
		"raised, by SIGNAL":    {&mysql{1644, state("45000"), "secret"}, "error 1644 (45000): raised by the application"},
		"of SQLite":            {sqlite{19, 275, "CHECK constraint failed: positive"}, "SQLite code 275 constraint=positive: CHECK constraint failed: positive"},
	} {
		if got := dberror.Of(tt.err).Safe(hide); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tt.want)
		}
	}
}

func TestATextThatRepeatsAnErrorOfADriverIsCut(t *testing.T) {
	for text, want := range map[string]string{
		`plain "words"`: `plain "words"`,
		`ERROR: duplicate key "x" (SQLSTATE 23505)`:    "ERROR: duplicate key …",
		"Error 1062 (23000): Duplicate entry 'x'":      "Error 1062 (23000): Duplicate entry …",
		"ERROR: secret (SQLSTATE P0001)":               "[an error raised by the application in the database]",
		"insert: Error 1644 (HY000): secret":           "[an error raised by the application in the database]",
		"insert: Error 3001 (45000): secret":           "[an error raised by the application in the database]",
		"SQLSTATE 23505 is named without its \"form\"": "SQLSTATE 23505 is named without its \"form\"",
	} {
		if got := dberror.Redact(text); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
