// Package paginate turns a gorm query into pages, declared once: the arguments of a list, the LIMIT
// of its query and the envelope of its result.
//
// By default a page has a number. The arguments are page and limit, and the result says how many
// rows there are:
//
//	{"items": [...], "page": 2, "limit": 20, "total": 57, "totalPages": 3, "hasNext": true}
//
// With [Config].Keyset a page begins after the last row of the one before. The arguments are cursor
// and limit:
//
//	{"items": [...], "nextCursor": "..."}
//
// This costs neither a COUNT nor an OFFSET, so page 10,000 is as fast as page 1, and rows that come
// and go meanwhile neither repeat nor hide others. The last page has no nextCursor. A cursor is
// sealed: it holds the ordered values of a row, which a client can neither read nor change, and it
// opens only for the same owner, arguments and order.
//
// # Keyset and queries
//
// The place of a row is what the database itself holds in the ordered columns. They are selected
// once more, under names of their own, in a form that no driver rounds or moves to another zone; so
// a query may leave them out of its SELECT, a plain Go field may stand for a column with NULL, and
// a time may be stored in any text that SQLite takes.
//
// A column without a primary key or the tag not null counts as one that may hold NULL. Where its
// NULL rows come last (on PostgreSQL ascending, on the others descending) the condition of a page
// has an OR for them, which not every database reads from an index: tag the columns of long lists
// not null when they are. MySQL and MariaDB are asked once for the types of the table of
// Config.Row, because an ENUM or SET has another order than its text.
//
// What a cursor cannot continue is an error of the page, never a gap or a loop: groups and DISTINCT
// rows without the primary key, rows that a join repeats (use EXISTS or Distinct), and a place that
// does not equal itself.
//
// # Numbered pages
//
// With Config.Row the primary key is the last term of the order here too. totalPages is at least 1,
// also without rows: page 1 exists, and it is empty.
package paginate
