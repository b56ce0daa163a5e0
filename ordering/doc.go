// Package ordering turns a list of column names into the argument "ordering" of a list and into the
// ORDER BY of its gorm query.
//
// The argument is an array of names in order of precedence, or a single name; "-" in front means
// descending. Names are an enumeration fixed by [Compile]; columns never come from a request. The
// primary key is always the last term, so that equal rows keep their order from page to page. It
// has the direction of the term before it, so that an index on (created_at, id) serves -created_at
// as well.
//
// Where rows with NULL come is left to the database: SQLite and MySQL take NULL for the smallest
// value (first when ascending), PostgreSQL for the greatest (last when ascending).
package ordering
