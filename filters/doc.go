// Package filters turns one struct into the arguments of a list and into the conditions of its gorm
// query. Columns and operators are fixed at start-up and never come from a request; values are
// always bind parameters.
//
// # The simplest use
//
// Each field of the struct is an optional argument:
//
//	type InvoiceFilter struct {
//		Sent      *bool   `json:"sent" doc:"Only invoices that were sent, or were not."`
//		Number    *string `json:"number" filter:"number,startswith"`
//		MinAmount *int64  `json:"min_amount" filter:"amount_cents,gte"`
//	}
//
// [Compile] checks the struct against the model, once, and its [Filter.Part] declares the
// arguments:
//
//	row, err := filters.SchemaOf(Invoice{}, db.NamingStrategy)
//	filter, err := filters.Compile[InvoiceFilter](row)
//	args, err := binding.Compile(filter.Part())
//
// A handler decodes the arguments and narrows its query:
//
//	query := db.WithContext(c.Request().Context()).Model(&Invoice{})
//	if err := filter.Apply(query, &in).Find(&invoices).Error; err != nil {
//		return err
//	}
//
// So GET /invoices?number=A-&min_amount=200 lists the invoices whose number begins with A- and
// whose amount is at least 200.
//
// # Columns and operators
//
// The tag filter:"column,op" says what a field compares. Without a column it is the one whose name
// in the database is the JSON name, or else the column of the model's field with the same Go name.
// Without an operator it is eq, in for a slice and between for a [Range]:
//
//	type TaskFilter struct {
//		Done     *bool                 `json:"done"`
//		Text     *string               `json:"text" filter:"title,icontains"`
//		IDs      []int64               `json:"ids" filter:"id,in"`
//		Priority *filters.Range[int64] `json:"priority"`
//	}
//
// The operators are
//
//	eq ne                           equal, not equal
//	gt gte lt lte                   order comparisons
//	in notin                        a slice: one of the values, none of them. An empty list given to
//	                                in matches no row, given to notin every row
//	between                         a *Range: both bounds inclusive, a missing bound is open
//	contains startswith endswith    text; %, _ and the like in the value stand for themselves
//	icontains istartswith iendswith the same, ignoring case
//	ieq                             equal, ignoring case
//	isnull                          a *bool: true for NULL, false for the rest
//
// A list may have up to [MaxList] values.
//
// # Absent and present
//
// An absent argument does not filter. A present one does, also when it is false, 0 or "". So a
// field is a pointer, a slice, a *[Range] or a [binding.Opt], which can tell the two apart.
// [Compile] refuses everything else:
//
//	type Ambiguous struct {
//		Done bool `json:"done"`
//	}
//
// with "filters: Ambiguous.Done must be *bool so that absent and false differ".
//
// # NULL
//
// As everywhere in SQL, a comparison with NULL is not true. Rows whose column is NULL are matched
// by isnull, by notin with an empty list, and by null in an Opt, which takes null as a value: IS
// NULL with eq and IS NOT NULL with ne. Everything else leaves them out, ne and notin included.
//
//	type TaskFilter struct {
//		Owner binding.Opt[string] `json:"owner"`
//		Free  *bool               `json:"free" filter:"owner,isnull"`
//	}
//
// # Any query
//
// [Filter.Apply] adds its conditions when the query runs, behind everything that the query has by
// then, and puts the rest into parentheses. So a filter only takes rows away, also from a query
// with Or, where one more Where of gorm would let rows in:
//
//	query := db.Model(&Task{}).Where("priority = 3").Or("priority = 1")
//	var titles []string
//	if err := filter.Apply(query, &TaskFilter{Done: &done}).Pluck("title", &titles).Error; err != nil {
//		panic(err)
//	}
//
// A raw SQL query is refused with an error, because gorm would silently ignore the conditions.
//
// # What is refused, and why
//
// At start-up, besides what is above: a column that the model does not have; a column tagged
// secret:"true", since what it matches would tell its value; a computed column (-:migration), which
// no table has; a column that a serializer writes; a float for an integer column, because databases
// round differently; an operator of texts for a column that is none.
//
// In a request, as an error of the argument, because a database would refuse it: a text that is no
// UUID for a column of type uuid, no number for one of type decimal, a time outside the years 0001
// to 9999 in UTC, U+0000 in a text. An integer beyond the size of the column is not refused but
// compared as the number it is.
//
// # Case and collations
//
// The text operators without i tell case apart on every database. The others use LOWER of the
// database: on SQLite that knows ASCII letters only. Equality (eq, ne, in, notin) follows the
// collation of the column, and the default ones of MySQL and MariaDB ignore case, accents and
// spaces at the end: there "ALICE" and "alice " equal "alice". Give a column that identifies
// somebody a binary one: on MariaDB gorm:"type:varchar(100) COLLATE utf8mb4_nopad_bin", on MySQL 8
// utf8mb4_0900_bin.
//
// # Times on SQLite
//
// SQLite keeps a time as text and compares it as text. Values are given to it in UTC, so the column
// must hold UTC too: set gorm.Config.NowFunc to a function that returns time.Now().UTC().
package filters
