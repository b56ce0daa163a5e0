// Package paginate turns a gorm query into pages, declared once: the arguments of a list, the LIMIT of its query and the
// envelope of its result.
//
// By default a page has a number. The arguments are page and limit, and the result says how many rows there are:
//
//	{"items": [...], "page": 2, "limit": 20, "total": 57, "totalPages": 3, "hasNext": true}
//
// With [Config].Keyset a page begins after the last row of the one before. The arguments are cursor and limit:
//
//	{"items": [...], "nextCursor": "..."}
//
// This costs neither a COUNT nor an OFFSET, so page 10,000 is as fast as page 1, and rows that come and go meanwhile
// neither repeat nor hide others. The last page has no nextCursor. A cursor is sealed: it holds the ordered values of a
// row, which a client can neither read nor change, and it opens only for the same owner, arguments and order.
//
// # Keyset and columns
//
// The ordered columns must be among those that the query selects, and must be read exactly as they are stored. A column
// that may hold NULL is read into a pointer or an sql.Null type. On SQLite, which keeps a time as text, a time must
// have been written by the driver: the text of DEFAULT CURRENT_TIMESTAMP does not equal itself once read.
package paginate
