// Package filters turns one struct into the arguments of a list and into the conditions of its gorm
// query.
//
//	type InvoiceFilter struct {
//		Sent      *bool    `json:"sent" doc:"Only invoices that were sent, or were not."`
//		Numbers   []string `json:"numbers" filter:"number,in"`
//		MinAmount *int64   `json:"min_amount" filter:"amount_cents,gte"`
//	}
//
// Each field is an optional argument. The tag filter:"column,op" says what it compares. Without a
// column it is the one whose name in the database is the JSON name, or else the one of the model's
// field with the same Go name. Without an operator it is eq, in for a slice and between for a
// [Range]. Columns and operators never come from a request; values are always bind parameters.
//
// # Absent, present, null
//
// An absent argument does not filter. A present one does, also when it is false, 0 or "". So a
// field is a pointer, a slice, a *[Range] or a [binding.Opt]; anything else is refused by
// [Compile]. An Opt takes null as well, with eq for IS NULL and with ne for IS NOT NULL.
//
// # Operators
//
//	eq ne                           equal, not equal
//	gt gte lt lte                   order comparisons
//	in notin                        a slice: one of the values, none of them. An empty list given to in matches no
//	                                row, given to notin every row
//	between                         a *Range: both bounds inclusive, a missing bound is open
//	contains startswith endswith    text; %, _ and the like in the value stand for themselves
//	icontains istartswith iendswith the same, ignoring case
//	ieq                             equal, ignoring case
//	isnull                          a *bool: true for NULL, false for the rest
//
// As everywhere in SQL a comparison with NULL is not true: rows whose column is NULL are matched by
// isnull, by null in an Opt and by notin with an empty list, and left out by everything else, ne
// and notin included.
//
// The text operators without i tell case apart on every database. Ignoring case is done by LOWER of
// the database: on SQLite that knows ASCII letters only. Equality (eq, ne, in, notin) follows the
// collation of the column, and the default ones of MySQL and MariaDB ignore case, accents and
// spaces at the end: there "ALICE" and "alice " equal "alice". Give a column that identifies
// somebody a binary one, gorm:"type:varchar(100) COLLATE utf8mb4_nopad_bin".
//
// # Values and columns
//
// What a database would refuse is an error of the argument: a text that is no UUID for a column of
// type uuid, no number for one of type decimal, a time outside the years 0001 to 9999 in UTC,
// U+0000 in a text. An integer beyond the size of the column is compared as the number it is.
// Compile refuses a float for an integer column, a column tagged secret:"true", whose matches would
// tell its value, and a computed one (-:migration), which no table has.
//
// SQLite keeps a time as text and compares it as such. Values are given to it in UTC, so the column
// must hold UTC too: set gorm.Config.NowFunc to a function that returns time.Now().UTC().
package filters
