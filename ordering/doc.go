// Package ordering turns a list of column names into the argument "ordering" of a list and into the
// ORDER BY of its gorm query. Names are fixed at start-up; columns never come from a request.
//
// # The simplest use
//
// [Compile] checks the names against the model, once, and its [Order.Part] declares the argument:
//
//	row, err := filters.SchemaOf(Invoice{}, db.NamingStrategy)
//	order, err := ordering.Compile(row, ordering.Config{
//		Fields:  []string{"number", "total=cents"},
//		Default: []string{"-number"},
//	})
//	args, err := binding.Compile(order.Part())
//
// A handler decodes the argument and orders its query:
//
//	query := db.WithContext(c.Request().Context()).Model(&Invoice{})
//	if err := order.Apply(query, &in).Pluck("number", &numbers).Error; err != nil {
//		return err
//	}
//
// So GET /invoices?ordering=-total lists the greatest amounts first.
//
// # The argument
//
// It is an array of names in order of precedence, or a single name. A "-" in front means
// descending; each name may be used in both directions. The schema lists all of them, so that a
// model need not guess. A name is a column, or "name=column" to give the column a name of its own.
//
//	{"ordering": ["-total", "number"]}
//
// A name that is not listed, or is given twice, is an error of the argument.
//
// # The default, and the query's own order
//
// When the caller gives no order, [Config].Default is used. It may also have columns that a caller
// cannot choose. Behind it comes the ORDER BY that the query has already, and without both the
// primary key alone:
//
//	order, err := ordering.Compile(row, ordering.Config{Fields: []string{"number"}})
//	query := order.Apply(db.Model(&Bill{}).Order("cents DESC"), nil)
//
// # Ties
//
// The primary key is always the last term, so that equal rows keep their places from page to page.
// It has the direction of the term before it, so that an index on (created_at, id) serves
// -created_at as well. [Order.Terms] gives the order as a list, for a page that continues after a
// row; see package paginate:
//
//	for _, term := range order.Terms(&ordering.Input{Ordering: ordering.Names{"-cents"}}) {
//		fmt.Println(term.Column.Name, term.Desc)
//	}
//
// # Grouped rows
//
// The rows of a GROUP BY are told apart by its columns in place of the primary key, those of a
// DISTINCT over some columns by these. Such a query fails when it is to be ordered by a column that
// it does not select:
//
//	query := db.Model(&Bill{}).Select("cents, count(*) AS bills").Group("cents")
//	err = order.Apply(query, &ordering.Input{Ordering: ordering.Names{"number"}}).Find(&groups).Error
//
// # What is refused, and why
//
// At start-up: a column that the model does not have, or that a serializer writes; a column tagged
// secret:"true", since an order of the rows would tell its values; a computed column (-:migration),
// which no table has; a name that comes twice. When the query runs: raw SQL, in which gorm would
// silently ignore the order.
//
// # Where NULL comes
//
// That is left to the database. SQLite and MySQL take NULL for the smallest value (first when
// ascending), PostgreSQL for the greatest (last when ascending).
package ordering
